"""Checkpoints: a folder of weights, facts and checksums; see :mod:`topfm.checkpoint.format`.

Only ``save``, ``load`` and ``inputs`` touch tensors. What publishes, pulls and verifies imports
``format``, ``facts``, ``verify`` and ``amend``, which need no torch.
"""

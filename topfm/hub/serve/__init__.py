"""A directory hub over HTTP, with the interface of the Hugging Face hub.

``huggingface_hub``, ``hf`` and ``datasets`` work with it as they are, told by ``HF_ENDPOINT``.
The folder stays what it is: whoever may write it can go on doing so beside any number of servers.
"""

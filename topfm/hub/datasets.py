"""Datasets by address."""

from __future__ import annotations

from topdata.hub.dataset import pull
from topdata.progress import Progress
from topfm.located import Located


def locate(address: str, *, progress: Progress | None = None) -> Located:
    """Return the local folder of a dataset: verified and cached, or a folder as it is.

    Raises :class:`topdata.errors.HubError` and :class:`topdata.errors.InputError`.
    """
    pulled = pull(address, progress=progress)
    if not pulled.commit:
        return Located(pulled.path)
    return Located(pulled.path, pulled.repo, pulled.commit)

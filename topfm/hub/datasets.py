"""Datasets by address."""

from __future__ import annotations

from topdata.hub.dataset import pull
from topdata.progress import Progress
from topfm.hub.pulled import located
from topfm.located import Located


def locate(address: str, *, progress: Progress | None = None) -> Located:
    """Return the local folder of a dataset: verified and cached, or a folder as it is.

    Raises :class:`topdata.errors.HubError` and :class:`topdata.errors.InputError`.
    """
    return located(pull(address, progress=progress))

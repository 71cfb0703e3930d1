"""What was pulled, as the rest of topfm knows it."""

from __future__ import annotations

from topdata.hub.pulling import Pulled
from topfm.located import Located


def located(pulled: Pulled) -> Located:
    """Return a folder, with its address and commit where it is from a hub."""
    if not pulled.commit:
        return Located(pulled.path)
    return Located(pulled.path, pulled.repo, pulled.commit)

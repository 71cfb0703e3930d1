"""Which hub an address is on."""

from __future__ import annotations

from topdata.hub.address import Address
from topdata.hub.interface import Hub


def open_hub(address: Address, kind: str) -> Hub:
    """Return the hub of an address."""
    if address.local:
        from topdata.hub.directory import DirectoryHub

        return DirectoryHub(address.hub, kind)
    from topdata.hub.huggingface import HuggingFaceHub

    return HuggingFaceHub(address.hub, kind)

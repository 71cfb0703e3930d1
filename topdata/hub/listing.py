"""What is on a hub: repositories, and where their tags point."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from topdata.errors import HubError
from topdata.hub.address import Address, Place, parse_place
from topdata.hub.directory import owner_and_name
from topdata.hub.hubs import open_hub
from topdata.hub.interface import Hub, Kind
from topdata.hub.parallel import THREADS


@dataclass(frozen=True, slots=True)
class Entry:
    """A repository on a hub."""

    kind: str  # "dataset" or "model"
    address: str  # with the newest commit
    hub: str
    repo: str
    commit: str  # the newest on main
    tags: dict[str, str]  # commit by tag


def entries(text: str, kinds: Sequence[Kind]) -> list[Entry]:
    """Return what a hub holds of some kinds: all of it, of one owner, or one repository.

    ``text`` is empty for the default hub, an owner, an address without a revision, or a folder that
    is a directory hub or is in one. One repository is of the last of ``kinds``. Raises
    :class:`HubError`, also where a repository that was named does not exist.
    """
    place = parse_place(text)
    if isinstance(place, Path):
        root, owner, name = owner_and_name(place)
        place = Place(str(root), owner, name)
    found = []
    for kind in kinds[-1:] if place.name else kinds:
        hub = _open(place, kind)
        if place.name:
            names = [f"{place.owner}/{place.name}"]
        else:
            names = hub.repos(place.owner, index=kind.index, tag=kind.tag)
        with ThreadPoolExecutor(THREADS) as pool:
            asked = pool.map(partial(_entry, place, hub, kind), names)
            found += [entry for entry in asked if entry]
    if place.name and not found:
        raise HubError(f"{text}: no such {kinds[-1].name} on {place.hub}, or a private one")
    return found


def _open(place: Place, kind: Kind) -> Hub:
    return open_hub(Address(place.hub, "", None), kind.name)


def _entry(place: Place, hub: Hub, kind: Kind, repo: str) -> Entry | None:
    """Return what a repository holds; None where there is none, or it is empty."""
    refs = hub.refs(repo)
    if refs is None or refs.main is None:
        return None
    if place.name:
        hub.files(repo, refs.main)  # says so if it holds something else
    where = Address(place.hub, repo, None, place.scheme)
    return Entry(kind.name, where.at(refs.main), place.hub, repo, refs.main, refs.tags)

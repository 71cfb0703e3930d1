"""Push, for whatever travels and to whatever hub."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from topdata.errors import HubError, OutputError, RecipeError
from topdata.hub.address import Address, parse, require_tag
from topdata.hub.contents import File, changes, is_allowed
from topdata.hub.hubs import open_hub
from topdata.hub.interface import Kind, Refs
from topdata.progress import Progress, Silent

_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    address: str  # with the tag
    hub: str
    repo: str
    tag: str
    commit: str
    new: bool  # false where the same content was there under the same tag
    changed: int  # files that main did not hold
    changed_bytes: int
    unchanged: int
    deleted: int


def push(
    folder: Path, address: str, kind: Kind, *, tag: str | None = None, message: str = "",
    private: bool | None = None, force: bool = False, dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:  # fmt: skip
    """Publish a folder as one commit on main of a repository, and give it a tag.

    The tag is the next free vMAJOR.MINOR.N unless chosen. Only files that the hub lacks travel.
    Content that is on main with a release tag already is left as it is. ``private`` counts for a
    new repository; ``force`` moves an existing tag, replaces what is no ``kind``, and mends damaged
    objects of a directory hub. A ``dry_run`` asks the hub and changes nothing; its commit is empty
    where there would be a new one.

    Raises :class:`InputError` for a folder that is damaged, :class:`RecipeError` for a wrong
    address or tag, :class:`HubError` where the hub refuses; then nothing was published.
    """
    where = parse(address, kind.name, kind.index)
    if isinstance(where, Path):
        raise RecipeError(
            f"{address}: is a {kind.name} folder; the address of a hub is org/name or "
            "file:DIR/org/name"
        )
    tag = _chosen_tag(address, where, tag)
    files = kind.checked(folder)
    hub = open_hub(where, kind.name)
    refs = hub.refs(where.repo)
    if where.local and private is not None:
        raise RecipeError(
            f"{where.hub}: --private and --public are for hubs on the web; here the rights of the "
            "folder decide"
        )
    if refs is None and not dry_run:
        hub.create(where.repo, private=private)
        refs = hub.refs(where.repo)
    refs = refs or Refs()
    there = hub.files(where.repo, refs.main) if refs.main else []
    _require_kind(where, there, kind, force)
    todo = changes(folder, files, there, kind.allowed)
    tag, exists = _tag(where, refs, tag, kind.version(folder), bool(todo), force)
    done = Pushed(
        where.at(tag), where.hub, where.repo, tag, "" if todo else refs.main or "",
        new=bool(todo) or not exists, changed=len(todo.add),
        changed_bytes=sum(file.size for file in todo.add),
        unchanged=len(files) - len(todo.add),
        deleted=len(todo.delete),
    )  # fmt: skip
    if dry_run:
        return done
    commit = hub.publish(
        where.repo, folder, files, todo, parent=refs.main,
        message=message or f"{where.repo} {tag}", told=progress or Silent(), repair=force,
    )  # fmt: skip
    if todo and (left := changes(folder, files, hub.files(where.repo, commit), kind.allowed)):
        first = (left.delete or [left.add[0].path])[0] if left else ""
        raise HubError(
            f"{where.repo} on {where.hub}: {first} is not on the hub as it was pushed (commit "
            f"{commit}); no tag was given: push again"
        )
    if refs.tags.get(tag) != commit:
        hub.tag(where.repo, tag, commit, move=exists)
    return replace(done, commit=commit)


def _chosen_tag(address: str, where: Address, tag: str | None) -> str | None:
    """Return the tag of the option or of the address."""
    if tag and where.revision and tag != where.revision:
        raise RecipeError(f"{address}: asks for another tag than --tag {tag}")
    chosen = tag or where.revision
    return require_tag(chosen) if chosen else None


def _require_kind(where: Address, there: list[File], kind: Kind, force: bool) -> None:
    """Refuse to replace what somebody keeps there that is something else."""
    paths = {file.path for file in there}
    other = sorted(p for p in paths if is_allowed(p, kind.allowed) and p != "README.md")
    if other and kind.index not in paths and not force:
        raise OutputError(
            f"{where.repo} on {where.hub}: holds {other[0]} but no {kind.index}, so it is no "
            f"{kind.name} of this kind; choose another name, or --force to replace it"
        )


def _tag(
    where: Address, refs: Refs, tag: str | None, version: str, changed: bool, force: bool
) -> tuple[str, bool]:
    """Return the tag to give, and whether it exists."""
    if tag is None:
        here = [name for name in refs.tags if refs.tags[name] == refs.main]
        releases = sorted((n for n in here if _RELEASE.fullmatch(n)), key=_numbers)
        if releases and not changed:
            return releases[-1], True
        taken = [_numbers(name) for name in refs.tags if _RELEASE.fullmatch(name)]
        major, minor = (int(part) for part in version.split("."))
        last = max((n for *of, n in taken if of == [major, minor]), default=0)
        return f"v{major}.{minor}.{last + 1}", False
    if tag in refs.tags and (changed or refs.tags[tag] != refs.main) and not force:
        raise OutputError(
            f"{where.repo} on {where.hub}: tag {tag!r} is given to other content; choose another "
            "tag, or --force to move it"
        )
    return tag, tag in refs.tags


def _numbers(tag: str) -> tuple[int, ...]:
    match = _RELEASE.fullmatch(tag)
    assert match
    return tuple(int(number) for number in match.groups())

"""Addresses: where a dataset or a checkpoint is, in one word.

===========================  =====================================================================
``org/name@v1.0.2``          on the hub of ``TOPFM_HUB`` (a folder or an http(s) endpoint) if that
                             is set, else of ``HF_ENDPOINT``, else on huggingface.co
``hf:org/name@v1.0.2``       the same without a look at ``TOPFM_HUB``; ``hf://datasets/org/name``
                             as the libraries of Hugging Face write it
``file:DIR/org/name@v1.0.2`` in a directory hub; also without ``file:`` if it starts with . or /
``./folder`` ``folder``      a folder that holds a dataset (or a checkpoint), used as it is
===========================  =====================================================================

A revision is a tag, a branch or a full commit id; without one it is the newest on main. What could
be a folder or an address is refused, so that no folder stands in for a published name by chance.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from topdata.errors import RecipeError

PUBLIC = "https://huggingface.co"
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository on a hub, at a revision (None: the newest on main)."""

    hub: str  # an absolute folder, or an endpoint like https://huggingface.co
    repo: str  # org/name
    revision: str | None
    scheme: str = ""  # hf: where it was given

    @property
    def local(self) -> bool:
        """Tell whether the hub is a folder."""
        return not _is_endpoint(self.hub)

    def at(self, revision: str) -> str:
        """Return this address at a revision, in a form that can be typed."""
        where = f"file:{self.hub}/" if self.local else self.scheme
        return f"{where}{self.repo}@{revision}"


def is_commit(revision: str | None) -> bool:
    """Tell whether a revision is a full commit id, which can never mean anything else later."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def parse(text: str, kind: str, index: str) -> Address | Path:
    """Return the address, or the folder if ``text`` names one that holds the file ``index``.

    ``kind`` is "dataset" or "model". Raises :class:`RecipeError` for anything else.
    """
    if "://" in text and not text.startswith(("hf://", "file://")):
        raise RecipeError(
            f"{text}: give org/name@revision; for a hub other than {PUBLIC} set "
            "HF_ENDPOINT=https://HOST"
        )
    if text.startswith(("file:", ".", "/")):
        return _local(text, kind, index)
    if text.startswith("hf:"):
        return _on_hub(text, _without_kind(text, kind), _endpoint("HF_ENDPOINT", PUBLIC), "hf:")
    if text and (Path(text) / index).is_file():
        if "/" in text:
            raise RecipeError(f"{text}: is a folder here; give ./{text}, or hf:{text} for a hub")
        return Path(text)  # one word is no address
    return _on_hub(text, text, _default_hub())


def at_revision(text: str, revision: str | None) -> str:
    """Return an address with the revision of an option. Raises :class:`RecipeError` for two."""
    given = text.rpartition("/")[2].partition("@")[2]
    if revision is None or given == revision:
        return text
    if given:
        raise RecipeError(f"{text}: asks for another revision than --revision {revision}")
    return f"{text}@{revision}"


@dataclass(frozen=True, slots=True)
class Place:
    """A hub, or an owner on it, or one repository."""

    hub: str
    owner: str | None = None
    name: str | None = None
    scheme: str = ""


def parse_place(text: str) -> Place | Path:
    """Return what on a hub is meant, or a folder: of a directory hub, or in one.

    Nothing is the default hub, one word an owner. Raises :class:`RecipeError` for anything else.
    """
    if text.startswith(("file:", ".", "/")):
        return Path(os.path.abspath(_path(text)))
    scheme = "hf:" if text.startswith("hf:") else ""
    hub = _endpoint("HF_ENDPOINT", PUBLIC) if scheme else _default_hub()
    rest = text.removeprefix("hf:").removeprefix("//")
    if "/" not in rest:
        return Place(hub, _word(rest, text) if rest else None, scheme=scheme)
    where = _on_hub(text, rest, hub, scheme)
    if where.revision is not None:
        raise RecipeError(f"{text}: all revisions are listed; give {where.repo}")
    owner, name = where.repo.split("/")
    return Place(hub, owner, name, scheme)


def require_tag(tag: str) -> str:
    """Return a tag that may be given to a revision. Raises :class:`RecipeError`."""
    if tag == "main" or is_commit(tag):
        raise RecipeError(f"tag {tag!r}: would be taken for a branch or a commit; like v1.0.2")
    return _word(tag, f"tag {tag!r}")


def require_repo(repo: str) -> str:
    """Return org/name that may be used as a path. Raises :class:`RecipeError`."""
    return _repo(repo, repo)


def _path(text: str) -> Path:
    """Return the path of an address of a folder."""
    path = text.removeprefix("file:")
    if path.startswith("//"):
        if not path.startswith("///"):
            raise RecipeError(f"{text}: names a host; give file:/DIR/org/name")
        path = path[2:]
    return Path(path).expanduser()


def _local(text: str, kind: str, index: str) -> Address | Path:
    folder = _path(text)
    if (folder / index).is_file():
        return folder
    path, revision = _split(text, str(folder))
    if (Path(path) / index).is_file():
        raise RecipeError(f"{text}: a plain folder has no revisions; give {path}")
    *parents, organisation, name = ("", "", *Path(path).parts)
    if not organisation or organisation in (".", "..", "/"):
        raise RecipeError(
            f"{text}: no {kind} there (no {index} in it), and no DIR/org/name of a directory hub"
        )
    repo = _repo(text, f"{organisation}/{name}")
    return Address(os.path.abspath(Path(*parents)), repo, revision)


def _on_hub(text: str, rest: str, hub: str, scheme: str = "") -> Address:
    rest, revision = _split(text, rest)
    return Address(hub, _repo(text, rest), revision, scheme)


def _without_kind(text: str, kind: str) -> str:
    rest = text.removeprefix("hf:").removeprefix("//")
    for other in ("dataset", "model"):
        if rest.startswith(f"{other}s/") and rest.count("/") == 2:
            if other != kind:
                raise RecipeError(f"{text}: a {kind} is needed here, this is a {other}")
            return rest.removeprefix(f"{other}s/")
    return rest


def _split(text: str, rest: str) -> tuple[str, str | None]:
    path, at, revision = rest.rpartition("@")
    if not at or "/" in revision:
        return rest, None
    return path, _word(revision, f"{text}: revision {revision!r}")


def _repo(text: str, repo: str) -> str:
    parts = repo.split("/")
    if len(parts) != 2:
        here = f", or ./{repo} for a folder" if Path(repo).is_dir() else ""
        raise RecipeError(f"{text}: no address; give org/name or org/name@revision{here}")
    for part in parts:
        if "--" in _word(part, f"{text}: {part!r}"):
            raise RecipeError(f"{text}: {part!r} may not have '--' in it")
    return repo


def _word(word: str, where: str) -> str:
    if not _WORD.fullmatch(word) or ".." in word or word.endswith(".git"):
        raise RecipeError(
            f"{where}: letters, digits and single . _ - within, at most 96 of them, are allowed"
        )
    return word


def _default_hub() -> str:
    chosen = os.environ.get("TOPFM_HUB", "").strip()
    if not chosen:
        return _endpoint("HF_ENDPOINT", PUBLIC)
    if _is_endpoint(chosen):
        return _endpoint("TOPFM_HUB", chosen)
    if "://" in chosen:
        raise RecipeError(f"TOPFM_HUB={chosen}: a folder, or an http(s) address")
    return os.path.abspath(Path(chosen.removeprefix("file:")).expanduser())


def _endpoint(variable: str, default: str) -> str:
    """Return the endpoint of an environment variable, without a slash at its end."""
    endpoint = (os.environ.get(variable, "").strip() or default).rstrip("/")
    parts = urlsplit(endpoint)
    if not _is_endpoint(endpoint) or not parts.hostname:
        raise RecipeError(f"{variable}={endpoint}: an address like {PUBLIC} is needed")
    if parts.username or parts.password:
        raise RecipeError(f"{variable}: names a user or password; log in with `hf auth login`")
    return endpoint


def _is_endpoint(hub: str) -> bool:
    return hub.startswith(("http://", "https://"))

"""Cards: the YAML at the head of a README.md, and its text as safe HTML."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST = 256 << 10  # bytes of a card that is looked at
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class _Loader(yaml.SafeLoader):
    """Plain YAML without references: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return a node. Raises for a reference."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not allowed in a card")
        return super().compose_node(parent, index)


def split(card: str) -> tuple[str, str]:
    """Return the YAML and the text of a card."""
    lines = card.split("\n")
    if lines[0].strip() != "---":
        return "", card
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    return "", card


def parsed(head: str) -> dict[str, Any]:
    """Return the metadata of a card. Raises :class:`yaml.YAMLError` or :class:`ValueError`."""
    try:
        content = yaml.load(head, _Loader) if head.strip() else {}
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(content, dict):
        raise ValueError("a mapping is needed")
    return {str(key): value for key, value in content.items()}


@lru_cache(maxsize=256)
def metadata(stored: Path) -> dict[str, Any]:
    """Return the metadata of a stored card, none where it cannot be read."""
    try:
        return parsed(split(text_of(stored))[0])
    except (yaml.YAMLError, ValueError):
        return {}


def text_of(stored: Path) -> str:
    """Return a card; of a very long one its beginning."""
    with open(stored, "rb") as stream:
        return stream.read(LONGEST).decode("utf-8", "replace")


def tags(card: dict[str, Any], kinds: str) -> list[str]:
    """Return the tags that the Hub makes of the metadata."""
    found = _texts(card.get("tags"))
    for key in ("library_name", "pipeline_tag"):
        found += _texts(card.get(key))
    for key in ("license", "base_model", "task_categories", "language"):
        found += [f"{key}:{value}" for value in _texts(card.get(key))]
    if kinds == "models":
        found += [f"dataset:{value}" for value in _texts(card.get("datasets"))]
    return list(dict.fromkeys(found))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(v) for v in values if isinstance(v, str | int | float) and str(v)]


def as_html(text: str, link: Callable[[str], str]) -> str:
    """Return Markdown as HTML in which nothing can run and no picture comes from elsewhere.

    Markup in the text is shown as text; ``link`` gives the address of a file of the repository.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        _tame(token, link)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _tame(token: Token, link: Callable[[str], str]) -> None:
    if "style" in token.attrs:  # alignment of a table; the page allows no styles but its own
        token.attrs = {"class": str(token.attrs["style"]).rpartition(":")[2]}
    if token.type == "link_open":
        href = str(token.attrs.get("href", ""))
        inside = _file(href)
        token.attrs["href"] = link(inside) if inside else href
        token.attrs["rel"] = "noopener noreferrer nofollow"
    for number, child in enumerate(token.children or []):
        _tame(child, link)
        if child.type == "image":
            inside = _file(str(child.attrs.get("src", "")))
            if inside.lower().endswith(_PICTURES):
                child.attrs["src"] = link(inside)
            else:
                assert token.children is not None
                token.children[number] = _replaced(child)


def _replaced(image: Token) -> Token:
    """Return the words of a picture that is not shown."""
    return Token("text", "", 0, content=f"[picture: {image.content or image.attrs.get('src')}]")


def _file(address: str) -> str:
    """Return the path of a file of the repository that a relative address means, else nothing."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return ""
    path = posixpath.normpath(unquote(parts.path))
    return "" if path.startswith("..") else path


def address_of(web: str, sha: str, path: str) -> str:
    """Return the path under which a file is served."""
    return f"/{web}/resolve/{sha}/{quote(path)}"

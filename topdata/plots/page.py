"""One HTML page for a set of plots: no script, nothing from elsewhere, images inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

_CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --back: #fff;
  --card: #f6f8fa; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --back: #0d1117; --card: #151b23; --link: #79b8ff; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--back); }
header, main, footer { max-width: 96rem; margin: 0 auto; padding: 0 1.25rem; }
h1 { margin: 1.5rem 0 .25rem; font-size: 1.75rem; overflow-wrap: anywhere; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
a { color: var(--link); }
nav { position: sticky; top: 0; z-index: 1; background: var(--back);
  border-bottom: 1px solid var(--line); }
nav ul { max-width: 96rem; margin: 0 auto; padding: .6rem 1.25rem; display: flex; flex-wrap: wrap;
  gap: .25rem 1.25rem; list-style: none; }
.note { color: var(--soft); margin: .25rem 0; }
.warn { border-left: 4px solid #d29922; padding: .4rem .8rem; background: var(--card); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child, .left { text-align: left; }
.plots { display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr)); }
figure { margin: 0; padding: .9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; min-width: 0; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: .25rem; }
details { margin-top: .5rem; font-size: .9rem; }
summary { cursor: pointer; color: var(--soft); }
code { overflow-wrap: anywhere; font-size: .9em; }
footer { margin: 3rem auto 2rem; color: var(--soft); font-size: .9rem; }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its header and its cells as plain text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self, left: int = 1) -> str:
        """Return the table; the first ``left`` columns are texts, the others numbers."""

        def line(tag: str, cells: Sequence[str]) -> str:
            return "".join(
                f"<{tag}{' class=left' if i < left else ''}>{escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            )

        body = "".join(f"<tr>{line('td', row)}</tr>\n" for row in self.rows)
        return (
            f'<div class="wide"><table><thead><tr>{line("th", self.header)}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of the page."""

    name: str
    title: str
    alt: str
    png: bytes
    files: Sequence[str] = ()  # paths of the same figure beside the page
    caption: str = ""
    outside: Table | None = None  # what lies outside the range

    def html(self) -> str:
        """Return the figure."""
        source = base64.b64encode(self.png).decode("ascii")
        links = " ".join(
            f'<a href="{escape(file)}">{escape(file.rpartition(".")[2].upper())}</a>'
            for file in self.files
        )
        caption = f'<p class="note">{escape(self.caption)}</p>' if self.caption else ""
        details = (
            f"<details><summary>entries, outside the range</summary>{self.outside.html()}</details>"
            if self.outside
            else ""
        )
        return (
            f'<figure id="{escape(self.name)}"><h3>{escape(self.title)}</h3>\n'
            f'<img src="data:image/png;base64,{source}" alt="{escape(self.alt)}" '
            f'width="962" height="585">\n'
            f"<figcaption>{caption}{links}{details}</figcaption></figure>\n"
        )


@dataclass(slots=True)
class Page:
    """The whole page: text above, tables, then pictures by group."""

    title: str
    intro: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: list[tuple[str, str, str]] = field(default_factory=list)  # id, heading, HTML
    groups: list[tuple[str, list[Picture]]] = field(default_factory=list)
    provenance: list[tuple[str, str]] = field(default_factory=list)

    def html(self) -> str:
        """Return the text of ``index.html``."""
        places = [(name, heading) for name, heading, _ in self.tables]
        places += [(_anchor(group), group) for group, _ in self.groups]
        nav = "".join(f'<li><a href="#{a}">{escape(text)}</a></li>' for a, text in places)
        intro = "".join(f'<p class="note">{escape(text)}</p>\n' for text in self.intro)
        warnings = "".join(f'<p class="warn">{escape(text)}</p>\n' for text in self.warnings)
        tables = "".join(
            f'<section id="{name}"><h2>{escape(heading)}</h2>{html}</section>\n'
            for name, heading, html in self.tables
        )
        groups = "".join(
            f'<section id="{_anchor(group)}"><h2>{escape(group)}</h2><div class="plots">\n'
            f"{''.join(picture.html() for picture in pictures)}</div></section>\n"
            for group, pictures in self.groups
        )
        provenance = "".join(
            f"<p>{escape(name)}: <code>{escape(value)}</code></p>\n"
            for name, value in self.provenance
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{escape(self.title)}</title>\n<style>{_CSS}</style></head>\n<body>\n"
            f"<header><h1>{escape(self.title)}</h1>\n{intro}{warnings}</header>\n"
            f"<nav><ul>{nav}</ul></nav>\n<main>{tables}{groups}</main>\n"
            f"<footer>{provenance}</footer></body></html>\n"
        )


def _anchor(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def numbers(content: dict[str, Any]) -> bytes:
    """Return JSON of a set of plots, one line a top-level list item."""
    return (json.dumps(content, allow_nan=False, separators=(",", ":")) + "\n").encode()

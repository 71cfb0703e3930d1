"""The pages for people: all models and datasets, and one of them with its card.

Nothing comes from elsewhere and nothing runs: the policy of each page forbids it to the browser,
whatever a card says.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from topdata.hub.revisions import DIGITS
from topfm import __version__
from topfm.hub.serve import cards, shapes
from topfm.hub.serve.access import Access
from topfm.hub.serve.asked import endpoint, kinds_and_repo
from topfm.hub.serve.repositories import KINDS, Repositories, Snapshot

if TYPE_CHECKING:
    from topdata.hub.interface import Refs

_FOLDER = Path(__file__).parent / "templates"
_FILES = 1000  # that a page lists
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class Pages:
    """The routes of the pages."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories, self._access = repositories, access

    def list(self, request: Request) -> Response:
        """Show all repositories."""
        self._access.require_read(request)
        groups = [
            (kinds.capitalize(), [self._row(of) for of in self._repositories.listed(kinds)])
            for kinds in KINDS
        ]
        return _page("list.html", request, groups=groups)

    def repository(self, request: Request) -> Response:
        """Show one at a revision."""
        self._access.require_read(request)
        kinds, repo = kinds_and_repo(request)
        asked = request.path_params.get("revision", "main")
        of = self._repositories.at(kinds, repo, asked)
        refs = self._repositories.refs(kinds, repo)
        return _page(
            "repository.html", request, repo=repo, web=of.web, kind=KINDS[kinds].capitalize(),
            sha=of.sha, revision=asked, changed=_moment(of), refs=_named(refs),
            tags=cards.tags(shapes.metadata(of), kinds), card=_card(of),
            how=_how(of, refs, endpoint(request)), more=max(0, len(of.tree) - _FILES),
            files=[
                {"path": file.path, "size": _size(file.size), "sha256": file.sha256,
                 "href": cards.address_of(of.web, of.sha, file.path)}
                for file in of.revision.files[:_FILES]
            ],
        )  # fmt: skip

    def style(self, request: Request) -> Response:
        """Send the style sheet."""
        return FileResponse(_FOLDER / "style.css", media_type="text/css")

    def _row(self, of: Snapshot) -> dict[str, object]:
        refs = self._repositories.refs(of.kinds, of.repo)
        newest = [name for name, commit in refs.tags.items() if commit == of.commit]
        return {
            "web": of.web, "repo": of.repo, "tag": ", ".join(newest), "changed": _moment(of),
            "tags": cards.tags(shapes.metadata(of), of.kinds)[:12],
            "size": _size(sum(file.size for file in of.revision.files)),
        }  # fmt: skip


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True)


def _page(template: str, request: Request, **content: object) -> Response:
    html = (
        _templates()
        .get_template(template)
        .render(version=__version__, endpoint=endpoint(request), **content)
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})


def _card(of: Snapshot) -> Markup | None:
    """Return the card as HTML that is safe, None where there is none."""
    if shapes.CARD not in of.tree:
        return None
    _, text = cards.split(cards.text_of(of.stored(shapes.CARD)))
    return Markup(cards.as_html(text, lambda path: cards.address_of(of.web, of.sha, path)))


def _how(of: Snapshot, refs: Refs, base: str) -> str:
    """Return the commands that get a revision, by a tag where it has one."""
    tags = [name for name, commit in refs.tags.items() if commit == of.commit]
    name = tags[-1] if tags else of.sha
    pulling = {"models": "topfm", "datasets": "topdata"}[of.kinds]
    kind = " --repo-type dataset" if of.kinds == "datasets" else ""
    lines = [
        f"export HF_ENDPOINT={base}",
        f"{pulling} pull {of.repo}@{name}",
        f"hf download {of.repo} --revision {name}{kind}",
    ]
    if of.kinds == "datasets":
        lines.append(f"python -c \"import datasets; "
                     f"print(datasets.load_dataset('{of.repo}', revision='{name}'))\"")  # fmt: skip
    return "\n".join(lines)


def _named(refs: Refs) -> list[tuple[str, str]]:
    named = {"main": refs.main or "", **refs.branches, **dict(reversed(refs.tags.items()))}
    return [(name, commit[:DIGITS]) for name, commit in named.items()]


def _moment(of: Snapshot) -> str:
    return of.revision.created[:16].replace("T", " ")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"

"""What the server answers where it does not do what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from topdata.errors import HubError

NO_REPOSITORY = "RepoNotFound"  # values of X-Error-Code, by which clients choose their exception
NO_REVISION = "RevisionNotFound"
NO_FILE = "EntryNotFound"


class Refused(Exception):
    """An answer other than success: its status, what it says, and a code for clients."""

    def __init__(
        self, status: int, message: str, code: str = "", *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = headers or {}


def answer_refused(request: Request, refused: Exception) -> Response:
    """Answer as ``huggingface_hub.utils.hf_raise_for_status`` reads it."""
    assert isinstance(refused, Refused)
    said = refused.message.encode("ascii", "replace").decode()
    headers = {"X-Error-Message": " ".join(said.split()), **refused.headers}
    if refused.code:
        headers["X-Error-Code"] = refused.code
    return JSONResponse({"error": refused.message}, refused.status, headers)


def answer_failed(root: Path) -> Callable[[Request, Exception], Response]:
    """Return a handler for what is wrong with the folder; where it lies is nobody's affair."""

    def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError):
            return answer_refused(request, Refused(500, f"the disk of the hub: {error.strerror}"))
        status = 500 if isinstance(error, HubError) else 400
        return answer_refused(request, Refused(status, str(error).replace(f"{root}/", "")))

    return answer

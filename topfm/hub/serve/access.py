"""Who may do what: one token to write, and to read where the hub is private."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass

from starlette.requests import Request

from topfm.hub.serve.refusals import Refused

WRONG = "Invalid credentials in Authorization header"  # clients know this text
_VALID_FOR = 24 * 3600  # s; an upload may wait for many others of its commit


@dataclass(frozen=True)
class Access:
    """The rights of this hub."""

    token: str
    private: bool = False

    def require_read(self, request: Request) -> None:
        """Raise :class:`Refused` unless whoever asks may read.

        A browser can only ask for a password: the token. Tokens of another hub, which a client
        sends along, do no harm where everybody may read.
        """
        if self.private and not (self._bears(request) or self._typed(request)):
            realm = {"WWW-Authenticate": 'Basic realm="the token of this hub as password"'}
            raise Refused(401, "this hub is private: log in with its token", headers=realm)

    def require_write(self, request: Request) -> None:
        """Raise :class:`Refused` unless whoever asks may write.

        What a browser sends by itself does not count: another page could have made it.
        """
        if not request.headers.get("authorization"):
            raise Refused(401, "to write, log in with the token of this hub (HF_TOKEN)")
        if not self._bears(request):
            raise Refused(401, WRONG)

    def sign(self, *parts: object) -> str:
        """Return the query of an address that allows one upload; the client sends it no token."""
        until = int(time.time()) + _VALID_FOR
        return f"until={until}&signature={self._signature(until, parts)}"

    def require_signed(self, request: Request, *parts: object) -> None:
        """Raise :class:`Refused` unless the address was given out, for this and of late."""
        until, signature = (request.query_params.get(key, "") for key in ("until", "signature"))
        good = hmac.compare_digest(self._signature(until, parts).encode(), signature.encode())
        if not good or int(until) < time.time():
            raise Refused(403, "this address for an upload is not valid (any more): begin anew")

    def _signature(self, until: object, parts: tuple[object, ...]) -> str:
        text = "\n".join(str(part) for part in ("upload", until, *parts))
        return hmac.new(self.token.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _bears(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._is_ours(token)

    def _typed(self, request: Request) -> bool:
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            password = base64.b64decode(pair, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self._is_ours(password)

    def _is_ours(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

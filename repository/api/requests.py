"""Around every request: its number, safe headers, one line in the log, and an answer whatever happens."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from repository.api.errors import unexpected
from repository.log import bound

__all__ = ["Requests"]

UNREAD_LIMIT: Final = 64 << 20
"""Bytes of a refused request's body that are read and thrown away so that the answer gets through; behind more, the connection is
closed."""

_HEADERS: Final[Sequence[tuple[bytes, bytes]]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
)
"""What is kept here was made by others: no browser may take it for a page of ours."""

_log = logging.getLogger("kho.api")


class Requests:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = scope["kho.request"] = str(uuid.uuid4())
        answer = _Answer(scope, send)
        started = time.monotonic()
        with bound(request=number):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                _log.exception("unexpected error: %s", type(error).__name__)
                if not answer.status:
                    await unexpected(Request(scope))(scope, receive, answer)
            finally:
                _tell(scope, answer, time.monotonic() - started)


class _Answer:
    """Passes an answer on, with our headers, and remembers what it was."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status = 0
        self.bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [*_HEADERS, (b"kho-request", self._scope["kho.request"].encode())]
            if self.status >= 400 and _much_unread(self._scope):
                own.append((b"connection", b"close"))
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _much_unread(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or int(length) > UNREAD_LIMIT


def _tell(scope: Scope, answer: _Answer, seconds: float) -> None:
    """The access log. The route and not the address: names of files and titles of deposits are content."""
    route = getattr(scope.get("route"), "path", "")
    ids = " ".join(str(value) for name, value in scope.get("path_params", {}).items() if name.endswith("_id"))
    _log.info(
        "%s %s %s -> %d, %d bytes, %.3f s, token %s, from %s",
        scope["method"],
        route or "(no such address)",
        ids[:200],
        answer.status,
        answer.bytes,
        seconds,
        scope.get("kho.token", "(none)"),
        (scope.get("client") or ("?",))[0],
    )

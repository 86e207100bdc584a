"""A file of an AIP as an answer: whole or one range, never well ended unless it was verified."""

from __future__ import annotations

import logging
import os
import posixpath
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from repository.access.reading import SMALL, Unverified
from repository.api.digests import digest_field
from repository.api.door import Door
from repository.api.errors import ApiError
from repository.api.ranges import Unsatisfiable, matches, range_of
from repository.model import AipFile

__all__ = ["file_answer"]

_log = logging.getLogger("kho.api")

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-()")


class _Verified(StreamingResponse):
    """Breaks the connection off instead of ending well when the bytes turn out wrong: the server closes what has no end."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except Unverified as error:
            _log.error("broken off: %s", error)


def file_answer(request: Request, door: Door, aip_id: str, file: AipFile) -> Response:
    """Answer GET or HEAD for one file.

    Raises:
        ApiError: (API-RANGE, API-PRECONDITION).
        NoGoodCopy: nothing right can be given.
    """
    etag = f'"{file.sha512}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Repr-Digest": digest_field({"sha-512": file.sha512, "sha-256": file.sha256}),
        "Content-Disposition": disposition(file),
    }
    match, none_match = request.headers.getlist("if-match"), request.headers.getlist("if-none-match")
    if match and not matches(match, etag, weak=False):
        raise ApiError("API-PRECONDITION", file.path)
    if none_match and matches(none_match, etag, weak=True):
        return Response(status_code=304, headers=headers)
    part = _range(request, file, etag)
    start, end = part or (0, file.size)
    # The type is never that of the record: what others made must not run as a page of ours.
    headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(end - start)}
    headers["Kho-Verified"] = "before" if file.size <= SMALL else "no" if part else "at-end"
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    if request.method == "HEAD":
        return Response(status_code=200, headers=headers)
    opened = door.engine.reading.open(aip_id, file)
    return _Verified(opened.chunks(start, end), 206 if part else 200, headers)


def _range(request: Request, file: AipFile, etag: str) -> tuple[int, int] | None:
    """The range to answer with; it is only meant for GET, and only for the very file that If-Range names."""
    given = request.headers.get("range", "")
    if not given or request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    try:
        return range_of(given, file.size)
    except Unsatisfiable:
        raise ApiError("API-RANGE", file.path, size=file.size, headers={"Content-Range": f"bytes */{file.size}"}) from None


def disposition(file: AipFile) -> str:
    """Save it under its own name (RFC 6266): an ASCII form, and the exact one in UTF-8 (RFC 8187)."""
    name = posixpath.basename(file.original_name or file.path)
    try:
        exact = quote(name.encode("utf-8"), safe="")
    except UnicodeEncodeError:  # the name as deposited is not UTF-8; the stored one is
        name = posixpath.basename(file.path)
        exact = quote(name.encode("utf-8", "replace"), safe="")
    plain = "".join(char if char in _PLAIN else "_" for char in os.path.basename(name))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"

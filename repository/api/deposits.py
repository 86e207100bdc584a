"""Deposits over HTTP: send an archive, and see what became of it."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from policies.phrases import phrase
from repository.api.auth import Caller, producer_for
from repository.api.digests import promised_digests
from repository.api.documents import deposit_status, page
from repository.api.door import Door, door_of
from repository.api.errors import ApiError
from repository.api.intake import full
from repository.api.language import language_of
from repository.api.openapi import ANSWERS, UPLOAD
from repository.catalog.cursors import LARGEST_PAGE
from repository.model import Deposit, DepositState
from repository.services.arrivals import ARCHIVE_SUFFIXES, Upload
from repository.views import records as views

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["deposits"])

_ZIP, _TAR, _GZIP = (".zip",), (".tar",), (".tar.gz",)
_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "application/zip": _ZIP,
    "application/x-zip-compressed": _ZIP,
    "application/x-tar": _TAR,
    "application/gzip": _GZIP,
    "application/x-gzip": _GZIP,
    "application/x-compressed-tar": _GZIP,
    "application/x-gtar": (*_TAR, *_GZIP),
    "application/octet-stream": (),
    "": (),
}
"""Content types that are taken, and what the bytes must then be; () is looked at and may be anything."""

_STRING: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
"""A string of RFC 8941, the form in which draft-ietf-httpapi-idempotency-key-header sends a key. A bare word is taken as well."""

LONGEST: Final = 255
"""Characters of a key, producer, title or update; bytes of a label, which is a file name."""

RESERVE: Final = 64 << 20
"""Bytes that an announced body must leave free: the catalog needs room to say that the disk is full."""

Text = Annotated[str | None, Query(max_length=LONGEST)]


@router.post("/deposits", status_code=202, responses=ANSWERS["deposit"], openapi_extra=UPLOAD, summary="Deposit an archive")
async def deposit(
    request: Request, caller: Caller, producer: Text = None, title: Text = None, update: Text = None, label: Text = None
) -> Response:
    """Send a .zip, .tar or .tar.gz as the body. It is durable when the answer comes; what becomes of it shows the Location.

    The same Idempotency-Key with the same bytes gives the same deposit again, with other bytes 409.
    """
    door = door_of(request)
    for name, value in {"producer": producer, "title": title, "update": update, "label": label}.items():
        if value is not None and not (value.strip() and value.isprintable()):
            raise ApiError("API-PARAMETER", name, reason=phrase("http-printable"))
    producer, key, name = producer_for(caller, producer), _key(request), _file_name(label)
    upload = await _receive(request, door, name)
    actor, extra = f"api:{caller.name}", {"update": update or "", "title": title or ""}
    work = run_in_threadpool(door.arrivals.submit, upload, producer=producer, actor=actor, key=key, **extra)
    # Once submitting has begun it is seen through, whether or not the caller still waits.
    entered: Deposit = await asyncio.shield(asyncio.ensure_future(work))
    headers = {"Location": f"/api/v1/deposits/{entered.id}"}
    head = await run_in_threadpool(door.engine.ledger.line)
    return deposit_status(entered, language_of(request), head, status=202, headers=headers)


async def _receive(request: Request, door: Door, name: str) -> Upload:
    """The body, whole, checked and durable; nothing is left of one that is not."""
    type_, promised, limit = _content_type(request), promised_digests(request), door.arrivals.limits.total_bytes
    _check_length(request, door, limit)
    try:
        upload = await run_in_threadpool(door.arrivals.begin)
    except OSError as error:
        raise (ApiError("API-NO-SPACE") if full(error) else error) from error
    try:
        await door.intake.receive(request.stream(), upload, limit)
        if not upload.size:
            raise ApiError("API-EMPTY")
        for field, algorithm, digest in promised:
            if digest != (upload.sha256 if algorithm == "sha-256" else upload.sha512):
                raise ApiError("API-DIGEST", field, algorithm=algorithm)
        await run_in_threadpool(_keep, upload, type_, name or f"upload-{upload.id[:8]}")
    except BaseException:
        await asyncio.shield(asyncio.to_thread(upload.discard))
        raise
    return upload


def _keep(upload: Upload, type_: str, name: str) -> None:
    container = upload.container()
    if _TYPES[type_] and container not in _TYPES[type_]:
        if container or _TYPES[type_] != _TAR:
            raise ApiError("API-CONTENT-MISMATCH", type_)
        container = ".tar"  # a tar from before POSIX has no mark
    try:
        upload.keep(name if name.lower().endswith(ARCHIVE_SUFFIXES) else name + container)
    except OSError as error:
        raise (ApiError("API-NO-SPACE") if full(error) else error) from error


def _content_type(request: Request) -> str:
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if type_ not in _TYPES or coding != "identity":
        raise ApiError("API-CONTENT-TYPE", type_ if coding == "identity" else f"{type_} ({coding})")
    return type_


def _check_length(request: Request, door: Door, limit: int) -> None:
    """Refuse at once what cannot be received. Without a length, it is found out on the way."""
    length = int(request.headers.get("content-length", 0))
    if length > limit:
        raise ApiError("API-TOO-LARGE", limit=limit)
    disk = os.statvfs(door.settings.spool)
    if length and length + RESERVE > disk.f_bavail * disk.f_frsize:
        raise ApiError("API-NO-SPACE")


def _key(request: Request) -> str | None:
    lines = request.headers.getlist("idempotency-key")
    if not lines:
        return None
    text = lines[0].encode("latin-1").decode("utf-8", "replace").strip()
    if (match := _STRING.fullmatch(text)) is not None:
        text = re.sub(r"\\(.)", r"\1", match[1])
    elif text.startswith('"'):
        text = ""  # half a string
    good = len(lines) == 1 and 0 < len(text) <= LONGEST and text.isprintable() and text.strip() == text
    if not good or "\ufffd" in text or text.startswith("pending:"):
        raise ApiError("API-HEADER", "Idempotency-Key", reason=phrase("http-one-key", longest=LONGEST))
    return text


def _file_name(label: str | None) -> str:
    """The label as the name of a file; "" for none."""
    name = label or ""
    if "/" in name or name in (".", "..") or len(name.encode("utf-8")) > LONGEST - max(map(len, ARCHIVE_SUFFIXES)):
        raise ApiError("API-PARAMETER", "label", reason=phrase("http-file-name", longest=LONGEST - 7))
    return name


@router.get("/deposits", responses=ANSWERS["deposits"], summary="List deposits, newest first")
def deposits(
    request: Request,
    caller: Caller,
    state: DepositState | None = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
) -> Response:
    """``cursor`` of one page asks for the next."""
    found = door_of(request).engine.deposits.list(state=state, cursor=cursor, limit=limit)
    language = language_of(request)
    rows: list[dict[str, Any]] = [views.deposit(each, language) for each in found.items]
    return page("deposits", "deposits", rows, found.cursor)


@router.get("/deposits/{deposit_id}", responses=ANSWERS["deposit-status"], summary="What became of a deposit")
def deposit_by_id(request: Request, caller: Caller, deposit_id: str) -> Response:
    """Its state, verdict and findings."""
    engine = door_of(request).engine
    return deposit_status(engine.deposits.get(deposit_id), language_of(request), engine.ledger.line())

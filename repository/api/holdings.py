"""Holdings over HTTP: lists, one AIP, its files and its events."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from repository.api.auth import Caller
from repository.api.content import file_answer
from repository.api.documents import aip_status, page
from repository.api.door import door_of
from repository.api.openapi import ANSWERS
from repository.catalog.cursors import LARGEST_PAGE
from repository.views import records as views

__all__ = ["router"]

LONGEST_QUERY: Final = 1_000
"""Characters of a search."""

Cursor = Annotated[str | None, Query(max_length=8_000)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


class _AnyPath(Convertor[str]):
    """A path with any character in it; the framework's own ends at a line feed, which a file's name may have."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any_path", _AnyPath())

router = APIRouter(prefix="/api/v1", tags=["holdings"])


@router.get("/aips", responses=ANSWERS["list"], summary="List AIPs, newest first")
def aips(
    request: Request,
    caller: Caller,
    query: Annotated[str | None, Query(max_length=LONGEST_QUERY)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """``query`` is words, with or without their diacritics, that all must be found."""
    found = door_of(request).engine.holdings.list(query=query, cursor=cursor, limit=limit)
    return page("list", "aips", map(views.aip, found.items), found.cursor)


@router.get("/aips/{aip_id}", responses=ANSWERS["aip"], summary="One AIP with versions and copies")
def aip(request: Request, caller: Caller, aip_id: str) -> Response:
    """Ids are ``urn:uuid:…``."""
    return aip_status(door_of(request).engine.holdings.show(aip_id))


@router.get("/aips/{aip_id}/events", responses=ANSWERS["events"], summary="What happened to an AIP, oldest first")
def events(request: Request, caller: Caller, aip_id: str, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """``cursor`` of one page asks for the next."""
    found = door_of(request).engine.reading.events(aip_id, cursor=cursor, limit=limit)
    return page("events", "events", map(views.event, found.items), found.cursor)


@router.get("/aips/{aip_id}/files", responses=ANSWERS["files"], summary="The files of a version, by path")
def files(
    request: Request, caller: Caller, aip_id: str, version: Version = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """The newest version unless another is named."""
    found = door_of(request).engine.reading.files(aip_id, version=version, cursor=cursor, limit=limit)
    return page("files", "files", map(views.aip_file, found.items), found.cursor)


@router.head("/aips/{aip_id}/files/{path:any_path}", include_in_schema=False)
@router.get("/aips/{aip_id}/files/{path:any_path}", responses=ANSWERS["file"], summary="The bytes of a file")
def file(request: Request, caller: Caller, aip_id: str, path: str, version: Version = None) -> Response:
    """The path as in the list of files, percent-encoded. One range may be asked for. The header Kho-Verified says whether the
    bytes were held against their digest: ``before`` the first one left, ``at-end`` (a wrong file is broken off), or ``no`` (a
    range of a large file)."""
    door = door_of(request)
    return file_answer(request, door, aip_id, door.engine.reading.file(aip_id, path, version=version))

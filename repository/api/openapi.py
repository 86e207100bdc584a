"""What /openapi.json says beyond what the endpoints say themselves: bodies, answers, problems."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["ANSWERS", "UPLOAD"]

_Schema = dict[str, Any]

_TEXT: Final[_Schema] = {"type": "string"}
_FINDING: Final[_Schema] = {
    "type": "object",
    "required": ["code", "weight", "path", "text", "source", "todo"],
    "properties": dict.fromkeys(("code", "weight", "path", "text", "source", "todo"), _TEXT),
}
_ENVELOPE: Final[_Schema] = {
    "kho": {"type": "integer", "const": 1},
    "kind": _TEXT,
    "ok": {"type": "boolean"},
    "findings": {"type": "array", "items": _FINDING},
    "cursor": {"type": ["string", "null"], "description": "Asks for the next page; null at the end"},
}
_PROBLEM: Final[_Schema] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "todo"],
    "properties": {
        **_ENVELOPE,
        **dict.fromkeys(("type", "title", "detail", "instance", "code", "todo"), _TEXT),
        "status": {"type": "integer"},
    },
}
_DEPOSIT: Final[_Schema] = {
    "id": {"type": "string", "format": "uuid"},
    "state": _TEXT,
    "verdict": {"type": ["string", "null"]},
    "aip": {"type": "string", "description": "urn:uuid:… once there is one"},
    "aip_version": {"type": "integer"},
}


def _document(properties: _Schema, **more: _Schema) -> _Schema:
    schema = {"type": "object", "required": [*_ENVELOPE, *properties], "properties": {**_ENVELOPE, **properties, **more}}
    return {"content": {"application/json": {"schema": schema}}}


def _list(key: str) -> _Schema:
    return _document({key: {"type": "array", "items": {"type": "object", "additionalProperties": True}}})


_BINARY: Final[_Schema] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_ELSE: Final[_Schema] = {
    "description": "A problem (RFC 9457); its code is one of docs/codes.md",
    "content": {"application/problem+json": {"schema": _PROBLEM}},
}


def _answers(status: int, description: str, good: _Schema, **others: _Schema) -> dict[int | str, dict[str, Any]]:
    said: dict[int | str, dict[str, Any]] = {status: {"description": description, **good}, "default": _ELSE}
    return said | {name.removeprefix("s"): answer for name, answer in others.items()}


_LOCATION: Final[_Schema] = {"headers": {"Location": {"description": "Where to see what becomes of it", "schema": _TEXT}}}

ANSWERS: Final[dict[str, dict[int | str, dict[str, Any]]]] = {
    "deposit": _answers(202, "Received; durable", {**_document(_DEPOSIT), **_LOCATION}),
    "deposit-status": _answers(200, "The deposit", _document(_DEPOSIT)),
    "deposits": _answers(200, "A page of deposits", _list("deposits")),
    "list": _answers(200, "A page of AIPs", _list("aips")),
    "aip": _answers(200, "The AIP", _document({"id": _TEXT, "title": _TEXT, "version": {"type": "integer"}})),
    "events": _answers(200, "A page of events", _list("events")),
    "files": _answers(200, "A page of files", _list("files")),
    "file": _answers(
        200,
        "The whole file",
        _BINARY,
        s206={"description": "One range of it", **_BINARY},
        s304={"description": "It is what If-None-Match names"},
    ),
    "metrics": _answers(200, "Metrics", {"content": {"text/plain": {"schema": _TEXT}}}),
    "health": _answers(200, "All is well", _document({"checks": {"type": "object"}}), s503={"description": "Something is not"}),
}
"""The answers of every endpoint by the kind of document."""


def _header(name: str, description: str) -> _Schema:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": _TEXT}


UPLOAD: Final[_Schema] = {
    "parameters": [
        _header("Idempotency-Key", "1 to 255 characters; the same key and bytes give the same deposit"),
        _header("Content-Digest", "RFC 9530: sha-256=:BASE64: or sha-512=:BASE64:, checked"),
        _header("Repr-Digest", "As Content-Digest"),
    ],
    "requestBody": {
        "required": True,
        "content": {
            type_: {"schema": {"type": "string", "format": "binary"}}
            for type_ in ("application/zip", "application/x-tar", "application/gzip", "application/octet-stream")
        },
    },
}
"""The body of a deposit, which is read by hand."""

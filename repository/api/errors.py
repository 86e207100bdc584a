"""Errors as problem details (RFC 9457) with Kho's code, in the reader's language, with what to do next.

What belongs to the caller (a wrong parameter, an unknown id, a reused key) is said in full. What belongs to the archive (a database
or disk that cannot be asked) is said without its inner names; the log has them under the number of the request.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from policies.findings import Finding, KhoError
from policies.phrases import phrase
from repository.api.documents import document
from repository.api.language import language_of
from repository.views import records as views

__all__ = ["PROBLEM", "ApiError", "add_handlers", "problem", "unexpected"]

PROBLEM: Final = "application/problem+json"

_log = logging.getLogger("kho.api")

_STATUS: Final[Mapping[str, int]] = {
    "AIP-NO-FILE": 404,
    "AIP-NO-GOOD-COPY": 503,
    "AIP-NOT-REACHED": 503,
    "AIP-BEING-BROUGHT": 503,
    "AIP-UNKNOWN": 404,
    "API-BROKEN-OFF": 400,
    "API-CONTENT-MISMATCH": 400,
    "API-CONTENT-TYPE": 415,
    "API-DIGEST": 400,
    "API-EMPTY": 400,
    "API-HEADER": 400,
    "API-METHOD": 405,
    "API-NO-SPACE": 507,
    "API-NOT-FOUND": 404,
    "API-PARAMETER": 422,
    "API-PRECONDITION": 412,
    "API-PRODUCER": 403,
    "API-RANGE": 416,
    "API-STALLED": 408,
    "API-TOKEN": 401,
    "API-TOO-LARGE": 413,
    "API-UNAVAILABLE": 503,
    "API-UNEXPECTED": 500,
    "CAT-CURSOR": 400,
    "DEP-KEY-REUSED": 409,
    "DEP-UNKNOWN": 404,
}
"""Codes that are said to callers as they are, and their HTTP status. Every other error is API-UNAVAILABLE."""


class ApiError(KhoError):
    """What only this door can find wrong. ``headers`` go with the answer."""

    def __init__(self, code: str, path: str = "", *, headers: Mapping[str, str] | None = None, **args: str | int) -> None:
        super().__init__(code, path, **args)
        self.headers = dict(headers or {})


def problem(request: Request, finding: Finding, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that could not be granted."""
    language, status = language_of(request), _STATUS[finding.code]
    body = {
        "type": f"urn:kho:code:{finding.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": finding.text(language),
        "instance": f"urn:uuid:{request.scope['kho.request']}",
        "code": finding.code,
        "todo": finding.todo(language),
        "findings": [views.finding(finding, language)],
    }
    said = {"Content-Language": language, "Vary": "Accept-Language", **(headers or {})}
    return document("problem", body, status=status, headers=said, media_type=PROBLEM)


def unexpected(request: Request) -> Response:
    """The answer when something happened that nobody foresaw."""
    return problem(request, Finding("API-UNEXPECTED", request.scope["kho.request"]))


def add_handlers(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(KhoError, _kho)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)


def _kho(request: Request, error: Exception) -> Response:
    assert isinstance(error, KhoError)
    if error.code in _STATUS:
        return problem(request, error.finding, error.headers if isinstance(error, ApiError) else None)
    _log.error("could not be done: %s", error)
    return problem(request, Finding("API-UNAVAILABLE", request.scope["kho.request"]), {"Retry-After": "30"})


def _system(request: Request, error: Exception) -> Response:
    _log.error("the system refused: %s", error, exc_info=error)
    return problem(request, Finding("API-UNAVAILABLE", request.scope["kho.request"]), {"Retry-After": "30"})


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first["loc"] else ""
    return problem(request, Finding("API-PARAMETER", name, {"reason": _why(str(first["type"]), first.get("ctx") or {})}))


def _why(kind: str, limits: Mapping[str, Any]) -> str:
    """What is wrong with a parameter: the framework says it in English only."""
    match kind:
        case "greater_than_equal":
            return phrase("http-least", least=limits["ge"])
        case "less_than_equal":
            return phrase("http-most", most=limits["le"])
        case "string_too_long":
            return phrase("http-longest", most=limits["max_length"])
        case "enum" | "literal_error":
            return phrase("http-one-of", values=", ".join(re.findall(r"'([^']*)'", str(limits["expected"]))))
        case "missing":
            return phrase("http-missing")
        case _ if kind.startswith("int_"):
            return phrase("http-whole-number")
    return phrase("http-not-understood")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(request, Finding("API-METHOD", args={"method": request.method}), {"Allow": ", ".join(_methods(request))})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(request, Finding("API-NOT-FOUND"))
    return problem(request, Finding("API-HEADER", "", {"reason": str(error.detail)}))


def _methods(request: Request) -> list[str]:
    """All methods that an address answers to: the framework names those of the first route that has it."""
    routes = [
        each for each in request.app.state.routes if isinstance(each, Route) and each.matches(request.scope)[0] is not Match.NONE
    ]
    return sorted({method for each in routes for method in each.methods or ()})


def _gone(request: Request, error: Exception) -> Response:
    return problem(request, Finding("API-BROKEN-OFF"))

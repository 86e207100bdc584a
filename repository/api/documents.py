"""Documents: the JSON of this door, in the envelope of docs/cli.md. What is inside comes from `repository.views.records`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from repository.model import Aip, Deposit, DepositState
from repository.views import records as views

__all__ = ["aip_status", "deposit_status", "document", "page"]

_NOT_OK = (DepositState.REFUSED, DepositState.QUARANTINED, DepositState.FAILED)


def document(
    kind: str,
    body: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """One document. ``body`` may replace ``ok``, ``findings`` and ``cursor``."""
    whole = {"kho": 1, "kind": kind, "ok": status < 400, "findings": [], "cursor": None, **body}
    data = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    # No cache may keep what only the owner of a token may see, or what changes while a deposit goes on.
    return Response(data, status, {"Cache-Control": "no-store", **(headers or {})}, media_type)


def page(kind: str, key: str, rows: Iterable[Mapping[str, Any]], cursor: str | None) -> Response:
    """One page of a list; ``cursor`` asks for the next one."""
    return document(kind, {key: list(rows), "cursor": cursor})


def deposit_status(
    deposit: Deposit, language: str, head: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """One deposit: its own keys beside those of the envelope; ``findings`` are the deposit's. ``head`` is the newest line of the ledger:
    depositors are witnesses of all history up to it."""
    body = views.deposit(deposit, language) | {"ok": deposit.state not in _NOT_OK, "head": head}
    return document("deposit-status", body, status=status, headers=headers)


def aip_status(aip: Aip) -> Response:
    """One AIP: its own keys beside those of the envelope."""
    return document("aip", views.aip(aip))

"""Cursors: where a page of a list ended, as opaque text. Keyset cursors stay right while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, literal, tuple_

from repository.catalog.errors import BadCursor
from repository.model import Page

__all__ = ["LARGEST_PAGE", "before", "cursor_at", "page_of", "place_of"]

R = TypeVar("R")
T = TypeVar("T")

LARGEST_PAGE = 1_000
"""More is asked for page by page: a page is held in memory."""


def cursor_at(*place: str | int) -> str:
    """The cursor for a place in an order."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str, *kinds: type) -> list[str | int]:
    """The place of a cursor; ``kinds`` are the types it must have. Raises BadCursor."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as problem:
        raise BadCursor(cursor) from problem
    if not isinstance(place, list) or [type(each) for each in place] != list(kinds):
        raise BadCursor(cursor)
    if any(isinstance(each, int) and not -(2**63) <= each < 2**63 for each in place):
        raise BadCursor(cursor)
    return place


def page_of(rows: Sequence[R], limit: int, *, item: Callable[[R], T], cursor: Callable[[R], str]) -> Page[T]:
    """A page of at most ``limit`` from rows that were asked for with one more than that."""
    shown = rows[:limit]
    return Page(tuple(item(row) for row in shown), cursor(shown[-1]) if len(rows) > limit else None)


def _newest_place(cursor: str) -> tuple[datetime, str]:
    """(created, id) of a cursor in a list that is ordered so. Raises BadCursor."""
    created, identity = place_of(cursor, str, str)
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError as problem:
        raise BadCursor(cursor) from problem
    if moment.tzinfo is None:
        raise BadCursor(cursor)
    return moment, str(identity)


def before(created: ColumnElement[datetime], identity: ColumnElement[str], cursor: str) -> ColumnElement[bool]:
    """The condition for rows after ``cursor`` in a list that is ordered newest first. Raises BadCursor.

    The values are given the types of their columns: a bare tuple would compare moments as text.
    """
    moment, last = _newest_place(cursor)
    return tuple_(created, identity) < tuple_(literal(moment, created.type), literal(last, identity.type))

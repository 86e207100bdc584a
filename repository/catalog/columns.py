"""How Kho's values stand in a database: any text, instants, JSON; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["Instant", "Json", "RowId", "Words", "as_json", "escaped", "microseconds", "moment", "unescaped"]

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number that the database counts up (SQLite does that only for its INTEGER)."""

_ASCII = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))  # made once: one a value costs as much as the value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = "\U0010fffd"
_STRANGE = re.compile("[\0\ud800-\udfff\U0010fffd]")
_MARKED = re.compile("\U0010fffd([0-9a-f]{4}|~)")


def escaped(value: str) -> str:
    """Text as `Words` keeps it."""
    if (value.isascii() and "\0" not in value) or not _STRANGE.search(value):
        return value
    return _STRANGE.sub(lambda found: _MARK + ("~" if found[0] == _MARK else f"{ord(found[0]):04x}"), value)


def unescaped(value: str) -> str:
    """The text that `Words` keeps so."""
    if _MARK not in value:
        return value
    return _MARKED.sub(lambda found: _MARK if found[1] == "~" else chr(int(found[1], 16)), value)


class Words(TypeDecorator[str]):
    """Any Python text, and the same text back, ordered by code point.

    Names that are not UTF-8 arrive with surrogate escapes (PEP 383), which no database takes, and PostgreSQL takes no NUL: such
    characters stand as U+10FFFD and four hexadecimal digits.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text(collation="C") if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else escaped(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else unescaped(value)


def moment(microseconds: int) -> datetime:
    """The moment that `Instant` keeps so."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(when: datetime) -> int:
    """A moment as `Instant` keeps it."""
    if when.tzinfo is None:
        raise ValueError("a moment without a time zone is not a moment")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def as_json(value: Any) -> str:
    """A JSON document as `Json` keeps it."""
    return _ASCII.encode(value)


class Instant(TypeDecorator[datetime]):
    """A moment, as whole microseconds since 1970 UTC: small in an index, ordered, without the time zones of databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """A JSON document as ASCII text: what is stored is read whole and never searched."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return as_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)

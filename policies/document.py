"""A TOML document read strictly: every key is asked for by name and type, and a key that nobody asked for is an error.

Used for policy.toml and kho.toml. An error names the file, the key with its section, and the line where it stands.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from policies.findings import KhoError
from policies.phrases import phrase

__all__ = ["Document", "Section", "duration", "size"]

T = TypeVar("T")

_DURATION = re.compile(r"([0-9]{1,6})\s*(s|min|h|d|w|y)")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_SIZE = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,3}))?\s*(B|[kKMGTPE]B|[KMGTPE]iB)?")
_HEADER = re.compile(r"\s*+(\[\[?)\s*+([^\]]++)\]\]?")
_QUOTES = str.maketrans("", "", "\"' ")

LONGEST_DURATION = timedelta(days=200 * 365)
"""A period beyond two centuries is a slip of the pen, and would leave the calendar of the machine."""

LARGEST_SIZE = 2**63 - 1
"""What a database column of whole numbers holds."""


def duration(text: str) -> timedelta:
    """A period from "90d", "12h", "30min", "45s", "2w" or "1y" (365 days). Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(phrase("pol-period"))
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds <= LONGEST_DURATION.total_seconds():
        raise ValueError(phrase("pol-period-long"))
    return timedelta(seconds=seconds)


def size(text: str | int) -> int:
    """A number of bytes from 4096, "500MB" (powers of 1000) or "2TiB" (powers of 1024). Raises ValueError for anything else."""
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(phrase("pol-size"))
    unit = match[3] or "B"
    base = 1024 if unit.endswith("iB") else 1000
    factor: int = base ** " KMGTPE".index(unit[0].upper()) if unit != "B" else 1
    fraction = match[2] or ""
    value: int = (int(match[1] + fraction) * factor) // 10 ** len(fraction)
    if not 0 < value <= LARGEST_SIZE:
        raise ValueError(phrase("pol-size-range"))
    return value


def _lines(text: str) -> dict[tuple[str, str], int]:
    """(section, key) → line number; (section, "") is the header's own, and the n-th table of an array ``[[x]]`` (from 0) is the section
    ``x[n]``. Best effort: it only serves messages."""
    found: dict[tuple[str, str], int] = {}
    tables: Counter[str] = Counter()
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header[2].translate(_QUOTES).strip()
            if header[1] == "[[":
                tables[section] += 1
                section = _nth(section, tables[section] - 1)
            found.setdefault((section, ""), number)
        elif "=" in line and not line.lstrip().startswith("#"):
            key = line.split("=", 1)[0].translate(_QUOTES).strip()
            found.setdefault((section, key), number)
            found.setdefault((f"{section}.{key}", ""), number)  # "a.b = 1" in [x] is the key b of x.a
    return found


def _nth(section: str, number: int) -> str:
    """The place of one table of an array of tables, from 0."""
    return f"{section}[{number}]"


def _syntax(problem: UnicodeDecodeError | tomllib.TOMLDecodeError) -> str:
    """Why a text is no TOML, and where; what the parser itself says stands in brackets."""
    if isinstance(problem, UnicodeDecodeError):
        return phrase("doc-not-utf8")
    place = re.fullmatch(r"(?P<why>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", str(problem), re.DOTALL)
    return phrase("doc-not-toml", **place.groupdict()) if place else str(problem)


class Document:
    """One parsed TOML document. ``family`` is the prefix of its error codes, ``error`` the class that is raised.

    Raises:
        error: (family-SYNTAX) the bytes are not UTF-8 or not TOML.
    """

    def __init__(self, data: str | bytes, name: str, *, family: str, error: Callable[..., KhoError]) -> None:
        self.name = name
        self._family = family
        self._error = error
        try:
            text = data if isinstance(data, str) else data.decode("utf-8-sig")
            table = tomllib.loads(text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            raise error(f"{family}-SYNTAX", name, reason=_syntax(problem)) from problem
        self._lines = _lines(text)
        self.root = Section(self, table, "")

    def fail(self, what: str, section: str, key: str, *, place: str, **args: str | int) -> KhoError:
        """The error for one key of a section; the caller raises it. ``place`` tells the tables of an array apart (``x[0]``)."""
        named = f"{section}.{key}" if section and key else section or key
        table, bare = (each.translate(_QUOTES) for each in (place, key))
        full = f"{table}.{bare}" if table and bare else table or bare
        line = self._lines.get((table, bare)) or self._lines.get((full, "")) or self._lines.get((table, "")) or 0
        where = phrase("doc-line", line=line) if line else ""
        return self._error(f"{self._family}-{what}", self.name, key=named, where=where, line=line, **args)


class Section:
    """One table of a document. Ask for every key, then call `done`. ``place`` is its name with its number, where it is one of several."""

    def __init__(self, document: Document, table: Mapping[str, Any], name: str, place: str = "") -> None:
        self._document = document
        self._table = table
        self._asked: set[str] = set()
        self._place = place or name
        self.name = name

    def fail(self, what: str, key: str, **args: str | int) -> KhoError:
        return self._document.fail(what, self.name, key, place=self._place, **args)

    def bad(self, key: str, reason: str) -> KhoError:
        """The error that the value of ``key`` cannot be what it is."""
        return self.fail("VALUE", key, reason=reason)

    def names(self) -> list[str]:
        return list(self._table)

    def allow(self, keys: Iterable[str]) -> None:
        """Keys that may stand here, whether or not they are asked for."""
        self._asked.update(keys)

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def _typed(self, key: str, kinds: tuple[type, ...], expected: str) -> Any:
        self._asked.add(key)
        value = self._table[key]
        if type(value) not in kinds:  # type(), because True is an int for isinstance
            raise self.fail("TYPE", key, expected=expected, found=type(value).__name__)
        return value

    def _asked_or(self, key: str, default: T | None, read: Callable[[], T]) -> T:
        self._asked.add(key)
        if key in self._table:
            return read()
        if default is None:
            raise self.fail("MISSING", key)
        return default

    def text(self, key: str, default: str | None = None) -> str:
        """Raises (MISSING) when there is neither value nor default, (TYPE) when the value is not text. So do all below."""
        return self._asked_or(key, default, lambda: str(self._typed(key, (str,), phrase("doc-text"))))

    def boolean(self, key: str, default: bool | None = None) -> bool:
        return self._asked_or(key, default, lambda: bool(self._typed(key, (bool,), phrase("doc-truth"))))

    def integer(self, key: str, default: int | None = None, *, least: int = 0, most: int = LARGEST_SIZE) -> int:
        """Raises (VALUE) outside ``least`` … ``most``."""

        def read() -> int:
            value = int(self._typed(key, (int,), phrase("doc-integer")))
            if not least <= value <= most:
                raise self.bad(key, phrase("pol-between", given=value, least=least, most=most))
            return value

        return self._asked_or(key, default, read)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        def read() -> tuple[str, ...]:
            value = self._typed(key, (list,), phrase("doc-texts"))
            if not all(isinstance(each, str) for each in value):
                raise self.fail("TYPE", key, expected=phrase("doc-texts"), found=phrase("doc-other-list"))
            if len(set(value)) != len(value):
                raise self.bad(key, phrase("pol-text-twice"))
            return tuple(value)

        return self._asked_or(key, default, read)

    def rows(self, key: str) -> list[list[Any]]:
        """A list of lists; what stands in them is for the caller to look at."""
        value = self._typed(key, (list,), phrase("doc-lists"))
        if not all(isinstance(each, list) for each in value):
            raise self.fail("TYPE", key, expected=phrase("doc-lists"), found=phrase("doc-other-list"))
        return list(value)

    def parsed(self, key: str, default: T | None, parse: Callable[[str], T]) -> T:
        """Text that ``parse`` understands; its ValueError becomes the reason of (VALUE)."""

        def read() -> T:
            try:
                return parse(self.text(key))
            except ValueError as problem:
                raise self.bad(key, str(problem)) from problem

        return self._asked_or(key, default, read)

    def duration(self, key: str, default: timedelta | None = None) -> timedelta:
        return self.parsed(key, default, duration)

    def size(self, key: str, default: int | None = None) -> int:
        """Bytes: a whole number, or text as in `size`."""
        if type(self._table.get(key)) is int:
            return self.integer(key, least=1)
        return self.parsed(key, default, size)

    def section(self, key: str) -> Section:
        """The table below this one; an empty one when there is none."""
        name = f"{self.name}.{key}" if self.name else key
        self._asked.add(key)
        table = self._typed(key, (dict,), phrase("doc-section")) if key in self._table else {}
        return Section(self._document, table, name, f"{self._place}.{key}" if self._place else key)

    def sections(self, key: str) -> list[Section]:
        """The tables of an array of tables ``[[key]]``."""
        name = f"{self.name}.{key}" if self.name else key
        self._asked.add(key)
        tables = self._typed(key, (list,), phrase("doc-sections", name=name)) if key in self._table else []
        if not all(isinstance(table, dict) for table in tables):
            raise self.fail("TYPE", key, expected=phrase("doc-sections", name=name), found=phrase("doc-other"))
        return [Section(self._document, table, name, _nth(name, number)) for number, table in enumerate(tables)]

    def done(self) -> None:
        """Raises (KEY) for the first key that nobody asked for: a promise that is misspelt is a promise that is not kept."""
        for key in self._table:
            if key not in self._asked:
                close = difflib.get_close_matches(key, self._asked, 1)
                hint = phrase("doc-near", near=close[0]) if close else phrase("doc-known", known=", ".join(sorted(self._asked)))
                raise self.fail("KEY", key, hint=hint)

"""Descriptive metadata, flattened by a mapping into named fields for search. The file itself is kept as received; this is
only a view.

A mapping is data: ``mappings/KIND.toml``, field → names of elements (or ends of their paths, or headings of a table). Beside
the mapped fields every element or column that holds text is there under its own name. What cannot be read gives no fields and
is no error; why it cannot be is what `trouble` says.
"""

from __future__ import annotations

import codecs
import csv
import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import BinaryIO, Final

from formats.xml import Element, HasDoctype, NotWellFormed, events, local_name
from policies.phrases import phrase

__all__ = ["KINDS", "flatten", "fold", "kind_of", "trouble"]

KINDS: Final = ("dc", "ead", "csv", "vn")
"""Kinds that have a mapping; "other" has none."""

MAX_LENGTH: Final = 4_000
"""Characters of one value. The longest field of TT 05/2025 has 2,000; a scope note may be cut for search, never in the
archive."""

MAX_VALUES: Final = 200
"""Values of one field: a finding aid of a whole fonds has thousands of titles, which belong to the AIPs of its files."""

MAX_FIELDS: Final = 200
"""Different field names of one description."""

MAX_TOTAL: Final = 256 << 10
"""Characters of all values of one description."""

MAX_NAME: Final = 100
"""Characters of a field's name."""

SNIFFED: Final = 64
"""Elements looked at to find out what an XML file is."""

_DC_NAMESPACES: Final = ("http://purl.org/dc/", "http://www.openarchives.org/OAI/2.0/oai_dc/")
_DC_ROOTS: Final = frozenset({"simpledc", "qualifieddc", "dc", "dublin_core"})
_VN_TAGS: Final = frozenset(
    {
        "filecode",
        "arcfilecode",
        "docid",
        "doccode",
        "arcdoccode",
        "maintenance",
        "organname",
        "confidencelevel",
        "inforsign",
        "requestid",
    }
)
"""Tags, in lower case, that only the Vietnamese circulars have."""


_INLINE: Final = frozenset({"emph", "part"})
"""Elements of EAD that stand inside of a word or sentence; all others are parted from their neighbours by a space."""


def fold(text: str) -> str:
    """``text`` as it is searched: lower case, no diacritics, đ as d; composed and decomposed forms alike. "Đất đai" → "dat
    dai"."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return plain.translate(_STROKES).casefold()


_STROKES: Final = str.maketrans("đĐ", "dD")
"""The letters that have no decomposition."""


def kind_of(name: str, stream: BinaryIO) -> str:
    """Which of `KINDS` a descriptive file is, by its name and its first elements; "other" when none, or no XML. CouldNotRead and
    OSError come through."""
    if name.lower().endswith((".csv", ".tsv")):
        return "csv"
    seen = 0
    result = "other"
    try:
        for event, element in events(stream):
            if event == "end":
                continue
            kind = _kind_of_element(element, first=seen == 0)
            if kind in ("ead", "vn"):
                return kind
            result = kind or result
            seen += 1
            if seen == SNIFFED:
                break
    except NotWellFormed:
        pass
    return result


def _kind_of_element(element: Element, *, first: bool) -> str:
    name = local_name(element)
    if first and name == "ead":
        return "ead"
    if name.lower() in _VN_TAGS:
        return "vn"
    return "dc" if element.tag.startswith(tuple("{" + each for each in _DC_NAMESPACES)) or (first and name in _DC_ROOTS) else ""


def flatten(kind: str, stream: BinaryIO) -> Mapping[str, tuple[str, ...]]:
    """Field → values, in document order, without repetitions. ``kind`` is one of `KINDS`; any other gives nothing.

    Damaged or hostile content gives what came before the damage, within the limits above. OSError and CouldNotRead come through.
    """
    if kind not in KINDS:
        return {}
    fields = _Fields()
    pairs = _csv_values(stream) if kind == "csv" else _xml_values(kind, stream)
    for name, value in pairs:
        if not fields.add(name, value):
            break
    return fields.done()


def trouble(kind: str, stream: BinaryIO) -> str:
    """Why a description cannot be read to its end, to stand in a sentence (`policies.phrases`); "" when it can be.

    ``stream`` stands at its beginning. Every kind but "csv" is XML. OSError and CouldNotRead come through.
    """
    try:
        for _ in _rows(stream, "strict") if kind == "csv" else events(stream):
            pass
    except UnicodeDecodeError:
        return phrase("table-encoding")
    except HasDoctype:
        return phrase("description-doctype")
    except NotWellFormed as bad:
        if stream.tell():
            return phrase("description-xml", reason=bad.reason, line=bad.line)
    except csv.Error as bad:
        return phrase("description-table", reason=_table_trouble(str(bad)))
    return "" if stream.tell() else phrase("description-empty")


def _table_trouble(words: str) -> str:
    """What Python's csv says, as a phrase where it is one of the few things that it says of a file read like ours."""
    if most := re.search(r"field limit \((\d+)\)", words):
        return phrase("table-field-long", most=most[1])
    if "new-line" in words:
        return phrase("table-line-end")
    return phrase("table-nul") if "NUL" in words else words


class _Fields:
    """Collected values, within the limits."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, None]] = {}
        self._left = MAX_TOTAL

    def add(self, name: str, value: str) -> bool:
        """False when there is no room for anything more."""
        value = " ".join(value.split())[:MAX_LENGTH]
        name = name.strip()[:MAX_NAME]
        if not value or not name:
            return True
        if name not in self._values and len(self._values) >= MAX_FIELDS:
            return True
        values = self._values.setdefault(name, {})
        if value not in values and len(values) < MAX_VALUES:
            self._left -= len(value)
            if self._left < 0:
                return False
            values[value] = None
        return True

    def done(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(values) for name, values in self._values.items() if values}


@functools.cache
def _mapping(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Name (folded for tables, else in lower case; of a path its last part) → "field" or "parent/…=field" rules."""
    text = resources.files("formats").joinpath("mappings", f"{kind}.toml").read_text(encoding="utf-8")
    rules: dict[str, list[str]] = {}
    for field, names in tomllib.loads(text).items():
        for name in names:
            parents, _, last = name.lower().rpartition("/")
            rules.setdefault(last, []).append(f"{parents}={field}")
    return {name: tuple(each) for name, each in rules.items()}


def _mapped(kind: str, path: Iterable[str]) -> Iterator[str]:
    """The fields an element at ``path`` (lower case, outermost first) goes to."""
    *parents, last = path
    for rule in _mapping(kind).get(last, ()):
        wanted, _, field = rule.partition("=")
        if not wanted or parents[-1 - wanted.count("/") :] == wanted.split("/"):
            yield field


class _Open:
    """An element that is not finished: its text so far, and whether it has children."""

    __slots__ = ("length", "name", "parent", "parts")

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[str] = []
        self.length = 0
        self.parent = False

    def put(self, text: str | None) -> None:
        if text and self.length < MAX_LENGTH:
            self.parts.append(text[:MAX_LENGTH])
            self.length += len(text)


def _xml_values(kind: str, stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """(field or own name, text) of elements as they end. Text of children belongs to their parents too (EAD mixes them)."""
    stack: list[_Open] = []
    try:
        for event, element in events(stream):
            if event == "start":
                if stack:
                    before = element.getprevious()
                    stack[-1].put(before.tail if before is not None else element.getparent().text)  # type: ignore[union-attr]
                    stack[-1].parent = True
                stack.append(_Open(local_name(element)))
                continue
            this = stack.pop()
            this.put(element[-1].tail if len(element) else element.text)
            text = " ".join("".join(this.parts).split())
            if stack:
                stack[-1].put(text if this.name in _INLINE else f" {text} ")
            if not text:
                continue
            path = [each.name.lower() for each in stack] + [this.name.lower()]
            yield from ((field, text) for field in _mapped(kind, path))
            if not this.parent and len(stack) > 0:
                yield this.name, text
    except NotWellFormed:
        return


_SIGNS = re.compile(r"[^0-9a-z]+")


def _rows(stream: BinaryIO, errors: str = "replace") -> Iterator[list[str]]:
    """The rows of a table. Raises csv.Error, and what ``errors`` asks for (see `codecs`)."""
    lines = _lines(stream, errors)
    first = next(lines, "")
    return csv.reader(_with_first(first, lines), delimiter=max(",;\t|", key=first.count))


def _csv_values(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    rows = _rows(stream)
    try:
        heading = [(cell.strip(), tuple(_mapped("csv", [_SIGNS.sub(" ", fold(cell)).strip()]))) for cell in next(rows, [])]
        for row in rows:
            for (own, fields), value in zip(heading, row, strict=False):
                yield from ((field, value) for field in fields)
                yield own, value
    except csv.Error:
        return


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _lines(stream: BinaryIO, errors: str) -> Iterator[str]:
    """Lines of a text in UTF-8, or UTF-16 with its mark; "replace" makes wrong bytes U+FFFD. A line ends at `MAX_LINE` at the latest."""
    start = stream.read(2)
    encoding = "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    held = decoder.decode(start)
    while True:
        data = stream.read(1 << 16)
        held += decoder.decode(data, not data)
        *whole, held = held.splitlines(keepends=True) or [""]
        if held.endswith("\n") or len(held) > MAX_LINE:
            whole.append(held)
            held = ""
        yield from whole
        if not data:
            if held:
                yield held
            return


MAX_LINE: Final = 1 << 17
"""Characters of one line of a table (the csv module's own limit for a field)."""

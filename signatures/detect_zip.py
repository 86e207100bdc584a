"""Which zips carry signatures: told from the names of their members, and of packages from their content types and relationships."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO
from urllib.parse import unquote

from formats.package.containers import SEALS, Named
from formats.package.zip_members import BadZip, may_end_as_zip, named_members, zip_names
from formats.xml import Element, NotLookedAt, NotWellFormed, events
from formats.xml_prolog import DOCTYPE, as_ascii
from signatures.marks import in_any_letters, standing
from signatures.report import Kind

__all__ = ["OFFICE", "ZIP_BEGINS", "zip_kinds"]

ZIP_BEGINS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08", b"PK00")
"""A member, the end of an empty one, and what stands before in one that was to be split (APPNOTE 8.5)."""

OFFICE = re.compile(r"/?(_xmlsignatures|package/services/digital-signature)/", re.IGNORECASE)
"""The folders in which office programs, and those of XPS, have the signatures of a package."""

ZIP_MARKS: Sequence[tuple[Kind, Named | re.Pattern[str]]] = (
    (Kind.OOXML, OFFICE),
    (Kind.ODF, re.compile(r"META-INF/(document|macro)signatures\.xml\Z")),
    *((Kind.ASIC, seal) for seal in SEALS),
    (Kind.ASIC, Named(("asic", "manifest"), (".xml",))),  # which may name its seal
)
"""The kind of a zip by the name of one of its members, the first that fits (ODF 1.3 part 2, 4; EN 319 162-1, 4.4.3). Office programs
have one folder for signatures, but a package may have them anywhere (ECMA-376-2, 12.4)."""

DAMAGED_MARKS = (
    (Kind.OOXML, (in_any_letters(b"_xmlsignatures/", b"[content_types].xml"),)),  # what its types say cannot be told
    (Kind.ODF, (b"META-INF/documentsignatures.xml",)),
    (Kind.ODF, (b"META-INF/macrosignatures.xml",)),
    (Kind.ASIC, (b"META-INF/", b"signature")),
)
"""What stands before the members of such a zip; asked for where it has no directory that can be read."""

TYPES = re.compile(r"/?(\[Content_Types\]\.xml|_rels/\.rels)(/\[\d+\](\.last)?\.piece)?\Z", re.IGNORECASE)
"""The parts of a package in which every way to a signature begins (ECMA-376-2, 7.2.3 and 12.4), pieces of them too (7.2.4)."""

SIGNING = "digital-signature"
"""Stands in the content types and in the types of relationships of all that has to do with signatures (ECMA-376-2, annex E)."""

MOST_TYPES = 4 << 20
"""Bytes of all such parts together that are looked through; real ones have some kB, and those of ten thousand parts one MB."""

OPENING = 1 << 10
"""Bytes that could be looked through in the time in which one is opened: there may be sixty thousand."""

MOST_SAID = 50_000
"""Elements of such a part that are looked at, where it speaks of signatures at all."""


def zip_kinds(stream: BinaryIO, head: bytes) -> Iterator[Kind]:
    """By the names in the directory, which is found from the end of the file; where there is none, by those that stand before members."""
    size = stream.seek(0, io.SEEK_END)
    if not head.startswith(ZIP_BEGINS) and not may_end_as_zip(stream, size):  # as nearly every file
        return
    names = zip_names(stream, size)
    if names is not None:
        kinds = (kind for kind, mark in ZIP_MARKS if any(mark.match(each) for each in names))
        kind = next(kinds, None)
        if kind is not None:
            yield kind
        elif any(map(_says_types, names)) and _is_signed_package(stream, size, names):
            yield Kind.OOXML
    else:
        stream.seek(0)
        found = standing(stream, [mark for _, marks in DAMAGED_MARKS for mark in marks])
        yield from islice((kind for kind, marks in DAMAGED_MARKS if found.issuperset(marks)), 1)


def _says_types(name: str) -> bool:
    return TYPES.match(name) is not None


def _is_signed_package(stream: BinaryIO, size: int, names: Sequence[str]) -> bool:
    """Whether a package says that it is signed, or what it says cannot be read: then it may be."""
    members, left = _Members(names), MOST_TYPES
    try:
        for part in named_members(stream, size, _says_types):
            data = part.read(left + 1)
            left -= len(data) + OPENING
            if left < 0 or _says_so(data, members):
                return True
    except BadZip:
        return True
    return False


class _Members:
    """What content types may name: the members of a package, and what their names end in."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {each.removeprefix("/").casefold() for each in names}
        self._endings = {each.rpartition(".")[2] for each in self._names if "." in each}

    def has(self, name: str) -> bool:
        return unquote(name).removeprefix("/").casefold() in self._names

    def some_end_in(self, extension: str) -> bool:
        """As in OPC, where it has no dot; of one that has, the last part may be enough."""
        return extension.rpartition(".")[2].casefold() in self._endings


def _says_so(data: bytes, members: _Members) -> bool:
    """Whether a part says that there are signatures: it can only in these letters or by references. One that is no XML may say so to
    others."""
    try:
        text = as_ascii(io.BytesIO(data))
        said = text.read().lower() if text is not None else b""
        speaks = SIGNING.encode() in said or b"&#" in said
        if not speaks and DOCTYPE.lower() not in said:
            return False
        begun = (element for event, element in events(io.BytesIO(data)) if event == "start")
        return any(number >= MOST_SAID or _says_signed(each, members) for number, each in enumerate(begun))
    except NotLookedAt:
        return True
    except NotWellFormed:
        return speaks


def _says_signed(element: Element, members: _Members) -> bool:
    """Whether it is a relationship of signatures, or the content type of one that is there."""
    if SIGNING in (element.get("Type") or "").lower():
        return True
    if SIGNING not in (element.get("ContentType") or "").lower():
        return False
    name, extension = element.get("PartName"), element.get("Extension")
    return (name is not None and members.has(name)) or (extension is not None and members.some_end_in(extension))

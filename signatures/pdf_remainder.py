"""What lies behind a signed revision of a PDF and belongs to no later one.

A later revision is what the chain of cross-reference sections names: its objects, the section with its trailer, and the ``startxref``
that follows (ISO 32000-2, 7.5.6). The comparison of revisions sees nothing else, so bytes that no section names would ride along unseen:
another document, an object under a number that is taken (readers that rebuild a table find it), an attachment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils.generic import DictionaryObject, Reference, TrailerReference
from pyhanko.pdf_utils.xref import XRefSectionType

from signatures.cms import CHUNK

__all__ = ["Remainder"]

BLANK = b"\0\t\n\f\r "
GAP = re.compile(rb"(?>(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*)")
"""White space and comments, which mean the same (ISO 32000-2, 7.2.4): ``%%EOF`` is one, and some producers sign with one."""
AFTER = re.compile(rb"\s*(?:endobj)?(?>(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*)(?:startxref\s+\d{1,19}(?!\d))?")
"""From the end of a section to the number that leads to it."""

MOST_COMMENT = 1024
"""Bytes of a gap that has comments; a longer one has something to hide. White space may be as long as it likes."""


class Remainder:
    """The bytes of a document that pyHanko's ``reader`` can account for. Raises what the reader does over damage that it cannot read."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def behind(self, end: int) -> bool:
        """Whether anything but white space and comments lies behind ``end`` that no section behind ``end`` names: a section that was
        signed says nothing of bytes that were not."""
        xrefs, at = self._reader.xrefs, end
        later = [each for each in range(xrefs.total_revisions) if xrefs.get_xref_container_info(each).start_location >= end]
        for start, stop in sorted(span for each in later for span in self._of(each)):
            if start < end:
                continue
            if start > at and not self._blank(at, start):
                return True
            at = max(at, stop)
        return not self._blank(at, self._reader.stream.seek(0, 2))

    def _of(self, revision: int) -> list[tuple[int, int]]:
        if revision not in self._spans:
            self._spans[revision] = list(self._read(revision))
        return self._spans[revision]

    def _read(self, revision: int) -> Iterator[tuple[int, int]]:
        xrefs = self._reader.xrefs
        info, data = xrefs.get_xref_container_info(revision), xrefs.get_xref_data(revision)
        yield self._section(info)
        places = dict(data.standard_xrefs)
        if data.hybrid is not None:
            yield self._section(data.hybrid.meta_info)
            places = data.hybrid.xref_data.standard_xrefs | places
        for number, (generation, start) in places.items():
            self._reader.get_object(Reference(number, generation, self._reader), revision=revision, transparent_decrypt=False)
            stop = self._reader.stream.tell()  # behind the object's end and the white space there
            if self._text(max(start, stop - CHUNK), stop).rstrip(BLANK).endswith(b"endobj"):
                yield start, stop

    def _section(self, info: Any) -> tuple[int, int]:
        """A section from its first byte to the ``startxref`` behind it."""
        start, stop = info.start_location, info.end_location
        stream = self._reader.stream
        if info.xref_section_type in (XRefSectionType.STANDARD, XRefSectionType.HYBRID_MAIN):
            start -= len(b"xref\n")
            stream.seek(stop)
            DictionaryObject.read_from_stream(stream, TrailerReference(self._reader))  # type: ignore[no-untyped-call]
            stop = stream.tell()
        behind = AFTER.match(self._text(stop, stop + MOST_COMMENT))
        return start, stop + (behind.end() if behind else 0)

    def _blank(self, start: int, stop: int) -> bool:
        if stop - start <= MOST_COMMENT:
            return GAP.fullmatch(self._text(start, stop)) is not None
        return not any(self._text(at, min(at + CHUNK, stop)).strip(BLANK) for at in range(start, stop, CHUNK))

    def _text(self, start: int, stop: int) -> bytes:
        self._reader.stream.seek(start)
        return bytes(self._reader.stream.read(stop - start))

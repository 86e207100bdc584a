"""The text of Word documents of 1997 to 2003 as they keep it (MS-DOC): by pieces, all of it in one row, with marks beside it."""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

from formats.ole2 import Unfollowed, read_stream
from formats.properties.facts import CannotTell
from formats.properties.symbols import private
from policies.phrases import phrase

__all__ = ["MOST_MARKS", "STRUCK", "Section", "Story", "WordFile", "opened", "sprms"]

MOST_BYTES: Final = 32 << 20
"""Of a stream that holds text: pictures have one of their own, and novels a megabyte."""

MOST_MARKS: Final = 1 << 20
"""Places whose letters are deleted or stand for a symbol."""

STRUCK: Final = "\0"
"""Stands where the change of a reviewer deleted a letter."""

_MAGIC, _WORD97 = 0xA5EC, 0xC1
"""wIdent, and the least nFib of this format (2.5.2): Word 6 and 95 kept their text in another way."""

_ENCRYPTED, _FIRST_TABLE = 0x0100, 0x0200

_COUNTS: Final = 76
_PLACES: Final = 154
"""Where the head says how long each story is (2.5.4, ccpText), and where the tables are (2.5.6): pairs of place and length."""

_HEADS, _SECTIONS, _LETTERS, _FONTS, _SETTINGS, _PIECES = 11, 6, 12, 15, 31, 33
"""Which of these pairs: Plcfhdd, PlcfSed, PlcfBteChpx, SttbfFfn, Dop, Clx."""

_PAGE: Final = 512

_DELETED, _SYMBOL, _TITLE_PAGE = 0x0800, 0x6A09, 0x300A
"""sprmCFRMarkDel, sprmCSymbol (2.6.1), sprmSFTitlePage (2.6.4)."""

_OPERANDS: Final = (1, 1, 2, 4, 2, 2, 0, 3)
"""Bytes of an operand by the highest three bits of its sprm (2.2.5.1); 0: its first byte says how many follow."""


@dataclass(frozen=True, slots=True)
class Section:
    """``even``, ``odd`` and ``first``: heads and feet of such pages, "" where it takes those of the section before; ``title``: its first
    page has heads and feet of its own."""

    even: tuple[str, str]
    odd: tuple[str, str]
    first: tuple[str, str]
    title: bool


@dataclass(frozen=True, slots=True)
class Story:
    """A part of the text by itself: from ``begin``, ``length`` signs of UTF-16."""

    begin: int
    length: int


def opened(path: Path) -> WordFile | None:
    """A document; None where it is one of another format. Raises CannotTell."""
    try:
        main = read_stream(path, "WordDocument", MOST_BYTES)
        if main is None or len(main) < _PLACES or not _is_word97(*struct.unpack_from("<HH", main)):
            return None
        (flags,) = struct.unpack_from("<H", main, 10)
        if flags & _ENCRYPTED:
            raise CannotTell(phrase("document-locked"))
        table = read_stream(path, "1Table" if flags & _FIRST_TABLE else "0Table", MOST_BYTES)
    except Unfollowed as error:
        raise CannotTell(phrase("document-damaged")) from error
    return WordFile(main, table or b"")


def _is_word97(magic: int, version: int) -> bool:
    return magic == _MAGIC and version >= _WORD97


class WordFile:
    """A document that was read. Whatever is asked raises CannotTell where the file leads nowhere."""

    def __init__(self, main: bytes, table: bytes) -> None:
        self._main, self._table = main, table
        counts = self._ints(main, _COUNTS, 8)
        lengths = [*counts[:3], *counts[4:]]  # the fourth is not used any more
        begins = [sum(lengths[:number]) for number in range(len(lengths))]
        stories = [Story(*each) for each in zip(begins, lengths, strict=True)]
        self.body, self.footnotes, self._heads, self.comments, self.endnotes, self.boxes, self.boxes_in_heads = stories

    @cached_property
    def text(self) -> str:
        """All stories, one behind the other; one letter each sign of UTF-16."""
        said: list[str] = []
        marks = self._marks()
        for length, place, wide in self._parts:
            width = 2 if wide else 1
            data = self._main[place : place + length * width]
            if len(data) < length * width:
                raise CannotTell(phrase("document-damaged"))
            letters = (
                _PAIRED.sub(_pair, data.decode("utf-16-le", "surrogatepass"))
                if wide
                else data.decode("latin-1").translate(_NARROW)
            )
            done = 0
            for begin, end, sign in marks[bisect_right(marks, place, key=lambda each: each[1]) :]:
                first, last = (min(length, max(done, (each - place) // width)) for each in (begin, end))
                if first >= length:
                    break
                said += [letters[done:first], sign * (last - first)]
                done = last
            said.append(letters[done:])
        return "".join(said)

    def place_of(self, letter: int) -> int:
        """Where in the file a letter of the text stands; -1 where it stands nowhere."""
        number = bisect_right(self._begins, letter) - 1
        if number < 0 or number >= len(self._parts) or letter >= self._begins[-1]:
            return -1
        _, place, wide = self._parts[number]
        return place + (letter - self._begins[number]) * (2 if wide else 1)

    @cached_property
    def _parts(self) -> list[tuple[int, int, bool]]:
        return list(self._pieces())

    @cached_property
    def _begins(self) -> list[int]:
        return [0, *accumulate(length for length, _, _ in self._parts)]

    def story(self, story: Story) -> str:
        return self.text[story.begin : story.begin + story.length]

    def sections(self) -> Iterator[Section]:
        """What stands above and below the pages (2.3.3, 2.8.22)."""
        titles = list(self._titles())
        places = self._ints_of(_HEADS)[:-1]  # the last one says nothing
        heads = self.story(self._heads)
        if list(places) != sorted(places) or (places and places[-1] > len(heads)):
            raise CannotTell(phrase("document-damaged"))
        said = [heads[begin:end] for begin, end in pairwise(places)]
        for number, at in enumerate(range(_NOTES, len(said) - 5, 6)):
            even, odd, even_foot, odd_foot, first, first_foot = said[at : at + 6]
            title = number < len(titles) and titles[number]
            yield Section((even, even_foot), (odd, odd_foot), (first, first_foot), title)

    @property
    def facing(self) -> bool:
        """Whether left pages have heads and feet of their own (2.7.2, fFacingPages)."""
        data = self.at(_SETTINGS)
        return bool(data and data[0] & 1)

    # -- tables ---------------------------------------------------------------------------------------------------------------

    def at(self, which: int, *, and_behind: bool = False) -> bytes:
        """A table by the number of its pair, or all from there on."""
        place, length = self._ints(self._main, _PLACES + 8 * which, 2)
        if length and place + length > len(self._table):
            raise CannotTell(phrase("document-damaged"))
        return self._table[place:] if and_behind and length else self._table[place : place + length]

    def pages(self, which: int) -> Iterator[bytes]:
        """The pages of 512 bytes, of formatted letters or paragraphs, that a table lists (2.8.5, 2.8.6); the last byte says how many."""
        data = self.at(which)
        count = max(0, (len(data) - 4) // 8)
        for number in sorted({each & 0x3FFFFF for each in self._ints(data, 4 * (count + 1), count)}):
            page = self._main[number * _PAGE : (number + 1) * _PAGE]
            if len(page) < _PAGE or 4 * (page[-1] + 1) > _PAGE:
                raise CannotTell(phrase("document-damaged"))
            yield page

    def _ints_of(self, which: int) -> tuple[int, ...]:
        data = self.at(which)
        return self._ints(data, 0, len(data) // 4)

    @staticmethod
    def _ints(data: bytes, at: int, count: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(f"<{count}I", data, at)
        except struct.error as error:
            raise CannotTell(phrase("document-damaged")) from error

    def _pieces(self) -> Iterator[tuple[int, int, bool]]:
        """(length, place in the file, whether a letter has two bytes) of each piece (2.8.35)."""
        data, at = self.at(_PIECES), 0
        while data[at : at + 1] == b"\1":
            (length,) = struct.unpack("<H", data[at + 1 : at + 3].ljust(2, b"\0"))
            at += 3 + length
        if data[at : at + 1] != b"\2":
            raise CannotTell(phrase("document-damaged"))
        (size,) = self._ints(data, at + 1, 1)
        count = max(0, (size - 4) // 12)
        begins = self._ints(data, at + 5, count + 1)
        if begins[-1] > len(self._main):  # each letter has a byte of its own
            raise CannotTell(phrase("document-damaged"))
        for number, (begin, end) in enumerate(pairwise(begins)):
            (place,) = self._ints(data, at + 5 + 4 * (count + 1) + 8 * number + 2, 1)
            if begin > end:
                raise CannotTell(phrase("document-damaged"))
            narrow, place = bool(place & 0x40000000), place & 0x3FFFFFFF
            yield end - begin, place // 2 if narrow else place, not narrow

    def _marks(self) -> list[tuple[int, int, str]]:
        """(from, to, what stands there) of places in the file whose letters are deleted, or stand for a symbol; in their order."""
        found: list[tuple[int, int, str]] = []
        for page in self.pages(_LETTERS):
            places = self._ints(page, 0, page[-1] + 1)
            for (begin, end), at in zip(pairwise(places), page[4 * (page[-1] + 1) :], strict=False):
                sign = self._sign(page[2 * at + 1 : 2 * at + 1 + page[2 * at]]) if at else None
                if sign is not None and begin < end:
                    found.append((begin, end, sign))
                    if len(found) > MOST_MARKS:
                        raise CannotTell(phrase("document-damaged"))
        found.sort()
        if any(one[1] > two[0] for one, two in pairwise(found)):
            raise CannotTell(phrase("document-damaged"))
        return found

    def _sign(self, properties: bytes) -> str | None:
        """What letters with these properties show instead of themselves."""
        sign = None
        for code, operand in sprms(properties):
            if code == _DELETED and operand[:1] == b"\1":
                return STRUCK
            if code == _SYMBOL and len(operand) == 4:
                sign = private(int.from_bytes(operand[2:], "little"))
        return sign

    @cached_property
    def fonts(self) -> list[str]:
        """Names of fonts (2.9.286, 2.9.94)."""
        data, at = self.at(_FONTS), 4
        found: list[str] = []
        while at < len(data):
            found.append(data[at + 40 : at + 1 + data[at]].decode("utf-16-le", "replace").partition("\0")[0])
            at += 1 + data[at]
        return found

    def _titles(self) -> Iterator[bool]:
        """Of each section, whether its first page has heads and feet of its own (2.8.26, 2.9.243)."""
        data = self.at(_SECTIONS)
        count = max(0, (len(data) - 4) // 16)
        for number in range(count):
            (place,) = self._ints(data, 4 * (count + 1) + 12 * number + 2, 1)
            properties = (
                b""
                if place == 0xFFFFFFFF
                else self._main[place + 2 : place + 2 + int.from_bytes(self._main[place : place + 2], "little")]
            )
            yield any(code == _TITLE_PAGE and operand == b"\1" for code, operand in sprms(properties))


_NOTES: Final = 6
"""Stories before the heads of the first section: what separates notes from the text."""


def sprms(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(sprm, operand) of a list of them (2.2.5); what follows one of tables or tabs that is longer than a byte says is not read."""
    at = 0
    while at + 2 <= len(data):
        code = int.from_bytes(data[at : at + 2], "little")
        size = _OPERANDS[code >> 13] or 1 + int.from_bytes(data[at + 2 : at + 3], "little")
        if code in _LONG:
            return
        yield code, data[at + 2 : at + 2 + size]
        at += 2 + size


def _pair(letter: re.Match[str]) -> str:
    code = ord(letter[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


_PAIRED: Final = re.compile("[\U00010000-\U0010ffff]")
"""Letters that are two signs of UTF-16, as which they are counted."""

_LONG: Final = frozenset({0xD608, 0xC615})
"""sprmTDefTable and sprmPChgTabs, whose lengths are told in other ways."""

_NARROW: Final = {each: bytes([each]).decode("cp1252", "replace") for each in range(0x80, 0xA0)}
"""Letters of one byte (2.4.1) are those of Windows-1252."""

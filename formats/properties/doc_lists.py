"""What Word documents of 1997 to 2003 set before the paragraphs of lists (MS-DOC, 2.4.6.3): numbers that are counted, and bullets."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from formats.properties.doc_file import MOST_MARKS, WordFile, sprms
from formats.properties.facts import CannotTell
from formats.properties.pieces import BULLET, COUNTED
from policies.phrases import phrase

__all__ = ["Labels"]

_STYLES, _PARAGRAPHS, _LISTS, _OVERRIDES = 1, 13, 73, 74
"""Which pairs of the head: Stshf, PlcfBtePapx, PlfLst, PlfLfo."""

_LEVEL, _LIST = 0x260A, 0x460B
"""sprmPIlvl, sprmPIlfo (2.6.2)."""

_LEVELS: Final = 9

_BULLETS, _NONE = 0x17, 0xFF
"""Kinds of numbers (MS-OSHARED, 2.2.1.3) that are none."""

_SHOWN: Final = str.maketrans({chr(level): COUNTED for level in range(_LEVELS)})
"""In the text of a label, the number of a level stands for its count."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What a style says of lists: 0 for none, None where it says nothing; ``base``: the style that it is built upon."""

    base: int
    list_: int | None
    level: int | None


class Labels:
    """The labels of one document. Raises CannotTell where it leads nowhere."""

    def __init__(self, file: WordFile) -> None:
        self._found: list[tuple[int, int, str]] = []
        try:
            self._known = list(_known(file))
            if self._known:
                self._styles = list(_styles(file))
                self._found = sorted(self._read(file))
        except (struct.error, IndexError) as error:
            raise CannotTell(phrase("document-damaged")) from error

    def at(self, place: int) -> str:
        """The label of the paragraph whose end stands at this place in the file, with `COUNTED` for its numbers; "" when it has none."""
        number = bisect_right(self._found, place, key=lambda each: each[0]) - 1
        if number < 0 or place >= self._found[number][1]:
            return ""
        return self._found[number][2]

    def _read(self, file: WordFile) -> Iterator[tuple[int, int, str]]:
        count = 0
        for page in file.pages(_PARAGRAPHS):
            runs = page[-1]
            places = struct.unpack_from(f"<{runs + 1}I", page)
            for number, (begin, end) in enumerate(pairwise(places)):
                at = 2 * page[4 * (runs + 1) + 13 * number]
                if at and (label := self._label(page, at)):
                    count += 1
                    if count > MOST_MARKS:
                        raise CannotTell(phrase("document-damaged"))
                    yield begin, end, label

    def _label(self, page: bytes, at: int) -> str:
        """Of the properties of a paragraph (2.9.182)."""
        begin, size = (at + 1, 2 * page[at] - 1) if page[at] else (at + 2, 2 * page[at + 1])
        data = page[begin : begin + size]
        list_, level = _of_lists(data[2:])
        style, seen = int.from_bytes(data[:2], "little"), 0
        while style < len(self._styles) and seen < 20 and (list_ is None or level is None):
            said = self._styles[style]
            list_ = said.list_ if list_ is None else list_
            level = said.level if level is None else level
            style, seen = said.base, seen + 1
        return self._known[list_ - 1].get(level or 0, "") if list_ and list_ <= len(self._known) else ""


def _of_lists(properties: bytes) -> tuple[int | None, int | None]:
    """(list, level) that properties name."""
    found = {code: int.from_bytes(operand, "little") for code, operand in sprms(properties)}
    return found.get(_LIST), found.get(_LEVEL)


def _known(file: WordFile) -> Iterator[dict[int, str]]:
    """Of each list that paragraphs may name, in their order, the labels of its levels (2.9.131, 2.9.136)."""
    lists = dict(_lists(file.at(_LISTS, and_behind=True)))
    data = file.at(_OVERRIDES)
    if len(data) < 4 or not lists:
        return
    (count,) = struct.unpack_from("<I", data)
    at = 4 + 16 * count
    for number in range(count):
        (list_,) = struct.unpack_from("<i", data, 4 + 16 * number)
        labels = dict(lists.get(list_, {}))
        at += 4
        for _ in range(data[4 + 16 * number + 12]):
            (flags,) = struct.unpack_from("<I", data, at + 4)
            at += 8
            if flags & 0x20:
                labels[flags & 0xF], at = _level(data, at)
        yield labels


def _lists(data: bytes) -> Iterator[tuple[int, dict[int, str]]]:
    """(its number, the labels of its levels) of each list (2.9.147, 2.9.150)."""
    if len(data) < 2:
        return
    (count,) = struct.unpack_from("<H", data)
    at = 2 + 28 * count
    for number in range(count):
        (list_,) = struct.unpack_from("<i", data, 2 + 28 * number)
        labels: dict[int, str] = {}
        for level in range(1 if data[2 + 28 * number + 26] & 1 else _LEVELS):
            labels[level], at = _level(data, at)
        yield list_, labels


def _level(data: bytes, at: int) -> tuple[str, int]:
    """(the label of a level, where the next one begins) (2.9.139)."""
    kind, letters, paragraph = data[at + 4], data[at + 24], data[at + 25]
    at += 28 + letters + paragraph
    (count,) = struct.unpack_from("<H", data, at)
    text = data[at + 2 : at + 2 + 2 * count].decode("utf-16-le", "replace")
    label = BULLET if kind == _BULLETS else "" if kind == _NONE else text.translate(_SHOWN)
    return label, at + 2 + 2 * count


def _styles(file: WordFile) -> Iterator[_Style]:
    """In their order, by which paragraphs name them (2.9.271, 2.9.260)."""
    data = file.at(_STYLES)
    if len(data) < 6:
        return
    head, count, base_size = struct.unpack_from("<3H", data)
    at = 2 + head
    for _ in range(count):
        (size,) = struct.unpack_from("<H", data, at)
        yield _style(data[at + 2 : at + 2 + size], base_size)
        at += 2 + size


def _style(data: bytes, base_size: int) -> _Style:
    if len(data) < base_size + 2:
        return _Style(0xFFF, None, None)
    (based,) = struct.unpack_from("<H", data, 2)
    if based & 0xF != 1:  # of paragraphs
        return _Style(0xFFF, None, None)
    (name,) = struct.unpack_from("<H", data, base_size)
    at = base_size + 2 + 2 * (name + 1)
    (size,) = struct.unpack_from("<H", data, at)
    return _Style(based >> 4, *_of_lists(data[at + 4 : at + 2 + size]))

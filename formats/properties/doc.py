"""What Word documents of 1997 to 2003 say (MS-DOC), as it is set: text, notes, heads and feet, frames; fields that count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from formats.properties.doc_file import STRUCK, Section, Story, WordFile
from formats.properties.doc_lists import Labels
from formats.properties.legacy import before_unicode, readable
from formats.properties.pieces import COUNTED, COUNTING, NOTED, Piece

__all__ = ["pieces"]

_BEGIN, _SEPARATE, _END = "\x13", "\x14", "\x15"
"""Signs of a field (2.8.25): its instruction, then its value."""

_CELL, _NOTE = "\x07", "\x02"
"""The end of a cell; what counts notes, in the text and at the beginning of a note (2.4.3)."""

_ENDS: Final = re.compile(r"[^\r\f\x07]*[\r\f\x07]?")
_SET: Final = str.maketrans(
    {
        "\x0b": "\n",
        "\x0e": "\n",
        "\x1e": "-",
        "\x1f": None,
        STRUCK: None,
        **{chr(each): None for each in (*range(1, 7), 8, *range(0x0F, 0x13), *range(0x16, 0x1E))},
    }
)
"""Breaks of lines and columns, hyphens that are set always and sometimes; and marks of pictures and the like, which say nothing."""


def pieces(file: WordFile, *, any_font: bool = True) -> Iterator[Piece]:
    """A paragraph a piece. Raises CannotTell; not ``any_font``, where they are written for a font of before Unicode, too
    (`formats.properties.legacy`)."""
    yield from readable(_pieces(file), "" if any_font else before_unicode(file.fonts))


def _pieces(file: WordFile) -> Iterator[Piece]:
    labels = Labels(file)
    for story in (file.body, file.footnotes, file.endnotes, file.boxes):
        yield from _paragraphs(
            file.story(story),
            apart=story is not file.body,
            label_at=partial(_label, labels, file, story),
        )
    for said, certain in _heads(list(file.sections()), facing=file.facing):
        yield from _paragraphs(said, running=True, certain=certain)
    yield from _paragraphs(file.story(file.boxes_in_heads), running=True, apart=True)


def _label(labels: Labels, file: WordFile, story: Story, letter: int) -> str:
    return labels.at(file.place_of(story.begin + letter))


def _heads(sections: list[Section], *, facing: bool) -> Iterator[tuple[str, bool]]:
    """(what heads and feet say, whether they are set for certain): as of documents in XML, those of left pages may stand on none, and the
    usual ones neither where the first page has its own."""
    titles: tuple[str, str] = ("", "")
    for each in sections:
        titles = tuple(own or before for own, before in zip(each.first, titles, strict=True))  # type: ignore[assignment]
        yield from ((said, not each.title) for said in each.odd)
        yield from ((said, True) for said in titles if each.title)
        yield from ((said, False) for said in each.even if facing)


def _paragraphs(
    said: str, *, running: bool = False, certain: bool = True, apart: bool = False, label_at: Callable[[int], str] = lambda _: ""
) -> Iterator[Piece]:
    """``label_at`` is asked for the end of a paragraph."""
    fields = _Fields()
    for match in _ENDS.finditer(said):
        paragraph, end = match[0].rstrip("\r\f\x07"), match[0][-1:]
        noted = apart and paragraph.lstrip(STRUCK).startswith(_NOTE)
        text = fields.set(paragraph.lstrip(STRUCK)[1:] if noted else paragraph).replace(_NOTE, NOTED).translate(_SET)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs of signs that are one letter
        if text.strip():
            label = COUNTED if noted else label_at(match.end() - 1)
            yield Piece(text, running, apart or end == _CELL, label, certain=certain)


class _Fields:
    """Fields as they are read: their values are text, their instructions are not."""

    def __init__(self) -> None:
        self._open: list[tuple[list[str], bool]] = []  # the instruction so far, and whether the value has begun

    def set(self, said: str) -> str:
        """A paragraph with the values of its fields, and `COUNTED` for those that are counted when pages are set."""
        found: list[str] = []
        for part in re.split(f"([{_BEGIN}{_SEPARATE}{_END}])", said):
            if part == _BEGIN:
                self._open.append(([], False))
            elif part in (_SEPARATE, _END):
                if self._open and not self._open[-1][1]:
                    instruction, _ = self._open[-1]
                    self._open[-1] = (instruction, True)
                    found += [COUNTED] if self._counts(instruction) and not self._silent(self._open[:-1]) else []
                if part == _END and self._open:
                    self._open.pop()
            elif self._open and not self._open[-1][1]:
                self._open[-1][0].append(part)
            elif not self._silent(self._open):
                found.append(part)
        return "".join(found)

    @staticmethod
    def _counts(instruction: list[str]) -> bool:
        words = "".join(instruction).split()
        return bool(words) and words[0].upper() in COUNTING

    def _silent(self, fields: list[tuple[list[str], bool]]) -> bool:
        """Whether what stands inside of these fields is not set: in an instruction, or as a value that is counted anew."""
        return any(not begun or self._counts(instruction) for instruction, begun in fields)

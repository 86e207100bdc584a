"""Letters as strokes: enough of the Latin alphabet to write Vietnamese on a page without any font file.

A glyph is a few polylines on a grid 4 wide and 6 high (x to the right, y upwards, the line of writing at 0, x-height 4). Accented
letters are made from their Unicode decomposition (NFD): base letter and marks, so every Vietnamese letter is there.
"""

from __future__ import annotations

import functools
import unicodedata

__all__ = ["ADVANCE", "Glyph", "glyph"]

Glyph = tuple[tuple[tuple[float, float], ...], ...]

ADVANCE = 5.4
"""Width of every letter with the gap after it: one pitch, as on a typewriter."""

_STROKES = {
    "A": "0,0 2,6 4,0;0.7,2 3.3,2",
    "B": "0,0 0,6 3,6 4,5 4,4 3,3 0,3;3,3 4,2 4,1 3,0 0,0",
    "C": "4,5 3,6 1,6 0,5 0,1 1,0 3,0 4,1",
    "D": "0,0 0,6 2.5,6 4,4.5 4,1.5 2.5,0 0,0",
    "E": "4,0 0,0 0,6 4,6;0,3 3,3",
    "F": "0,0 0,6 4,6;0,3 3,3",
    "G": "4,5 3,6 1,6 0,5 0,1 1,0 3,0 4,1 4,3 2.5,3",
    "H": "0,0 0,6;4,0 4,6;0,3 4,3",
    "I": "1,0 3,0;2,0 2,6;1,6 3,6",
    "J": "0,1 1,0 2,0 3,1 3,6",
    "K": "0,0 0,6;4,6 0,2.5;1.5,3.8 4,0",
    "L": "0,6 0,0 4,0",
    "M": "0,0 0,6 2,2.5 4,6 4,0",
    "N": "0,0 0,6 4,0 4,6",
    "O": "1,0 0,1 0,5 1,6 3,6 4,5 4,1 3,0 1,0",
    "P": "0,0 0,6 3,6 4,5 4,4 3,3 0,3",
    "Q": "1,0 0,1 0,5 1,6 3,6 4,5 4,1 3,0 1,0;2.5,1.5 4,-0.5",
    "R": "0,0 0,6 3,6 4,5 4,4 3,3 0,3;2,3 4,0",
    "S": "4,5 3,6 1,6 0,5 0,4 1,3 3,3 4,2 4,1 3,0 1,0 0,1",
    "T": "2,0 2,6;0,6 4,6",
    "U": "0,6 0,1 1,0 3,0 4,1 4,6",
    "V": "0,6 2,0 4,6",
    "W": "0,6 1,0 2,4 3,0 4,6",
    "X": "0,0 4,6;0,6 4,0",
    "Y": "0,6 2,3 4,6;2,3 2,0",
    "Z": "0,6 4,6 0,0 4,0",
    "a": "4,4 4,0;4,3 3,4 1,4 0,3 0,1 1,0 3,0 4,1",
    "b": "0,6 0,0;0,3 1,4 3,4 4,3 4,1 3,0 1,0 0,1",
    "c": "4,3 3,4 1,4 0,3 0,1 1,0 3,0 4,1",
    "d": "4,6 4,0;4,3 3,4 1,4 0,3 0,1 1,0 3,0 4,1",
    "e": "0,2 4,2 4,3 3,4 1,4 0,3 0,1 1,0 3.5,0",
    "f": "1,0 1,5 2,6 3.5,6;0,4 3,4",
    "g": "4,4 4,-1 3,-2 1,-2;4,3 3,4 1,4 0,3 0,1 1,0 3,0 4,1",
    "h": "0,0 0,6;0,3 1,4 3,4 4,3 4,0",
    "i": "2,0 2,4;2,5.2 2,5.5",
    "ı": "2,0 2,4",
    "j": "3,4 3,-1 2,-2 0.5,-2;3,5.2 3,5.5",
    "k": "0,0 0,6;3.5,4 0,1.5;1.3,2.4 3.8,0",
    "l": "2,6 2,0.5 2.5,0 3,0",
    "m": "0,0 0,4;0,3 1,4 2,3 2,0;2,3 3,4 4,3 4,0",
    "n": "0,0 0,4;0,3 1,4 3,4 4,3 4,0",
    "o": "1,0 0,1 0,3 1,4 3,4 4,3 4,1 3,0 1,0",
    "p": "0,-2 0,4;0,3 1,4 3,4 4,3 4,1 3,0 1,0 0,1",
    "q": "4,-2 4,4;4,3 3,4 1,4 0,3 0,1 1,0 3,0 4,1",
    "r": "0,0 0,4;0,2.5 1.5,4 3.5,4",
    "s": "4,3.4 3,4 1,4 0,3.2 1,2.2 3,1.8 4,1 3,0 1,0 0,0.6",
    "t": "1.5,6 1.5,1 2.5,0 3.5,0;0,4 3.5,4",
    "u": "0,4 0,1 1,0 3,0 4,1;4,4 4,0",
    "v": "0,4 2,0 4,4",
    "w": "0,4 1,0 2,3 3,0 4,4",
    "x": "0,0 4,4;0,4 4,0",
    "y": "0,4 2,0;4,4 1.5,-2 0.5,-2",
    "z": "0,4 4,4 0,0 4,0",
    "0": "1,0 0,1 0,5 1,6 3,6 4,5 4,1 3,0 1,0;0.6,1 3.4,5",
    "1": "1,5 2,6 2,0;1,0 3,0",
    "2": "0,5 1,6 3,6 4,5 4,4 0,0 4,0",
    "3": "0,5 1,6 3,6 4,5 4,4 3,3 1.5,3;3,3 4,2 4,1 3,0 1,0 0,1",
    "4": "3,0 3,6 0,2 4,2",
    "5": "4,6 0,6 0,3.4 3,3.4 4,2.4 4,1 3,0 1,0 0,1",
    "6": "3.5,6 1.5,6 0,4 0,1 1,0 3,0 4,1 4,2.4 3,3.4 0,3",
    "7": "0,6 4,6 1.5,0",
    "8": "1,3 0,4 0,5 1,6 3,6 4,5 4,4 3,3 1,3 0,2 0,1 1,0 3,0 4,1 4,2 3,3",
    "9": "0.5,0 2.5,0 4,2 4,5 3,6 1,6 0,5 0,3.6 1,2.6 4,3",
    ".": "2,0 2,0.3",
    ",": "2,0.3 1.5,-0.9",
    ":": "2,0.5 2,0.8;2,3.2 2,3.5",
    ";": "2,0.3 1.5,-0.9;2,3.2 2,3.5",
    "-": "0.8,2.5 3.2,2.5",
    "–": "0,2.5 4,2.5",
    "/": "0,-0.5 4,6.5",
    "(": "3,6.5 1.8,5 1.8,1 3,-0.5",
    ")": "1,6.5 2.2,5 2.2,1 1,-0.5",
    "“": "1.3,6 1,5;2.8,6 2.5,5",
    "”": "1.5,6 1.2,5;3,6 2.7,5",
    "?": "0,5 1,6 3,6 4,5 4,4 2,2.5 2,1.5;2,0 2,0.3",
    " ": "",
}

_BARRED = {"đ": ("d", "1.5,5 5,5"), "Đ": ("D", "-0.8,3 1.8,3")}
"""Đ has no decomposition in Unicode: a letter with a bar."""

_MARKS = {
    "\u0302": "0.8,4.7 2,5.6 3.2,4.7",  # circumflex: â ê ô
    "\u0306": "0.8,5.6 1.4,4.8 2.6,4.8 3.2,5.6",  # breve: ă
    "\u031b": "3.6,3.7 4.7,4.1 4.8,5",  # horn: ơ ư
    "\u0301": "2,4.8 3,6",  # acute
    "\u0300": "2,4.8 1,6",  # grave
    "\u0309": "1.5,6 2.3,6.2 2.5,5.6 1.9,5.2 1.9,4.8",  # hook above
    "\u0303": "0.7,5 1.4,5.6 2.4,5 3.2,5.6",  # tilde
    "\u0323": "2,-1.2 2,-0.9",  # dot below
}

_CAPITAL = 2.0
"""How much higher marks stand over a capital."""

_STACKED = 1.2
"""How much higher a tone mark stands over a circumflex or a breve, and to the right."""


def _parse(text: str, right: float = 0.0, up: float = 0.0) -> list[tuple[tuple[float, float], ...]]:
    lines = []
    for line in filter(None, text.split(";")):
        pairs = (point.split(",") for point in line.split())
        lines.append(tuple((float(x) + right, float(y) + up) for x, y in pairs))
    return lines


@functools.cache
def glyph(character: str) -> Glyph:
    """The strokes of one letter; a question mark for what is not in the alphabet here."""
    if character in _BARRED:
        base, bar = _BARRED[character]
        return tuple(_parse(_STROKES[base]) + _parse(bar))
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base not in _STROKES or any(mark not in _MARKS for mark in marks):
        return glyph("?")
    above = any(mark not in "\u0323\u031b" for mark in marks)
    lines = _parse(_STROKES["ı" if base == "i" and above else base])
    lift, right = (_CAPITAL if base.isupper() else 0.0), 0.0
    for mark in sorted(marks, key=lambda one: one in "\u0301\u0300\u0309\u0303"):
        if mark in "\u0323":
            lines += _parse(_MARKS[mark])
            continue
        lines += _parse(_MARKS[mark], right, lift)
        if mark in "\u0302\u0306":
            lift, right = lift + _STACKED * 0.6, right + _STACKED
    return tuple(lines)

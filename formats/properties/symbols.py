"""Signs of symbol fonts, whose letters look like something else: in files they are letters of Unicode's private area, and so they stay in
what most programs make of them; others write the sign that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ALIKE", "is_private", "private"]


def private(code: int) -> str:
    """The letter that stands for a code of such a font."""
    return chr(0xF000 | code & 0xFF)


def is_private(token: str) -> bool:
    return len(token) == 1 and 0xF000 <= ord(token) <= 0xF0FF


_SHOWN: Final = (
    {"☑": 0xFE, "☒": 0xFD, "☐": 0xA8, "✓": 0xFC, "✗": 0xFB},  # Wingdings
    {"☐": 0x6F},
    {"☑": 0x52, "☒": 0x53, "☐": 0xA3, "✓": 0x50, "✗": 0x4F},  # Wingdings 2
    {"☐": 0x2A},
    {"≥": 0xB3, "≤": 0xA3, "≠": 0xB9, "±": 0xB1, "×": 0xB4, "÷": 0xB8, "−": 0x2D, "≈": 0xBB, "°": 0xB0},  # Symbol
)

ALIKE: Final[Mapping[str, frozenset[str]]] = {
    sign: frozenset(private(font[sign]) for font in _SHOWN if sign in font) for sign in {sign for font in _SHOWN for sign in font}
}
"""Sign → the letters that show it in one of these fonts."""

"""Names made safe to show: what is in a name must neither break a line, nor drive a terminal, nor turn text around."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners are part of the spelling of several scripts and harmless."""

_UNSAFE = {"Cc", "Cf", "Cn", "Co", "Zl", "Zp"}


def printable(text: str) -> str:
    """``text`` with control, formatting and unassigned characters, and bytes that were not UTF-8, shown as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was not UTF-8, as os.fsdecode gives it
        return f"\\x{number - 0xDC00:02x}"
    category = unicodedata.category(character)
    if category == "Cs" or (category in _UNSAFE and character not in _JOINERS):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character

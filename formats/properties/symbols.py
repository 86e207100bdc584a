"""Signs of symbol fonts, whose letters look like something else."""

from __future__ import annotations

from typing import Final

__all__ = ["shown"]


def shown(font: str, code: int) -> str:
    """The sign of Unicode that a code shows in such a font; "" for those that only decorate."""
    return _SYMBOLS.get(font.lower(), {}).get(code & 0xFF, "")


_SYMBOLS: Final = {
    "wingdings": {0xFE: "☑", 0xFD: "☒", 0xA8: "☐", 0x6F: "☐", 0xFC: "✓", 0xFB: "✗"},
    "wingdings 2": {0x52: "☑", 0x53: "☒", 0xA3: "☐", 0x2A: "☐", 0x50: "✓", 0x4F: "✗"},
    "symbol": {0xB3: "≥", 0xA3: "≤", 0xB9: "≠", 0xB1: "±", 0xB4: "×", 0xB8: "÷", 0x2D: "−", 0xBB: "≈", 0xB0: "°"},
}

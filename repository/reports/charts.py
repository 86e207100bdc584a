"""Charts of reports, as SVG: bars that are also numbers, in colours that differ in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["COLOURS", "bars", "shares"]

COLOURS = {
    "good": "#2c7a4b",
    "damaged": "#b3261e",
    "unreadable": "#7b3fa0",
    "overdue": "#c77700",
    "never_checked": "#8a8a8a",
    "30": "#1b5e3a",
    "90": "#2c7a4b",
    "180": "#7fae5f",
    "365": "#d8a72f",
    "older": "#c05a1c",
    "never": "#8a8a8a",
}

WIDTH = 640
_ROW = 24
_LABEL = 130
_VALUE = 80


def bars(rows: Sequence[tuple[str, int]], colour: str = "#31568c") -> str:
    """Horizontal bars: (label, number)."""
    most = max((number for _, number in rows), default=0) or 1
    room = WIDTH - _LABEL - _VALUE
    parts = []
    for place, (label, number) in enumerate(rows):
        y = place * _ROW
        parts.append(_text(_LABEL - 8, y + 16, label, "end"))
        parts.append(f'<rect x="{_LABEL}" y="{y + 4}" width="{room * number / most:.1f}" height="16" fill="{colour}"/>')
        parts.append(_text(_LABEL + room * number / most + 6, y + 16, f"{number:,}"))
    return _svg(len(rows) * _ROW, parts)


def shares(rows: Sequence[tuple[str, Mapping[str, int]]], names: Mapping[str, str]) -> str:
    """One bar a row, divided by the classes ``names`` (class → word), with a legend."""
    room = WIDTH - _LABEL - _VALUE
    parts = []
    for place, (label, counts) in enumerate(rows):
        y, x, total = place * _ROW, float(_LABEL), sum(counts.get(name, 0) for name in names)
        parts.append(_text(_LABEL - 8, y + 16, label, "end"))
        for name in names:
            width = room * counts.get(name, 0) / (total or 1)
            if width:
                parts.append(f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="16" fill="{COLOURS[name]}"/>')
            x += width
        parts.append(_text(WIDTH - _VALUE + 6, y + 16, f"{total:,}"))
    y, x = len(rows) * _ROW + 8, float(_LABEL)
    for name, word in names.items():
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" fill="{COLOURS[name]}"/>')
        parts.append(_text(x + 16, y + 11, word))
        x += 30 + 6.2 * len(word)
    return _svg(y + 18, parts)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}">{"".join(parts)}</svg>'

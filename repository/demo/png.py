"""A small PNG writer (ISO/IEC 15948), and a "scanned" page: text drawn with `letters` on paper that is not quite white."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Sequence

from repository.demo.letters import ADVANCE, glyph

__all__ = ["png", "scan"]

PIXEL_PER_METRE = 3937
"""100 dots an inch."""

PAPER, INK = 244, 40


def png(width: int, height: int, rows: Sequence[bytes]) -> bytes:
    """An 8-bit greyscale PNG; ``rows`` holds ``height`` rows of ``width`` bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = b"".join(b"\x00" + row for row in rows)
    resolution = struct.pack(">IIB", PIXEL_PER_METRE, PIXEL_PER_METRE, 1)
    chunks = ((b"IHDR", header), (b"pHYs", resolution), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scan(lines: Sequence[str], *, width: int = 827, height: int = 560, grid: float = 2.0) -> bytes:
    """A page of text as a scanner would give it. ``grid`` is how many pixels one unit of the letters takes."""
    rows = [bytearray(PAPER - (x * 7 + y * 13) % 5 for x in range(width)) for y in range(height)]
    for number, line in enumerate(lines):
        left, base = 50.0, 60.0 + number * 26
        for letter in line:
            for stroke in glyph(letter):
                points = [(left + x * grid, base - y * grid) for x, y in stroke]
                for start, end in itertools.pairwise(points):
                    _draw(rows, start, end)
            left += ADVANCE * grid
    return png(width, height, [bytes(row) for row in rows])


def _draw(rows: Sequence[bytearray], start: tuple[float, float], end: tuple[float, float]) -> None:
    steps = max(1, round(2 * max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    for step in range(steps + 1):
        x = round(start[0] + (end[0] - start[0]) * step / steps)
        y = round(start[1] + (end[1] - start[1]) * step / steps)
        if 0 <= y < len(rows) and 0 <= x < len(rows[0]):
            rows[y][x] = INK

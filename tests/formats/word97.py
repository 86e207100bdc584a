"""Word documents of 1997 to 2003 made by hand, as MS-DOC says: as little of them as says something."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.formats.ole2 import ole2

__all__ = ["word97"]

FIRST_LETTER = 1024
STORIES = ("body", "footnotes", "heads", "", "comments", "endnotes", "boxes", "boxes in heads")
PAGES = 4096
"""Where the pages of formatted letters stand in the file, behind the text."""


def _grid(pairs: Sequence[tuple[int, bytes]], end: int) -> bytes:
    """A PLC (2.2.2)."""
    return b"".join(struct.pack("<I", at) for at, _ in pairs) + struct.pack("<I", end) + b"".join(each for _, each in pairs)


def word97(
    stories: Mapping[str, str],
    *,
    heads: Sequence[str] = (),
    title: bool = False,
    facing: bool = False,
    formatted: Mapping[str, bytes] | None = None,
    fonts: Sequence[str] = ("Times New Roman",),
    narrow: int = 0,
    flags: int = 0,
) -> bytes:
    """A document with these stories; ``heads`` are of one section: even, odd (above, then below), first. ``formatted`` letters have
    properties. The first ``narrow`` letters have a byte each."""
    said = {**stories, "heads": "".join(heads)}
    text = "".join(said.get(name, "") for name in STORIES)
    data = text[:narrow].encode("cp1252") + text[narrow:].encode("utf-16-le", "surrogatepass")
    tables: dict[int, bytes] = {}
    pieces = [(0, struct.pack("<HIH", 0, 0x40000000 | 2 * FIRST_LETTER, 0))] if narrow else []
    pieces.append((narrow, struct.pack("<HIH", 0, FIRST_LETTER + narrow, 0)))
    grid = _grid(pieces, len(text))
    tables[33] = b"\2" + struct.pack("<I", len(grid)) + grid
    tables[31] = bytes([facing]).ljust(500, b"\0")
    if heads:
        ends = [0] * 7
        for each in heads:
            ends.append(ends[-1] + len(each))
        tables[11] = struct.pack(f"<{len(ends) + 1}I", *ends, 0)
    section = struct.pack("<HIHI", 0, PAGES + 512, 0, 0)
    tables[6] = _grid([(0, section)], len(text))
    tables[15] = struct.pack("<HH", len(fonts), 0) + b"".join(
        bytes([39 + 2 * len(each) + 2]) + bytes(39) + each.encode("utf-16-le") + b"\0\0" for each in fonts
    )
    runs: list[tuple[int, bytes]] = []
    for letters, properties in (formatted or {}).items():
        at = FIRST_LETTER + narrow + 2 * (text.index(letters) - narrow)
        runs += [(at, properties), (at + 2 * len(letters), b"")]
    page, end = bytearray(512), 511
    for number, (at, properties) in enumerate(runs):
        struct.pack_into("<I", page, 4 * number, at)
        if properties:
            end = (end - 1 - len(properties)) // 2 * 2
            page[end : end + 1 + len(properties)] = bytes([len(properties)]) + properties
            page[4 * (len(runs) + 1) + number] = end // 2
    struct.pack_into("<I", page, 4 * len(runs), 1 << 20)
    page[511] = len(runs)
    tables[12] = _grid([(FIRST_LETTER, struct.pack("<I", PAGES // 512))], PAGES)
    head, table = bytearray(FIRST_LETTER), b""
    struct.pack_into("<HH", head, 0, 0xA5EC, 0xC1)
    struct.pack_into("<H", head, 10, 0x0200 | flags)
    struct.pack_into("<8I", head, 76, *(len(said.get(name, "")) for name in STORIES))
    for which, each in tables.items():
        struct.pack_into("<II", head, 154 + 8 * which, len(table), len(each))
        table += each
    main = (bytes(head) + data).ljust(PAGES, b"\0") + bytes(page)
    main += (struct.pack("<HHB", 3, 0x300A, title)).ljust(512, b"\0")
    return ole2({"WordDocument": main, "1Table": table})

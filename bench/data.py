"""Data sets that the bench makes itself, always the same for one seed: A many small objects, B large files, C one wide object.

Files of A begin and end as real formats do: noise would send every file to the second identification tool, which no archive's
records do.
"""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Dataset", "large", "many", "wide"]

KIB, MIB = 1 << 10, 1 << 20

SMALL = 20 * KIB
TINY = 4 * KIB
LARGE = 100 * MIB


@dataclass(frozen=True)
class Dataset:
    """Objects (folders to be deposited one by one) below ``path``, how many files they hold in all, and how many bytes."""

    path: Path
    objects: tuple[Path, ...]
    files: int
    bytes: int


def _pdf(noise: bytes) -> bytes:
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n2 0 obj<</Length 0>>stream\n" + noise + b"\nendstream endobj\n%%EOF\n"


def _png(noise: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", noise) + chunk(b"IEND", b"")


def _jpeg(noise: bytes) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x01\x00\x48\x00\x48\x00\x00" + noise + b"\xff\xd9"


def _gif(noise: bytes) -> bytes:
    return b"GIF89a" + noise + b"\x00;"


def _tiff(noise: bytes) -> bytes:
    return b"II*\x00\x08\x00\x00\x00" + noise


def _xml(noise: bytes) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<record>' + noise.hex().encode()[: len(noise)] + b"</record>\n"


def _wav(noise: bytes) -> bytes:
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + fmt + b"data" + struct.pack("<I", len(noise)) + noise
    return b"RIFF" + struct.pack("<I", len(body)) + body


FORMATS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("pdf", _pdf),
    ("png", _png),
    ("jpg", _jpeg),
    ("gif", _gif),
    ("tif", _tiff),
    ("xml", _xml),
    ("wav", _wav),
)
"""Extension and how a file of it is made around some noise."""


def many(folder: Path, objects: int, seed: int = 1, files: int = 10, size: int = SMALL) -> Dataset:
    """``objects`` folders of ``files`` different files of about ``size`` bytes, in seven formats, names as offices give them."""
    chance = random.Random(seed)
    tops, total = [], 0
    for number in range(1, objects + 1):
        top = folder / f"ho-so-{number:05d}"
        top.mkdir(parents=True)
        tops.append(top)
        for each in range(files):
            extension, make = FORMATS[each % len(FORMATS)]
            data = make(chance.randbytes(size - 100))
            (top / f"văn bản {each + 1:02d}.{extension}").write_bytes(data)
            total += len(data)
    return Dataset(folder, tuple(tops), objects * files, total)


def large(folder: Path, count: int, seed: int = 2, size: int = LARGE) -> Dataset:
    """``count`` folders with one file of ``size`` bytes each."""
    chance = random.Random(seed)
    block = chance.randbytes(8 * MIB)
    tops = []
    for number in range(1, count + 1):
        top = folder / f"phim-{number:03d}"
        top.mkdir(parents=True)
        tops.append(top)
        with open(top / "phim.wav", "wb") as out:
            out.write(_wav(chance.randbytes(64)))
            while (left := size - out.tell()) > 0:
                out.write(block[:left])
    return Dataset(folder, tuple(tops), count, count * size)


def wide(folder: Path, files: int, seed: int = 3, size: int = TINY) -> Dataset:
    """One folder of ``files`` files of about ``size`` bytes, 1,000 in each folder of it."""
    chance = random.Random(seed)
    top, total = folder / "ho-so-lon", 0
    for number in range(files):
        if number % 1000 == 0:
            inner = top / f"{number // 1000:04d}"
            inner.mkdir(parents=True)
        extension, make = FORMATS[number % len(FORMATS)]
        data = make(chance.randbytes(size - 100))
        with open(os.path.join(inner, f"{number:07d}.{extension}"), "wb") as out:
            out.write(data)
        total += len(data)
    return Dataset(folder, (top,), files, total)

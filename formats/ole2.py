"""OLE2 files (MS-CFB): the names of what they hold, and the bytes of single streams."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["MAGIC", "Unfollowed", "first_sector", "names_in", "read_stream", "stream_names"]

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

ENTRY: Final = 128
"""Bytes of a directory entry (2.6.1); the name stands first, in UTF-16, its length in bytes at 64."""

SMALL, CUTOFF = 64, 4096
"""Bytes of a small sector; of a stream from which on it has sectors of its own (2.2)."""

LAST: Final = 0xFFFFFFFA
END: Final = 0xFFFFFFFE
"""Sector numbers from here on are none (MAXREGSECT, 2.1); that of them which ends a chain."""

MOST_SECTORS: Final = 4096
"""Sectors of a directory that are read: some 16,000 entries, where an office document has dozens."""


class Unfollowed(ValueError):
    """The directory leads nowhere, or further than it is followed, or a name in it is not as long as it says: there may be more in it."""


def stream_names(path: Path) -> frozenset[str]:
    """Names of the streams and storages, as far as the directory can be followed; none for a file of another kind. Raises OSError."""
    found: set[str] = set()
    with path.open("rb") as stream, contextlib.suppress(Unfollowed):
        found.update(names_in(stream))
    return frozenset(found)


def names_in(stream: BinaryIO) -> Iterator[str]:
    """The same, one after the other. Raises Unfollowed, when all others were told; OSError."""
    stream.seek(0)
    head = stream.read(512)
    if not head.startswith(MAGIC):
        return
    lost = False
    try:
        for sector in _directory(stream, head):
            for name in _names(sector):
                if name is None:
                    lost = True
                else:
                    yield name
    except (struct.error, ValueError) as error:
        raise Unfollowed from error
    if lost:
        raise Unfollowed


def first_sector(path: Path, name: str) -> bytes:
    """The first sector of a stream, or of one that is so small that it lies among others (2.4) as much as a sector; nothing where there is
    none. Raises OSError."""
    with path.open("rb") as stream, contextlib.suppress(Unfollowed, struct.error, ValueError):
        head = stream.read(512)
        found = _find(stream, head, name)
        if found is not None and found.length < CUTOFF:
            return _small(stream, head, found, min(found.length, _size(head)))
        return _sector(stream, found.first, _size(head)) if found is not None and found.first < LAST else b""
    return b""


def read_stream(path: Path, name: str, most: int) -> bytes | None:
    """A stream, whole; None where there is none. Raises Unfollowed where its end is not reached, or it is longer than ``most``; OSError."""
    with path.open("rb") as stream:
        head = stream.read(512)
        try:
            found = _find(stream, head, name)
            if found is None:
                return None
            if found.length > most:
                raise Unfollowed
            if found.length < CUTOFF:
                data = _small(stream, head, found, found.length)
            else:
                count = -(-found.length // _size(head))
                data = b"".join(islice(_sectors(stream, head, found.first, count + 1), count))[: found.length]
        except (struct.error, ValueError) as error:
            raise Unfollowed from error
    if len(data) < found.length:
        raise Unfollowed
    return data


@dataclass(frozen=True, slots=True)
class _Stream:
    """Where a stream begins, and its bytes; ``root`` is the sector from which on small ones lie."""

    first: int
    length: int
    root: int


def _find(stream: BinaryIO, head: bytes, name: str) -> _Stream | None:
    """A stream by its name. Raises Unfollowed, struct.error, ValueError."""
    root = -1
    for sector in _directory(stream, head) if head.startswith(MAGIC) else ():
        for start in range(0, len(sector) - ENTRY + 1, ENTRY):
            first, length = struct.unpack_from("<IQ", sector, start + 116)
            root = first if root < 0 else root  # the first entry is the root's
            if sector[start : start + 64].decode("utf-16-le", "replace").partition("\0")[0] == name:
                return _Stream(first, length & 0xFFFFFFFF, root)
    return None


def _small(stream: BinaryIO, head: bytes, which: _Stream, length: int) -> bytes:
    """The first ``length`` bytes of a small stream, whose small sectors lie among those from ``root`` on."""
    size, number = _size(head), which.first
    (table,) = struct.unpack_from("<I", head, 60)
    found = b""
    for _ in range(-(-length // SMALL)):
        if number >= LAST:
            break
        place, within = divmod(number * SMALL, size)
        found += _nth(stream, head, which.root, place)[within : within + SMALL]
        place, within = divmod(4 * number, size)
        (number,) = struct.unpack_from("<I", _nth(stream, head, table, place), within)
    return found[:length]


def _directory(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    """The sectors of the directory."""
    (first,) = struct.unpack_from("<I", head, 48)
    return _sectors(stream, head, first)


def _nth(stream: BinaryIO, head: bytes, first: int, number: int) -> bytes:
    """The ``number``-th sector of the chain that begins with ``first``; nothing where that ends before. Raises Unfollowed."""
    return next(islice(_sectors(stream, head, first), number, None), b"")


def _sectors(stream: BinaryIO, head: bytes, sector: int, most: int = MOST_SECTORS) -> Iterator[bytes]:
    """The sectors of a chain, from ``sector`` on. Raises Unfollowed at the end of one that is cut off, or longer than it is followed."""
    size = _size(head)
    for _ in range(most):
        if sector >= LAST:
            break
        found = _sector(stream, sector, size)
        yield found
        if len(found) < size:  # the end of the file: to look up what follows there may cost any number of reads
            break
        sector = _next(stream, head, sector, size)
    if sector != END:
        raise Unfollowed


def _size(head: bytes) -> int:
    """Bytes of a sector. Raises Unfollowed."""
    (shift,) = struct.unpack_from("<H", head, 30)
    if shift not in (9, 12):
        raise Unfollowed
    return 1 << int(shift)


def _sector(stream: BinaryIO, number: int, size: int) -> bytes:
    stream.seek((number + 1) * size)
    return stream.read(size)


def _next(stream: BinaryIO, head: bytes, sector: int, size: int) -> int:
    """The sector after this one, by the allocation table (2.3), whose sectors are listed in the header and, for large files, in a chain of
    their own (2.5)."""
    each = size // 4
    table = sector // each
    if table < 109:
        (place,) = struct.unpack_from("<I", head, 76 + 4 * table)
    else:
        place = _listed(stream, head, table - 109, size)
    if place >= LAST:
        raise ValueError("no such sector")
    (following,) = struct.unpack_from("<I", _sector(stream, place, size), 4 * (sector % each))
    return int(following)


def _listed(stream: BinaryIO, head: bytes, number: int, size: int) -> int:
    """Where the ``number``-th sector of the table lies that the header does not list."""
    each = size // 4 - 1
    (sector,) = struct.unpack_from("<I", head, 68)
    for _ in range(number // each):
        if sector >= LAST:
            raise ValueError("no such sector")
        (sector,) = struct.unpack_from("<I", _sector(stream, sector, size), size - 4)
    (place,) = struct.unpack_from("<I", _sector(stream, sector, size), 4 * (number % each))
    return int(place)


def _names(sector: bytes) -> Iterator[str | None]:
    """None for a name that is not as long as it says: programs take it in more than one way."""
    for start in range(0, len(sector) - ENTRY + 1, ENTRY):
        (length,) = struct.unpack_from("<H", sector, start + 64)
        if not sector[start + 66]:  # an entry in use has a type
            continue
        name, end, _ = sector[start : start + 64].decode("utf-16-le", "replace").partition("\0")
        yield name if end and length == len(name.encode("utf-16-le")) + 2 else None

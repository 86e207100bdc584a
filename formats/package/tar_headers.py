"""The headers of a tar, read by Python's tarfile within bounds: what somebody wrote to keep it busy is told before it gets to see it.

tarfile reads ustar, GNU, PAX and sparse files, which is much to do again. But headers that stand before one another it reads by calling
itself, it goes through the records of PAX in time that is the square of their length (CVE-2024-6232), and it believes every size.
"""

from __future__ import annotations

import re
import struct
import tarfile
import zlib
from typing import Any, BinaryIO, Final, Protocol

from formats.package.defects import Hostile
from formats.package.limits import HEADER_BYTES
from policies.phrases import phrase

__all__ = ["BAD_TAR", "HEADERS", "Forward", "next_member", "opened_tar"]

BUFFER: Final = 1 << 16
"""Bytes that are read at a time."""

HEADERS: Final = 4 * HEADER_BYTES
"""Bytes that may stand before one member's data: its headers and its sparse map, which are held in memory."""

MOST_NESTED: Final = 32
"""Headers before that of one member: a long name, a long link, a PAX header of its own and one for all that follow are four."""

MOST_GLOBAL: Final = 1 << 16
MOST_KEYS: Final = 200
"""Bytes, and keys, of what PAX says of all members that follow, which each of them is told again. git writes one key."""

MOST_PIECES: Final = 20_000
"""Pieces of a sparse file."""

BAD_TAR: Final = (
    tarfile.TarError,
    ArithmeticError,
    LookupError,
    ValueError,
    TypeError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What tarfile raises over what is written in a tar: of memory and of the medium it is no word."""

_PAX: Final = frozenset({b"x", b"g", b"X"})
_HEADER_TYPES: Final = _PAX | {b"L", b"K"}
_LENGTH = re.compile(rb"([0-9]{1,7}) ")
_DIGITS = re.compile(rb"[0-9]{100}")
"""More than any number has. tarfile looks for words behind digits, again from each of them."""


class Bytes(Protocol):
    """What gives the bytes of an archive one after the other, fewer than asked for only at the end."""

    def read(self, size: int, /) -> bytes: ...


class Forward:
    """The bytes of a tar for tarfile, read forward only, which may not read further than ``allowed``; and what comes next can be looked at.
    Where the tar lies in a file up to the place ``end`` of it, and ``place`` is where it begins, what is not wanted is not read.

    ``read`` and ``seek`` raise Hostile.
    """

    def __init__(self, file: Bytes, place: int = 0, end: int = -1) -> None:
        self._file, self._place, self._end = file, place, end
        self._ahead, self._at = b"", 0
        self.position = 0
        self.allowed = HEADERS

    def tell(self) -> int:
        return self.position

    def seek(self, to: int) -> int:
        if to < self.position:
            raise tarfile.StreamError("backwards")
        held = len(self._ahead) - self._at
        if self._end >= 0 and to - self.position > held:
            self._file.seek(min(self._place + to, self._end))  # type: ignore[attr-defined]
            self._ahead, self._at, self.position = b"", 0, to
        while self.position < to and self.read(min(to - self.position, 1 << 20)):
            pass
        return self.position

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only at the end."""
        if self.position > self.allowed:
            raise Hostile("PKG-HEADER-LARGE", size=self.position - self.allowed + HEADERS, limit=HEADERS)
        held = len(self._ahead) - self._at
        if held < size:
            self._fill(size)
        data = self._ahead[self._at : self._at + size]
        self._at += len(data)
        self.position += len(data)
        return data

    def peek(self, size: int) -> bytes:
        """What the next ``read`` gives."""
        if len(self._ahead) - self._at < size:
            self._fill(size)
        return self._ahead[self._at : self._at + size]

    def behind(self) -> int:
        """How many of the next bytes are no zeros, in the piece in which there are any: after the end mark there is nothing
        (POSIX pax, "ustar Interchange Format"), and other bytes would be lost."""
        while True:
            self.allowed = self.position + HEADERS
            rest = self.read(BUFFER)
            if not rest or rest.count(0) != len(rest):
                return len(rest.strip(b"\0"))

    def _fill(self, size: int) -> None:
        parts = [self._ahead[self._at :]]
        missing = size - len(parts[0])
        while missing > 0 and (part := self._file.read(max(missing, BUFFER))):
            # And no further: what is sound before a defect is given first.
            parts.append(part)
            missing -= len(part)
        self._ahead, self._at = b"".join(parts), 0


class _Tar(tarfile.TarFile):
    """``nested`` is how many headers stand before the one that is read."""

    nested = 0


class _Header(tarfile.TarInfo):
    """A header that says what is wrong with it instead of ending the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-negative"))
        if header.type in _HEADER_TYPES and header.size > HEADER_BYTES:
            raise Hostile("PKG-HEADER-LARGE", size=header.size, limit=HEADER_BYTES)
        return header

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            match type(error).__name__:
                case "EOFHeaderError":  # a block of zeros: the end, as it should be
                    raise
                case "EmptyHeaderError" | "TruncatedHeaderError":
                    raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("tar-no-end")) from error
                case _:
                    raise _damaged() from error

    def _proc_member(self, tar: Any) -> _Header:
        """What tarfile calls for each header, which reads those of the same member that follow."""
        if self.type in _PAX:
            self._check_pax(tar)
        tar.nested += 1
        try:
            if tar.nested > MOST_NESTED:
                raise Hostile("PKG-HEADER-LARGE", size=tar.nested * tarfile.BLOCKSIZE, limit=MOST_NESTED * tarfile.BLOCKSIZE)
            found: _Header = super()._proc_member(tar)  # type: ignore[misc]
        finally:
            tar.nested -= 1
        found._check()
        return found

    def _check_pax(self, tar: Any) -> None:
        """That the records are such (POSIX pax, "Extended Header"): each as long as it says, with a key, a value and an end."""
        data = tar.fileobj.peek(self.size)
        all_ = self.type == b"g"
        if all_ and (len(data) > MOST_GLOBAL or len(tar.pax_headers) > MOST_KEYS):
            raise Hostile("PKG-HEADER-LARGE", size=len(data), limit=MOST_GLOBAL)
        at = 0
        while at < len(data) and data[at]:
            found = _LENGTH.match(data, at)
            end = at + int(found[1]) if found else 0
            if found is None or end <= found.end() or end > len(data) or data[end - 1 : end] != b"\n":
                raise _damaged()
            if data.find(b"=", found.end(), end) <= found.end():
                raise _damaged()
            at = end
        if _DIGITS.search(data):
            raise _damaged()

    def _check(self) -> None:
        """That sizes can be such, and that the pieces of a sparse file follow one another."""
        pieces: list[tuple[int, int]] = self.sparse or []  # type: ignore[assignment]
        if len(pieces) > MOST_PIECES:
            raise Hostile("PKG-HEADER-LARGE", size=len(pieces), limit=MOST_PIECES)
        while pieces and pieces[-1] == (0, 0):
            # GNU's own headers have room for four pieces (21 in each that follows); what is not used is left empty.
            pieces.pop()
        last = 0
        for offset, size in pieces:
            if offset < last or size < 0:
                raise _damaged()
            last = offset + size
        if not 0 <= self.size < 1 << 62 or last >= 1 << 62:
            raise _damaged()


def _damaged() -> Hostile:
    return Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-header"))


def opened_tar(file: Forward | BinaryIO) -> tarfile.TarFile:
    """The tar that ``file`` begins with. Raises Hostile; OSError as it is. So does `next_member`, and reading a member what is in
    `BAD_TAR`, too."""
    try:
        return _Tar(
            fileobj=file,  # type: ignore[arg-type]
            mode="r",
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except BAD_TAR as error:
        raise _damaged() from error


def next_member(tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next member of a tar, of which those before are forgotten; None at its end."""
    try:
        member = tar.next()
    except BAD_TAR as error:
        raise _damaged() from error
    tar.members.clear()  # type: ignore[attr-defined]
    return member

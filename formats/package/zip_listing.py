"""The members that a zip lists, for looking into it: nothing depends on whether other programs would read it as it is read here.

So two of one name are two, and bytes that belong to no member are passed over; `zip_members` is for what is signed.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, Final

from formats.package.defects import Defect
from formats.package.limits import Limits
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.zip_directory import ZipDirectory, ZipEntry
from formats.package.zip_members import BadZip, MemberStream
from formats.package.zips import Member, data_start, refuse_encrypted
from policies.findings import Findings

__all__ = ["MOST_LISTED", "ListedMembers"]

MOST_LISTED: Final = 50_000
"""Members that are read. Each has its account of work besides."""


class ListedMembers:
    """The members of the zip at ``path``, in the order of its directory; folders are passed over. ``more``: there are more than are read. A
    context, in which the file stays open.

    Raises:
        BadZip: it has no directory that can be read.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._size, self.more = path, path.stat().st_size, False
        self._entries: list[ZipEntry] = []
        self._file = path.open("rb")
        try:
            self._directory = ZipDirectory(self._file, self._size, Findings())
            for entry in self._directory.entries():
                if len(self._entries) == MOST_LISTED:
                    self.more = True
                    break
                if not entry.name.endswith(b"/") or entry.size:
                    self._entries.append(entry)
        except BaseException as error:
            self._file.close()
            if isinstance(error, Defect):
                raise BadZip(error.finding) from error
            raise
        self.names = [entry.name for entry in self._entries]
        """By number."""
        self._numbers: dict[bytes, int] = {}
        for number, name in enumerate(self.names):
            self._numbers.setdefault(name, number)

    def __enter__(self) -> ListedMembers:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def number(self, name: bytes) -> int | None:
        """The first member of that name."""
        return self._numbers.get(name)

    def size(self, number: int) -> int:
        return self._entries[number].size

    def read(self, number: int) -> bytes:
        """A member that is not large. Raises `BadZip`: it is enciphered, or damaged."""
        try:
            member, data = self._member(self._file, number), []
            while chunk := member.read():
                data.append(chunk)
        except Defect as bad:
            raise BadZip(bad.finding) from bad
        return b"".join(data)

    def opened(self, number: int) -> BinaryIO:
        """A member as a stream, which stays open when this is closed. Raises `BadZip`, here and where it is read, as `read`."""
        file = self._path.open("rb")
        try:
            member = self._member(file, number)
        except Defect as bad:
            file.close()
            raise BadZip(bad.finding) from bad
        return io.BufferedReader(MemberStream(file, member))

    def _member(self, file: BinaryIO, number: int) -> Member:
        entry = self._entries[number]
        shown = shown_name(entry.name)
        refuse_encrypted(entry, shown)
        file.seek(data_start(file, self._directory, entry, shown))
        return Member(file, entry, shown, Meter(Limits(), 0))

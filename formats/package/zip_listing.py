"""The members that a zip lists, for looking into it: nothing depends on whether other programs would read it as it is read here.

So two of one name are two, and bytes that belong to no member are passed over; `zip_members` is for what is signed.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from formats.package.defects import Defect
from formats.package.limits import Limits
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.zip_directory import ZipDirectory, ZipEntry
from formats.package.zip_members import MOST_MEMBERS, BadZip, MemberStream
from formats.package.zips import Member, data_start, refuse_encrypted
from policies.findings import Findings

__all__ = ["ListedMembers"]


class ListedMembers:
    """The members of the zip at ``path``, in the order of its directory; folders are passed over. ``more``: there are more than are read.

    Raises:
        BadZip: it has no directory that can be read.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._size, self.more = path, path.stat().st_size, False
        self._entries: list[ZipEntry] = []
        with path.open("rb") as file:
            try:
                self._directory = ZipDirectory(file, self._size, Findings())
                for entry in self._directory.entries():
                    if len(self._entries) == MOST_MEMBERS:
                        self.more = True
                        break
                    if not entry.name.endswith(b"/") or entry.size:
                        self._entries.append(entry)
            except Defect as bad:
                raise BadZip(bad.finding) from bad
        self._numbers: dict[bytes, int] = {}
        for number, entry in enumerate(self._entries):
            self._numbers.setdefault(entry.name, number)

    @property
    def names(self) -> list[bytes]:
        """By number."""
        return [entry.name for entry in self._entries]

    def number(self, name: bytes) -> int | None:
        """The first member of that name."""
        return self._numbers.get(name)

    def size(self, number: int) -> int:
        return self._entries[number].size

    def opened(self, number: int) -> BinaryIO:
        """A member as a stream. Raises `BadZip`, here and where it is read: it is enciphered, or damaged."""
        entry = self._entries[number]
        shown = shown_name(entry.name)
        file = self._path.open("rb")
        try:
            refuse_encrypted(entry, shown)
            file.seek(data_start(file, self._directory, entry, shown))
            member = Member(file, entry, shown, Meter(Limits(), 0))
        except Defect as bad:
            file.close()
            raise BadZip(bad.finding) from bad
        return io.BufferedReader(MemberStream(file, member))

"""The members of one zip, read where they lie: for files that are a zip and stay one (office documents, signature containers).

Stricter than unpacking: whatever two readers could take differently (a name twice, bytes that belong to no member, headers that disagree)
makes the whole file one that is not read, because a signature over it would mean one thing here and another there.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from weakref import WeakKeyDictionary

from formats.package.defects import Defect, Hostile
from formats.package.entries import entry_name
from formats.package.limits import Limits
from formats.package.meter import Meter
from formats.package.names import shown_name, twin_names
from formats.package.zip_directory import ZipDirectory, ZipEntry
from formats.package.zip_extra import local_extra, says_more
from formats.package.zips import Member, check_end, data_start, refuse_encrypted
from policies.findings import Finding, Findings, said

__all__ = ["MOST_MEMBERS", "BadZip", "MemberStream", "ZipMembers", "ends_as_zip", "may_end_as_zip", "named_members", "zip_names"]

MOST_MEMBERS: Final = 20_000
"""Members of such a file: an office document has dozens, the largest signature containers a few thousand."""

RATIO_FLOOR: Final = 64 << 20
"""Unpacked bytes below which no ratio is reckoned. Members are hashed where they lie, which takes a second for half a gigabyte."""

_END: Final = (1 << 16) + 22
"""Bytes of the end of a file in which the last record of a directory begins, with the longest comment."""

_DOS_FOLDER: Final = 0x10
"""FILE_ATTRIBUTE_DIRECTORY among the lower attributes of an entry."""

LIMITS: Final = Limits(items=MOST_MEMBERS, ratio_floor=RATIO_FLOOR)


class BadZip(ValueError):
    """The file, or one member of it, is not what a zip must be. ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(said(finding, code=False))


class ZipMembers:
    """The members of the zip at ``path``, by name; folders are passed over. Every use opens the file anew: nothing is kept open.

    Raises:
        BadZip: it is none that is read.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._places: dict[str, tuple[ZipEntry, int]] = {}
        self._comment, self._commented, self._extra = b"", False, False
        self._folders: list[str] = []
        findings = Findings()
        with path.open("rb") as file:
            try:
                self._survey(file, findings)
            except Defect as bad:
                raise BadZip(bad.finding) from bad
        for finding in findings:
            raise BadZip(finding)

    def _survey(self, file: BinaryIO, findings: Findings) -> None:
        directory = ZipDirectory(file, self._size, findings)
        if directory.count > MOST_MEMBERS:
            raise Hostile("PKG-TOO-MANY", limit=MOST_MEMBERS)
        directory.survey()
        self._comment = directory.comment
        meter = Meter(LIMITS, self._size)
        total = 0
        taken: set[bytes] = set()
        for entry in directory.entries():
            shown = shown_name(entry.name)
            if entry.name not in (entry.raw, entry.raw.decode("cp437").encode()):  # few readers know of the second name
                raise Hostile("PKG-HEADERS-DISAGREE", shown, field="name")
            if entry.name.endswith(b"/") and entry.size:  # and few of what lies in a folder's own entry
                raise Hostile("PKG-HEADERS-DISAGREE", shown, field="size")
            start = data_start(file, directory, entry, shown)
            check_end(file, directory, entry, start + entry.packed, shown, findings)
            total += entry.size
            meter.entry(entry.name, total)
            name = entry_name(entry.name.removesuffix(b"/"), backslash=False).decode("utf-8", "replace")
            twins = twin_names(name)
            # Readers of office files know no difference of case (ECMA-376-2, 6.2.2.3), nor people of normal forms and alphabets.
            if not taken.isdisjoint(twins):
                raise Hostile("PKG-DUPLICATE", shown)
            taken |= twins
            self._commented = self._commented or bool(entry.comment)
            self._extra = self._extra or says_more(entry.extra) or says_more(local_extra(file, entry))
            _refuse_special(entry, shown)
            if entry.name.endswith(b"/"):
                self._folders.append(name + "/")
            else:
                refuse_encrypted(entry, shown)
                self._places[name] = entry, start

    @property
    def names(self) -> list[str]:
        """The names of all members, in the order of the directory."""
        return list(self._places)

    def size(self, name: str) -> int:
        return self._places[name][0].size

    def packed(self, name: str) -> int:
        return self._places[name][0].packed

    @property
    def comment(self) -> bytes:
        """What the zip says of itself as a whole."""
        return self._comment

    @property
    def commented(self) -> bool:
        """Whether it says something of one of its members."""
        return self._commented

    @property
    def extra(self) -> bool:
        """Whether a field of one of its members says something that is neither its name, its size, a time nor an owner."""
        return self._extra

    @cached_property
    def bare_folders(self) -> list[str]:
        """The folders in which no member lies, with a slash: nothing tells of them but their own entries."""
        held: set[str] = set()
        for each in self._places:
            while (each := each.rpartition("/")[0]) and each not in held:
                held.add(each)
        return [each for each in self._folders if each.removesuffix("/") not in held]

    @cached_property
    def total(self) -> int:
        """The sizes of all members together."""
        return sum(entry.size for entry, _ in self._places.values())

    def find(self, name: str) -> Callable[[], BinaryIO] | None:
        """What opens the member ``name``, equal for equal names; None when there is none. The stream raises `BadZip` where the member is
        damaged."""
        return _Opener(self, name) if name in self._places else None

    def read(self, name: str, most: int) -> bytes:
        """A member that must be small. Raises `BadZip`: it is longer than ``most``, or damaged; KeyError: there is none."""
        if self.size(name) > most:
            raise BadZip(Finding("PKG-FILE-TOO-LARGE", name, {"size": self.size(name), "limit": most}))
        with self.opened(name) as stream:
            return stream.read()

    def opened(self, name: str) -> BinaryIO:
        """The member ``name`` as a stream. Raises `BadZip`; KeyError: there is none."""
        entry, start = self._places[name]
        file = self._path.open("rb")
        file.seek(start)
        try:
            member = Member(file, entry, name, Meter(LIMITS, self._size))
        except Defect as bad:
            file.close()
            raise BadZip(bad.finding) from bad
        return io.BufferedReader(MemberStream(file, member))


def _refuse_special(entry: ZipEntry, shown: str) -> None:
    """Refuse what some programs unpack as something else than a file, or than the folder that its name says."""
    kind = stat.S_IFMT(entry.attributes >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Hostile("PKG-LINK" if kind == stat.S_IFLNK else "PKG-SPECIAL-FILE", shown)
    if not entry.name.endswith(b"/") and (kind == stat.S_IFDIR or entry.attributes & _DOS_FOLDER):
        raise Hostile("PKG-FILE-AND-FOLDER", shown)


@dataclass(frozen=True)
class _Opener:
    members: ZipMembers
    name: str

    def __call__(self) -> BinaryIO:
        return self.members.opened(self.name)


class MemberStream(io.RawIOBase):
    """A member as a stream; closing it closes the ``file``."""

    def __init__(self, file: BinaryIO | None, member: Member) -> None:
        super().__init__()
        self._file, self._member = file, member

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._member.read(len(buffer))
        except Defect as bad:
            raise BadZip(bad.finding) from bad
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def named_members(file: BinaryIO, size: int, wanted: Callable[[str], bool]) -> Iterator[BinaryIO]:
    """Every member whose name is wanted, read without looking at the others, one after the other. Raises BadZip, here and where it is
    read; OSError as it is."""
    try:
        directory = ZipDirectory(file, size, Findings())
        found = [entry for entry in directory.entries() if wanted(entry.name.decode("utf-8", "replace"))]
        for entry in found:
            shown = shown_name(entry.name)
            refuse_encrypted(entry, shown)
            file.seek(data_start(file, directory, entry, shown))
            yield io.BufferedReader(MemberStream(None, Member(file, entry, shown, Meter(LIMITS, size))))
    except Defect as bad:
        raise BadZip(bad.finding) from bad


def zip_names(file: BinaryIO, size: int) -> list[str] | None:
    """The names in the directory of a zip, read without looking at its members; None when it has no directory that can be read. A file that
    stays open is read once, however often it is asked for: nobody changes it meanwhile.

    For telling what kind of file it is; OSError as it is."""
    if not may_end_as_zip(file, size):  # as nearly every file
        return None
    if file not in _NAMES:
        _NAMES[file] = _read_names(file, size)
    return _NAMES[file]


def may_end_as_zip(file: BinaryIO, size: int) -> bool:
    """Whether the record with which a zip ends stands near the end of a file, as in few others. It is looked for once in a file that stays
    open."""
    return _end_of(file, size).record


def ends_as_zip(file: BinaryIO, size: int) -> bool:
    """Whether a file ends with what seems the end of a directory, which may be damaged. For telling what kind of file it is."""
    return _end_of(file, size).entry


class _End(NamedTuple):
    """What stands near the end of a file: the last record of a zip, and an entry of its directory, too."""

    record: bool
    entry: bool


_NAMES: WeakKeyDictionary[BinaryIO, list[str] | None] = WeakKeyDictionary()
"""The names in the zips that are open."""

_ENDS: WeakKeyDictionary[BinaryIO, _End] = WeakKeyDictionary()
"""The ends of the files that are open."""


def _end_of(file: BinaryIO, size: int) -> _End:
    found = _ENDS.get(file)
    if found is None:
        file.seek(max(0, size - _END))
        end = file.read(_END)
        record = end.rfind(b"PK\5\6") >= 0  # a third of the time that `in` takes, where there is none
        found = _ENDS[file] = _End(record, record and b"PK\1\2" in end)
    return found


def _read_names(file: BinaryIO, size: int) -> list[str] | None:
    try:
        directory = ZipDirectory(file, size, Findings())
        return [entry.name.decode("utf-8", "replace") for entry in directory.entries()]
    except Defect:
        return None

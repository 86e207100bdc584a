"""The ledger's open day: events that no closed day holds yet are copied to other tiers every few minutes, so that a catalog that is lost
loses minutes.

The same place may hold what a catalog that was lost had copied. Numbers of events begin again with every catalog, so that a file counts
as a copy for its own catalog only: its name carries a mark that no other catalog makes.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from policies.findings import KhoError
from policies.phrases import os_phrase
from repository.archive import Archive
from repository.catalog import PEOPLE, PERSON, EventRow, event_row
from repository.ledger.days import event_of_line, line_of
from repository.ledger.verifier import BROKEN, written
from repository.model import Event
from storage import durable
from storage.ocfl.tier import LocalTier
from storage.tier import Tier

__all__ = [
    "OPEN_COPIES",
    "OpenFile",
    "OpenPart",
    "PartRead",
    "Told",
    "copy_open_day",
    "forget_open",
    "is_sound",
    "open_copies",
    "open_files",
    "read_part",
]

T = TypeVar("T")

OPEN_COPIES = 2
"""Tiers that hold a copy of the day that is still open, besides the catalog."""

CATALOG = "kho:catalog"
"""The name whose salt stands for the catalog itself: it is drawn once in a catalog's life, and no person is called so."""

ASKED = 500
"""Event ids that the catalog is asked for at a time."""

PART_BYTES = 1 << 19
"""Bytes of lines that are read together: about a thousand events, some megabytes of memory."""


class Told:
    """Events as the ledger tells them: software by its name, people (who did it, or asked for it) by a digest."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[str, str] = {}

    def told(self, event: Event) -> Event:
        asker = str(event.detail.get("asked_by", ""))
        if not (event.agent.startswith(PEOPLE) or asker):
            return event
        detail = {**event.detail, "asked_by": self._digest(asker)} if asker else event.detail
        agent = self._digest(event.agent) if event.agent.startswith(PEOPLE) else event.agent
        return Event(  # dataclasses.replace takes three times as long, and a report tells a million
            event.id,
            event.type,
            event.time,
            agent,
            event.outcome,
            event.aip_id,
            event.aip_version,
            event.deposit_id,
            event.tier,
            detail,
        )

    def _digest(self, name: str) -> str:
        if name.startswith(PERSON):
            return name  # it came back from a ledger, and nobody knows more
        if name not in self._known:
            salt = self._archive.catalog.days.salts([name])[name]
            digest = hashlib.sha256(salt + name.encode("utf-8", "surrogatepass")).hexdigest()
            self._known[name] = f"{PERSON}{digest[:32]}"
        return self._known[name]


_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})",')


def open_line(number: int, event: Event) -> bytes:
    """A line of the open day, without its end: as in a segment, and ``sha256`` over that. A segment has its head; this has nothing else
    that would tell of damage."""
    line = line_of(number, event)
    # In the order of keys it stands before "tier" or "time"; after these come plain values only, in which a quotation mark is escaped.
    place = line.rindex(b',"tier":' if event.tier else b',"time":')
    return b'%b,"sha256":"%b"%b' % (line[:place], hashlib.sha256(line).hexdigest().encode(), line[place:])


def is_sound(line: bytes) -> bool:
    """Whether a line with its end is what was written."""
    for found in _DIGEST.finditer(line):  # ours is the last, but a line that has none may have one in its detail
        told = line[: found.start()] + line[found.end() : -1]
        if line.endswith(b"\n") and hashlib.sha256(told).hexdigest().encode() == found[1]:
            return True
    return _is_old(line)


def _is_old(line: bytes) -> bool:
    """Lines without ``sha256`` are of older copies: they must be exactly what is written for their event at least."""
    try:
        row = json.loads(line)
        return line == line_of(row["n"], event_of_line(row)) + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def event_of_open(line: bytes) -> Event | None:
    """The event of a line with its end; None when the line is not what was written, or no event."""
    row = row_of_open(line)
    return None if row is None else event_of_row(row)


def row_of_open(line: bytes) -> Mapping[str, Any] | None:
    """The members of a line with its end, none of a line that is no event; None when the line is not what was written, or not as
    lines are always written: of two equal names another reader might take the other."""
    if not is_sound(line):
        return None
    try:
        row = written(line)
    except BROKEN:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("id"), str) else {}


def event_of_row(row: Mapping[str, Any]) -> Event | None:
    """The event of what `row_of_open` gives; None when it is none."""
    try:
        return event_of_line(row)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class OpenPart:
    """Whole lines of one file: its bytes from ``start`` to ``end``."""

    file: OpenFile
    start: int
    end: int


@dataclass(slots=True)
class PartRead:
    """What some lines of an open day say: the events as their rows in the catalog; how many lines are as they were written, how many are
    not, and why the rest of them could not be read."""

    rows: list[EventRow] = field(default_factory=list)
    sound: int = 0
    altered: int = 0
    unread: str = ""


def read_part(part: OpenPart) -> PartRead:
    """Some lines of an open day."""
    read = PartRead()
    try:
        for line in part.file.lines(part.start, part.end):
            row = row_of_open(line)
            if row is None:
                read.altered += 1
                continue
            read.sound += 1
            with contextlib.suppress(TypeError, AttributeError):  # values of a kind that no event has: no event of ours
                if event := event_of_row(row):
                    read.rows.append(event_row(event))
    except OSError as error:
        read.unread = os_phrase(error)
    return read


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One file of an open day: events ``first`` to ``last`` of the catalog that ``mark`` stands for ("" in older copies)."""

    first: int
    last: int
    mark: str
    path: Path

    def events(self) -> Iterator[Event | None]:
        """Its events; None for each line that is not as it was written. Raises OSError."""
        with open(self.path, "rb") as stream:
            yield from map(event_of_open, stream)

    def lines(self, start: int, end: int) -> Iterator[bytes]:
        """The lines, with their ends, that begin from ``start`` on and before ``end``. Raises OSError."""
        with open(self.path, "rb") as stream:
            stream.seek(start)
            for line in stream:
                yield line
                start += len(line)
                if start >= end:
                    return

    def parts(self) -> list[OpenPart]:
        """All its lines, some `PART_BYTES` of them at a time. Raises OSError."""
        ends = [0]
        with open(self.path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            while ends[-1] < size:
                stream.seek(min(ends[-1] + PART_BYTES, size))
                stream.readline()  # the rest of the line in which that lies
                ends.append(stream.tell())
        return [OpenPart(self, start, end) for start, end in itertools.pairwise(ends)]

    def sound(self) -> Iterator[bool]:
        """Of each line, whether it is as it was written. Raises OSError."""
        with open(self.path, "rb") as stream:
            yield from map(is_sound, stream)

    def digest(self) -> bytes:
        """SHA-256 of the whole file. Raises OSError."""
        with open(self.path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()


def open_files(tier: Tier) -> list[OpenFile]:
    """What a tier holds of open days, in order; none on tiers that are no local folders."""
    found = []
    if isinstance(tier, LocalTier):
        for each in (Path(tier.path) / "ledger").glob("*-*.ndjson"):
            first, last, mark = (*each.stem.split("-"), "")[:3]
            if first.isdecimal() and last.isdecimal():
                found.append(OpenFile(int(first), int(last), mark, each))
    return sorted(found, key=lambda file: (file.first, file.last, file.mark))


def open_copies(archive: Archive) -> int:
    """How many tiers the open day is copied to, where all of them can be written."""
    return min(OPEN_COPIES, sum(isinstance(tier, LocalTier) for tier in archive.tiers.values()))


def copy_open_day(archive: Archive) -> dict[str, int]:
    """Copy events that are in no sealed day yet to `OPEN_COPIES` tiers, outside their storage roots: tier → events copied now.

    One file a call and tier (``<tier>/ledger/<first>-<last>-<mark>.ndjson``); where tiers lack the same events, these are told once.
    """
    unsealed, last = archive.catalog.days.unsealed(), archive.catalog.days.last()
    since = unsealed[0].first if unsealed else last.last + 1 if last else 1
    copied: dict[str, int] = {}
    waiting = iter([tier for tier in archive.tiers.values() if isinstance(tier, LocalTier)])
    while len(copied) < OPEN_COPIES and (tried := list(islice(waiting, OPEN_COPIES - len(copied)))):
        begun: dict[int, list[_OpenCopy]] = {}
        for tier in tried:
            with contextlib.suppress(KhoError, OSError):
                tier.check()
                begun.setdefault(_copied_until(archive, tier, since) + 1, []).append(_OpenCopy(tier))
        for first, copies in begun.items():
            with contextlib.suppress(KhoError, OSError):
                copied |= _copy_open(archive, copies, first)
    return copied


class _OpenCopy:
    """One file that is being written for a tier; it has its name when it is whole and durable. Every method may raise OSError."""

    def __init__(self, tier: LocalTier) -> None:
        self.tier = tier.name
        self._folder = Path(tier.path) / "ledger"
        self._folder.mkdir(exist_ok=True)
        self._temporary = self._folder / f"{uuid.uuid4().hex}.new"
        self._out = open(self._temporary, "wb")  # noqa: SIM115 - `end` closes it

    def write(self, line: bytes) -> None:
        self._out.write(line)

    def end(self, name: str) -> None:
        """Give it its name; "" when it holds nothing."""
        with self._out as out:
            out.flush()
            os.fsync(out.fileno())
        if name:
            os.rename(self._temporary, self._folder / name)
            durable.fsync_folder(os.fspath(self._folder))
        else:
            self._temporary.unlink()

    def close(self) -> None:
        """Take away what has not come to its end."""
        with contextlib.suppress(OSError):
            self._out.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()


def _copy_open(archive: Archive, copies: list[_OpenCopy], first: int) -> dict[str, int]:
    """Write the events from ``first`` on; tier → how many, for those tiers that took them. What one does not take, the others may."""
    who, count, last, event_id = Told(archive), 0, first, ""
    with contextlib.ExitStack() as stack:
        for copy in copies:
            stack.callback(copy.close)
        going = copies
        for last, event in archive.catalog.days.events(first):  # noqa: B007 - the number of the last one names the file
            line = open_line(count, who.told(event)) + b"\n"
            going = [copy for copy in going if _done(copy.write, line)]
            count, event_id = count + 1, event.id
        name = f"{first:015d}-{last:015d}-{_mark(_salt(archive), event_id)}.ndjson" if count else ""
        return {copy.tier: count for copy in going if _done(copy.end, name)}


def _done(act: Callable[[T], None], what: T) -> bool:
    """Whether the medium let it be done."""
    try:
        act(what)
    except OSError:
        return False
    return True


def _copied_until(archive: Archive, tier: Tier, since: int) -> int:
    """The number of the last event up to which, from ``since`` on, files of this catalog hold all."""
    until = since - 1
    for file in _own(archive, open_files(tier)):
        if file.first <= until + 1:
            until = max(until, file.last)
    return until


def _own(archive: Archive, files: list[OpenFile]) -> list[OpenFile]:
    """Those that this catalog wrote and still knows: a catalog restored from a backup has not got as far as its files."""
    ids, salt = archive.catalog.days.ids(file.last for file in files), _salt(archive)
    return [file for file in files if file.last in ids and file.mark == _mark(salt, ids[file.last])]


def _salt(archive: Archive) -> bytes:
    return archive.catalog.days.salts([CATALOG])[CATALOG]


def _mark(salt: bytes, event_id: str) -> str:
    """Stands for this catalog and the event with which a file ends."""
    return hashlib.sha256(salt + event_id.encode("utf-8")).hexdigest()[:16]


def forget_open(archive: Archive, until: int) -> None:
    """Copies of open days that are sealed now are needed no more, nor those of a lost catalog when sealed days hold all their events."""
    for tier in archive.tiers.values():
        files = open_files(tier)
        own = _own(archive, files)
        for file in files:
            with contextlib.suppress(OSError):
                if file.last <= until if file in own else _sealed(archive, file, until):
                    file.path.unlink()


def _sealed(archive: Archive, file: OpenFile, until: int) -> bool:
    """Whether every line of a file is sound and its event numbered ``until`` at most. Raises OSError."""
    events = file.events()
    while group := list(islice(events, ASKED)):
        known = archive.catalog.days.numbers(event.id for event in group if event)
        if None in group or any(known.get(event.id, until + 1) > until for event in group if event):
            return False
    return True

"""A lost catalog gets its ledger back: closed days are read from the tiers, held against their heads and one another, and entered again, so
that the chain goes on where it stopped instead of beginning a second time; then comes what was copied of the day that was still open.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from policies.findings import Findings, KhoError
from policies.phrases import os_phrase
from repository.archive import Archive
from repository.catalog import EventRow, LedgerDay, id_of_row, time_of_row
from repository.coming import DAYS
from repository.ledger.days import day_end, event_of_line, line_of
from repository.ledger.keys import folder_of
from repository.ledger.open_day import OpenFile, OpenPart, PartRead, Told, open_files, read_part
from repository.ledger.segments import SEGMENT, read_file
from repository.ledger.verifier import BROKEN, Verifier, written
from repository.model import Copy, CopyState
from repository.rooms import room
from storage.tier import ObjectVersion, Tier

__all__ = ["Reading", "TakenBack", "adopt_days", "day_number", "read_here", "take_back"]

_log = logging.getLogger("kho.ledger")

TOLD_BY_A_CLOCK = "KEY-LOST-TIME"
"""What a verifier that has nothing from outside says of a key that was reported lost by a wrong clock. No history is left out for that:
where the statement stands in it is bound by the head before, and every check goes on to tell of it."""

GROUP = 5_000
"""Events of an open day that are looked up and entered together: every group waits for the disk once."""


def adopt_days(archive: Archive, held: Mapping[int, Mapping[str, ObjectVersion]], findings: Findings) -> int:
    """Enter the days that the tiers were seen to hold (number → tier → what it holds) and the catalog does not know; how many. It ends at
    the first day that is not whole and rightly signed on any tier, or does not continue what the catalog has: what comes after stays on
    the tiers, and a finding says so.

    Events that the catalog has and no day of its own are the beginning of the next ones, or these are not taken (nothing appended may
    ever be left out of all days): an older catalog takes them when nothing was done with it since it came back. Of AIPs that a rebuild
    registers the events must not be there yet. Copies are unknown until they are re-read. Raises Unavailable when a tier cannot be asked.
    """
    known = archive.catalog.days.last()
    before, last = (0, b"") if known is None else (known.number, known.head)
    new = [number for number in sorted(held) if number > before]
    for count, number in enumerate(new):
        if number != before + 1 or (head := _adopt(archive, number, held[number], last)) is None:
            _log.error("day %d of the ledger cannot be adopted after day %d", number, before)
            findings.add("LED-NOT-TAKEN", str(number), tier=", ".join(sorted(held[number])), before=before)
            return count
        before, last = number, head
    return len(new)


def day_number(found: ObjectVersion) -> int | None:
    """Which day of the ledger an object is; None when it is none, or cannot be believed."""
    digits = found.object_id.rpartition(":")[2]
    is_day = found.problem is None and found.object_id.startswith(DAYS) and digits.isdecimal()
    return int(digits) if is_day else None


def _adopt(archive: Archive, number: int, places: Mapping[str, ObjectVersion], before: bytes) -> bytes | None:
    """Enter one day from the first tier that holds it whole; the bytes of its head."""
    for name, held in places.items():
        tier, object_id, inventory = archive.tiers[name], held.object_id, held.inventory_sha512
        try:
            data = read_file(tier, object_id, "head.json")
            head = written(data)
            lines = read_file(tier, object_id, SEGMENT)
            previous = hashlib.sha256(before).hexdigest() if before else ""
            if head["number"] != number or head["previous"] != previous or hashlib.sha256(lines).hexdigest() != head["segment"]:
                continue
            signature, token = read_file(tier, object_id, "head.sig"), _optional(tier, object_id, "head.tst")
            keys = read_file(tier, object_id, "keys.ndjson")
            rows = lines.splitlines()
            there = _there(archive, rows)
            if there is None or not _is_sound(
                archive, {"head.json": data, SEGMENT: lines, "head.sig": signature, "keys.ndjson": keys}, number
            ):
                continue
            events = [event_of_line(json.loads(line)) for line in rows[len(there) :]]
        except (KhoError, OSError, *BROKEN) as error:
            _log.warning("day %d on tier %s: %s", number, name, error)
            continue
        now = archive.clock.now()
        with archive.catalog.begin() as transaction:
            first = there[0] if there else archive.catalog.days.next_number(within=transaction)
            archive.catalog.events.append(events, within=transaction)
            end = archive.catalog.days.next_number(within=transaction) - 1 if events or not there else there[-1]
            since, day = date.fromisoformat(head["since"]), date.fromisoformat(head["date"])
            entered = LedgerDay(number, since, day, first, end, head["events"], data, signature, token, now)
            archive.catalog.days.add(entered, within=transaction)
            archive.catalog.holdings.keep(object_id, inventory, within=transaction)
            archive.catalog.copies.put(
                [Copy(object_id, each, 1, CopyState.UNKNOWN, None, None, now, len(lines), 0) for each in places],
                within=transaction,
            )
        _keys(archive, keys)
        return data
    return None


def _there(archive: Archive, rows: Sequence[bytes]) -> list[int] | None:
    """The numbers, in the catalog, of the first events of a day that it has already; None when what it has is another history."""
    last, who = archive.catalog.days.last(), Told(archive)
    there = []
    for place, (number, event) in enumerate(archive.catalog.days.events(1 if last is None else last.last + 1)):
        if place == len(rows):
            break
        if line_of(place, who.told(event)) != rows[place]:
            return None
        there.append(number)
    return there


def _is_sound(archive: Archive, files: Mapping[str, bytes], number: int) -> bool:
    """Whether a day by itself agrees with its head, and this with its signature, as any verifier would say."""
    with room(archive.settings.home, "day") as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        (folder / "scope.json").write_text(json.dumps({"ledger": {"first": number, "last": number}}), encoding="utf-8")
        found = [code for code, _, _ in Verifier(str(folder)).run().found if code != TOLD_BY_A_CLOCK]
    for code in found:
        _log.error("day %d: %s", number, code)
    return not found


def _optional(tier: Tier, object_id: str, name: str) -> bytes:
    from storage.errors import NotFound

    try:
        return read_file(tier, object_id, name)
    except NotFound:
        return b""


def _keys(archive: Archive, statements: bytes) -> None:
    """The statements of keys, where the home lost them, too; the private key itself comes from its backup only."""
    folder = folder_of(archive)
    known = (folder / "keys.ndjson").read_bytes() if (folder / "keys.ndjson").exists() else b""
    if statements.startswith(known) and len(statements) > len(known):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "keys.ndjson").write_bytes(statements)


@dataclass(slots=True)
class TakenBack:
    """How many events of the open day came back from the tiers, and when the last of them happened. ``lost_since``: no tier has a copy of
    the open day, so that what happened since then is lost where no AIP tells of it."""

    events: int = 0
    until: datetime | None = None
    lost_since: datetime | None = None


Reading = Callable[[Sequence[OpenPart]], Iterator[PartRead]]
"""Reads lines of an open day: what `read_part` says of each part, in their order."""


def read_here(parts: Sequence[OpenPart]) -> Iterator[PartRead]:
    """`read_part` of each, in this process."""
    return map(read_part, parts)


def take_back(archive: Archive, tiers: Mapping[str, Tier], findings: Findings, *, read: Reading = read_here) -> TakenBack:
    """Enter what the tiers hold of the open day and the catalog does not know: from the tier with the most sound lines first, then what
    only another one has. Lines that are not as they were written, and files that cannot be read, are findings.

    Run it after AIPs are registered: what a sealed AIP says of an event is believed before these copies, which nobody signed.
    """
    back, held = TakenBack(), {name: open_files(tier) for name, tier in tiers.items()}
    lines, order = _Lines(archive, back, read), list(held)
    if len(held) > 1:
        order.sort(key=lambda name: -sum(lines.of(file).sound for file in held[name]))
    for name in order:
        lines.enter(held[name])
    for name, files in held.items():
        for file in files:
            _tell(name, file, lines.of(file), findings)
    if not any(lines.of(file).sound for files in held.values() for file in files):
        last = archive.catalog.days.last()
        back.lost_since = archive.catalog.days.first_time() if last is None else day_end(last.day)
    return back


@dataclass(slots=True)
class _Count:
    """How many lines of a file are as they were written, and how many are not; why it could not be read to its end."""

    sound: int = 0
    altered: int = 0
    unread: str = ""

    def add(self, read: PartRead) -> None:
        self.sound, self.altered = self.sound + read.sound, self.altered + read.altered
        self.unread = self.unread or read.unread


class _Lines:
    """Counts and enters the lines of files, each once however many tiers hold the very same bytes."""

    def __init__(self, archive: Archive, back: TakenBack, read: Reading) -> None:
        self._archive, self._back, self._read = archive, back, read
        self._counts: dict[bytes, _Count] = {}
        self._entered: set[bytes] = set()
        self._keys: dict[Path, bytes] = {}

    def _key(self, file: OpenFile) -> bytes:
        """What files with the same lines have in common."""
        if file.path not in self._keys:
            try:
                self._keys[file.path] = file.digest()
            except OSError:
                self._keys[file.path] = os.fsencode(file.path)
        return self._keys[file.path]

    def of(self, file: OpenFile) -> _Count:
        """What is known of a file's lines."""
        key = self._key(file)
        if key not in self._counts:
            count = self._counts[key] = _Count()
            try:
                for sound in file.sound():
                    count.sound, count.altered = count.sound + sound, count.altered + (not sound)
            except OSError as error:
                count.unread = os_phrase(error)
        return self._counts[key]

    def enter(self, files: Iterable[OpenFile]) -> None:
        """Enter those events of files that the catalog does not know, and count their lines meanwhile."""
        parts: list[OpenPart] = []
        for file in files:
            if (key := self._key(file)) in self._entered:
                continue
            self._entered.add(key)
            self._counts[key] = _Count()
            try:
                parts += file.parts()
            except OSError as error:
                self._counts[key].unread = os_phrase(error)
        group: list[EventRow] = []
        for part, read in zip(parts, self._read(parts), strict=True):
            self._counts[self._key(part.file)].add(read)
            group += read.rows
            if len(group) >= GROUP:
                self._enter(group)
                group = []
        self._enter(group)

    def _enter(self, rows: Sequence[EventRow]) -> None:
        by_id = {id_of_row(row): row for row in rows}
        known = self._archive.catalog.days.numbers(by_id)
        new = [row for event_id, row in by_id.items() if event_id not in known]
        self._archive.catalog.events.append(new)
        self._back.events += len(new)
        times = [time_of_row(row) for row in new] + ([self._back.until] if self._back.until else [])
        self._back.until = max(times, default=None)


def _tell(tier: str, file: OpenFile, count: _Count, findings: Findings) -> None:
    if count.unread:
        findings.add("LED-OPEN-UNREADABLE", str(file.path), tier=tier, reason=count.unread)
    if count.altered:
        findings.add("LED-OPEN-ALTERED", str(file.path), tier=tier, count=count.altered)

"""Verifying many copies in one pass: every cartridge mounted once, read in the order of positions, never backwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from fixity.verify import FixityReport, Outcome
from policies.findings import said
from policies.phrases import phrase
from storage.errors import MediumAway, NotFound, StorageError, Unavailable
from storage.ocfl.documents import BadJson
from storage.ocfl.expectations import CONTENT_ALGORITHMS, Expectations, HashedStream, content_digests, read_expectations
from storage.ocfl.objects import INVENTORY
from storage.ocfl.reread import fixed_files
from storage.tape.cartridge import Cartridge, DataFile
from storage.tape.checking import Reading, read_members
from storage.tape.errors import MediumError, WrongVolume
from storage.tape.register import Register
from storage.tape.rows import BundleRow, FileRow, FileState, PartRow
from storage.tier import Ask, ObjectId

__all__ = ["Pass", "Verified"]

Verified = FixityReport | StorageError


class Shelf(Protocol):
    """What a pass needs of its tier."""

    def mounted(self, barcode: str) -> Cartridge:
        """The cartridge, in a drive, its label checked. Raises StorageError."""
        ...

    def passing(self, volume: str) -> None:
        """The pass is about to read on: what others ask for of this volume may be read now."""
        ...

    def inventory_stream(self, object_id: ObjectId, number: int, digest: bytes) -> BinaryIO:
        """An inventory of this digest, from wherever it is found. Raises StorageError."""
        ...


@dataclass(slots=True)
class _Judged:
    """One copy on its way through a pass."""

    index: int
    ask: Ask
    report: FixityReport
    fixed: dict[str, bytes]
    content: Expectations | None
    waiting: set[int] = field(default_factory=set)
    error: StorageError | None = None

    def wants(self, row: FileRow) -> bool:
        """Whether a member counts for this check: it is live, and of no version that was left out."""
        if row.state is not FileState.LIVE:
            return False
        number = _version_of(row.path)
        return number is None or number >= self.ask.since

    def judge(self, row: FileRow, outcome: Outcome, found: str, read: int) -> None:
        """Hold one member, as it was found, against what is expected of its path."""
        expected = self.fixed.pop(row.path, None)
        if expected is None and self.content is not None:
            expected = self.content.take(row.path)
        if row.path == INVENTORY and outcome in (Outcome.GOOD, Outcome.ALTERED):
            self.report.inventory_sha512 = found
        self.report.bytes_read += read
        if expected is None:
            if self._is_unknown(row.path):
                self.report.unjudged += 1
            else:
                self.report.problem(row.path, Outcome.EXTRA)
        elif outcome is Outcome.GOOD and row.sha512 != expected:
            self.report.problem(row.path, Outcome.ALTERED, expected.hex(), found)
        elif outcome is Outcome.GOOD:
            self.report.good(0)
        else:
            self.report.problem(row.path, outcome, expected.hex(), found)

    def _is_unknown(self, path: str) -> bool:
        number = _version_of(path)
        known = self.content is not None and number is not None and number <= self.content.through
        return number is not None and number in self.ask.expected and not known

    def finish(self, shelf: Shelf) -> Verified:
        """What was not there at all is missing."""
        if self.error is not None:
            return self.error
        for path, digest in self.fixed.items():
            self.report.problem(path, Outcome.MISSING, digest.hex())
        if self.content is not None and self.content.missing:
            newest = max(self.ask.expected)
            with shelf.inventory_stream(self.ask.object_id, newest, self.ask.expected[newest]) as stream:
                for path, digest in content_digests(stream):
                    if self.content.unseen(path):
                        self.report.problem(path, Outcome.MISSING, digest.hex())
        return self.report


class Pass:
    """One pass over everything that ``asks`` need. ``fresh`` are parts that were read back just now and need no second reading: they are
    judged by the register, and leave the set."""

    def __init__(
        self,
        register: Register,
        shelf: Shelf,
        asks: Sequence[Ask],
        *,
        fresh: set[int],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._register = register
        self._shelf = shelf
        self._fresh = fresh
        self._progress = progress
        self._judged = [self._begin(index, ask) for index, ask in enumerate(asks)]
        self._parts: list[tuple[PartRow, _Judged]] = []

    def _begin(self, index: int, ask: Ask) -> _Judged:
        if ask.algorithm not in CONTENT_ALGORITHMS:
            raise ValueError(f"content is checked with one of {', '.join(CONTENT_ALGORITHMS)}, not {ask.algorithm!r}")
        if not ask.expected:
            raise ValueError("nothing is expected: there is nothing to compare with")
        return _Judged(index, ask, FixityReport(ask.algorithm), fixed_files(ask.expected, ask.since), None)

    def run(self) -> Iterator[tuple[int, Verified]]:
        """Each copy's number with what was found, as it becomes known."""
        for judged in self._judged:
            parts = self._register.parts_of(judged.ask.object_id)
            if parts:
                judged.content = self._expectations(judged.ask)
            self._note(judged, parts)
            if not judged.waiting:
                yield judged.index, judged.finish(self._shelf)
        by_volume: dict[str, list[tuple[PartRow, _Judged]]] = {}
        for part, judged in sorted(self._parts, key=lambda each: (each[0].volume, each[0].sequence, each[0].offset)):
            by_volume.setdefault(part.volume, []).append((part, judged))
        for volume, todo in by_volume.items():
            yield from self._volume(volume, todo)

    def _expectations(self, ask: Ask) -> Expectations | None:
        """What the newest inventory that is as expected says of content."""
        for number in sorted(ask.expected, reverse=True):
            wanted = ask.expected[number]
            with contextlib.suppress(NotFound, Unavailable, OSError, BadJson), self._inventory(ask, number) as raw:
                stream = HashedStream(raw)
                # The whole SHA-512 of every member is compared with the register's: so by the manifest's digests, always.
                found = read_expectations(stream, algorithm="sha512", since=ask.since)
                if stream.finish() == wanted:
                    return found
        return None

    def _inventory(self, ask: Ask, number: int) -> BinaryIO:
        return self._shelf.inventory_stream(ask.object_id, number, ask.expected[number])

    def _note(self, judged: _Judged, parts: Sequence[PartRow]) -> None:
        for part in parts:
            if part.id in self._fresh:
                for row in self._register.files_of(part.id):
                    if judged.wants(row):
                        self._tell(judged, Reading(row, Outcome.GOOD, row.sha512.hex(), row.size))
                self._fresh.discard(part.id)
            elif any(judged.wants(row) for row in self._register.files_of(part.id)):
                judged.waiting.add(part.id)
                self._parts.append((part, judged))

    def _tell(self, judged: _Judged, reading: Reading) -> None:
        judged.judge(reading.row, reading.outcome, reading.found, reading.read)
        if self._progress is not None and reading.read:
            self._progress(reading.read)

    def _volume(self, volume: str, todo: Sequence[tuple[PartRow, _Judged]]) -> Iterator[tuple[int, Verified]]:
        try:
            cartridge: Cartridge | StorageError = self._shelf.mounted(volume)
        except StorageError as error:
            cartridge = error
        at = 0
        while at < len(todo):
            sequence = todo[at][0].sequence
            together = [each for each in todo[at:] if each[0].sequence == sequence]
            at += len(together)
            if isinstance(cartridge, Cartridge):
                try:
                    self._shelf.passing(volume)
                    self._bundle(cartridge, self._register.bundle(volume, sequence), together)
                except Unavailable as error:
                    cartridge = error  # a reset, no answer: this says nothing of the bytes, nor is the position known
            if isinstance(cartridge, StorageError):
                for _, judged in together:
                    judged.error = judged.error or _unavailable(cartridge)
            for part, judged in together:
                judged.waiting.discard(part.id)
                if not judged.waiting:
                    yield judged.index, judged.finish(self._shelf)

    def _bundle(self, cartridge: Cartridge, bundle: BundleRow, todo: Sequence[tuple[PartRow, _Judged]]) -> None:
        moment = int(datetime.fromisoformat(bundle.created).timestamp())
        asked: dict[int, list[tuple[PartRow, _Judged]]] = {}
        for each in todo:  # the same copy may be asked for twice: it is read once
            asked.setdefault(each[0].id, []).append(each)
        left, data = list(asked.values()), None
        while left:
            try:
                data = data or cartridge.data(bundle)
            except (WrongVolume, MediumError) as error:
                reason = error.finding.args.get("reason", "")
                self._unread([each for same in left for each in same], phrase("tape-labels-unbelieved", why=str(reason)))
                return
            if not self._part(data, left.pop(0), moment):
                data = None  # where the tape stands is not known: read there, sound parts would look altered

    def _part(self, data: DataFile, asked: Sequence[tuple[PartRow, _Judged]], moment: int) -> bool:
        """Whether it was read to its end, so that the next one can be read on from there."""
        part = asked[0][0]
        done: set[int] = set()
        try:
            rows = self._register.files_of(part.id)
            for reading in read_members(data, part, rows, moment, lambda row: any(each.wants(row) for _, each in asked)):
                done.add(reading.row.offset)
                for _, judged in asked:
                    if judged.wants(reading.row):
                        self._tell(judged, reading)
        except (WrongVolume, MediumError) as error:
            self._unread(asked, str(error.finding.args.get("reason", "")), done)
            return False
        return True

    def _unread(self, todo: Sequence[tuple[PartRow, _Judged]], reason: str, done: Collection[int] = ()) -> None:
        """The members of these parts (but for those that are ``done``) could not be read."""
        for part, judged in todo:
            for row in self._register.files_of(part.id):
                if judged.wants(row) and row.offset not in done:
                    self._tell(judged, Reading(row, Outcome.UNREADABLE, reason, 0))


def _unavailable(error: StorageError) -> StorageError:
    """What a whole cartridge could not do, as it is told of each copy: never as damage."""
    return error if isinstance(error, Unavailable) else MediumAway(error.finding.path, said(error.finding, code=False))


def _version_of(path: str) -> int | None:
    folder, slash, _ = path.partition("/")
    return int(folder[1:]) if slash and folder[:1] == "v" and folder[1:].isdecimal() else None

"""A ledger of a few days to tamper with: real events in a real archive, exported, and the means of a thief who has its key."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from repository.archive import Archive
from repository.ledger.events import ledger_of
from repository.ledger.keeper import close_days, export_days, keep_day
from repository.ledger.keys import report_lost, ring_of, rotate
from repository.ledger.verifier import HEAD_PREFIX, Sums, Verifier, canonical, key_of, leaf_of, root_of
from repository.model import CheckRecord, CopyState
from signatures.signing_keys import SigningKey
from tests.builders_archive import ArchiveUnderTest
from tests.clocks import RunningClock

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAYS = 6
ROTATED = 4
"""The number of the first day that the second key signs."""


@contextmanager
def tampered(untouched: LedgerScene, folder: Path) -> Iterator[LedgerScene]:
    """The same ledger, in a folder of its own to tamper with."""
    before = untouched.folder
    shutil.copytree(before, folder)
    untouched.folder = folder
    try:
        yield untouched
    finally:
        untouched.folder = before


class LedgerScene:
    """``archive`` with six closed days; ``folder`` is their export, which the tests tamper with; ``line`` the newest head's line."""

    def __init__(self, made: ArchiveUnderTest, *, lost: bool = False) -> None:
        """``lost``: the second key begins because the first one is gone."""
        self.clock = RunningClock(START)
        self.archive: Archive = replace(made.engine.archive, clock=self.clock)
        for number in range(1, DAYS + 1):
            if number == ROTATED:
                self.old_key = ring_of(self.archive).current
                if lost:
                    next((made.home / "ledger").glob("*.pem")).unlink()
                    report_lost(self.archive, "the disk of the safe broke")
                else:
                    rotate(self.archive)
            self.record(number)
            self.clock.advance(timedelta(days=1))
            day = close_days(self.archive)
            assert day is not None
            assert keep_day(self.archive, day)
        self.key = ring_of(self.archive).current
        self.folder = made.folder / "export"
        self.folder.mkdir()
        list(export_days(self.archive, self.folder, 1, DAYS))
        self.line = self.day_line(DAYS)

    def record(self, number: int, copies: int = 5) -> None:
        records = [
            CheckRecord(
                f"urn:uuid:{number}-{each}", "ab"[each % 2], self.clock.now(), CopyState.GOOD, "sha512", 3, 100, "ab", None
            )
            for each in range(copies)
        ]
        ledger_of(self.archive).checked(records)

    def day(self, number: int) -> Path:
        return next(self.folder.glob(f"days/{number:06d}-*"))

    def head(self, number: int) -> dict[str, Any]:
        head: dict[str, Any] = json.loads((self.day(number) / "head.json").read_bytes())
        return head

    def day_line(self, number: int) -> str:
        head = self.head(number)
        digest = hashlib.sha256((self.day(number) / "head.json").read_bytes()).hexdigest()
        return f"kho-ledger-head 1 {head['archive']} {number} {head['date']} {digest}"

    def lines(self, number: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.day(number) / "events.ndjson").read_bytes().splitlines()]

    def write(self, number: int, events: list[dict[str, Any]], *, renumber: bool = False) -> None:
        if renumber:
            events = [{**event, "n": place} for place, event in enumerate(events)]
        (self.day(number) / "events.ndjson").write_bytes(b"".join(canonical(event) + b"\n" for event in events))

    def remake(self, number: int, *, key: SigningKey | None = None, key_id: str = "", **changes: Any) -> None:
        """What a thief who has the key does: make the head fit the events that are there now, and sign it. ``key_id`` is the key that it
        names, when it is another one than before."""
        lines = (self.day(number) / "events.ndjson").read_bytes().splitlines(keepends=True)
        pairs = sorted(key_of(json.loads(line)["id"]) + hashlib.sha256(line[:-1]).digest() for line in lines)
        head = {
            **self.head(number),
            "events": len(lines),
            "segment": hashlib.sha256(b"".join(lines)).hexdigest(),
            "root": root_of(leaf_of(pair[:32], pair[32:]) for pair in pairs).hex(),
            **({"key": key_id} if key_id else {}),
            **changes,
        }
        data = canonical(head) + b"\n"
        key = key or (self.key if number >= ROTATED else self.old_key)
        (self.day(number) / "head.json").write_bytes(data)
        (self.day(number) / "head.sig").write_bytes(base64.b64encode(key.sign(HEAD_PREFIX + data)) + b"\n")

    def remake_from(self, number: int) -> None:
        """The whole history from a day on, chained and signed anew."""
        last = max(int(each.name[:6]) for each in self.folder.glob("days/*"))
        for each in range(number, last + 1):
            before = hashlib.sha256((self.day(each - 1) / "head.json").read_bytes()).hexdigest() if each > 1 else ""
            self.remake(each, previous=before)

    def forget(self, number: int) -> None:
        shutil.rmtree(self.day(number))

    def verify(self, *outside: str, ca: str = "") -> Verifier:
        return Verifier(str(self.folder), outside, ca).run()

    def found(self, *outside: str) -> set[str]:
        return {code for code, _, _ in self.verify(*outside).found}


Tamper = Callable[[LedgerScene], None]


def report_of(
    scene: LedgerScene, since: str, until: str, *, of: tuple[int, int] = (1, DAYS), place: str = "report.json", **ledger: Any
) -> None:
    """A report on a period, made of those days ``of`` that are here; nobody signed it."""
    first = min(int(each.name[:6]) for each in scene.folder.glob("days/*"))
    sums = Sums(since + "T00:00:00.000000Z", until + "T00:00:00.000000Z")
    for number in range(max(first, of[0]), of[1] + 1):
        for event in scene.lines(number):
            sums.add(event)
    report = {
        "kho": 1,
        "scope": {},
        "period": {"from": sums.since, "to": sums.until},
        "ledger": {"first": max(first, of[0]), "last": of[1], "head": scene.day_line(of[1]), **ledger},
        "figures": sums.figures(),
    }
    (scene.folder / place).parent.mkdir(exist_ok=True)
    (scene.folder / place).write_text(json.dumps(report))

"""A lost catalog gets its ledger back: closed days are read from the tiers, held against their heads and one another, and entered again, so
that the chain goes on where it stopped instead of beginning a second time; then comes what was copied of the day that was still open.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from policies.findings import Findings, KhoError
from policies.phrases import os_phrase
from repository.archive import Archive
from repository.catalog import LedgerDay
from repository.ledger.days import day_end, event_of_line
from repository.ledger.keeper import folder_of
from repository.ledger.open_day import OpenFile, open_files, with_numbers
from repository.ledger.segments import CONTENT, PREFIX, SEGMENT
from repository.model import Copy, CopyState
from storage.tier import ObjectId, Tier

__all__ = ["TakenBack", "adopt_days", "take_back"]

_log = logging.getLogger("kho.ledger")


def adopt_days(archive: Archive, only: str | None = None) -> int:
    """Enter the days that the tiers (or ``only`` one) hold, when the catalog knows none; how many. It ends at the first day that is not
    whole on any tier or does not continue the one before: what comes after stays on the tiers, and a comparison tells of it.

    Their events must not be in the catalog yet (run it before a rebuild registers AIPs). Copies are unknown until they are re-read.
    Raises Unavailable when a tier cannot be asked.
    """
    if archive.catalog.days.last() is not None:
        return 0
    held: dict[int, dict[str, tuple[str, bytes]]] = {}
    tiers = archive.tiers if only is None else {only: archive.tier(only)}
    for name, tier in tiers.items():
        for found in tier.versions():
            digits = found.object_id.rpartition(":")[2]
            if found.problem is None and found.object_id.startswith(PREFIX) and digits.isdecimal():
                held.setdefault(int(digits), {})[name] = (found.object_id, found.inventory_sha512)
    before, last = 0, b""
    for number in sorted(held):
        if number != before + 1 or (head := _adopt(archive, number, held[number], last)) is None:
            _log.error("day %d of the ledger cannot be adopted after day %d", number, before)
            break
        before, last = number, head
    return before


def _adopt(archive: Archive, number: int, places: dict[str, tuple[str, bytes]], before: bytes) -> bytes | None:
    """Enter one day from the first tier that holds it whole; the bytes of its head."""
    for name, (object_id, inventory) in places.items():
        tier = archive.tiers[name]
        try:
            data = _read(tier, object_id, "head.json")
            head = json.loads(data)
            lines = _read(tier, object_id, SEGMENT)
            previous = hashlib.sha256(before).hexdigest() if before else ""
            if head["number"] != number or head["previous"] != previous or hashlib.sha256(lines).hexdigest() != head["segment"]:
                continue
            signature, token = _read(tier, object_id, "head.sig"), _optional(tier, object_id, "head.tst")
            keys = _read(tier, object_id, "keys.ndjson")
            events = [event_of_line(json.loads(line)) for line in lines.splitlines()]
        except (KhoError, OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("day %d on tier %s: %s", number, name, error)
            continue
        now = archive.clock.now()
        with archive.catalog.begin() as transaction:
            first = archive.catalog.days.next_number(within=transaction)
            archive.catalog.events.append(events, within=transaction)
            end = archive.catalog.days.next_number(within=transaction) - 1
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


def _read(tier: Tier, object_id: str, name: str) -> bytes:
    with tier.open(ObjectId(object_id), CONTENT + name) as stream:
        return stream.read()


def _optional(tier: Tier, object_id: str, name: str) -> bytes:
    from storage.errors import NotFound

    try:
        return _read(tier, object_id, name)
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


def take_back(archive: Archive, tiers: Mapping[str, Tier], findings: Findings) -> TakenBack:
    """Enter what the tiers hold of the open day and the catalog does not know: from the tier with the most sound lines first, then what
    only another one has. Lines that are not as they were written, and files that cannot be read, are findings.

    Run it after AIPs are registered: what a sealed AIP says of an event is believed before these copies, which nobody signed.
    """
    back, held = TakenBack(), {name: open_files(tier) for name, tier in tiers.items()}
    sound = {name: sum(_sound(name, file, findings) for file in files) for name, files in held.items()}
    for name in sorted(held, key=lambda name: -sound[name]):
        for file in held[name]:
            try:
                _enter(archive, file, back)
            except OSError as error:
                _log.warning("%s: %s", file.path, error)  # a finding already
    if not any(sound.values()):
        last = archive.catalog.days.last()
        back.lost_since = archive.catalog.days.first_time() if last is None else day_end(last.day)
    return back


def _sound(tier: str, file: OpenFile, findings: Findings) -> int:
    """How many lines of a file are as they were written."""
    good = altered = 0
    try:
        for sound in file.sound():
            good, altered = good + sound, altered + (not sound)
    except OSError as error:
        findings.add("LED-OPEN-UNREADABLE", str(file.path), tier=tier, reason=os_phrase(error))
    if altered:
        findings.add("LED-OPEN-ALTERED", str(file.path), tier=tier, count=altered)
    return good


def _enter(archive: Archive, file: OpenFile, back: TakenBack) -> None:
    for known, events in with_numbers(archive, file.events()):
        new = {event.id: event for event in events if event and event.id not in known}
        archive.catalog.events.append(new.values())
        back.events += len(new)
        times = [event.time for event in new.values()] + ([back.until] if back.until else [])
        back.until = max(times, default=None)

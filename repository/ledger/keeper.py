"""Keeping the ledger: a day that is over is closed, stamped, sealed as an object of its own and kept on the tiers like an AIP.

Each step can be repeated and is safe to interrupt: a closed day is never made anew, and what is sealed is the same byte for byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fixity.digests import hash_file
from policies.audits import next_check
from policies.findings import KhoError
from repository.archive import SOFTWARE, Archive
from repository.catalog import LedgerDay
from repository.coming import day_object
from repository.errors import LedgerChanged
from repository.ledger import verifier as ledger_verifier
from repository.ledger.days import DayTree, HeadFacts, day_end, head_line, make_head, write_segment
from repository.ledger.events import ledger_of
from repository.ledger.keys import alone, folder_of, refuse_second, ring_of, until
from repository.ledger.open_day import forget_open
from repository.ledger.policies import bring_papers, noting_policies, write_papers
from repository.ledger.segments import SEGMENT, bring_segment, lines_between
from repository.ledger.verifier import TIME
from repository.ledger.write_once import promise
from repository.model import Copy, CopyState
from repository.settings.authorities import authorities_of
from storage.errors import Refused, StorageError
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files
from storage.putting_right import put_right
from storage.tier import SealedVersion, SequentialTier
from storage.tiers import Kept, keep_on

__all__ = [
    "VERIFIER",
    "Stamper",
    "close_days",
    "copy_of",
    "keep_as_promised",
    "keep_day",
    "latest_line",
    "prove",
]

VERIFIER = "kho-ledger-verify.py"
"""The stand-alone verifier as it is handed out."""

TOKEN_WITHIN = timedelta(hours=24)
"""A day whose authority stays silent is sealed without a time stamp after this time: a later one would prove nothing."""

STAMPED_BY = "sha256"
"""The hash by which signatures of heads are stamped."""

Stamper = Callable[[bytes, datetime], bytes]
"""Gives the time-stamp token (DER) over the bytes of head.sig. Raises KhoError when no authority answers."""

HOME = "home"
"""What the ledger calls the place from which a copy was put right that did not count yet."""

_log = logging.getLogger("kho.ledger")


def close_days(archive: Archive) -> LedgerDay | None:
    """Close what is over: one head for all whole days (UTC) since the last one; None when there is nothing to close.

    A day on which nothing happened has a head, too. Days that passed while Kho did not run are closed together, and the head says so.

    Raises LedgerBehind: a tier holds a day of this number, for an older catalog came back from a backup. To sign another one would make two
    histories, of which nobody could tell which is true.
    """
    with alone(archive):
        return _closed(archive, archive.clock.now())


def _closed(archive: Archive, now: datetime) -> LedgerDay | None:
    before = archive.catalog.days.last()
    since = before.day + timedelta(days=1) if before else _first_day(archive, now)
    day = now.date() - timedelta(days=1)
    if since is None or day < since:
        return None
    cut = archive.catalog.days.cut(day_end(day), now)
    ring, number = ring_of(archive), before.number + 1 if before else 1
    key = ring.current
    refuse_second(archive, ring.archive, number)
    folder = _fresh(folder_of(archive) / "days" / str(number))
    digests: set[str] = set()
    tree, segment = write_segment(folder / SEGMENT, noting_policies(lines_between(archive, cut.first, cut.last), digests))
    previous = hashlib.sha256(before.head).hexdigest() if before else ""
    facts = HeadFacts(ring.archive, number, since, day, now, previous, write_papers(archive, folder, digests))
    head, signature = make_head(facts, tree, segment, key, ring.statements)
    closed = LedgerDay(number, since, day, cut.first, cut.last, tree.count, head, signature)
    archive.catalog.days.add(closed)
    return closed


def _first_day(archive: Archive, now: datetime) -> date | None:
    first = archive.catalog.days.first_time()
    return None if first is None else min(first, now).date()


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def stamper_of(archive: Archive) -> Stamper | None:
    """Stamps by the authorities of kho.toml, in their order; None when it names none. Raises AuthoritySettings."""
    places = [place for place in archive.settings.authorities if STAMPED_BY in place.trees]
    if not places:
        return None

    def ask(data: bytes, now: datetime) -> bytes:
        from signatures.timestamps import stamp

        authorities = authorities_of(archive.settings.home, places, archive.clock.now)
        return stamp(authorities, STAMPED_BY, hashlib.sha256(data).digest(), now=now).token.encoded

    return ask


def keep_day(archive: Archive, day: LedgerDay, stamper: Stamper | None = None) -> bool:
    """Stamp a closed day and keep it on the tiers; whether it is on as many as the policy promises. Called again until it is.

    A silent authority holds nothing up: the day stays in the home and is tried again, and after 24 hours it is sealed without a token.
    """
    now = archive.clock.now()
    if stamper is not None and not day.token and now <= day_end(day.day) + TOKEN_WITHIN:
        try:
            token = stamper(day.signature, now)
        except KhoError as error:
            _log.warning("day %d is not stamped yet: %s", day.number, error)
            return False
        archive.catalog.days.stamped(day.number, token)
        return keep_day(archive, next(archive.catalog.days.between(day.number, day.number)))
    sealed = _seal(archive, day)
    kept = keep_as_promised(archive, sealed)
    if kept is None:
        _log.warning("day %d is on too few tiers", day.number)
        return False
    with archive.catalog.begin() as transaction:
        archive.catalog.holdings.keep(sealed.object_id, sealed.inventory_sha512, within=transaction)
        copies = [copy_of(archive, sealed, tier, one) for tier, one in kept.items()]
        archive.catalog.copies.put(copies, within=transaction)
    archive.catalog.days.sealed(day.number, now)
    shutil.rmtree(folder_of(archive) / "days" / str(day.number), ignore_errors=True)
    forget_open(archive, day.last)
    return True


def keep_as_promised(archive: Archive, sealed: SealedVersion) -> dict[str, Kept] | None:
    """Keep a version of an object that is no AIP as `[copies.default]` promises, write-once where the policy wants that: what became of it
    by tier; None when it is not on enough tiers (or not locked on enough), so that it has to be kept again later. A copy that was there
    and rotted meanwhile is put right from what is sealed: no audit knows it yet."""
    promised = archive.policy.copies
    kept = {tier: _kept(archive, tier, sealed) for tier in promised.tiers}
    if not promised.enough([tier for tier, one in kept.items() if one.counts]):
        return None
    for tier, one in kept.items():
        if one.counts and (problem := promise(archive, tier, sealed.object_id, {})):
            kept[tier] = replace(one, error=Refused(sealed.object_id, problem))
    return kept if promised.enough([tier for tier, one in kept.items() if one.counts]) else None


def _kept(archive: Archive, tier_name: str, sealed: SealedVersion) -> Kept:
    tier, done = archive.tiers[tier_name], 0
    kept = keep_on(tier, [sealed])[0]
    if kept.counts or kept.report is None or isinstance(tier, SequentialTier):
        return kept
    with contextlib.suppress(StorageError, OSError):  # what was put right until then stays so
        for each in put_right(tier, sealed, kept.report):
            ledger_of(archive).put_right(sealed, tier_name, each, HOME)
            done += 1
    _log.warning("%s on tier %s was not good: %d files put right", sealed.object_id, tier_name, done)
    return keep_on(tier, [sealed])[0] if done else kept


def copy_of(archive: Archive, sealed: SealedVersion, tier: str, kept: Kept) -> Copy:
    """A copy as the catalog is told of it, of an object that is no AIP."""
    now, good = archive.clock.now(), kept.counts
    return Copy(
        aip_id=sealed.object_id,
        tier=tier,
        version=sealed.number,
        state=CopyState.GOOD if good else CopyState.ABSENT,
        stored=now if good else None,
        last_check=now if good else None,
        check_next=next_check(archive.policy, tier, now, good=good),
        bytes=kept.report.bytes_read if good and kept.report else sealed.bytes,
        files=kept.report.counts.total() if good and kept.report else 0,
    )


def _seal(archive: Archive, day: LedgerDay) -> SealedVersion:
    """The day as an object. Raises LedgerChanged."""
    folder, head = folder_of(archive) / "days" / str(day.number), json.loads(day.head)
    files = day_files(archive, day, folder)
    created = datetime.strptime(head["closed"], TIME).replace(tzinfo=UTC)
    message = f"Ledger, day {day.number} ({day.day.isoformat()})"
    version = VersionBlock(1, created, message, SOFTWARE, f"urn:uuid:{head['archive']}")
    return seal_files(day_object(head), files, version, folder / "inventory.json")


def day_files(archive: Archive, day: LedgerDay, folder: Path) -> dict[str, Path]:
    """Write the files of a closed day into ``folder``: name → path. The segment is brought unless it is there as it has to be. What is
    written is a new file: one that was left there may be a copy on a tier, by a second name.

    Raises:
        LedgerChanged: neither a tier nor the catalog has the events that the head was made of.
    """
    head, segment = json.loads(day.head), folder / SEGMENT
    if not segment.exists() or hash_file(segment, ["sha256"])[1]["sha256"].hex != head["segment"]:
        folder.mkdir(parents=True, exist_ok=True)  # of an export: for others, too; the ledger's own folder is closed to them
        segment.unlink(missing_ok=True)
        bring_segment(archive, day, segment)
    texts = {"head.json": day.head, "head.sig": day.signature, "keys.ndjson": _told(archive, head["keys"])}
    if day.token:
        texts["head.tst"] = day.token
    for name, data in texts.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(data)
    papers = bring_papers(archive, head, folder)
    return {name: folder / name for name in [*texts, *papers, SEGMENT]}


def export_days(archive: Archive, target: Path, first: int, last: int) -> Iterator[Path]:
    """Write days ``first`` to ``last`` below ``target`` (one folder a day), with the verifier beside them; gives each day's segment, as
    soon as it is written."""
    shutil.copyfile(ledger_verifier.__file__, target / VERIFIER)
    for day in archive.catalog.days.between(first, last):
        yield day_files(archive, day, target / "days" / f"{day.number:06d}-{day.day.isoformat()}")[SEGMENT]


def _told(archive: Archive, digest: str) -> bytes:
    """The statements of keys as they were when a head with this digest of them was made: keys are only ever added."""
    told = until(ring_of(archive).statements, digest)
    if told is None:
        raise LedgerChanged(0, "keys.ndjson")
    return told


def latest_line(archive: Archive) -> str:
    """The line of the newest head, for receipts, reports and letters; "" before the first day is closed."""
    last = archive.catalog.days.last()
    return "" if last is None else head_line(last.head)


def prove(archive: Archive, event_id: str, number: int | None = None) -> dict[str, Any] | None:
    """The proof that an event is in its day, or (with ``number``) that it is in or not in that day; None when it is in no closed day.

    The document is self-contained: the verifier needs it and the day's head only.
    """
    found = archive.catalog.days.find(event_id)
    day = archive.catalog.days.holding(found[0]) if found and number is None else None
    if number is not None:
        day = next(archive.catalog.days.between(number, number), None)
    if day is None:
        return None
    lines = list(lines_between(archive, day.first, day.last))
    tree = DayTree(lines)
    proof = {"kho": 1, "id": event_id, "number": day.number, "head": day.head.decode("ascii")}
    if leaves := tree.inclusion(event_id):
        line = next(line for each, line in lines if each == event_id)
        return {**proof, "kind": "inclusion", "line": line.decode("ascii"), "leaves": leaves}
    return {**proof, "kind": "absence", "leaves": tree.absence(event_id)}

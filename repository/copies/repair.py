"""Repair: put good bytes in the place of damaged ones, from a copy that was verified in the same breath; move strangers aside.

What is good is decided by the catalog's inventory digests, never by a majority and never by the copy that happens to be at hand.
After every repair the whole copy is read again; only that check, not the repair, makes it good.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from fixity.digests import hash_stream
from fixity.verify import FixityReport, Outcome, Problem
from policies.findings import said
from policies.phrases import phrase
from repository.access.vouched import Wanted, wanted
from repository.archive import Archive
from repository.checks.audit import coming_version, record_of, verify_copy
from repository.checks.comparison import compare
from repository.copies.bringing import bring_together
from repository.copies.resealing import lacking, resealed
from repository.errors import NoGoodCopy
from repository.ledger.events import ledger_of
from repository.ledger.write_once import promise
from repository.model import Copy, CopyState, Damage, Page
from repository.progress import Progress
from storage.errors import StorageError, Unavailable
from storage.tier import RootedTier, WriteOnceTier

__all__ = ["RepairReport", "repair_copy", "repair_some"]


@dataclass(slots=True)
class RepairReport:
    """What repairs did: files put right, strangers quarantined, and what is still not good."""

    copies: int = 0
    repaired: int = 0
    quarantined: int = 0
    failed: list[Damage] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        failed = [[d.aip_id, d.tier, d.path, d.outcome, d.expected, d.found] for d in self.failed]
        counts = {"copies": self.copies, "repaired": self.repaired, "quarantined": self.quarantined}
        return {**counts, "failed": failed, "unavailable": self.unavailable}

    def merge(self, step: Mapping[str, Any]) -> None:
        """Add one step's counts (JSON, as `as_json` made them)."""
        self.copies += step["copies"]
        self.repaired += step["repaired"]
        self.quarantined += step["quarantined"]
        self.failed.extend(Damage(*row) for row in step["failed"])
        self.unavailable.update(step["unavailable"])

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> RepairReport:
        """The report from its JSON."""
        report = cls()
        report.merge(counts)
        return report


STEP_COPIES = 100
"""Copies of one repair step."""

ROUNDS = 200
"""Times that one copy is checked and mended: what a bad inventory hid shows only when that was put right, and a report keeps 10,000
problems. More rounds than a million files need are a medium that does not hold what it is given."""


def repair_some(archive: Archive, aip_id: str, cursor: str, progress: Progress) -> dict[str, Any]:
    """One step: the next copies that are not known to be good; of one AIP all copies, for what is known of them may be old.
    The first step of all copies begins with the storage roots' own files. Returns counts as JSON, "cursor" None at the end."""
    report = RepairReport()
    if not aip_id and not cursor:
        for name in archive.tiers:
            _repair_root(archive, name, report, progress)
    if aip_id:
        page: Page[Copy] = Page(archive.catalog.copies.of(aip_id))
    else:
        page = archive.catalog.copies.not_good(cursor=cursor or None, limit=STEP_COPIES)
    progress.start("repair", len(page.items), "objects")
    bring_together(archive, page.items, progress.advance)
    for copy in page.items:
        if copy.tier in archive.tiers:
            repair_copy(archive, copy, report)
        progress.advance(1)
    progress.finish()
    return {**report.as_json(), "cursor": page.cursor}


def _repair_root(archive: Archive, name: str, report: RepairReport, progress: Progress) -> None:
    """Put a storage root's own files right; when there was something to do, hold the tier against the catalog again, so that what is
    known of it is not what was before."""
    tier, ledger = archive.tiers[name], ledger_of(archive)
    if not isinstance(tier, RootedTier):
        return
    try:
        problems = tier.root_problems()
        for problem in problems:
            try:
                tier.mend_root(problem.path)
                ledger.root_repaired(name, problem)
            except (StorageError, OSError) as error:
                ledger.root_repaired(name, problem, error)
        if problems:
            left = tier.root_problems()
            report.repaired += len({each.path for each in problems} - {each.path for each in left})
            report.failed += [Damage("", name, each.path, each.outcome.value, each.expected, each.found) for each in left]
            compare(archive, name, archive.clock.now().isoformat(), progress)
    except Unavailable as error:
        report.unavailable[name] = said(error.finding)


def repair_copy(archive: Archive, copy: Copy, report: RepairReport) -> None:
    """Check one copy, put right what is not good, and check it again. Everything done is recorded and an event."""
    try:
        _repair(archive, copy, report)
    except Unavailable as error:
        report.unavailable[copy.tier] = said(error.finding)


def _repair(archive: Archive, copy: Copy, report: RepairReport) -> None:
    want = wanted(archive, copy.aip_id)
    expected = archive.catalog.holdings.inventories([copy.aip_id])[copy.aip_id]
    found = verify_copy(archive, copy, expected)
    report.copies += 1
    if want is not None and (numbers := lacking(found, want)) and _bring(archive, copy, want, numbers):
        good, found = found.counts[Outcome.GOOD], verify_copy(archive, copy, expected)
        report.repaired += max(0, found.counts[Outcome.GOOD] - good)
    for _ in range(ROUNDS if want is not None else 0):
        before = report.repaired + report.quarantined
        coming = tuple(f"v{number}/" for number in coming_version(archive, copy.aip_id))
        for problem in _in_order(found):
            assert want is not None
            if problem.outcome is Outcome.EXTRA and f"{problem.path}/".startswith(coming):
                continue  # it is being written just now
            _mend(archive, copy, want, problem, report)
        if report.repaired + report.quarantined == before:
            break
        found = verify_copy(archive, copy, expected)
    record = record_of(archive, copy, found)
    archive.catalog.copies.record([record])
    ledger_of(archive).checked([record])
    if record.state is CopyState.GOOD:
        promise(archive, copy.tier, copy.aip_id)  # what was put right has versions of its own; the next audit tells of a failure
    report.failed.extend(record.damages)


def _bring(archive: Archive, copy: Copy, want: Wanted, numbers: Sequence[int]) -> bool:
    """Write the versions that a copy lacks. False where that cannot be: then what can be put right file by file is."""
    try:
        with resealed(archive, want, numbers, without=copy.tier) as (versions, source):
            written = archive.tiers[copy.tier].write(versions)
    except (StorageError, OSError):
        return False
    if any(each.error is not None for each in written):
        return False
    ledger_of(archive).brought(copy, numbers, source)
    return True


def _in_order(found: FixityReport) -> list[Problem]:
    """Content first, root inventory and sidecar last: a copy that is being repaired must never look whole before it is."""
    last = {"inventory.json": 1, "inventory.json.sha512": 2}
    return sorted(found.problems, key=lambda problem: (last.get(problem.path, 0), problem.path))


def _mend(archive: Archive, copy: Copy, want: Wanted, problem: Problem, report: RepairReport) -> None:
    tier = archive.tiers[copy.tier]
    ledger = ledger_of(archive)
    try:
        if problem.outcome is Outcome.EXTRA:
            place = tier.quarantine(want.object_id, problem.path)
            ledger.quarantined(copy, problem, place)
            report.quarantined += 1
            return
        known = want.known(problem.path)
        if known is None:
            return
        digest, data = known
        for source, stream in _sources(archive, copy, want, problem.path, digest, data):
            with stream:
                tier.restore(want.object_id, problem.path, stream, digest)
            ledger.repaired(copy, problem, source)
            report.repaired += 1
            return
        ledger.repair_failed(copy, problem, NoGoodCopy(problem.path, copy.aip_id, phrase("no-other-tier")))
    except (StorageError, OSError) as error:
        ledger.repair_failed(copy, problem, error)


def _sources(
    archive: Archive, copy: Copy, want: Wanted, path: str, digest: bytes, data: bytes | None
) -> Iterator[tuple[str, BinaryIO]]:
    """Streams of verified good bytes for one path, with the name of where they came from; re-read and hashed before they are used."""
    if data is not None:
        yield "rule", io.BytesIO(data)
        return
    places = [path, f"v{want.head}/inventory.json"] if path == "inventory.json" else [path]
    if path == f"v{want.head}/inventory.json":
        places.append("inventory.json")
    own = {name: tier for name, tier in archive.tiers.items() if name == copy.tier and isinstance(tier, WriteOnceTier)}
    for name, tier in {**own, **archive.tiers}.items():
        for place in places:
            if name == copy.tier and place == path and name not in own:
                continue  # but where versions are kept, the true one lies below what was put over it
            try:
                with tier.open(want.object_id, place) as stream:
                    if hash_stream(stream, ["sha512"])[1]["sha512"].value != digest:
                        continue
                yield name, tier.open(want.object_id, place)
            except (StorageError, OSError):
                continue

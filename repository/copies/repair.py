"""Repair: put good bytes in the place of damaged ones, from a copy that was verified in the same breath; move strangers aside.

What is good is decided by the catalog's inventory digests, never by a majority and never by the copy that happens to be at hand.
After every repair the whole copy is read again; only that check, not the repair, makes it good.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from fixity.digests import hash_stream
from fixity.verify import FixityReport, Outcome, Problem
from policies.findings import said
from policies.phrases import phrase
from repository.access.vouched import Wanted, wanted
from repository.archive import Archive
from repository.checks.absence import not_there_yet, still_absent
from repository.checks.audit import record_of, verify_copies
from repository.checks.comparison import compare
from repository.coming import coming_version
from repository.copies.ahead import ahead
from repository.copies.bringing import CLOSED, bring_together
from repository.copies.resealing import lacking, resealed
from repository.errors import NoGoodCopy
from repository.ledger.events import ledger_of
from repository.ledger.write_once import promise
from repository.model import Copy, CopyState, Damage, Page
from repository.progress import Progress
from repository.recalls import cold_tiers
from storage.errors import Cold, StorageError, Unavailable
from storage.putting_right import in_order
from storage.tier import RootedTier, SequentialTier, WriteOnceTier

__all__ = ["RepairReport", "repair_copies", "repair_some"]


@dataclass(slots=True)
class RepairReport:
    """What repairs did: files put right, strangers quarantined, and what is still not good."""

    copies: int = 0
    repaired: int = 0
    quarantined: int = 0
    failed: list[Damage] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)  # tiers that take no writes now: nothing more is brought to them by this repair
    cold: list[tuple[str, str]] = field(
        default_factory=list
    )  # copies (tier, AIP) to be brought: to be read, or to put others right
    waiting: Counter[str] = field(default_factory=Counter)  # by tier: how many such copies are waited for
    ahead: set[tuple[str, str]] = field(
        default_factory=set
    )  # copies (AIP, tier), sound, with versions newer than the catalog knows
    refusals: Counter[str] = field(default_factory=Counter)  # by tier: copies in a row that could not be written

    def as_json(self) -> dict[str, Any]:
        failed = [[d.aip_id, d.tier, d.path, d.outcome, d.expected, d.found] for d in self.failed]
        counts = {"copies": self.copies, "repaired": self.repaired, "quarantined": self.quarantined}
        lists = {"closed": sorted(self.closed), "cold": self.cold, "ahead": sorted(self.ahead)}
        return {**counts, "failed": failed, "unavailable": self.unavailable, **lists}

    def merge(self, step: Mapping[str, Any]) -> None:
        """Add one step's counts (JSON, as `as_json` made them)."""
        self.copies += step["copies"]
        self.repaired += step["repaired"]
        self.quarantined += step["quarantined"]
        self.failed.extend(Damage(*row) for row in step["failed"])
        self.unavailable.update(step["unavailable"])
        self.closed.update(step.get("closed", ()))
        self.cold += [(tier, aip_id) for tier, aip_id in step.get("cold", ())]
        self.waiting.update(step.get("waiting", {}))
        self.ahead |= {(aip_id, tier) for aip_id, tier in step.get("ahead", ())}

    def refused(self, tier: str, error: StorageError) -> None:
        """A copy could not be written because its tier took nothing."""
        self.unavailable[tier] = said(error.finding)
        self.refusals[tier] += 1
        if self.refusals[tier] >= PATIENCE:
            self.closed.add(tier)

    @classmethod
    def of(cls, counts: Mapping[str, Any]) -> RepairReport:
        """The report from its JSON."""
        report = cls()
        report.merge(counts)
        return report


PATIENCE = 3
"""Copies in a row that a tier could not take, after which it is let be until the next repair: each costs reading all its bytes
elsewhere."""

STEP_COPIES = 100
"""Copies of one repair step."""

ROUNDS = 200
"""Times that one copy is checked and mended: what a bad inventory hid shows only when that was put right, and a report keeps 10,000
problems. More rounds than a million files need are a medium that does not hold what it is given."""


TOGETHER_FILES = 200_000
"""Files of copies that are put right together: what each must hold is in memory meanwhile."""


def repair_some(
    archive: Archive,
    aip_id: str,
    cursor: str,
    progress: Progress,
    *,
    closed: Iterable[str] = (),
    waiting: Collection[tuple[str, str]] = (),
) -> dict[str, Any]:
    """One step: the next copies that are not known to be good; of one AIP all copies, for what is known of them may be old.
    The first step of all copies begins with the storage roots' own files. ``closed`` names tiers that took no writes in earlier steps,
    ``waiting`` copies (tier, AIP) that were asked for and have not come yet.
    Returns counts as JSON, "cursor" None at the end."""
    report = RepairReport(closed=set(closed))
    if not aip_id and not cursor:
        for name in archive.tiers:
            _repair_root(archive, name, report, progress)
    if aip_id:
        page: Page[Copy] = Page(archive.catalog.copies.of(aip_id))
    else:
        page = archive.catalog.copies.not_good(cursor=cursor or None, limit=STEP_COPIES)
    progress.start("repair", len(page.items), "objects")
    open_ = [copy for copy in page.items if copy.tier not in report.closed and (copy.tier, copy.aip_id) not in waiting]
    for name, error in bring_together(archive, open_, progress.advance).items():
        report.unavailable[name] = said(error.finding)
        report.closed.add(name)
    for copies in _together(archive, open_):
        if copies[0].tier not in report.closed:
            repair_copies(archive, copies, report)
        progress.advance(len(copies))
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


def _together(archive: Archive, copies: Sequence[Copy]) -> Iterator[list[Copy]]:
    """Those on media that are wound tier by tier, for what is put right on them is written in one go; all others one by one."""
    wound: dict[str, list[Copy]] = {}
    for copy in copies:
        tier = archive.tiers.get(copy.tier)
        if not isinstance(tier, SequentialTier):
            if tier is not None:
                yield [copy]
            continue
        group = wound.setdefault(copy.tier, [])
        group.append(copy)
        if sum(each.files for each in group) >= TOGETHER_FILES:
            yield wound.pop(copy.tier)
    yield from wound.values()


@dataclass(slots=True, eq=False)
class _Case:
    """One copy under repair: what it must hold (None: nobody knows), and what was found when it was read last."""

    copy: Copy
    want: Wanted | None
    expected: Mapping[int, bytes]
    found: FixityReport


def repair_copies(archive: Archive, copies: Sequence[Copy], report: RepairReport) -> None:
    """Check copies, put right what is not good, and check them again: all that needs it round by round, so that a tier that writes together
    what waits can. Everything done is recorded and an event."""
    inventories = archive.catalog.holdings.inventories([copy.aip_id for copy in copies])
    asked = [(copy, inventories[copy.aip_id]) for copy in copies]
    cases = []
    for (copy, expected), found in zip(asked, verify_copies(archive, asked), strict=True):
        if isinstance(found, Cold):
            report.cold.append((copy.tier, copy.aip_id))
        elif isinstance(found, StorageError):
            report.unavailable[copy.tier] = said(found.finding)
        else:
            report.copies += 1
            cases.append(_case(archive, copy, expected, found, report))
    brought = {id(case): case.found.counts[Outcome.GOOD] for case in cases if _brought(archive, case, report)}
    read = _read_again(archive, [case for case in cases if id(case) in brought], report)
    report.repaired += sum(max(0, case.found.counts[Outcome.GOOD] - brought[id(case)]) for case in read)
    cases = [case for case in cases if id(case) not in brought] + read
    for _ in range(ROUNDS):
        tried = [(case, _mended(archive, case, report)) for case in cases]
        mended = [case for case, done in tried if done]
        for case, done in tried:
            if not done:
                _settle(archive, case, report)
        if not mended:
            return
        cases = _read_again(archive, mended, report)
    for case in cases:
        _settle(archive, case, report)


def _case(archive: Archive, copy: Copy, expected: Mapping[int, bytes], found: FixityReport, report: RepairReport) -> _Case:
    """A copy as it was ``found``. Where the catalog is behind it nobody knows what any copy of its AIP must hold: what looks like a
    stranger may be a record, and is not touched."""
    behind = ahead(archive, copy.aip_id, expected) if found.problems else set()
    if copy.tier in behind:
        report.ahead.add((copy.aip_id, copy.tier))
    return _Case(copy, None if behind else wanted(archive, copy.aip_id), expected, found)


def _brought(archive: Archive, case: _Case, report: RepairReport) -> bool:
    """Whether versions that the copy lacked were written. A tier that takes nothing ends the repair of the copy."""
    numbers = lacking(case.found, case.want) if case.want is not None else []
    if case.want is None or not numbers:
        return False
    try:
        written = _bring(archive, case.copy, case.want, numbers)
    except CLOSED as error:
        report.refused(case.copy.tier, error)
        case.want = None
        return False
    if written:
        report.refusals[case.copy.tier] = 0
    return written


def _read_again(archive: Archive, cases: Sequence[_Case], report: RepairReport) -> list[_Case]:
    """Those that could be read, with what is found now."""
    read = []
    for case, found in zip(cases, verify_copies(archive, [(case.copy, case.expected) for case in cases]), strict=True):
        if isinstance(found, StorageError):
            report.unavailable[case.copy.tier] = said(found.finding)
        else:
            case.found = found
            read.append(case)
    return read


def _mended(archive: Archive, case: _Case, report: RepairReport) -> bool:
    """Whether anything of a copy was put right or moved aside."""
    if case.want is None:
        return False
    before = report.repaired + report.quarantined
    coming = tuple(f"v{number}/" for number in coming_version(archive, case.copy.aip_id))
    for problem in in_order(case.found.problems):
        if problem.outcome is Outcome.EXTRA and f"{problem.path}/".startswith(coming):
            continue  # it is being written just now
        try:
            _mend(archive, case.copy, case.want, problem, report)
        except CLOSED as error:
            report.refused(case.copy.tier, error)
            case.want = None
            return False
    return report.repaired + report.quarantined > before


def _settle(archive: Archive, case: _Case, report: RepairReport) -> None:
    """Enter what a copy is now."""
    record = record_of(archive, case.copy, case.found)
    try:
        absent = not_there_yet(archive, case.copy, case.expected, case.found)
    except Unavailable as error:
        report.unavailable[case.copy.tier] = said(error.finding)
        return
    if not (absent and report.refusals[case.copy.tier]):  # that its tier takes nothing is told once, and not file by file
        report.failed.extend(() if (case.copy.aip_id, case.copy.tier) in report.ahead else record.damages)
    if record.state is not CopyState.GOOD:  # what is good may lie where it has to be brought from
        others = (name for name in cold_tiers(archive, case.copy.aip_id) if name != case.copy.tier)
        report.cold += [(name, case.copy.aip_id) for name in others]
    record = still_absent(record) if absent else record
    archive.catalog.copies.record([record])
    ledger_of(archive).checked([record])
    if record.state is CopyState.GOOD:
        # What was put right has versions of its own; the next audit tells of a failure.
        promise(archive, case.copy.tier, case.copy.aip_id)


def _bring(archive: Archive, copy: Copy, want: Wanted, numbers: Sequence[int]) -> bool:
    """Write the versions that a copy lacks. False where that cannot be: then what can be put right file by file is. Raises `CLOSED` where
    its tier takes nothing."""
    try:
        with resealed(archive, want, numbers, without=copy.tier) as (versions, source):
            try:
                errors = [each.error for each in archive.tiers[copy.tier].write(versions) if each.error is not None]
            except StorageError as error:
                errors = [error]
    except (StorageError, OSError):
        return False
    for each in errors:
        if isinstance(each, CLOSED):
            raise each
    if errors:
        return False
    ledger_of(archive).brought(copy, numbers, source)
    return True


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
    except CLOSED:
        raise
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

"""Rebuild: make the catalog again from what the tiers hold, believing no tier by itself.

The root inventories of all tiers are compared first, and each AIP is read as far as it is believed
(`repository.rebuilding.believing`). Where nothing tells which tier is right nothing is decided here: that is a finding for an
officer, who names the tier to believe with ``--from``. Nothing is *stored* again until it is re-read.

Deposits come back from the AIPs they became; those that were refused, held, or accepted and not kept yet, from what lies in the home
(`repository.deposits.remains`). One that was still on its way has left no more than bytes: handing the same records in again is all
it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from formats.errors import FormatsError
from policies.findings import Findings, KhoError, reason_of
from repository.archive import Archive
from repository.catalog import CatalogConflict, Transaction
from repository.coming import BATCHES
from repository.deposits.examine import distinct
from repository.deposits.ingest import FREE
from repository.deposits.remains import PLACES, is_of, kept_row, kept_rows, remaining, sealed_record
from repository.errors import AipUnreadable, SpoolDamaged
from repository.ledger.adoption import TakenBack, adopt_days, day_number, read_here, take_back
from repository.ledger.events import ledger_of
from repository.ledger.open_day import OpenPart, PartRead
from repository.model import CopyState, Deposit, DepositState
from repository.progress import Progress
from repository.rebuilding.believing import Known, Surveyed, read_in_turn
from storage.errors import Unavailable
from storage.tier import ObjectVersion, Tier

__all__ = ["RebuildReport", "rebuild"]

AIP_PREFIX = "urn:uuid:"
"""AIPs among a tier's objects; evidence, ledger and policy history have ids of their own (``urn:kho:…``)."""


REBUILT = "catalog rebuild"
"""The type of the event that tells of one rebuild (the PREMIS vocabulary has no word for it)."""

ENDED = FREE | {DepositState.REPEATED}
"""Deposits in these states became no AIP, and have no bytes that wait for anything."""

GROUP = 100
"""AIPs entered in one transaction: a commit, and statements made anew, for each cost more than a small AIP's rows."""

GROUP_FILES = 20_000
"""Files after which a group is entered, so that the memory for it stays small."""


@dataclass(slots=True)
class RebuildReport:
    """What was registered again, and what could not be believed or read. ``deposits`` are those that are in no AIP;
    ``taken_back``: events of the ledger's open day that no AIP tells of."""

    aips: int = 0
    files: int = 0
    deposits: int = 0
    taken_back: TakenBack = field(default_factory=TakenBack)
    findings: Findings = field(default_factory=Findings)


class Hands(Protocol):
    """Who looks at tiers and reads AIPs: one process (`Alone`), or several (`repository.workforce.Workforce`)."""

    def versions(self, archive: Archive, tier: Tier) -> Iterator[ObjectVersion]:
        """`storage.tier.Tier.versions`."""
        ...

    def expect(self, count: int) -> None:
        """Told, again and again, how many AIPs were seen so far."""
        ...

    def read(self, archive: Archive, tiers: Mapping[str, Tier], surveyed: Iterable[Surveyed]) -> Iterator[Known]:
        """`repository.rebuilding.believing.read_aip` for each, in their order."""
        ...

    def lines(self, archive: Archive, parts: Sequence[OpenPart]) -> Iterator[PartRead]:
        """`repository.ledger.open_day.read_part` for each, in their order."""
        ...


class Alone:
    """All by this process, one after the other."""

    def versions(self, archive: Archive, tier: Tier) -> Iterator[ObjectVersion]:
        return tier.versions()

    def expect(self, count: int) -> None:
        pass

    def read(self, archive: Archive, tiers: Mapping[str, Tier], surveyed: Iterable[Surveyed]) -> Iterator[Known]:
        return read_in_turn(archive, tiers, surveyed)

    def lines(self, archive: Archive, parts: Sequence[OpenPart]) -> Iterator[PartRead]:
        return read_here(parts)


def rebuild(archive: Archive, tier_name: str | None, progress: Progress, *, hands: Hands | None = None) -> RebuildReport:
    """Register everything the tiers (or one of them) hold. What is in the catalog already, fixity history and events, stays. Days of
    the ledger that it does not know come back first, so that the chain goes on.

    Raises:
        UnknownTier: there is no such tier.
        Unavailable: a tier cannot be asked; a rebuild that silently left one out would be believed.
    """
    tiers = dict(archive.tiers) if tier_name is None else {tier_name: archive.tier(tier_name)}
    report, hands = RebuildReport(), hands or Alone()
    survey = _survey(archive, tiers, report.findings, progress, hands)
    adopt_days(archive, survey.days, report.findings)
    lost = not archive.catalog.days.any_open()
    progress.start("rebuild", len(survey.held), "objects")
    waiting: list[Known] = []
    for known in hands.read(archive, tiers, _surveyed(archive, tiers, survey)):
        report.findings.extend(known.findings)
        if known.registrations:
            waiting.append(known)
        if len(waiting) >= GROUP or sum(each.files for each in waiting) >= GROUP_FILES:
            _register(archive, waiting, report)
            waiting = []
        progress.advance(1)
    _register(archive, waiting, report)
    if survey.evidence:
        from repository.evidence.restoring import restore_batches  # what proves by evidence takes a fifth of a second to load

        restore_batches(archive, tiers, survey.evidence, report.findings)
    progress.finish()
    _remains(archive, report)
    report.taken_back = take_back(archive, tiers, report.findings, read=partial(hands.lines, archive))
    if not lost:
        report.taken_back.lost_since = None  # the catalog had its open day
    _record(archive, tier_name, report)
    return report


def _record(archive: Archive, tier_name: str | None, report: RebuildReport) -> None:
    """One event of the whole: who made the catalog again, and how many events of
    the ledger's open day came back. What else happened between the sealing of AIPs and now is not in it."""
    ledger, findings = ledger_of(archive), len(report.findings)
    detail: dict[str, str | int] = {"aips": report.aips, "files": report.files, "findings": findings}
    detail["events"] = report.taken_back.events
    event = ledger.event(REBUILT, "warning" if findings else "success", detail=detail)
    ledger.append([replace(event, tier=tier_name or "")])


def _remains(archive: Archive, report: RebuildReport) -> None:
    """Deposits that are in no AIP come back from what lies in the home; those that left too little are a finding."""
    for place in PLACES:
        folder = archive.settings.home / place
        names = [each.name for each in folder.iterdir() if each.is_dir() and each.name != "incoming"] if folder.exists() else []
        lost = [name for name in names if archive.catalog.deposits.find(name) is None]
        gone = [name for name in lost if not _restored(archive, place, name)]
        report.deposits += len(lost) - len(gone)
        if gone:
            report.findings.add("DEP-ORPHANS", place, count=len(gone), first=min(gone))
        if place == "spool":
            _announce(archive, set(lost) - set(gone))
    _rows(archive, report)


def _restored(archive: Archive, place: str, deposit_id: str) -> bool:
    deposit = remaining(archive, place, deposit_id)
    if deposit is None or (deposit.state is DepositState.ACCEPTED and not _next(archive, deposit)):
        return False
    return _added(archive, deposit)


def _added(archive: Archive, deposit: Deposit) -> bool:
    try:
        archive.catalog.deposits.add(deposit)
    except CatalogConflict:  # its key is another's by now
        if deposit.state not in FREE:
            return False
        archive.catalog.deposits.add(replace(deposit, key=f"{deposit.key}#{deposit.id}"))
    return True


def _rows(archive: Archive, report: RebuildReport) -> None:
    """Deposits that left only their row. One that became an AIP comes back with that, or not at all."""
    unread = []
    for deposit_id in kept_rows(archive):
        if archive.catalog.deposits.find(deposit_id) is None:
            deposit = kept_row(archive, deposit_id)
            if deposit is None or (deposit.state in ENDED and not _added(archive, deposit)):
                unread.append(deposit_id)
            else:
                report.deposits += deposit.state in ENDED
    if unread:
        report.findings.add("DEP-ORPHANS", "rows", count=len(unread), first=min(unread))


def _announce(archive: Archive, restored: Collection[str]) -> None:
    """What waits for its copies is found by whatever repeats it, in the order in which it came."""
    found = (archive.catalog.deposits.get(deposit_id) for deposit_id in restored)
    waiting = [(each.created, each.id, each.producer, each.aip_id) for each in found if each.state is DepositState.ACCEPTED]
    for _, deposit_id, producer, aip_id in sorted(waiting):
        try:
            spool = archive.spools.of_sealed(deposit_id)
            identifier, contents = sealed_record(spool).identifier, distinct(spool, Findings())
            archive.catalog.coming.add(deposit_id, aip_id, producer=producer, identifier=identifier, contents=contents)
        except (OSError, ValueError, KeyError, TypeError, FormatsError, SpoolDamaged, AipUnreadable):
            # Lost, or only not read now: whoever keeps it finds out, and the rebuild has more to do.
            archive.catalog.coming.add(deposit_id, aip_id, producer=producer, identifier="", contents=())
        finally:
            archive.spools.close(deposit_id)


def _next(archive: Archive, deposit: Deposit) -> bool:
    """Whether what is sealed is the version that its AIP gets next."""
    aip = archive.catalog.holdings.find(deposit.aip_id)
    return deposit.aip_version == (1 if aip is None else aip.version + 1)


@contextmanager
def _unreadable(aip_id: str, report: RebuildReport) -> Iterator[None]:
    """What cannot be entered of one AIP is a finding; a tier that goes away ends the rebuild."""
    try:
        yield
    except Unavailable:
        raise
    except (KhoError, OSError, ValueError, KeyError) as error:
        report.findings.add("AIP-UNREADABLE", aip_id, reason=reason_of(error))


@dataclass(slots=True)
class _Survey:
    """Object id → tier → what it holds; and the tiers on which something of that id stands that cannot be believed. Around 500
    bytes an object and tier are held in memory."""

    held: dict[str, dict[str, ObjectVersion]] = field(default_factory=dict)
    broken: dict[str, set[str]] = field(default_factory=dict)
    evidence: dict[str, dict[str, ObjectVersion]] = field(default_factory=dict)
    days: dict[int, dict[str, ObjectVersion]] = field(default_factory=dict)


def _survey(
    archive: Archive, tiers: Mapping[str, Tier], findings: Findings, progress: Progress, hands: Hands | None = None
) -> _Survey:
    hands = hands or Alone()
    survey = _Survey()
    progress.start("survey", None, "objects")
    for name, tier in tiers.items():
        for found in hands.versions(archive, tier):
            progress.advance(1)
            if found.problem is not None:
                findings.append(found.problem.finding)
                survey.broken.setdefault(found.object_id, set()).add(name)
            elif found.object_id.startswith(AIP_PREFIX):
                survey.held.setdefault(found.object_id, {})[name] = found
                hands.expect(len(survey.held))
            elif found.object_id.startswith(BATCHES):
                survey.evidence.setdefault(found.object_id, {})[name] = found
            elif (number := day_number(found)) is not None:
                survey.days.setdefault(number, {})[name] = found
    progress.finish()
    return survey


def _register(archive: Archive, waiting: Sequence[Known], report: RebuildReport) -> None:
    """Enter AIPs in one transaction; where one of them does not fit, each in its own."""
    with ExitStack() as read:
        for known in waiting:
            read.callback(known.close)
        _register_read(archive, waiting, report)


def _register_read(archive: Archive, waiting: Sequence[Known], report: RebuildReport) -> None:
    try:
        _enter(archive, waiting)
    except (KhoError, ValueError, KeyError):
        for known in waiting:
            with _unreadable(known.aip_id, report):
                _enter(archive, [known])
                report.aips, report.files = report.aips + 1, report.files + known.files
        return
    report.aips += len(waiting)
    report.files += sum(known.files for known in waiting)


def _enter(archive: Archive, waiting: Sequence[Known]) -> None:
    with archive.catalog.begin() as transaction:
        archive.catalog.register((each for known in waiting for each in known.registrations), within=transaction)
        archive.catalog.events.append((each for known in waiting for each in known.events), within=transaction)
        deposits = [each for known in waiting for each in known.deposits]
        archive.catalog.deposits.add(*deposits, within=transaction)
        _ended(archive, deposits, transaction)


def _ended(archive: Archive, deposits: Sequence[Deposit], within: Transaction) -> None:
    """What waits for copies in a catalog that is older than the tiers, and became a version meanwhile, waits no more: nothing may be left
    of it but that version, and an update would wait for it for ever. Where tiers lack copies and it has its spool, it goes on by itself."""
    there = archive.spools.is_there()
    rows = archive.catalog.deposits.several([each.id for each in deposits], within=within)
    ended = [
        each
        for each in deposits
        if rows[each.id].state is DepositState.ACCEPTED
        and is_of(rows[each.id], each)
        and (each.state is DepositState.STORED or (there and not archive.spools.folder(each.id).exists()))
    ]
    for each in ended:
        # What the spool still has goes when enough copies were re-read: `repository.deposits.upkeep.promote`.
        state = DepositState.KEPT if archive.spools.folder(each.id).exists() else each.state
        archive.catalog.deposits.update(each.id, state=state, error="", updated=each.updated, within=within)
    archive.catalog.coming.end([each.id for each in ended], within=within)


def _surveyed(archive: Archive, tiers: Mapping[str, Tier], survey: _Survey) -> Iterator[Surveyed]:
    """AIPs in the order of their ids. A copy for every tier that should hold one: absent where it was looked for and is not, else
    unknown until it is re-read."""
    for aip_id in sorted(survey.held):
        held, broken = survey.held[aip_id], frozenset(survey.broken.get(aip_id, ()))
        there = held.keys() | broken
        names = [name for name in archive.tiers if name in archive.policy.tiers or name in there]
        states = {name: CopyState.ABSENT if name in tiers and name not in there else CopyState.UNKNOWN for name in names}
        yield Surveyed(aip_id, held, broken, states)

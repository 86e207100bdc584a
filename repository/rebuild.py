"""Rebuild: make the catalog again from what the tiers hold, believing no tier by itself.

The root inventories of all tiers are compared first. Where they disagree, or fewer tiers hold a version than the policy promises,
an object is believed only when its own records (METS, submission record) agree with its inventory and no other side's do; where
both agree with themselves nothing is decided here: that is a finding for an officer, who names the tier to believe with
``--from``. Nothing is *stored* again until it is re-read.

Deposits come back from the AIPs they became; those that were refused, held, or accepted and not kept yet, from what lies in the home
(`repository.remains`). One that was still on its way has left no more than bytes: handing the same records in again is all it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from formats.premis import Event
from policies.findings import Findings, KhoError, said
from policies.phrases import os_phrase
from repository.archive import Archive
from repository.catalog import CatalogConflict, Registration
from repository.consistency import Testimony, testimony
from repository.evidence.batch import PREFIX as EVIDENCE_PREFIX
from repository.evidence.restoring import restore_batches
from repository.examine import distinct
from repository.ingest import FREE
from repository.ledger import ledger_of
from repository.ledger_adoption import TakenBack, take_back
from repository.model import Copy, CopyState, Deposit, DepositState
from repository.progress import Progress
from repository.remains import PLACES, is_of, kept_row, kept_rows, remaining, sealed_record
from repository.stored_version import StoredVersion, inventory_digest, open_verified
from storage.errors import Unavailable
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.tier import ObjectId, ObjectVersion, Tier

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


def rebuild(archive: Archive, tier_name: str | None, progress: Progress) -> RebuildReport:
    """Register everything the tiers (or one of them) hold. What is in the catalog already, fixity history and events, stays.

    Raises:
        UnknownTier: there is no such tier.
        Unavailable: a tier cannot be asked; a rebuild that silently left one out would be believed.
    """
    tiers = dict(archive.tiers) if tier_name is None else {tier_name: archive.tier(tier_name)}
    report, lost = RebuildReport(), not archive.catalog.days.any_open()
    survey = _survey(tiers, report.findings, progress)
    progress.start("rebuild", len(survey.held), "objects")
    waiting: list[_Known] = []
    for aip_id in sorted(survey.held):
        with _unreadable(aip_id, report):
            believed = _believed(archive, tiers, aip_id, survey, report.findings)
            if believed is not None:
                waiting.append(_read(archive, tiers, believed, survey))
        if len(waiting) >= GROUP or sum(known.files for known in waiting) >= GROUP_FILES:
            _register(archive, waiting, report)
            waiting = []
        progress.advance(1)
    _register(archive, waiting, report)
    restore_batches(archive, tiers, survey.evidence, report.findings)
    progress.finish()
    _remains(archive, report)
    report.taken_back = take_back(archive, tiers, report.findings)
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
        spool = archive.spools.get(deposit_id)
        try:
            identifier, contents = sealed_record(spool).identifier, distinct(spool, Findings())
            archive.catalog.coming.add(deposit_id, aip_id, producer=producer, identifier=identifier, contents=contents)
        finally:
            archive.spools.close(deposit_id)


def _next(archive: Archive, deposit: Deposit) -> bool:
    """Whether what is sealed is the version that its AIP gets next."""
    aip = archive.catalog.holdings.find(deposit.aip_id)
    return deposit.aip_version == (1 if aip is None else aip.version + 1)


@contextmanager
def _unreadable(aip_id: str, report: RebuildReport) -> Iterator[None]:
    """What cannot be believed or entered of one AIP is a finding; a tier that goes away ends the rebuild."""
    try:
        yield
    except Unavailable:
        raise
    except (KhoError, OSError, ValueError, KeyError) as error:
        report.findings.add("AIP-UNREADABLE", aip_id, reason=_why(error))


def _why(error: Exception) -> str:
    if isinstance(error, KhoError):
        return said(error.finding)
    return os_phrase(error) if isinstance(error, OSError) else str(error)


@dataclass(slots=True)
class _Survey:
    """Object id → tier → what it holds; and the tiers on which something of that id stands that cannot be believed. Around 500
    bytes an object and tier are held in memory."""

    held: dict[str, dict[str, ObjectVersion]] = field(default_factory=dict)
    broken: dict[str, set[str]] = field(default_factory=dict)
    evidence: dict[str, dict[str, ObjectVersion]] = field(default_factory=dict)


def _survey(tiers: Mapping[str, Tier], findings: Findings, progress: Progress) -> _Survey:
    survey = _Survey()
    progress.start("survey", None, "objects")
    for name, tier in tiers.items():
        for found in tier.versions():
            progress.advance(1)
            if found.problem is not None:
                findings.append(found.problem.finding)
                survey.broken.setdefault(found.object_id, set()).add(name)
            elif found.object_id.startswith(AIP_PREFIX):
                survey.held.setdefault(found.object_id, {})[name] = found
            elif found.object_id.startswith(EVIDENCE_PREFIX):
                survey.evidence.setdefault(found.object_id, {})[name] = found
    progress.finish()
    return survey


@dataclass(frozen=True, slots=True)
class _Believed:
    """The newest inventory of an object, and the digests of those of all its versions."""

    inventory: Inventory
    digests: Mapping[int, bytes]


def _believed(archive: Archive, tiers: Mapping[str, Tier], aip_id: str, survey: _Survey, findings: Findings) -> _Believed | None:
    """What is believed of an object: its newest version that is sound. None (with a finding) when nothing tells which is right.

    A version that fewer tiers hold than the policy promises was perhaps never counted, or was made by someone who can write to one
    tier: it is believed only when it agrees with itself.
    """
    held = survey.held[aip_id]
    for name in tiers.keys() - held.keys() - survey.broken.get(aip_id, set()):
        findings.add("AIP-MISSING-ON", aip_id, tier=name)
    for number in sorted({found.number for found in held.values()}, reverse=True):
        by_digest: dict[bytes, list[str]] = {}
        for name, found in held.items():
            if found.number == number:
                by_digest.setdefault(found.inventory_sha512, []).append(name)
        sound = by_digest
        if len(by_digest) > 1 or len(next(iter(by_digest.values()))) < archive.policy.copies.need:
            sound = _sound(tiers, aip_id, by_digest)
        if len(sound) > 1 or (not sound and len(by_digest) > 1):
            detail = "; ".join(f"{', '.join(names)}: {digest.hex()[:16]}…" for digest, names in by_digest.items())
            findings.add("AIP-TIERS-DISAGREE", aip_id, version=number, detail=detail)
            return None
        right = next(iter(sound.values()), [])
        for names in by_digest.values():
            if names != right:
                findings.add("AIP-ALTERED-ON", aip_id, tier=", ".join(names), right=", ".join(right) or "-")
        if right:
            older = {name: found for name, found in held.items() if found.number <= number}
            return _with_older(tiers, aip_id, number, *next(iter(sound.items())), older, findings)
    return None


def _sound(tiers: Mapping[str, Tier], aip_id: str, by_digest: Mapping[bytes, list[str]]) -> dict[bytes, list[str]]:
    """Those of several inventories of one version that may be right: the ones that agree with themselves when there are such, else
    those that nothing contradicts (where records are damaged, nothing is known)."""
    said: dict[bytes, Testimony] = {}
    for digest, names in by_digest.items():
        try:
            stream, _ = open_verified([tiers[name] for name in names], ObjectId(aip_id), "inventory.json", digest)
            with stream:
                said[digest] = testimony([tiers[name] for name in names], parse_inventory(stream))
        except (KhoError, OSError):
            said[digest] = Testimony.SILENT
    for wanted in (Testimony.AGREES, Testimony.SILENT):
        if found := {digest: names for digest, names in by_digest.items() if said[digest] is wanted}:
            return found
    return {}


def _with_older(
    tiers: Mapping[str, Tier],
    aip_id: str,
    newest: int,
    digest: bytes,
    right: Sequence[str],
    held: Mapping[str, ObjectVersion],
    findings: Findings,
) -> _Believed:
    """The inventories of older versions, held against those of tiers that have not got further."""
    stream, _ = open_verified([tiers[name] for name in right], ObjectId(aip_id), "inventory.json", digest)
    with stream:
        inventory = parse_inventory(stream)
    everywhere = list(tiers.values())
    digests = {number: inventory_digest(everywhere, inventory, number) for number in range(1, newest)} | {newest: digest}
    for name, found in held.items():
        if found.number == newest:
            continue
        if found.inventory_sha512 == digests[found.number]:
            findings.add("AIP-LAGS-ON", aip_id, tier=name, version=found.number)
        else:
            findings.add("AIP-ALTERED-ON", aip_id, tier=name, right=", ".join(right))
    return _Believed(inventory, digests)


@dataclass(slots=True)
class _Known:
    """All versions of one AIP as they were read, not yet entered."""

    aip_id: str
    registrations: list[Registration] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    stored: list[StoredVersion] = field(default_factory=list)
    files: int = 0

    def opened(self, stored: StoredVersion) -> StoredVersion:
        """A version whose records are read until `close`."""
        self.stored.append(stored)
        return stored

    def close(self) -> None:
        """Let go of what the registrations are read from."""
        for each in self.stored:
            each.close()


def _read(archive: Archive, tiers: Mapping[str, Tier], believed: _Believed, survey: _Survey) -> _Known:
    known = _Known(believed.inventory.object_id)
    try:
        return _read_into(known, archive, tiers, believed, survey)
    except BaseException:
        known.close()
        raise


def _read_into(known: _Known, archive: Archive, tiers: Mapping[str, Tier], believed: _Believed, survey: _Survey) -> _Known:
    inventory = believed.inventory
    copies = tuple(_copies(archive, tiers, inventory, survey))
    here = survey.held[inventory.object_id]
    for number, digest in believed.digests.items():
        stored = known.opened(StoredVersion(list(tiers.values()), inventory, number, digest))
        known.registrations.append(stored.registration(copies if number == inventory.head else ()))
        known.events += stored.events()
        stored_before = sum(found.number >= number for found in here.values()) >= archive.policy.copies.need
        past = stored.past_deposit(stored=stored_before)
        row = kept_row(archive, past.id)
        known.deposits.append(replace(row, state=past.state) if row is not None and is_of(row, past) else past)
        known.files += stored.files
    return known


def _register(archive: Archive, waiting: Sequence[_Known], report: RebuildReport) -> None:
    """Enter AIPs in one transaction; where one of them does not fit, each in its own."""
    with ExitStack() as read:
        for known in waiting:
            read.callback(known.close)
        _register_read(archive, waiting, report)


def _register_read(archive: Archive, waiting: Sequence[_Known], report: RebuildReport) -> None:
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


def _enter(archive: Archive, waiting: Sequence[_Known]) -> None:
    with archive.catalog.begin() as transaction:
        archive.catalog.register((each for known in waiting for each in known.registrations), within=transaction)
        archive.catalog.events.append((each for known in waiting for each in known.events), within=transaction)
        for known in waiting:
            for deposit in known.deposits:
                archive.catalog.deposits.add(deposit, within=transaction)


def _copies(archive: Archive, tiers: Mapping[str, Tier], inventory: Inventory, survey: _Survey) -> Iterator[Copy]:
    """A copy for every tier that should hold one: absent where it was looked for and is not, else unknown until it is re-read."""
    there = survey.held[inventory.object_id].keys() | survey.broken.get(inventory.object_id, set())
    for name in archive.tiers:
        if name in archive.policy.copies.tiers or name in there:
            state = CopyState.ABSENT if name in tiers and name not in there else CopyState.UNKNOWN
            yield Copy(inventory.object_id, name, inventory.head, state, None, None, None, bytes=0, files=0)

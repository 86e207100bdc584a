"""Keep: copy the same sealed bytes to every tier, re-read them there, count, and only then register.

Write order, as invariants: content before inventory, inventory on enough tiers before catalog, catalog before receipt, receipt
before spool removal. *Stored* is only ever set by counting copies that were re-read and matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from fixity.manifest import Manifest
from formats.package.spool import Spool
from formats.premis import Event, read_events
from formats.report import FormatReport, KnownFormat
from policies.audits import next_check, next_look
from policies.findings import KhoError, reason_of, said
from policies.phrases import phrase
from policies.promise import CopiesPolicy
from repository.aip.carried import Carried, CarriedFile
from repository.aip.facts import aip_facts, original_name
from repository.aip.listing import ListedFile, listed_files
from repository.aip.sealing import EVENTS_PATH, SPOOLED, load_sealed, received, said_event, summary_of
from repository.aip.submission import SUBMISSION_PATH, read_submission
from repository.archive import Archive
from repository.catalog import FileRow, Registration, row_of
from repository.deposits.mending import UNREADABLE
from repository.deposits.remains import keep_row, sealed_file, sealed_record, waits
from repository.deposits.uploads import clear_upload
from repository.errors import NotEnoughCopies
from repository.ledger.events import ledger_of
from repository.ledger.write_once import promise
from repository.model import NOT_SOUND, AipVersion, Copy, CopyState, Deposit, DepositState
from repository.progress import Progress
from storage.errors import SpoolDamaged, StorageError, Unavailable
from storage.tier import ObjectId, SealedVersion
from storage.tiers import keep_on

__all__ = ["keep", "register"]


def keep(archive: Archive, tier_name: str, deposit_ids: Sequence[str], progress: Progress) -> dict[str, Any]:
    """Write the sealed versions of a batch to one tier and re-read them: deposit id → {"ok", "bytes", "files", "error", "rotten",
    "unread"}; "rotten": the bytes in the spool, or on the tier, are not what was sealed (`repository.copies.waiting`); "unread": what was
    sealed cannot be read (`repository.rebuilding.lost`). Those of collections that are not promised this tier are left out.

    A tier that cannot be asked fails its part of the batch, never the other tiers' part; a spool that cannot be read, its own deposit.
    """
    accepted = archive.catalog.deposits.several(deposit_ids)
    sealed: dict[str, SealedVersion] = {}
    results: dict[str, Any] = {}
    for deposit_id in deposit_ids:
        try:
            if accepted[deposit_id].state is DepositState.ACCEPTED and tier_name in _promise(archive, deposit_id).tiers:
                spool = partial(archive.spools.of_sealed, deposit_id)
                sealed[deposit_id] = load_sealed(archive.spools.folder(deposit_id), spool)
        except UNREADABLE as error:
            results[deposit_id] = {"ok": False, "error": _unreadable(archive, deposit_id, error), "unread": True}
    try:
        kept = keep_on(
            archive.tiers[tier_name], list(sealed.values()), progress=progress.advance, verify=archive.verifiers.verify
        )
    except StorageError as error:
        return results | {deposit_id: {"ok": False, "error": said(error.finding)} for deposit_id in sealed}
    for deposit_id, one in zip(sealed, kept, strict=True):
        if one.error is not None:
            results[deposit_id] = {"ok": False, "error": said(one.error.finding), "rotten": isinstance(one.error, SpoolDamaged)}
        else:
            report = one.report
            read = {"bytes": report.bytes_read, "files": report.counts.total()} if report else {}
            try:
                problem = _locked(archive, tier_name, deposit_id, one.object_id) if one.counts else phrase("not-verified")
            except UNREADABLE as error:
                results[deposit_id] = {"ok": False, "error": _unreadable(archive, deposit_id, error), "unread": True}
                continue
            results[deposit_id] = {"ok": not problem, "error": problem, "rotten": not one.counts, **read}
    return results


def _unreadable(archive: Archive, deposit_id: str, error: Exception) -> str:
    """What is said of a deposit whose spool cannot be read: damaged only where it is not that the disk did not answer."""
    if isinstance(error, KhoError):
        return said(error.finding)
    unasked = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
    kind = Unavailable if unasked else SpoolDamaged
    return said(kind(str(archive.spools.folder(deposit_id)), reason_of(error)).finding)


def _promise(archive: Archive, deposit_id: str) -> CopiesPolicy:
    """What is promised of the copies of an accepted deposit. Where all is promised the same, what was sealed is not asked."""
    if archive.policy.one_promise:
        return archive.policy.copies
    record = sealed_record(archive.spools.of_sealed(deposit_id))
    return archive.policy.promise_to(record.producer, record.fields)


def _locked(archive: Archive, tier_name: str, deposit_id: str, object_id: ObjectId) -> str:
    """Why a copy is not write-once as promised, "" when it is or need not be. What it says of its term is in what was sealed."""
    if tier_name not in archive.policy.worm:
        return ""
    return promise(archive, tier_name, object_id, sealed_record(archive.spools.of_sealed(deposit_id)).fields)


def register(archive: Archive, deposit_ids: Sequence[str], kept: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Register what has enough verified copies, give the receipt, empty the spool. ``kept`` is tier → what `keep` returned.

    Returns the ids that are stored now. A deposit with too few copies, or whose spool cannot be read, stays ACCEPTED, with the reason; it
    is kept again later.
    """
    deposits = archive.catalog.deposits.several(deposit_ids)
    waiting = [deposit for deposit in deposits.values() if deposit.state is DepositState.ACCEPTED]
    mine = {deposit.id: {tier: done[deposit.id] for tier, done in kept.items() if deposit.id in done} for deposit in waiting}
    enough = [deposit for deposit in waiting if _enough(archive, deposit, mine[deposit.id])]
    stored = {deposit.id for deposit in deposits.values() if deposit.state is DepositState.STORED}
    now = archive.clock.now()
    ledger = ledger_of(archive)
    with archive.catalog.begin() as transaction:
        still = archive.catalog.deposits.several([deposit.id for deposit in enough], within=transaction)
        enough = [deposit for deposit in enough if still[deposit.id].state is DepositState.ACCEPTED]  # another job may be done
        facts, unread = _read(archive, enough)
        registrations = (each.registration(archive, mine[deposit_id], now) for deposit_id, each in facts.items())
        archive.catalog.register(registrations, within=transaction)
        archive.catalog.events.append((event for each in facts.values() for event in each.events()), within=transaction)
        ledger.kept(((deposits[deposit_id], mine[deposit_id]) for deposit_id in facts), within=transaction)
        archive.catalog.deposits.update_all(list(facts), state=DepositState.STORED, error="", updated=now, within=transaction)
        archive.catalog.coming.end(list(facts), within=transaction)
    for deposit_id, reason in unread.items():
        waits(archive, deposits[deposit_id], reason)
    stored.update(facts)
    ended = [replace(deposits[deposit_id], state=DepositState.STORED) for deposit_id in stored]
    for deposit in ended:
        if deposit.decided_by:
            keep_row(archive, replace(deposit, error="", updated=now) if deposit.id in facts else deposit)
    archive.spools.remove(*stored)
    for deposit in ended:
        clear_upload(archive.settings.home, deposit)
    return sorted(stored)


def _read(archive: Archive, deposits: Sequence[Deposit]) -> tuple[dict[str, Sealed], dict[str, str]]:
    """By id: what was sealed, and why that of others cannot be read."""
    read: dict[str, Sealed] = {}
    unread: dict[str, str] = {}
    for deposit in deposits:
        try:
            read[deposit.id] = Sealed(archive, deposit)
        except UNREADABLE as error:
            unread[deposit.id] = _unreadable(archive, deposit.id, error)
    return read, unread


def _enough(archive: Archive, deposit: Deposit, kept: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether enough tiers hold verified copies; if not, the deposit says why."""
    try:
        promised = _promise(archive, deposit.id)
    except UNREADABLE as error:
        waits(archive, deposit, _unreadable(archive, deposit.id, error))
        return False
    kept = _with_what_was_there(archive, deposit, kept)
    good = [tier for tier, result in kept.items() if result["ok"]]
    if promised.enough(good):
        return True
    reasons = "; ".join(
        f"{tier}: {result['error'] or phrase('not-verified')}" for tier, result in kept.items() if not result["ok"]
    )
    if len(good) >= promised.need:
        there = (spread.words(have, need) for spread, have, need in promised.short(good))
        reasons = "; ".join(filter(None, (*there, reasons)))
    waits(archive, deposit, said(NotEnoughCopies(deposit.aip_id, len(good), promised.need, reasons).finding))
    return False


def _with_what_was_there(
    archive: Archive, deposit: Deposit, kept: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """A version stands on what earlier ones brought, which is not read again for it: on a copy that is not known to be good it does not
    count, and the deposit's own bytes are not let go of until that was read, and put right."""
    if not deposit.update_of:
        return dict(kept)
    copies = archive.catalog.copies.of(deposit.aip_id)
    why = {
        copy.tier: phrase("copy-not-read") if copy.state is CopyState.UNKNOWN else phrase("copy-not-sound")
        for copy in copies
        if copy.state in NOT_SOUND
    }
    return {
        tier: {**result, "ok": False, "error": why[tier]} if result["ok"] and tier in why else result
        for tier, result in kept.items()
    }


class Sealed:
    """A sealed deposit as the catalog is told of it: what is small by the list beside it, else by its spool's database. Raises one of
    `UNREADABLE` when it is made, not when it is registered with others."""

    def __init__(self, archive: Archive, deposit: Deposit) -> None:
        self._archive = archive
        self._deposit = deposit
        self._folder = archive.spools.folder(deposit.id)
        self._summary = summary_of(self._folder)
        self._told: Mapping[str, Any] | None = self._summary.get("told")
        self._listed = self._of_list()
        with self._submission() as stream:
            self.record = read_submission(stream)[0]

    def _of_list(self) -> list[ListedFile] | None:
        """The files, by the list. A tier that has the version asks for that no more, and the database tells the same: where the list is not
        as it was written, and that has as many files, they are told from there (None)."""
        if self._told is None:
            return None
        try:
            return listed_files(self._folder, bytes.fromhex(self._summary["contents_sha512"]))
        except SpoolDamaged:
            if Manifest(self._opened.database).totals() != self._totals():
                raise
            return None

    def _submission(self) -> BinaryIO:
        if self._told is None:
            return sealed_file(self._opened, SUBMISSION_PATH).open("rb")
        return open(self._folder / "sealed" / self._told["submission"], "rb")

    @property
    def _opened(self) -> Spool:
        return self._archive.spools.of_sealed(self._deposit.id)

    def events(self) -> Iterator[Event]:
        """The events that were sealed into this version."""
        if self._told is not None:
            yield from map(said_event, self._told["events"])
            return
        with sealed_file(self._opened, EVENTS_PATH.format(self._summary["version"])).open("rb") as stream:
            yield from read_events(stream)

    def registration(self, archive: Archive, kept: Mapping[str, Mapping[str, Any]], now: datetime) -> Registration:
        """The version with its files and copies."""
        files, size = self._totals()
        sealed_at = datetime.fromisoformat(self._summary["created"])
        aip = aip_facts(self._deposit.aip_id, self.record, archive.policy, created=sealed_at, updated=sealed_at)
        version = AipVersion(
            number=self._summary["version"],
            inventory_sha512=self._summary["inventory_sha512"],
            created=sealed_at,
            deposit_id=self._deposit.id,
            message=self._summary["message"],
            files=files,
            bytes=size,
        )
        copies = tuple(self._copy(archive, aip.collection, tier, result, now) for tier, result in kept.items())
        return Registration(aip, version, self._files(), copies)

    def _copy(self, archive: Archive, collection: str, tier: str, result: Mapping[str, Any], now: datetime) -> Copy:
        good = bool(result["ok"])
        return Copy(
            aip_id=self._deposit.aip_id,
            tier=tier,
            version=self._summary["version"],
            state=CopyState.GOOD if good else CopyState.ABSENT,
            stored=now if good else None,
            last_check=now if good else None,
            check_next=next_check(archive.policy, tier, now, good=good, collection=collection),
            look_next=next_look(archive.policy, tier, now, good=good, collection=collection),
            bytes=int(result.get("bytes", 0)),
            files=int(result.get("files", 0)),
        )

    def _totals(self) -> tuple[int, int]:
        if self._told is None:
            return Manifest(self._opened.database).totals()
        return self._told["files"], self._told["bytes"]

    def _files(self) -> Iterator[FileRow]:
        if self._listed is None:
            return self._from_database(self._opened)
        return (row_of(*each) for each in self._listed)

    def _from_database(self, spool: Spool) -> Iterator[FileRow]:
        carried, formats = Carried.beside(spool.database), FormatReport(spool.database)
        for entry, content_path in Manifest(spool.database).placed():
            known: KnownFormat | CarriedFile | None = None
            if entry.file.startswith(SPOOLED):
                known = formats.get(entry.file.removeprefix(SPOOLED))
                name = original_name(received(spool, entry.file)[0], entry.path)
            else:
                known = carried.get(entry.path) if carried else None
                name = known.original_name if known else ""
            facts = (known.puid, known.name, name, known.inside) if known else ("", "", name, "")
            yield row_of(entry.path, content_path, entry.size, entry.sha256, entry.sha512, facts)

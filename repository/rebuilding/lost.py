"""Lost: deposits that wait for copies, and of which the spool has no more what was sealed, so that no further copy can be made from there.

Where the tiers have the version whole, it is entered from them as a rebuild would, and repairs make what is missing. Where they surely have
not, it is sealed again from what was received, if that is there; else the deposit fails and says so: its key is free, and the same can be
handed in again. As long as anything could not be looked at, it
waits. What lies on the tiers stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fixity.digests import hash_file
from fixity.errors import CouldNotRead
from fixity.verify import FixityReport, Outcome
from formats.errors import FormatsError
from formats.package.remembered import remembered
from policies.audits import next_check, next_look
from policies.findings import KhoError
from repository.aip.sealing import load_sealed, summary_of
from repository.aip.stored import Records, StoredVersion, inventory_digest
from repository.archive import Archive
from repository.catalog import CatalogConflict, event_row
from repository.deposits.description import Extras, fingerprint
from repository.deposits.ingest import failure
from repository.deposits.mending import parts_of
from repository.deposits.remains import is_of, keep_row, sealed_record, waits, write_row
from repository.ledger.events import ledger_of
from repository.ledger.write_once import promise
from repository.model import Copy, CopyState, Deposit, DepositState
from repository.progress import Progress
from repository.rebuilding.consistency import Testimony, testimony
from storage.errors import NotFound, StorageError, Unavailable
from storage.ocfl.inventory import INVENTORY, InvalidInventory, Inventory, parse_inventory
from storage.tier import ObjectId, SequentialTier, Tier

__all__ = ["settle_lost"]

LOST = "deposit lost"
"""The type of the event that tells that an accepted deposit is nowhere any more (the PREMIS vocabulary has no word for it)."""


def settle_lost(archive: Archive, deposit_id: str, progress: Progress) -> bool:
    """Look whether a deposit that waits for copies is lost from its spool, and settle what becomes of it: KEPT, taken up from tiers;
    SPOOLED, to be sealed again; FAILED. Whether it was taken up. ``progress`` is only asked whether to go on."""
    deposit = archive.catalog.deposits.get(deposit_id)
    if deposit.state is not DepositState.ACCEPTED:
        return False
    try:
        lost = _is_lost(archive, deposit, progress)
    except (OSError, KhoError):  # it could not be looked at
        return False
    if not lost:
        return False
    if not archive.spools.is_there():
        waits(archive, deposit, KhoError("DEP-SPOOL-NOT-THERE", str(archive.spools.folder(deposit_id).parent)))
        return False
    if _became(archive, deposit):
        return _ended(archive, deposit)
    found = _asked(archive, deposit, progress)
    whole = [digest for digest in found.inventories if found.whole(digest)]
    if whole:
        return _taken_up(archive, deposit, found, whole)
    if found.away:
        waits(archive, deposit, KhoError("DEP-LOST-NOT-ASKED", deposit.label, tiers=", ".join(sorted(found.away))))
    elif found.newer:
        _undecided(archive, deposit, found.newer)
    else:
        with contextlib.suppress(OSError, Unavailable, FormatsError):  # it could not be looked at once more
            again = not found.rest and _can_be_sealed(archive, deposit, progress)
            if again or (_is_lost(archive, deposit, progress) and archive.spools.is_there()):  # the disk may have gone meanwhile
                _given_up(archive, deposit, again=again)
    return False


def _is_lost(archive: Archive, deposit: Deposit, progress: Progress) -> bool:
    """Whether something that Kho made for this version is not there, or not as it was sealed: nobody can hand that in again. Raises
    OSError, KhoError where that could not be looked at."""
    folder = archive.spools.folder(deposit.id)
    try:
        if "told" not in summary_of(folder):  # what the catalog is to be told is in the database
            sealed_record(archive.spools.of_sealed(deposit.id))
        sealed = load_sealed(folder, partial(archive.spools.of_sealed, deposit.id))
        for part in parts_of(sealed):
            progress.advance(0)
            if Path(part.source).parent == folder / "sealed" and _sha512(part.source) != part.sha512:
                return True
    except FormatsError as error:
        if not _is_no_database(error):
            raise
        return True
    except Unavailable:
        raise
    except (FileNotFoundError, KhoError, ValueError, KeyError, TypeError):
        return True
    return False


def _is_no_database(error: FormatsError) -> bool:
    """Whether a spool's database was read, and is none: what is only not read, or locked, is an OperationalError."""
    return isinstance(error.__cause__, sqlite3.DatabaseError) and not isinstance(error.__cause__, sqlite3.OperationalError)


def _sha512(file: Path) -> bytes:
    return hash_file(file, ["sha512"])[1]["sha512"].value


@dataclass(slots=True)
class _Found:
    """What the tiers have of the version: inventories of it by their SHA-512, and how the copy on each tier is that has one of them;
    tiers that could not be asked, those that went on to a newer version, and those that have anything of this version at all."""

    inventories: dict[bytes, Inventory] = field(default_factory=dict)
    reports: dict[bytes, dict[str, FixityReport]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    newer: set[str] = field(default_factory=set)
    rest: set[str] = field(default_factory=set)

    def whole(self, digest: bytes) -> bool:
        """Whether every file is good on one of the tiers."""
        reports = self.reports.get(digest, {}).values()
        bad = [{each.path for each in report.problems if each.outcome is not Outcome.EXTRA} for report in reports]
        return bool(bad) and not set.intersection(*bad)


def _asked(archive: Archive, deposit: Deposit, progress: Progress) -> _Found:
    found, object_id = _Found(), ObjectId(deposit.aip_id)
    older = _before(archive, deposit)
    for name, tier in archive.tiers.items():
        try:
            if isinstance(tier, SequentialTier):  # its media are not wound for this
                tier.check()
                if tier.locality(object_id)[0]:
                    found.away.add(name)
                continue
            for digest, inventory in _inventories(tier, object_id, deposit.aip_version, found).items():
                found.inventories[digest] = inventory
                expected = {**older, deposit.aip_version: digest}
                report = tier.verify(object_id, expected, progress=progress.advance)
                found.reports.setdefault(digest, {})[name] = report
                if any(each.outcome is Outcome.UNREADABLE for each in report.problems):
                    found.away.add(name)
        except NotFound:
            continue
        except (StorageError, OSError, CouldNotRead):
            found.away.add(name)
    return found


def _before(archive: Archive, deposit: Deposit) -> Mapping[int, bytes]:
    """The SHA-512 of the inventories of the versions that the catalog has, by number."""
    holdings = archive.catalog.holdings
    return holdings.inventories([deposit.aip_id])[deposit.aip_id] if holdings.known([deposit.aip_id]) else {}


def _inventories(tier: Tier, object_id: ObjectId, number: int, found: _Found) -> Mapping[bytes, Inventory]:
    """Those of this version that a tier has, whole in themselves. Raises StorageError, OSError."""
    tier.check()
    inventories: dict[bytes, Inventory] = {}
    for path in (f"v{number}/{INVENTORY}", INVENTORY):
        try:
            with tier.open(object_id, path) as stream:
                data = stream.read()
            inventory = parse_inventory(data)
        except NotFound:
            continue
        except InvalidInventory:
            found.rest.add(tier.name)
            continue
        if inventory.object_id == object_id and inventory.head == number:
            inventories[hashlib.sha512(data).digest()] = inventory
            found.rest.add(tier.name)
        elif inventory.object_id == object_id and inventory.head > number:
            found.newer.add(tier.name)
            return {}
    return inventories


def _taken_up(archive: Archive, deposit: Deposit, found: _Found, whole: list[bytes]) -> bool:
    """Enter the version from the tiers that have it, if it is this deposit's beyond doubt."""
    digest = whole[0]
    tiers = {name: archive.tiers[name] for name in found.reports[digest]}
    try:
        stored = _believed(archive, deposit, found.inventories[digest], digest, tiers) if len(whole) == 1 else None
        if stored is None:
            _undecided(archive, deposit, {name for each in whole for name in found.reports[each]})
            return False
        try:
            return _entered(archive, deposit, stored, found.reports[digest])
        finally:
            stored.close()
    except CatalogConflict:  # somebody else was quicker
        return False
    except KhoError as error:
        waits(archive, deposit, error)
        return False


def _believed(
    archive: Archive, deposit: Deposit, inventory: Inventory, digest: bytes, tiers: Mapping[str, Tier]
) -> StoredVersion | None:
    """The version, where its own records agree with its inventory, that goes on from what the catalog has, and tells of this deposit.
    Raises Unavailable."""
    records = Records(list(tiers.values()), ObjectId(deposit.aip_id))
    older = _before(archive, deposit)
    stored = StoredVersion(records, inventory, deposit.aip_version, digest)
    try:
        if max(older, default=0) + 1 != deposit.aip_version or testimony(records, inventory) is not Testimony.AGREES:
            return None
        if any(inventory_digest(list(tiers.values()), inventory, number) != vouched for number, vouched in older.items()):
            return None
        return stored if is_of(deposit, stored.past_deposit(stored=False)) else None
    except Unavailable:
        raise
    except (KhoError, OSError, ValueError, KeyError):
        return None


def _entered(archive: Archive, deposit: Deposit, stored: StoredVersion, reports: Mapping[str, FixityReport]) -> bool:
    """Raises CatalogConflict, Unavailable."""
    now, ledger = archive.clock.now(), ledger_of(archive)
    record = stored.deposit
    promised = archive.policy.promise_to(record.producer, record.fields)
    sound = {name for name, report in reports.items() if report.ok and not promise(archive, name, deposit.aip_id, record.fields)}
    registration = stored.registration((), archive.policy)
    copies = tuple(
        Copy(
            aip_id=deposit.aip_id,
            tier=name,
            version=deposit.aip_version,
            state=_state(name in sound, name in reports),
            stored=now if name in sound else None,
            last_check=now if name in sound else None,
            check_next=next_check(archive.policy, name, now, good=name in sound, collection=registration.aip.collection),
            look_next=next_look(archive.policy, name, now, good=name in sound, collection=registration.aip.collection),
            bytes=reports[name].bytes_read if name in reports else 0,
            files=reports[name].counts.total() if name in reports else 0,
        )
        for name in archive.tiers
        if name in promised.tiers or name in reports
    )
    kept = {name: {"ok": name in sound, "bytes": report.bytes_read} for name, report in reports.items()}
    event = ledger.event("recovery", "success", detail={"source": ", ".join(sorted(reports))})
    event = replace(
        event, aip_id=deposit.aip_id, aip_version=deposit.aip_version, deposit_id=deposit.id, tier=min(sound or reports)
    )
    with archive.catalog.begin() as transaction:
        entered = archive.catalog.deposits.update(
            deposit.id, expected=DepositState.ACCEPTED, state=DepositState.KEPT, error="", updated=now, within=transaction
        )
        archive.catalog.register([replace(registration, copies=copies)], within=transaction)
        archive.catalog.events.append(map(event_row, stored.events()), within=transaction)
        ledger.kept([(deposit, kept)], within=transaction)
        ledger.append([event], within=transaction)
        archive.catalog.coming.end([deposit.id], within=transaction)
    if entered.decided_by:
        keep_row(archive, entered)
    return True


def _state(sound: bool, there: bool) -> CopyState:
    if sound:
        return CopyState.GOOD
    return CopyState.UNKNOWN if there else CopyState.ABSENT


def _became(archive: Archive, deposit: Deposit) -> bool:
    """Whether the catalog has the version that this deposit was to become, and has it as this one's: a rebuild entered it."""
    aip = archive.catalog.holdings.find(deposit.aip_id)
    return aip is not None and any((each.number, each.deposit_id) == (deposit.aip_version, deposit.id) for each in aip.versions)


def _ended(archive: Archive, deposit: Deposit) -> bool:
    """It waits no more; repairs make the copies that are missing."""
    now = archive.clock.now()
    try:
        with archive.catalog.begin() as transaction:
            ended = archive.catalog.deposits.update(
                deposit.id, expected=DepositState.ACCEPTED, state=DepositState.KEPT, error="", updated=now, within=transaction
            )
            archive.catalog.coming.end([deposit.id], within=transaction)
    except CatalogConflict:  # somebody else was quicker
        return False
    if ended.decided_by:
        keep_row(archive, ended)
    return True


def _undecided(archive: Archive, deposit: Deposit, tiers: set[str]) -> None:
    waits(archive, deposit, KhoError("DEP-LOST-UNDECIDED", deposit.label, aip=deposit.aip_id, tiers=", ".join(sorted(tiers))))


def _can_be_sealed(archive: Archive, deposit: Deposit, progress: Progress) -> bool:
    """Whether the spool has, as it was, all that was received: this very deposit, and not what Kho made for a version of its own. Raises
    OSError where that could not be looked at."""
    try:
        spool = archive.spools.of_sealed(deposit.id)
        for each in spool.spooled() if spool.complete else ():
            progress.advance(0)
            if each.file and _sha512(spool.path(each)) != each.sha512:
                return False
        metadata = Extras.of("", "").kept(spool).metadata
        return spool.complete and fingerprint(spool, remembered(spool), metadata) == deposit.fingerprint
    except (FileNotFoundError, FormatsError):
        return False


def _given_up(archive: Archive, deposit: Deposit, *, again: bool) -> None:
    """Every tier was asked and none has it: the deposit is to be sealed ``again`` from what was received, or fails, and holds its key no
    more."""
    ledger, folder = ledger_of(archive), archive.spools.folder(deposit.id)
    event = ledger.event(LOST, "warning" if again else "fail", detail={"fingerprint": deposit.fingerprint})
    event = replace(event, aip_id=deposit.aip_id, aip_version=deposit.aip_version, deposit_id=deposit.id)
    change = failure(KhoError("DEP-LOST", deposit.label))
    if again:
        change = {"state": DepositState.SPOOLED, "error": ""}
    change["updated"] = archive.clock.now()
    try:
        with archive.catalog.begin() as transaction:
            lost = archive.catalog.deposits.update(deposit.id, expected=DepositState.ACCEPTED, within=transaction, **change)
            archive.catalog.coming.end([deposit.id], within=transaction)
            ledger.append([event], within=transaction)
    except CatalogConflict:  # somebody else was quicker
        return
    if again:
        return
    archive.spools.close(deposit.id)
    if not folder.exists():
        keep_row(archive, lost)
        return
    write_row(folder, lost)
    if (folder / "sealed").exists():  # what is left of it; a rebuild would take it for a deposit that waits
        os.rename(folder / "sealed", folder / "lost")

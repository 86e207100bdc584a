"""Believing: what one AIP is, from what the tiers hold of it, without the catalog and without believing any tier by itself.

Where tiers disagree, or fewer of them hold a version than the policy promises, an AIP is believed only when its own records (METS,
submission record) agree with its inventory and no other side's do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from policies.findings import Findings, KhoError, reason_of
from policies.promise import CopiesPolicy
from repository.aip.stored import Records, StoredVersion, inventory_digest
from repository.archive import Archive
from repository.catalog import EventRow, Registration, event_row
from repository.deposits.remains import is_of, kept_row
from repository.model import Copy, CopyState, Deposit
from repository.rebuilding.consistency import Testimony, testimony
from storage.errors import Unavailable
from storage.ocfl.inventory import Inventory
from storage.tier import ObjectId, ObjectVersion, Tier

__all__ = ["Known", "Surveyed", "read_aip", "read_in_turn"]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a walk over the tiers saw of one AIP: what each of them ``held``; on which of them something of that id is ``broken``; and the
    state of a copy on each tier that should have one. Some hundred bytes an AIP and tier."""

    aip_id: str
    held: Mapping[str, ObjectVersion]
    broken: frozenset[str]
    states: Mapping[str, CopyState]


@dataclass(slots=True)
class Known:
    """All versions of one AIP as they were read, not yet entered, and what was found meanwhile. Nothing to enter where ``findings`` say
    why it is not believed."""

    aip_id: str
    findings: Findings = field(default_factory=Findings)
    registrations: list[Registration] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    files: int = 0
    stored: list[StoredVersion] = field(default_factory=list)

    def close(self) -> None:
        """Let go of what the registrations are read from."""
        while self.stored:
            self.stored.pop().close()


def read_in_turn(archive: Archive, tiers: Mapping[str, Tier], surveyed: Iterable[Surveyed]) -> Iterator[Known]:
    """`read_aip` for each, in this process."""
    for each in surveyed:
        known = read_aip(archive, tiers, each)
        assert known is not None
        yield known


def read_aip(archive: Archive, tiers: Mapping[str, Tier], surveyed: Surveyed, *, most: int | None = None) -> Known | None:
    """Everything that the catalog is told of one AIP. What cannot be believed or read is a finding.

    None when a version has more than ``most`` files (`ROWS_HELD` at most, when it is to be sent to another process: rows of more are
    read from the tiers only while they are entered). Raises Unavailable when a tier cannot be asked.
    """
    known, wanted = Known(surveyed.aip_id), tuple(tiers)  # on all of them, as long as nothing tells what is promised
    try:
        believed = _believed(archive, tiers, surveyed, known.findings)
        if believed is not None:
            if most is not None and _widest(believed.inventory) > most:
                return None
            wanted = _read_into(known, archive, believed, surveyed).tiers
    except Unavailable:
        known.close()
        raise
    except (KhoError, OSError, ValueError, KeyError) as error:
        known.close()
        known = Known(surveyed.aip_id, findings=known.findings)
        known.findings.add("AIP-UNREADABLE", surveyed.aip_id, reason=reason_of(error))
    except BaseException:
        known.close()
        raise
    for name in sorted((tiers.keys() & set(wanted)) - surveyed.held.keys() - surveyed.broken):
        known.findings.add("AIP-MISSING-ON", surveyed.aip_id, tier=name)
    return known


def _widest(inventory: Inventory) -> int:
    return max(sum(1 for _ in inventory.state(number)) for number in range(1, inventory.head + 1))


@dataclass(frozen=True, slots=True)
class _Believed:
    """The newest inventory of an object, the digests of those of all its versions, and the records that they vouch for."""

    inventory: Inventory
    digests: Mapping[int, bytes]
    records: Records


def _believed(archive: Archive, tiers: Mapping[str, Tier], surveyed: Surveyed, findings: Findings) -> _Believed | None:
    """What is believed of an object: its newest version that is sound. None (with a finding) when nothing tells which is right.

    A version that fewer tiers hold than the policy promises was perhaps never counted, or was made by someone who can write to one
    tier: it is believed only when it agrees with itself. What is promised to it is not known yet, so all promises count.
    """
    aip_id, held = surveyed.aip_id, surveyed.held
    for number in sorted({found.number for found in held.values()}, reverse=True):
        by_digest: dict[bytes, list[str]] = {}
        for name, found in held.items():
            if found.number == number:
                by_digest.setdefault(found.inventory_sha512, []).append(name)
        read = {digest: Records([tiers[name] for name in names], ObjectId(aip_id)) for digest, names in by_digest.items()}
        sound = by_digest
        first = next(iter(by_digest.values()))
        if len(by_digest) > 1 or not all(each.enough(first) for each in archive.policy.promises.values()):
            sound = _sound(read, by_digest)
        if len(sound) > 1 or (not sound and len(by_digest) > 1):
            detail = "; ".join(f"{', '.join(names)}: {digest.hex()[:16]}…" for digest, names in by_digest.items())
            findings.add("AIP-TIERS-DISAGREE", aip_id, version=number, detail=detail)
            return None
        right = next(iter(sound.values()), [])
        for names in by_digest.values():
            if names == right:
                continue
            if right:
                findings.add("AIP-ALTERED-ON", aip_id, tier=", ".join(names), right=", ".join(right))
            else:
                findings.add("AIP-ALTERED-ALONE", aip_id, tier=", ".join(names), version=number)
        if right:
            older = {name: found for name, found in held.items() if found.number <= number}
            digest = next(iter(sound))
            return _with_older(tiers, read[digest], digest, older, findings)
    return None


def _sound(read: Mapping[bytes, Records], by_digest: Mapping[bytes, list[str]]) -> dict[bytes, list[str]]:
    """Those of several inventories of one version that may be right: the ones that agree with themselves when there are such, else
    those that nothing contradicts (where records are damaged, nothing is known)."""
    said: dict[bytes, Testimony] = {}
    for digest, records in read.items():
        try:
            said[digest] = testimony(records, records.inventory(digest))
        except Unavailable:
            raise
        except (KhoError, OSError):
            said[digest] = Testimony.SILENT
    for wanted in (Testimony.AGREES, Testimony.SILENT):
        if found := {digest: names for digest, names in by_digest.items() if said[digest] is wanted}:
            return found
    return {}


def _with_older(
    tiers: Mapping[str, Tier], records: Records, digest: bytes, held: Mapping[str, ObjectVersion], findings: Findings
) -> _Believed:
    """The inventories of older versions, held against those of tiers that have not got further."""
    inventory, everywhere = records.inventory(digest), list(tiers.values())
    newest, aip_id = inventory.head, inventory.object_id
    right = [name for name, found in held.items() if found.inventory_sha512 == digest]
    digests = {number: inventory_digest(everywhere, inventory, number) for number in range(1, newest)} | {newest: digest}
    for name, found in held.items():
        if found.number == newest:
            continue
        if found.inventory_sha512 == digests[found.number]:
            findings.add("AIP-LAGS-ON", aip_id, tier=name, version=found.number)
        else:
            findings.add("AIP-ALTERED-ON", aip_id, tier=name, right=", ".join(right))
    return _Believed(inventory, digests, records.on(everywhere))


def _read_into(known: Known, archive: Archive, believed: _Believed, surveyed: Surveyed) -> CopiesPolicy:
    """Every version, and what is promised of the AIP's copies after the newest one."""
    inventory = believed.inventory
    newest = StoredVersion(believed.records, inventory, inventory.head, believed.digests[inventory.head])
    known.stored.append(newest)
    promise = archive.policy.promise_to(newest.deposit.producer, newest.deposit.fields)
    copies = tuple(
        Copy(surveyed.aip_id, name, inventory.head, state, None, None, None, bytes=0, files=0)
        for name, state in surveyed.states.items()
        if name in promise.tiers or name in surveyed.held or name in surveyed.broken
    )
    for number, digest in believed.digests.items():
        stored = newest if number == inventory.head else StoredVersion(believed.records, inventory, number, digest)
        if stored is not newest:
            known.stored.append(stored)
        known.registrations.append(stored.registration(copies if number == inventory.head else (), archive.policy))
        known.events += map(event_row, stored.events())
        enough = promise.enough([name for name, found in surveyed.held.items() if found.number >= number])
        past = stored.past_deposit(stored=enough)
        row = kept_row(archive, past.id)
        known.deposits.append(replace(row, state=past.state) if row is not None and is_of(row, past) else past)
        known.files += stored.files
    return promise

"""Rebuild: make the catalog again from what the tiers hold, believing no tier by itself.

The root inventories of all tiers are compared first. Where they disagree, an object is believed only when its own records (METS,
submission record) agree with its inventory and the other side's do not; where both agree with themselves nothing is decided here:
that is a finding for an officer, who names the tier to believe with ``--from``. Nothing is *stored* again until it is re-read.

Deposits come back from the AIPs they became. Those that were refused, held or still on their way are in no AIP, so their rows are
gone; their bytes stay in ``refused/``, ``quarantine/`` and ``spool/`` until somebody removes them, and handing the same records in
again has them judged anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policies.findings import Findings, KhoError
from repository.archive import Archive
from repository.consistency import agrees_with_itself
from repository.model import Copy, CopyState
from repository.progress import Progress
from repository.stored_version import StoredVersion, inventory_digest, open_verified
from storage.errors import Unavailable
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.tier import ObjectId, ObjectVersion, Tier

__all__ = ["RebuildReport", "rebuild"]

AIP_PREFIX = "urn:uuid:"
"""AIPs among a tier's objects; evidence, ledger and policy history have ids of their own (``urn:kho:…``)."""


@dataclass(slots=True)
class RebuildReport:
    """What was registered again, and what could not be believed or read."""

    aips: int = 0
    files: int = 0
    findings: Findings = field(default_factory=Findings)


def rebuild(archive: Archive, tier_name: str | None, progress: Progress) -> RebuildReport:
    """Register everything the tiers (or one of them) hold. What is in the catalog already, fixity history and events, stays.

    Raises:
        UnknownTier: there is no such tier.
        Unavailable: a tier cannot be asked; a rebuild that silently left one out would be believed.
    """
    tiers = dict(archive.tiers) if tier_name is None else {tier_name: archive.tier(tier_name)}
    report = RebuildReport()
    survey = _survey(tiers, report.findings, progress)
    progress.start("rebuild", len(survey.held), "objects")
    for aip_id in sorted(survey.held):
        try:
            believed = _believed(tiers, aip_id, survey, report.findings)
            if believed is not None:
                _register(archive, tiers, believed, survey, report)
        except Unavailable:
            raise
        except (KhoError, OSError, ValueError, KeyError) as error:
            report.findings.add("AIP-UNREADABLE", aip_id, reason=str(error))
        progress.advance(1)
    progress.finish()
    return report


@dataclass(slots=True)
class _Survey:
    """Object id → tier → what it holds; and the tiers on which something of that id stands that cannot be believed. Around 500
    bytes an object and tier are held in memory."""

    held: dict[str, dict[str, ObjectVersion]] = field(default_factory=dict)
    broken: dict[str, set[str]] = field(default_factory=dict)


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
    progress.finish()
    return survey


@dataclass(frozen=True, slots=True)
class _Believed:
    """The newest inventory of an object, and the digests of those of all its versions."""

    inventory: Inventory
    digests: Mapping[int, bytes]


def _believed(tiers: Mapping[str, Tier], aip_id: str, survey: _Survey, findings: Findings) -> _Believed | None:
    """What is believed of an object; None (with a finding) when tiers disagree and nothing tells which is right."""
    held = survey.held[aip_id]
    newest = max(found.number for found in held.values())
    for name in tiers.keys() - held.keys() - survey.broken.get(aip_id, set()):
        findings.add("AIP-MISSING-ON", aip_id, tier=name)
    by_digest: dict[bytes, list[str]] = {}
    for name, found in held.items():
        if found.number == newest:
            by_digest.setdefault(found.inventory_sha512, []).append(name)
    candidates = by_digest
    if len(by_digest) > 1:
        candidates = {
            digest: names for digest, names in by_digest.items() if any(agrees_with_itself(tiers[name], aip_id) for name in names)
        }
        detail = "; ".join(f"{', '.join(names)}: {digest.hex()[:16]}…" for digest, names in by_digest.items())
        if len(candidates) != 1:
            findings.add("AIP-TIERS-DISAGREE", aip_id, version=newest, detail=detail)
            return None
        right = next(iter(candidates.values()))
        for names in by_digest.values():
            if names != right:
                findings.add("AIP-ALTERED-ON", aip_id, tier=", ".join(names), right=", ".join(right))
    return _with_older(tiers, aip_id, newest, *next(iter(candidates.items())), held, findings)


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


def _register(archive: Archive, tiers: Mapping[str, Tier], believed: _Believed, survey: _Survey, report: RebuildReport) -> None:
    inventory = believed.inventory
    copies = tuple(_copies(archive, tiers, inventory, survey))
    files = 0
    with archive.catalog.begin() as transaction:
        for number, digest in believed.digests.items():
            stored = StoredVersion(list(tiers.values()), inventory, number, digest)
            registration = stored.registration(copies if number == inventory.head else ())
            archive.catalog.register([registration], within=transaction)
            archive.catalog.events.append(stored.events(), within=transaction)
            archive.catalog.deposits.add(stored.past_deposit(), within=transaction)
            files += stored.files
    report.files += files
    report.aips += 1


def _copies(archive: Archive, tiers: Mapping[str, Tier], inventory: Inventory, survey: _Survey) -> Iterator[Copy]:
    """A copy for every tier that should hold one: absent where it was looked for and is not, else unknown until it is re-read."""
    there = survey.held[inventory.object_id].keys() | survey.broken.get(inventory.object_id, set())
    for name in archive.tiers:
        if name in archive.policy.copies.tiers or name in there:
            state = CopyState.ABSENT if name in tiers and name not in there else CopyState.UNKNOWN
            yield Copy(inventory.object_id, name, inventory.head, state, None, None, None, bytes=0, files=0)

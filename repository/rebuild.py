"""Rebuild: make the catalog again from what the tiers hold, believing no tier by itself.

The root inventories of all tiers are compared first. Where they disagree, an object is believed only when its own records (METS,
submission record) agree with its inventory and the other side's do not; where both agree with themselves nothing is decided here:
that is a finding for an officer, who names the tier to believe with ``--from``. Nothing is *stored* again until it is re-read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.findings import Findings, KhoError
from repository.archive import Archive
from repository.consistency import agrees_with_itself
from repository.model import Copy, CopyState
from repository.progress import Progress
from repository.stored_version import StoredVersion
from storage.errors import Unavailable
from storage.ocfl.inventory import parse_inventory
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
    holdings = _survey(tiers, report.findings, progress)
    progress.start("rebuild", len(holdings), "objects")
    for aip_id in sorted(holdings):
        held = holdings[aip_id]
        try:
            chosen = _believed(tiers, aip_id, held, report.findings)
            if chosen is not None:
                _register(archive, tiers[chosen], aip_id, held, report)
        except Unavailable:
            raise
        except (KhoError, OSError, ValueError) as error:
            report.findings.add("AIP-UNREADABLE", aip_id, reason=str(error))
        progress.advance(1)
    progress.finish()
    return report


def _survey(tiers: Mapping[str, Tier], findings: Findings, progress: Progress) -> dict[str, dict[str, ObjectVersion]]:
    """Object id → tier → what it holds. Around 500 bytes an object and tier are held in memory."""
    holdings: dict[str, dict[str, ObjectVersion]] = {}
    progress.start("survey", None, "objects")
    for name, tier in tiers.items():
        for found in tier.versions():
            progress.advance(1)
            if found.problem is not None:
                findings.append(found.problem.finding)
            elif found.object_id.startswith(AIP_PREFIX):
                holdings.setdefault(found.object_id, {})[name] = found
    progress.finish()
    return holdings


def _believed(tiers: Mapping[str, Tier], aip_id: str, held: Mapping[str, ObjectVersion], findings: Findings) -> str | None:
    """The tier whose object is believed; None (with a finding) when tiers disagree and nothing tells which is right."""
    newest = max(found.number for found in held.values())
    leading = [name for name, found in held.items() if found.number == newest]
    for name in tiers.keys() - held.keys():
        findings.add("AIP-MISSING-ON", aip_id, tier=name)
    by_digest: dict[bytes, list[str]] = {}
    for name in leading:
        by_digest.setdefault(held[name].inventory_sha512, []).append(name)
    candidates = dict(by_digest)
    if len(by_digest) > 1:
        candidates = {digest: names for digest, names in by_digest.items() if agrees_with_itself(tiers[names[0]], aip_id)}
        detail = "; ".join(f"{', '.join(names)}: {digest.hex()[:16]}…" for digest, names in by_digest.items())
        if len(candidates) != 1:
            findings.add("AIP-TIERS-DISAGREE", aip_id, version=newest, detail=detail)
            return None
        right = next(iter(candidates.values()))
        for names in by_digest.values():
            if names != right:
                findings.add("AIP-ALTERED-ON", aip_id, tier=", ".join(names), right=", ".join(right))
    chosen = next(iter(candidates.values()))[0]
    _compare_older(tiers[chosen], aip_id, {name: found for name, found in held.items() if found.number < newest}, findings)
    return chosen


def _compare_older(tier: Tier, aip_id: str, lagging: Mapping[str, ObjectVersion], findings: Findings) -> None:
    """A tier that holds an older version must hold the very inventory that the believed object has for it."""
    for name, found in lagging.items():
        with tier.open(ObjectId(aip_id), f"v{found.number}/inventory.json") as stream:
            digest = hashlib.sha512(stream.read()).digest()
        if digest == found.inventory_sha512:
            findings.add("AIP-LAGS-ON", aip_id, tier=name, version=found.number)
        else:
            findings.add("AIP-ALTERED-ON", aip_id, tier=name, right=tier.name)


def _register(archive: Archive, tier: Tier, aip_id: str, held: Mapping[str, ObjectVersion], report: RebuildReport) -> None:
    inventory = parse_inventory(tier.inventory(ObjectId(aip_id)))
    for number in range(1, inventory.head + 1):
        stored = StoredVersion(tier, inventory, number)
        copies = tuple(
            Copy(aip_id, name, found.number, CopyState.UNKNOWN, None, None, None, bytes=0, files=0)
            for name, found in held.items()
            if number == inventory.head
        )
        with archive.catalog.begin() as transaction:
            archive.catalog.register([stored.registration(copies)], within=transaction)
            archive.catalog.events.append(stored.events(), within=transaction)
            archive.catalog.deposits.add(stored.past_deposit(), within=transaction)
        report.files += stored.files
    report.aips += 1

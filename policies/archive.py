"""The archive's policy: one TOML file (policy.toml), one frozen Policy. What is promised; *where* things are says kho.toml.

The digest of the file's very bytes stands in every event, so that it can be said later which promise was in force.
docs/policy.md describes every key with its consequences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from policies.codes import register
from policies.collections import NONE, RecordCollection, collection_of, read_collections
from policies.document import Document, Section
from policies.findings import KhoError, Weight
from policies.identification import ArchivesPolicy, read_identification
from policies.inspection import InspectionPolicy, read_inspection
from policies.phrases import phrase
from policies.promise import CopiesPolicy, Place, read_copies, read_promise
from policies.rhythm import AuditPolicy, read_audits
from policies.template import default_policy_text
from policies.trust import EvidencePolicy, SignaturePolicy
from policies.worm import parse_worm

__all__ = [
    "FIXED_CODES",
    "LIMITS",
    "SETTING_CODES",
    "ArchivePolicyError",
    "AuditPolicy",
    "CopiesPolicy",
    "Policy",
    "default_policy_text",
    "parse_policy",
]

SETTING_CODES: Mapping[str, tuple[str, ...]] = {
    "unknown_format": ("IDENT-UNKNOWN",),
    "duplicates": ("DEP-DUPLICATE-INSIDE", "DEP-DUPLICATE-HOLDINGS"),
}
"""Keys of [accept] that are a plain word for the weight of some codes."""

NOT_SCANNED = ("MAL-NO-SCANNER", "MAL-NOT-SCANNED", "MAL-TOO-LARGE")
"""The codes that [malware] required = true makes heavy: each says that something was not looked at whole."""

FIXED_CODES = frozenset(
    {"MAL-FOUND", "DEP-KEY-REUSED", "DEP-UPDATE-PRODUCER", "DEP-UPDATE-UNKNOWN", "DEP-SPOOL-DAMAGED", "FIX-UNREADABLE"}
    | {"BAG-DIGEST", "CSIP-FILE-ALTERED", "CSIP-METADATA-ALTERED"}
    | {row.code for row in register().family("package") if row.weight == "error"}
)
"""Codes that no policy may make lighter than the register does: each would store something that is not what it is said to be, or
only a part of it (everything that the readers of packages could not take in)."""

LIMITS = frozenset({"items", "file_bytes", "total_bytes", "ratio", "ratio_floor", "depth"})
"""What [limits] may set. The defaults, with their reasons, are `formats.package.limits.Limits`, field by field."""

_DAY = timedelta(days=1)

_WARN = {"warn": "warning", "refuse": "error"}
"""Everyday words for weights, beside the names of the weights themselves."""


class ArchivePolicyError(KhoError):
    """policy.toml cannot be used: its code says what is wrong, its text names the key and the line."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the archive promises. ``digest`` is the SHA-256 (hexadecimal) of the file it was read from.

    ``weights`` holds only what differs from the register of codes. ``identify`` False: formats are not looked at (IDENT-OFF).
    """

    version: int
    digest: str
    copies: CopiesPolicy
    audit_default: AuditPolicy
    audit_by_tier: Mapping[str, AuditPolicy] = field(hash=False)
    weights: Mapping[str, Weight] = field(hash=False)
    required_fields: tuple[str, ...]
    refused_keep: timedelta
    held_keep: timedelta
    malware_required: bool
    identify: bool
    inspection: InspectionPolicy
    limits: Mapping[str, int] = field(hash=False)
    evidence: EvidencePolicy = field(default_factory=EvidencePolicy)
    signatures: SignaturePolicy = field(default_factory=SignaturePolicy)
    worm: Mapping[str, timedelta] = field(default_factory=dict, hash=False)
    collections: tuple[RecordCollection, ...] = ()
    archives: ArchivesPolicy = field(default_factory=ArchivesPolicy)
    jobs_keep: timedelta = 90 * _DAY

    def copies_of(self, collection: str) -> CopiesPolicy:
        """What is promised of the copies of a collection: what it says itself, else the default."""
        return next((each.copies for each in self.collections if each.name == collection and each.copies), self.copies)

    def promise_to(self, producer: str, fields: Mapping[str, Iterable[str]]) -> CopiesPolicy:
        """What is promised of the copies of a record of this producer, described so."""
        return self.copies_of(collection_of(self.collections, producer, fields))

    @property
    def one_promise(self) -> bool:
        """Whether the same is promised of the copies of everything."""
        return not any(each.copies for each in self.collections)

    @property
    def promises(self) -> dict[str, CopiesPolicy]:
        """All that is promised of copies, by collection; `NONE` is what is in none, and what is no record: evidence, the ledger."""
        return {name: self.copies_of(name) for name in (NONE, *(each.name for each in self.collections))}

    @property
    def tiers(self) -> tuple[str, ...]:
        """Every tier on which copies of anything are promised."""
        return tuple(dict.fromkeys(tier for each in self.promises.values() for tier in each.tiers))

    def audit(self, tier: str, collection: str = NONE) -> AuditPolicy:
        """How the copies of a collection on ``tier`` are audited: as the collection says of that tier, else as the tier, else as the
        default."""
        for each in self.collections:
            if each.name == collection and tier in each.audits:
                return each.audits[tier]
        return self.audit_by_tier.get(tier, self.audit_default)

    def longest(self, tier: str) -> timedelta:
        """The longest period in which any copy on ``tier`` is re-read."""
        return max(self.audit(tier, name).every for name in self.promises)


def parse_policy(data: str | bytes, *, tiers: Mapping[str, Place] | None = None, name: str = "policy.toml") -> Policy:
    """The policy that ``data`` says. With ``tiers`` (those of kho.toml, by name) every tier it names must be one of them.

    Raises:
        ArchivePolicyError: the file is no TOML, has an unknown key, a wrong type or value, or promises what cannot be kept.
    """
    raw = data.encode() if isinstance(data, str) else data
    root = Document(raw, name, family="POL", error=ArchivePolicyError).root
    if tiers is not None:
        locked = root.section("worm").names()
        tiers = {name: replace(place, worm=name in locked) for name, place in tiers.items()}
    copies = read_copies(root.section("copies"), tiers)
    names = tiers if tiers is not None else copies.tiers
    default, by_tier = read_audits(root.section("audit"), names)
    collections = read_collections(
        root.section("collections"),
        names,
        audit=lambda tier: by_tier.get(tier, default),
        promise=lambda section: read_promise(section, copies, tiers),
    )
    required, weights = _accept(root.section("accept"))
    malware = _malware(root.section("malware"), weights)
    identify, archives = read_identification(root.section("identify"))
    policy = Policy(
        version=root.integer("version", 1, least=1, most=2**31 - 1),
        digest=hashlib.sha256(raw).hexdigest(),
        copies=copies,
        audit_default=default,
        audit_by_tier=MappingProxyType(by_tier),
        weights=MappingProxyType(weights),
        required_fields=required,
        refused_keep=_keep(root.section("refused"), 180 * _DAY),
        held_keep=_keep(root.section("held"), 30 * _DAY),
        jobs_keep=_keep(root.section("jobs"), 90 * _DAY),
        malware_required=malware,
        identify=identify,
        archives=archives,
        inspection=read_inspection(root.section("validate"), root.section("intake")),
        limits=MappingProxyType(_limits(root.section("limits"))),
        evidence=_evidence(root.section("evidence")),
        signatures=_signatures(root.section("signatures")),
        collections=collections,
    )
    policy = replace(policy, worm=MappingProxyType(parse_worm(root.section("worm"), names, policy.longest)))
    root.done()
    return policy


def _weight(word: str) -> Weight:
    """Raises ValueError for a word that is no weight."""
    try:
        return Weight.named(_WARN.get(word, word))
    except ValueError:
        raise ValueError(phrase("pol-weight", given=word)) from None


def _accept(section: Section) -> tuple[tuple[str, ...], dict[str, Weight]]:
    weights: dict[str, Weight] = {}
    for setting, codes in SETTING_CODES.items():
        if setting in section:
            weight = section.parsed(setting, None, _weight)
            weights.update(dict.fromkeys(codes, weight))
    section.allow(SETTING_CODES)
    single = section.section("weights")
    for code in single.names():
        weights[code] = _code_weight(single, code, weights)
    required = section.texts("required_fields", ())
    section.done()
    return required, weights


def _code_weight(section: Section, code: str, before: Mapping[str, Weight]) -> Weight:
    weight = section.parsed(code, None, _weight)
    row = register().get(code)
    if row is None:
        raise section.fail("CODE", code)
    if code in FIXED_CODES and weight < Weight.named(row.weight):
        raise section.bad(code, phrase("pol-not-lighter"))
    if before.get(code, weight) is not weight:
        raise section.bad(code, phrase("pol-two-weights"))
    return weight


def _malware(section: Section, weights: dict[str, Weight]) -> bool:
    required = section.boolean("required", False)
    section.done()
    for code in NOT_SCANNED if required else ():
        if weights.setdefault(code, Weight.HOLD) < Weight.HOLD:
            raise section.bad("required", phrase("pol-nothing-required", code=code))
    return required


def _keep(section: Section, default: timedelta) -> timedelta:
    period = section.duration("keep", default)
    section.done()
    return period


def _evidence(section: Section) -> EvidencePolicy:
    default = EvidencePolicy()
    found = EvidencePolicy(
        every=section.duration("every", default.every),
        largest=section.integer("largest", default.largest, least=1, most=1_000_000),
        lead=section.duration("lead", default.lead),
        horizon=section.duration("horizon", default.horizon),
        algorithms=section.text("algorithms", default.algorithms),
        group=section.integer("group", default.group, least=1, most=1_000_000),
    )
    section.done()
    return found


def _signatures(section: Section) -> SignaturePolicy:
    default = SignaturePolicy()
    found = SignaturePolicy(
        check=section.boolean("check", default.check),
        collect=section.boolean("collect", default.collect),
        retry=section.duration("retry", default.retry),
    )
    section.done()
    return found


def _limits(section: Section) -> dict[str, int]:
    limits = {limit: section.size(limit) for limit in sorted(LIMITS) if limit in section}
    section.allow(LIMITS)
    section.done()
    return limits

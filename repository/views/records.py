"""Views: what the domain looks like to programs. One place gives the JSON shapes of docs/cli.md, for the command line and HTTP.

Additive within one version of ``kho``: keys are added, never renamed, never given another meaning. Every key is always there
(null, "" or [] when there is nothing to say). Moments are UTC, RFC 3339 with "Z". What is not UTF-8 in a name is shown as
``\\xNN``; where a name must be exact, its bytes stand beside it in base64.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.findings import Finding, Findings, spoken
from repository.texts import language as speech

if TYPE_CHECKING:
    from repository.access.export import ExportReport
    from repository.checks.audit import AuditReport
    from repository.copies.repair import RepairReport
    from repository.model import Aip, AipFile, AipVersion, Copy, Damage, Deposit, Event
    from repository.rebuilding.rebuild import RebuildReport
    from repository.reports.fixity import FixitySummary, TierState

__all__ = [
    "aip",
    "aip_file",
    "audit",
    "copy",
    "damage",
    "deposit",
    "event",
    "export",
    "finding",
    "fixity",
    "rebuild",
    "repair",
    "verify",
]

Document = dict[str, Any]


def finding(each: Finding, language: str) -> Document:
    """A finding with its words in the reader's language."""
    return {
        "code": each.code,
        "weight": each.weight.name.lower(),
        "path": _text(each.path),
        "text": _text(each.text(language)),
        "source": each.source,
        "todo": _text(each.todo(language)),
    }


def deposit(each: Deposit, language: str = "en") -> Document:
    return {
        "id": each.id,
        "state": each.state.value,
        "verdict": each.verdict.value if each.verdict else None,
        "key": _text(each.key),
        "producer": _text(each.producer),
        "label": _text(each.label),
        "source": _text(each.source),
        "created": _moment(each.created),
        "updated": _moment(each.updated),
        "actor": each.actor,
        "fingerprint": each.fingerprint,
        "update_of": each.update_of,
        "aip": each.aip_id,
        "aip_version": each.aip_version,
        "files": each.files,
        "bytes": each.bytes,
        "scanned": each.scanned,
        "reason": _text(each.reason),
        "decided_by": each.decided_by,
        "error": _text(spoken(each.error, language)),
        "expires": _moment(each.expires),
        "findings": [finding(one, language) for one in each.findings],
        "finding_counts": dict(each.finding_counts),
    }


def aip(each: Aip) -> Document:
    return {
        "id": each.id,
        "title": _text(each.title),
        "identifier": _text(each.identifier),
        "producer": _text(each.producer),
        "package": each.package,
        "version": each.version,
        "created": _moment(each.created),
        "updated": _moment(each.updated),
        "files": each.files,
        "bytes": each.bytes,
        "fields": {_text(name): [_text(value) for value in values] for name, values in each.fields.items()},
        "versions": [_version(version) for version in each.versions],
        "copies": [copy(one) for one in each.copies],
    }


def _version(each: AipVersion) -> Document:
    return {
        "number": each.number,
        "created": _moment(each.created),
        "deposit": each.deposit_id,
        "message": _text(each.message),
        "files": each.files,
        "bytes": each.bytes,
        "inventory_sha512": each.inventory_sha512,
    }


def copy(each: Copy) -> Document:
    return {
        "tier": each.tier,
        "version": each.version,
        "state": each.state.value,
        "stored": _moment(each.stored),
        "last_check": _moment(each.last_check),
        "last_full": _moment(each.last_full),
        "check_next": _moment(each.check_next),
        "files": each.files,
        "bytes": each.bytes,
        "damages": [damage(one) for one in each.damages],
    }


def damage(each: Damage) -> Document:
    return {
        "aip": each.aip_id,
        "tier": each.tier,
        "path": _text(each.path),
        "outcome": each.outcome,
        "expected": each.expected,
        "found": _text(spoken(each.found, speech())),
        "detected": _moment(each.detected),
    }


def aip_file(each: AipFile) -> Document:
    """``original_name`` is "" where the path ends in the name that was deposited; its bytes are given when it is not UTF-8."""
    name = each.original_name
    return {
        "path": _text(each.path),
        "content_path": _text(each.content_path),
        "size": each.size,
        "sha256": each.sha256,
        "sha512": each.sha512,
        "puid": each.puid,
        "format": each.format_name,
        "original_name": _text(name),
        "original_name_base64": None if _text(name) == name else base64.b64encode(os.fsencode(name)).decode("ascii"),
    }


def event(each: Event) -> Document:
    return {
        "id": each.id,
        "type": each.type,
        "time": _moment(each.time),
        "agent": each.agent,
        "asked_by": each.asked_by,
        "outcome": each.outcome,
        "aip": each.aip_id,
        "aip_version": each.aip_version,
        "deposit": each.deposit_id,
        "tier": each.tier,
        "detail": {key: _text(value) if isinstance(value, str) else value for key, value in each.detail.items()},
    }


def audit(report: AuditReport) -> Document:
    return {
        "checked": report.checked,
        "bytes": report.bytes,
        "copies": dict(report.copies),
        "files": dict(report.files),
        "damages": [damage(one) for one in report.damages],
        "unavailable": {name: _text(spoken(reason, speech())) for name, reason in report.unavailable.items()},
        "overdue": report.overdue,
        "looked": report.looked,
        "strangers": [stranger(one) for one in report.strangers],
        "stranger_count": report.stranger_count,
        "compared": report.compared,
        "canaries": {tier: count.as_json() for tier, count in report.canaries.items()},
        "unlocked": {name: _text(spoken(reason, speech())) for name, reason in report.unlocked.items()},
        "postponed": {name: _text(spoken(reason, speech())) for name, reason in report.postponed.items()},
        "not_looked": dict(report.not_looked),
    }


def stranger(each: Finding) -> Document:
    """What a tier holds and the catalog does not know: an object's id, or a path from the tier's storage root."""
    words = {name: _text(spoken(str(each.args.get(name, "")), speech())) for name in ("tier", "place", "reason")}
    return {"code": each.code, "path": _text(each.path), **words}


def repair(report: RepairReport) -> Document:
    return {
        "copies": report.copies,
        "repaired": report.repaired,
        "quarantined": report.quarantined,
        "failed": [damage(one) for one in report.failed],
        "unavailable": {name: _text(spoken(reason, speech())) for name, reason in report.unavailable.items()},
        "ahead": [{"aip": aip_id, "tier": tier} for aip_id, tier in sorted(report.ahead)],
    }


def export(aip_id: str, target: Path, form: str, report: ExportReport) -> Document:
    return {
        "aip": aip_id,
        "path": _text(str(target)),
        "as": form,
        "files": report.files,
        "bytes": report.bytes,
        "problems": [_text(spoken(problem, speech())) for problem in report.problems],
    }


def rebuild(report: RebuildReport) -> Document:
    counts = dict(sorted(report.findings.counts.items()))
    taken = report.taken_back
    back = {"events": taken.events, "events_until": _moment(taken.until), "events_lost_since": _moment(taken.lost_since)}
    return {"aips": report.aips, "files": report.files, "deposits": report.deposits, **back, "counts": counts}


def verify(path: Path, form: str, findings: Findings) -> Document:
    """``format`` is what was found there: "ocfl", "bagit", "eark" or "unrecognised". ``counts`` has every finding; the list of
    findings holds the first of each code."""
    return {"path": _text(str(path)), "format": form, "counts": dict(sorted(findings.counts.items()))}


def fixity(summary: FixitySummary) -> Document:
    return {
        "generated": _moment(summary.generated),
        "policy": summary.policy,
        "aips": summary.population,
        "short": summary.short,
        "waiting": summary.waiting,
        "stuck": summary.stuck,
        "tiers": [_tier(one) for one in summary.tiers],
        "damages": [damage(one) for one in summary.damages],
    }


TIER_COUNTS = ("copies", "bytes", "good", "damaged", "unreadable", "unknown", "absent", "overdue", "never_checked")
"""In the order of the columns of the CSV report."""


def _tier(one: TierState) -> Document:
    counts: Mapping[str, int] = {name: getattr(one, name) for name in TIER_COUNTS}
    more = {"reachable": one.reachable, "unreachable": _text(spoken(one.unreachable, speech()))}
    compared = {"strangers": one.strangers, "compared": _moment(one.compared)}
    return {"name": one.name, **counts, "oldest_check": _moment(one.oldest_check), **more, **compared}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(text: str) -> str:
    """Text that can be written as UTF-8: bytes that were none (surrogate escapes of os.fsdecode) are shown as ``\\xNN``."""
    if text.isascii():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    number = ord(character)
    if not 0xD800 <= number <= 0xDFFF:
        return character
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}"

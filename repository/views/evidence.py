"""Views of evidence: the JSON shapes of docs/cli.md for evidence records, batches and plans. As `repository.views.records`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from policies.findings import spoken
from repository.texts import language as speech

if TYPE_CHECKING:
    from repository.evidence.planning import Due
    from repository.evidence.service import Plan
    from signatures.evidence import EvidenceReport, Stamp

__all__ = ["evidence", "plan"]

Document = dict[str, Any]


def evidence(report: EvidenceReport) -> Document:
    """What a record proves."""
    from policies.trust import earliest

    last = report.stamps[-1] if report.stamps else None
    ends = earliest(last.ends) if last else None
    return {
        "valid": report.valid,
        "proved": moment(report.proved),
        "trust": report.trust.value,
        "objects": [
            *({"name": name, "covered": True} for name in report.covered),
            *({"name": name, "covered": False} for name in report.missing),
        ],
        "stamps": [_stamp(each) for each in report.stamps],
        "quirks": [spoken(each, speech()) for each in report.quirks],
        "ends": moment(ends.when) if ends else None,
        "ends_because": f"{ends.what}: {ends.name}" if ends else "",
    }


def _stamp(each: Stamp) -> Document:
    token = each.token
    return {
        "chain": each.chain + 1,
        "number": each.number + 1,
        "kind": each.kind,
        "time": moment(token.time),
        "hash": each.hash,
        "authority": token.authority,
        "certificate_serial": f"{token.certificate.serial_number:x}",
        "policy": token.policy,
        "serial": str(token.serial),
        "signature": token.scheme.name,
        "signature_hash": token.scheme.hash,
        "key_bits": token.key_bits,
        "root": each.answer.root if each.answer else "",
        "trusted": each.answer.believed.value if each.answer else "not checked",
    }


def plan(found: Plan) -> Document:
    """What falls due when."""
    return {
        "now": moment(found.now),
        "horizon": moment(found.horizon),
        "algorithms": {"version": found.algorithms.version, "source": found.algorithms.source, "sha256": found.algorithms.digest},
        "proved": found.proved,
        "waiting": found.waiting,
        "next_batch": moment(found.next_batch),
        "rows": [_due(each) for each in found.rows],
    }


def _due(each: Due) -> Document:
    because = each.because
    return {
        "batch": each.batch,
        "tree": each.tree,
        "hash": each.hash,
        "leaves": each.leaves,
        "kind": each.kind,
        "due": moment(each.due),
        "because": f"{because.what}: {because.name}" if because else "",
        "ends": moment(because.when) if because else None,
        "authorities": list(each.authorities),
        "later": list(each.later),
        "evidence": each.evidence,
    }


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

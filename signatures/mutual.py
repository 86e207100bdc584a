"""Signatures of one file that speak for each other: what one leaves open another may cover, if that one is to be believed itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from signatures.report import Integrity, SignatureReport, SubIndication, Verdict
from signatures.signed import Identity, SignedObject

__all__ = ["depending"]


def depending(objects: Sequence[SignedObject], reports: Sequence[SignatureReport]) -> tuple[SignatureReport, ...]:
    """The reports, one of each of ``objects``, where what passed alone is weighed again with only those of the others that passed."""
    passed = {each.identity for each, report in zip(objects, reports, strict=True) if report.verdict.passed}
    return tuple(_weighed(each, report, passed) for each, report in zip(objects, reports, strict=True))


def _weighed(read: SignedObject, report: SignatureReport, passed: Collection[Identity]) -> SignatureReport:
    why = read.unless(passed) if report.verdict.passed else None
    if why is None:
        return report
    return replace(report, integrity=Integrity.UNKNOWN, verdict=Verdict(SubIndication.SIG_CONSTRAINTS_FAILURE, why), proven=None)

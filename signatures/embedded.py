"""Evidence records that came with a file: read beside its signatures, judged by the same date, and proofs for all they cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from formats.xml_prolog import is_xml
from policies.findings import Finding, Weight
from policies.trust import Algorithms
from signatures.certificates import Certificate, certificates_of
from signatures.evidence import DataObject, EvidenceReport, trusted, verify_record
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, StampFacts, SubIndication, Verdict
from signatures.signed import EmbeddedRecord, SignedObject
from signatures.timestamps import Trust

__all__ = ["judge_embedded", "read_embedded", "stamps_of"]

_SUB = {
    "EVD-SYNTAX": SubIndication.FORMAT_FAILURE,
    "EVD-ALGORITHM-UNKNOWN": SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
    "EVD-BEYOND": SubIndication.GENERIC,
    "EVD-TOKEN": SubIndication.SIG_CRYPTO_FAILURE,
    "EVD-NO-DATA": SubIndication.SIGNED_DATA_NOT_FOUND,
    "EVD-NO-DIGEST": SubIndication.SIGNED_DATA_NOT_FOUND,
    "EVD-NOT-LOOKED": SubIndication.GENERIC,
    "EVD-NOT-TRUSTED": SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    "EVD-ALGORITHM-ENDED": SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
}
"""What a finding of the verifier means in the words of EN 319 102-1; every other error is one of hashes."""

_UNKNOWN = (SubIndication.SIGNED_DATA_NOT_FOUND, SubIndication.GENERIC, SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
"""What says that a record was not held against what it covers, and nothing of whether it is right."""


def read_embedded(
    encoded: bytes,
    objects: Sequence[DataObject],
    *,
    name: str = "",
    covers: Iterable[bytes] = (),
    missing: Iterable[str] = (),
    coverage: Coverage | None = None,
    reason: str = "",
    refused: str = "",
    beyond: str = "",
) -> EmbeddedRecord:
    """Read a record over ``objects``, with its arithmetic done.

    ``covers`` are the digests (`signatures.poe`) of what a sound one proves; ``missing`` names what it should cover and what is not
    there; ``reason`` says why it cannot be held against anything, ``refused`` why that was not looked at, ``beyond`` which bound it, and
    those after it, are beyond.
    """
    report = verify_record(encoded, objects)
    lost = list(missing)
    wrong = _wrong(report)
    if refused:
        failure: tuple[SubIndication, Finding] | None = (
            SubIndication.GENERIC,
            Finding("SIG-XML-REFUSED", "", {"reason": refused}),
        )
    elif beyond:
        failure = SubIndication.GENERIC, Finding("EVD-BEYOND", name, {"reason": beyond})
    elif reason:
        failure = (
            SubIndication.FORMAT_FAILURE,
            Finding("SIG-FORMAT", "", {"reason": reason}),
        )
    elif lost and (wrong is None or wrong[0] is SubIndication.SIGNED_DATA_NOT_FOUND):
        failure = (
            SubIndication.SIGNED_DATA_NOT_FOUND,
            Finding("EVD-OBJECT-MISSING", name, {"object": lost[0], "count": len(lost)}),
        )
    else:
        failure = wrong
    unknown = failure is not None and failure[0] in _UNKNOWN
    integrity = Integrity.INTACT if failure is None else Integrity.UNKNOWN if unknown else Integrity.BROKEN
    first = report.stamps[0].token if report.stamps else None
    found = SignedObject(
        Kind.EVIDENCE,
        Role.EVIDENCE,
        name,
        encoded,
        integrity,
        failure[0] if failure else None,
        failure[1] if failure else None,
        certificate=_certificate(first.certificate_der) if first else None,
        digest_algorithm=first.imprint_hash if first else "",
        signature_algorithm=f"{first.scheme.name}-{first.scheme.hash}" if first else "",
        claimed=first.time if first else None,
        level=_level(encoded),
        coverage=coverage or Coverage("part"),
        notes=tuple(each for each in report.findings if each.code in ("EVD-QUIRK", "EVD-CANONICAL", "EVD-DEMO", "EVD-ENCRYPTED")),
    )
    return EmbeddedRecord(found, encoded, report, frozenset((*covers, digest_of(encoded))))


def _certificate(der: bytes) -> Certificate | None:
    return next(certificates_of((der,)), None)


def _level(encoded: bytes) -> str:
    return "RFC6283" if is_xml(encoded) else "RFC4998"


def _wrong(report: EvidenceReport) -> tuple[SubIndication, Finding] | None:
    """The first error of a report: a hash that is wrong before data that is not there."""
    errors = [each for each in report.findings if each.weight >= Weight.ERROR]
    found = [(_SUB.get(each.code, SubIndication.HASH_FAILURE), each) for each in errors]
    found.sort(key=lambda each: each[0] is SubIndication.SIGNED_DATA_NOT_FOUND)
    return found[0] if found else None


def judge_embedded(
    record: EmbeddedRecord, *, at: datetime, proven: datetime, trust: Trust, algorithms: Algorithms
) -> tuple[Verdict, EvidenceReport]:
    """The verdict on a record as of ``at``. It has to hold only until ``proven``, since when itself is proven to exist: what renewed it,
    or an archive's own evidence, carries it from there (RFC 4998 §5.3)."""
    read = record.object
    if read.failure is not None:
        return Verdict(read.failure, read.why), record.report
    asked = trust if trust.anchors or trust.anchors.taken_back else None
    report = trusted(record.report, max(min(at, proven), record.newest or at), asked, algorithms)
    if wrong := _wrong(report):
        return Verdict(*wrong), report
    if not trust.anchors:
        return Verdict(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Finding("EVD-TRUST-NOT-CHECKED")), report
    if report.proved is not None and report.proved > at:
        return Verdict(SubIndication.NO_POE, Finding("SIG-STAMP-LATER", "", {"time": report.proved.isoformat()})), report
    return Verdict(), report


def stamps_of(report: EvidenceReport) -> Iterator[StampFacts]:
    """The time-stamps of a record as facts of its report."""
    for each in report.stamps:
        believed = each.answer is not None and not each.answer.reason
        why = (
            None if believed or each.answer is None else Finding("EVD-NOT-TRUSTED", "", {"reason": each.answer.reason, "at": ""})
        )
        verdict = Verdict() if believed else Verdict(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, why)
        authority = _certificate(each.token.certificate_der)
        facts = authority.facts if authority else None
        yield StampFacts(each.kind, each.token.time, verdict, facts, each.hash, digest_of(each.token.encoded).hex())

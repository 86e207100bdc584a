"""The same reports as ETSI TS 119 102-2 XML, for those whose systems read that.

Certificates are validation objects, told by their digest; the reasons in Kho's codes stand in AdditionalValidationReportData.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from formats.xml_writer import Writer, date_time, escape
from signatures.report import CertificateFacts, Indication, SignatureReport

__all__ = ["NAMESPACE", "etsi_report"]

NAMESPACE = "http://uri.etsi.org/19102/v1.2.1#"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

MAIN = {
    Indication.TOTAL_PASSED: "urn:etsi:019102:mainindication:total-passed",
    Indication.INDETERMINATE: "urn:etsi:019102:mainindication:indeterminate",
    Indication.TOTAL_FAILED: "urn:etsi:019102:mainindication:total-failed",
}
SUB = "urn:etsi:019102:subindication:{}"
REASON = "urn:etsi:019102:revocationReason:{}"
PROOF = {
    "now": "urn:etsi:019102:poetype:validation",
    "time-stamp": "urn:etsi:019102:poetype:validation",
    "evidence": "urn:etsi:019102:poetype:provided",
}
CERTIFICATE = "urn:etsi:019102:validationObject:certificate"
STAMP = "urn:etsi:019102:validationObject:timestamp"


def etsi_report(reports: Sequence[SignatureReport]) -> bytes:
    """One ValidationReport over all signatures of a file. The schema wants at least one."""
    out = io.BytesIO()
    xml = Writer(out)
    xml.open("vr:ValidationReport", {"xmlns:vr": NAMESPACE, "xmlns:ds": DSIG})
    for number, report in enumerate(reports, 1):
        xml.raw(_signature(report, number))
    xml.raw(_objects(reports))
    xml.close("vr:ValidationReport")
    xml.flush()
    return out.getvalue()


def _tag(name: str, inside: str, attributes: str = "") -> str:
    return f"<vr:{name}{attributes}>{inside}</vr:{name}>"


def _digest(sha256: str) -> str:
    value = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
    return _tag(
        "DigestAlgAndValue", f'<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod><ds:DigestValue>{value}</ds:DigestValue>'
    )


def _reference(name: str, identifier: str) -> str:
    return f'<vr:{name} VOReference="{identifier}"></vr:{name}>'


def _certificate_id(certificate: CertificateFacts) -> str:
    return f"C-{certificate.sha256}"


def _signature(report: SignatureReport, number: int) -> str:
    digest = _digest(report.value_sha256) if report.value_sha256 else ""
    identifier = _tag(
        "SignatureIdentifier",
        f"{digest}{_tag('HashOnly', 'false')}{_tag('DocHashOnly', 'false')}{_tag('DAIdentifier', escape(report.name))}",
        f' id="S-{number}"',
    )
    signer = ""
    if report.signer is not None:
        inside = _reference("SignerCertificate", _certificate_id(report.signer)) + _tag("Signer", escape(report.signer.subject))
        signer = _tag("SignerInformation", inside)
    return _tag("SignatureValidationReport", f"{identifier}{_times(report)}{_attributes(report)}{signer}{_status(report)}\n")


def _times(report: SignatureReport) -> str:
    proof = _tag("POETime", date_time(report.proven or report.at)) + _tag(
        "TypeOfProof", PROOF.get(report.proven_by, PROOF["now"])
    )
    stamps = (each for each in report.stamps if report.proven_by == "time-stamp" and each.time == report.proven)
    if proving := next((each for each in stamps if each.verdict.passed), None):
        proof += _reference("POEObject", f"T-{proving.sha256}")
    return _tag("ValidationTimeInfo", _tag("ValidationTime", date_time(report.at)) + _tag("BestSignatureTime", proof))


def _attributes(report: SignatureReport) -> str:
    found = ""
    if report.claimed is not None:
        claimed = date_time(report.claimed) if report.claimed.tzinfo else report.claimed.isoformat()  # as the signer wrote it
        found += _tag("SigningTime", _tag("Time", claimed), ' Signed="true"')
    if report.location:
        found += _tag("SignatureProductionPlace", _tag("AddressString", escape(report.location)), ' Signed="true"')
    for kind, name in (("signature", "SignatureTimeStamp"), ("archive", "ArchiveTimeStamp"), ("document", "DocTimeStamp")):
        for stamp in report.stamps:
            if stamp.kind == kind:
                inside = _reference("AttributeObject", f"T-{stamp.sha256}") + _tag("TimeStampValue", date_time(stamp.time))
                found += _tag(name, inside)
    if report.reason:
        found += _tag("Reason", _tag("ReasonElement", escape(report.reason)), ' Signed="true"')
    if report.coverage.ranges:
        numbers = " ".join(f"{start} {length}" for start, length in report.coverage.ranges)
        found += _tag("ByteRange", numbers)
    return _tag("SignatureAttributes", found) if found else ""


def _status(report: SignatureReport) -> str:
    verdict = report.verdict
    sub = _tag("SubIndication", SUB.format(verdict.sub.value)) if verdict.sub else ""
    inside = _anchored(report) + _chain(report) + _revoked(report) + _more(report)
    data = _tag("AssociatedValidationReportData", inside) if inside else ""
    return _tag("SignatureValidationStatus", _tag("MainIndication", MAIN[verdict.indication]) + sub + data)


def _anchored(report: SignatureReport) -> str:
    return _reference("TrustAnchor", _certificate_id(report.anchor)) if report.anchor is not None else ""


def _chain(report: SignatureReport) -> str:
    if not report.chain:
        return ""
    signing, *above = report.chain
    inside = _reference("SigningCertificate", _certificate_id(signing))
    inside += "".join(_reference("IntermediateCertificate", _certificate_id(each)) for each in above if each != report.anchor)
    return _tag("CertificateChain", inside + _anchored(report))


def _revoked(report: SignatureReport) -> str:
    """Which certificate was revoked, when and why, where the verdict is that (4.3.12.6)."""
    why = report.verdict.why
    if why is None or why.code != "SIG-REVOKED":
        return ""
    inside = _reference("ValidationObjectId", f"C-{why.args['sha256']}")
    inside += _tag("RevocationTime", date_time(datetime.fromisoformat(str(why.args["since"]))))
    return _tag("RevocationStatusInformation", inside + _tag("RevocationReason", REASON.format(why.args["reason"])))


def _more(report: SignatureReport) -> str:
    rows = [("integrity", report.integrity.value), ("coverage", report.coverage.scope), ("changes", report.coverage.changes)]
    rows += [("level", report.level), ("signature-algorithm", report.signature_algorithm), ("key-bits", str(report.key_bits))]
    if signer := report.signer:
        rows += [
            ("signer-name", signer.common_name),
            ("signer-title", signer.title),
            ("signer-organisation", signer.organisation),
        ]
    rows += [(finding.code, finding.text("en")) for finding in report.findings()]
    data = "".join(
        _tag("ReportData", _tag("Type", f"urn:kho:signature:{escape(name)}") + _tag("Value", escape(value)))
        for name, value in rows
        if value
    )
    return _tag("AdditionalValidationReportData", data)


def _objects(reports: Iterable[SignatureReport]) -> str:
    """Every certificate and time-stamp that the reports name, once."""
    found: dict[str, str] = {}
    for report in reports:
        named = [*report.chain, *([report.signer] if report.signer else ())]
        named += [stamp.authority for stamp in report.stamps if stamp.authority is not None]
        for certificate in named:
            found[_certificate_id(certificate)] = _object(_certificate_id(certificate), CERTIFICATE, certificate.sha256)
        for stamp in report.stamps:
            found[f"T-{stamp.sha256}"] = _object(f"T-{stamp.sha256}", STAMP, stamp.sha256, stamp.time)
    return _tag("SignatureValidationObjects", "".join(found.values())) if found else ""


def _object(identifier: str, kind: str, sha256: str, proves: datetime | None = None) -> str:
    inside = _tag("ObjectType", kind) + _tag("ValidationObjectRepresentation", _digest(sha256))
    if proves is not None:
        inside += _tag("POEProvisioning", _tag("POETime", date_time(proves)))
    return _tag("ValidationObject", inside, f' id="{identifier}"')

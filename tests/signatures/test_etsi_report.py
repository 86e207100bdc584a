"""The report as ETSI TS 119 102-2 XML: what its clauses ask for is there, and what it refers to as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from signatures.certificates import Certificate
from signatures.etsi_report import NAMESPACE, etsi_report
from signatures.report import SignatureReport
from tests.signatures.judging import signature
from tests.signatures.pki import Pki, day, make_pdf

NS = {"vr": NAMESPACE}


def parsed(report: SignatureReport) -> etree._Element:
    root = etree.fromstring(etsi_report([report]))
    known = set(root.xpath("//@id"))
    assert set(root.xpath("//@VOReference")) <= known, "every reference leads to an object"
    return root


def texts(root: etree._Element, path: str) -> list[str]:
    return [str(each) for each in root.xpath(path, namespaces=NS)]


def identifiers(pki: Pki, *names: str) -> list[str]:
    return [f"C-{pki.certificate(name).sha256.hex()}" for name in names]


def test_a_chain_ends_at_its_trust_anchor(tmp_path: Path, pki: Pki) -> None:
    root = parsed(signature(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3)), day(2026, 6)))
    chain = "//vr:CertificateChain/vr:{}/@VOReference"
    assert texts(root, chain.format("SigningCertificate")) == identifiers(pki, "signer1")
    assert texts(root, chain.format("IntermediateCertificate")) == identifiers(pki, "interm")
    assert texts(root, chain.format("TrustAnchor")) == identifiers(pki, "root")
    assert texts(root, "//vr:AssociatedValidationReportData/vr:TrustAnchor/@VOReference") == identifiers(pki, "root")
    assert not texts(root, "//vr:RevocationStatusInformation")


def test_without_an_anchor_none_is_named(tmp_path: Path, pki: Pki) -> None:
    nobody: Sequence[Certificate] = ()
    root = parsed(signature(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3), level="B"), day(2026, 6), anchors=nobody))
    assert not texts(root, "//vr:TrustAnchor")


def test_the_time_stamp_that_proves_the_best_time_is_named(tmp_path: Path, pki: Pki) -> None:
    report = signature(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3)), day(2026, 6))
    root = parsed(report)
    (named,) = texts(root, "//vr:BestSignatureTime/vr:POEObject/@VOReference")
    proving = next(each for each in report.stamps if f"T-{each.sha256}" == named)
    assert proving.time == report.proven
    unproven = signature(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3), level="B"), day(2026, 6))
    assert not texts(parsed(unproven), "//vr:POEObject")


def test_a_revocation_is_told_with_its_time_and_reason(tmp_path: Path, pki: Pki) -> None:
    """4.2.8: RevocationStatusInformation with REVOKED, REVOKED_NO_POE and REVOKED_CA_NO_POE."""
    after = pki.sign_pdf(make_pdf(), day(2026, 5), signer="signer2", level="T")
    root = parsed(signature(tmp_path, pki, after, day(2026, 6)))
    assert texts(root, "//vr:SubIndication/text()") == ["urn:etsi:019102:subindication:REVOKED_NO_POE"]
    told = "//vr:AssociatedValidationReportData/vr:RevocationStatusInformation/vr:{}"
    assert texts(root, told.format("ValidationObjectId/@VOReference")) == identifiers(pki, "signer2")
    assert texts(root, told.format("RevocationTime/text()")) == ["2026-04-01T00:00:00Z"]
    assert texts(root, told.format("RevocationReason/text()")) == ["urn:etsi:019102:revocationReason:keyCompromise"]


def test_the_signer_as_people_know_him(tmp_path: Path, pki: Pki) -> None:
    root = parsed(signature(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3)), day(2026, 6)))
    row = "//vr:ReportData[vr:Type='urn:kho:signature:{}']/vr:Value/text()"
    assert texts(root, row.format("signer-name")) == ["Nguyễn Văn A"]
    assert texts(root, row.format("signer-title")) == ["Chánh Văn phòng"]

"""XAdES through reading and judging: levels, dates, several signatures, counter-signatures, what lies beside."""

from __future__ import annotations

import base64
import copy
import hashlib
from datetime import datetime
from pathlib import Path

import pytest
from lxml import etree

from signatures.evidence import write_record, write_stamp
from signatures.poe import digest_of
from signatures.report import Integrity, Role, SubIndication
from tests.signatures import xml_signing
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    LETTER,
    XADES,
    Ref,
    Signing,
    archive,
    canonical,
    detached,
    enveloped,
    stamp,
)


@pytest.fixture(scope="session")
def rsa() -> Pki:
    return Pki("rsa")


@pytest.mark.parametrize(
    ("level", "stamps"), [("B", []), ("T", ["signature"]), ("LT", ["signature"]), ("LTA", ["signature", "archive"])]
)
def test_every_level_is_told_and_valid_in_its_day(tmp_path: Path, pki: Pki, level: str, stamps: list[str]) -> None:
    report = signature(tmp_path, pki, enveloped(pki, level=level), day(2026, 6))
    assert (str(report.verdict), report.level) == ("TOTAL-PASSED", f"XAdES-{level}")
    assert [each.kind for each in report.stamps] == stamps
    assert (report.coverage.scope, report.coverage.elements, report.coverage.left) == ("part", ("/edoc",), ("/edoc/comment()",))
    assert (report.claimed, report.location) == (day(2026, 3), "Hà Nội")


def test_a_signature_with_its_validation_data_outlives_its_certificate_and_its_ca(tmp_path: Path, pki: Pki) -> None:
    """B-LTA of 2026 in 2029, when signer, issuing CA and the first time-stamp authority of the data have ended."""
    at = day(2029, 6)
    kept = signature(tmp_path, pki, enveloped(pki, level="LTA"), at, crls=[pki.crl("tsaca1", at), pki.crl("root", at)])
    assert str(kept.verdict) == "TOTAL-PASSED", kept.verdict.why
    assert (kept.proven, kept.proven_by) == (day(2026, 3), "time-stamp")
    bare = signature(tmp_path, pki, enveloped(pki), at)
    assert not bare.verdict.passed


def test_an_archive_time_stamp_over_something_else_proves_nothing(tmp_path: Path, pki: Pki) -> None:
    """A certificate is added to the values after the archive time-stamp was made."""
    data = enveloped(pki, level="LTA")
    other = data.replace(
        b"</xades:CertificateValues>",
        b"<xades:EncapsulatedX509Certificate>AAAA</xades:EncapsulatedX509Certificate></xades:CertificateValues>",
    )
    assert other != data
    stamps = {each.kind: each.token.integrity for each in read(tmp_path, other).stamps}
    assert stamps == {"signature": Integrity.INTACT, "archive": Integrity.BROKEN}


@pytest.mark.parametrize(("digest", "pss"), [("sha256", False), ("sha512", False), ("sha256", True)])
def test_rsa_in_its_forms(tmp_path: Path, rsa: Pki, digest: str, pss: bool) -> None:
    def change(making: Signing) -> None:
        making.digest, making.pss = digest, pss

    report = signature(tmp_path, rsa, enveloped(rsa, change=change), day(2026, 6))
    assert str(report.verdict) == "TOTAL-PASSED"
    assert report.signature_algorithm == f"rsa-{'pss' if pss else 'pkcs1v15'}-{digest}"


def test_sha1_is_flagged_as_weak_and_not_refused(tmp_path: Path, rsa: Pki) -> None:
    def change(making: Signing) -> None:
        making.digest = "sha1"

    report = signature(tmp_path, rsa, enveloped(rsa, change=change), day(2026, 6))
    assert (report.integrity, str(report.verdict)) == (Integrity.INTACT, "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert "SIG-WEAK" in {each.code for each in report.notes}


def test_one_changed_letter_is_found(tmp_path: Path, pki: Pki) -> None:
    altered = enveloped(pki).replace("Công văn".encode(), b"Cong van")
    report = signature(tmp_path, pki, altered, day(2026, 6))
    assert (report.integrity, report.verdict.sub) == (Integrity.BROKEN, SubIndication.HASH_FAILURE)
    assert report.verdict.why is not None
    assert report.verdict.why.args["part"] == "/edoc"


def test_a_comment_is_not_signed_and_may_change(tmp_path: Path, pki: Pki) -> None:
    data = enveloped(pki).replace(b"<!-- note -->", b"<!-- another -->")
    assert signature(tmp_path, pki, data, day(2026, 6)).verdict.passed


def test_another_certificate_of_the_same_key_is_not_the_signers(tmp_path: Path, pki: Pki) -> None:
    """The value is right, but the certificate that was signed along is another."""

    def change(making: Signing) -> None:
        making.wrong_reference = True

    report = signature(tmp_path, pki, enveloped(pki, change=change), day(2026, 6))
    assert (report.integrity, str(report.verdict)) == (Integrity.INTACT, "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND")


def test_plain_xml_dsig_is_judged_too(tmp_path: Path, pki: Pki) -> None:
    def change(making: Signing) -> None:
        making.xades = False

    report = signature(tmp_path, pki, enveloped(pki, change=change), day(2026, 6))
    assert (str(report.verdict), report.level) == ("TOTAL-PASSED", "XML-DSig")


def test_two_signatures_each_over_the_document_without_signatures(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.encode())
    data = xml_signing.canonical(root)
    without = '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>'
    transforms = f"{without}</ds:Transform>{EXCLUSIVE}"
    for name, signer in (("first", "signer1"), ("second", "signer2")):
        root.append(Signing(pki, signer=signer, name=name, references=[Ref("", data, transforms)]).signature())
    found = read(tmp_path, etree.tostring(root))
    assert [(each.name, each.integrity, each.failure) for each in found.objects] == [
        ("first", Integrity.INTACT, None),
        ("second", Integrity.INTACT, None),
    ]


def countersigned(pki: Pki, over: str) -> bytes:
    root = etree.fromstring(enveloped(pki))
    signed = root.find(f"{{{DS}}}Signature")
    value = xml_signing.canonical(signed.find(f"{{{DS}}}SignatureValue"))
    making = Signing(pki, signer="signer2", name="counter", references=[Ref(f"#{over}", value, EXCLUSIVE)])
    if over == "body":
        making.references = [Ref("#body", xml_signing.canonical(root[0]), EXCLUSIVE)]
    holder = xml_signing.add_unsigned(signed, f'<x:CounterSignature xmlns:x="{XADES}"/>')
    holder.append(making.signature())
    return bytes(etree.tostring(root))


def test_a_counter_signature_signs_the_value_of_another(tmp_path: Path, pki: Pki) -> None:
    first, counter = read(tmp_path, countersigned(pki, "sig-1-value")).objects
    assert (first.role, first.failure) == (Role.SIGNATURE, None)
    assert (counter.role, counter.integrity, counter.failure) == (Role.COUNTERSIGNATURE, Integrity.INTACT, None)


def test_a_counter_signature_over_something_else_is_none(tmp_path: Path, pki: Pki) -> None:
    first, counter = read(tmp_path, countersigned(pki, "body")).objects
    assert first.failure is None
    assert (counter.integrity, counter.failure) == (Integrity.BROKEN, SubIndication.FORMAT_FAILURE)


def test_files_beside_are_found_by_name_and_missed_by_name(tmp_path: Path, pki: Pki) -> None:
    files = {"phu-luc/1.txt": b"mot", "2.txt": b"hai"}
    data = xml_signing.detached(pki, files)
    both = signature(tmp_path, pki, data, day(2026, 6), beside=files)
    assert both.verdict.passed
    assert (both.coverage.scope, both.coverage.files) == ("beside", ("phu-luc/1.txt", "2.txt"))
    one = signature(tmp_path, pki, data, day(2026, 6), beside={"2.txt": b"hai"})
    assert str(one.verdict) == "INDETERMINATE/SIGNED_DATA_NOT_FOUND"
    assert one.verdict.why is not None
    assert one.verdict.why.args["part"] == "phu-luc/1.txt"
    other = signature(tmp_path, pki, data, day(2026, 6), beside={"1.txt": b"mot", "2.txt": b"hai"})
    assert not other.verdict.passed, "a file of this name, but not in this folder, is another file"
    altered = signature(tmp_path, pki, data, day(2026, 6), beside=files | {"2.txt": b"ba"})
    assert (altered.integrity, altered.verdict.sub) == (Integrity.BROKEN, SubIndication.HASH_FAILURE)


def test_a_part_that_is_signed_is_told_with_what_is_not(tmp_path: Path, pki: Pki) -> None:
    """As an electronic invoice has it: the data is signed by id, what others add later is not."""
    root = etree.fromstring('<HDon><DLHDon Id="data"><Tien>1</Tien></DLHDon><MCCQT>00A</MCCQT></HDon>')
    root.append(Signing(pki, references=[Ref("#data", xml_signing.canonical(root[0]), EXCLUSIVE)]).signature())
    report = signature(tmp_path, pki, etree.tostring(root), day(2026, 6))
    assert report.verdict.passed
    assert (report.coverage.scope, report.coverage.elements, report.coverage.left) == (
        "part",
        ("/HDon/DLHDon",),
        ("/HDon (name)", "/HDon/MCCQT"),
    )
    (note,) = report.notes
    assert note.text() == "The signature covers a part: /HDon/DLHDon. Not covered: /HDon (name), /HDon/MCCQT."


def test_a_content_time_stamp_is_over_the_objects(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.encode())
    data = xml_signing.canonical(root)
    stamp = xml_signing.b64(xml_signing.token(pki, data, day(2026, 2)))
    name = "xades:AllDataObjectsTimeStamp"
    inside = f"<{name}><xades:EncapsulatedTimeStamp>{stamp}</xades:EncapsulatedTimeStamp></{name}>"
    making = Signing(pki, content_stamps=inside, references=[Ref("", data, ENVELOPED + EXCLUSIVE)])
    root.append(making.signature())
    report = signature(tmp_path, pki, etree.tostring(root), day(2026, 6))
    assert report.verdict.passed
    assert [(each.kind, each.verdict.passed) for each in report.stamps] == [("content", True)]


@pytest.mark.parametrize("encoding", ["UTF-16", "ISO-8859-1", "UTF-8"])
def test_every_encoding_is_detected_and_read(tmp_path: Path, pki: Pki, encoding: str) -> None:
    root = etree.fromstring(enveloped(pki))
    data = etree.tostring(root, xml_declaration=True, encoding=encoding)
    assert read(tmp_path, data).objects[0].integrity is Integrity.INTACT


@pytest.mark.parametrize("name", ["SigAndRefsTimeStamp", "RefsOnlyTimeStamp"])
def test_a_time_stamp_over_references_proves_what_they_refer_to(tmp_path: Path, pki: Pki, name: str) -> None:
    root = etree.fromstring(LETTER.encode())
    made = Signing(pki, references=[Ref("", xml_signing.canonical(root), ENVELOPED + EXCLUSIVE)]).signature()
    xml_signing.stamp(pki, made, day(2026, 3))
    xml_signing.add_values(pki, made, day(2026, 3))
    digest = xml_signing.b64(hashlib.sha256(pki.certificate("interm").der).digest())
    refs = (
        f'<x:CompleteCertificateRefs xmlns:x="{XADES}" xmlns:ds="{DS}"><x:CertRefs><x:Cert><x:CertDigest><ds:DigestMethod '
        f'Algorithm="{xml_signing.SHA256}"/><ds:DigestValue>{digest}</ds:DigestValue></x:CertDigest></x:Cert></x:CertRefs>'
        "</x:CompleteCertificateRefs>"
    )
    listed = xml_signing.add_unsigned(made, refs)
    parts = [listed]
    if name == "SigAndRefsTimeStamp":
        parts = [made.find(f"{{{DS}}}SignatureValue"), made.find(f".//{{{XADES}}}SignatureTimeStamp"), listed]
    xml_signing.stamp(pki, made, day(2026, 4), name=name, data=b"".join(xml_signing.canonical(each) for each in parts))
    root.append(made)
    found = read(tmp_path, etree.tostring(root))
    stamped = next(each for each in found.stamps if each.kind == "references")
    assert stamped.token.integrity is Integrity.INTACT
    assert pki.certificate("interm").sha256 in stamped.every
    assert pki.certificate("root").sha256 not in stamped.every
    assert (digest_of(found.objects[0].value) in stamped.every) == (name == "SigAndRefsTimeStamp")


def sealed(pki: Pki, at: datetime) -> bytes:
    """A signature with an evidence record inside, over the group that ETSI TS 119 132-3 names."""
    root = etree.fromstring(LETTER.encode())
    data = xml_signing.canonical(root)
    made = Signing(pki, references=[Ref("", data, ENVELOPED + EXCLUSIVE)]).signature()
    xml_signing.stamp(pki, made, day(2026, 3))
    parts = [
        made.find(f".//{{{XADES}}}SignedProperties"),
        *(made.find(f"{{{DS}}}{each}") for each in ("SignedInfo", "SignatureValue", "KeyInfo")),
    ]
    parts += list(made.find(f".//{{{XADES}}}UnsignedSignatureProperties"))
    group = [data, *(xml_signing.canonical(each) for each in parts)]
    hashed = b"".join(sorted(hashlib.sha256(each).digest() for each in group))
    record = write_record(["sha256"], [[write_stamp("sha256", None, xml_signing.token(pki, hashed, at))]])
    space = "http://uri.etsi.org/19132/v1.1.1#"
    inside = f"<e:ASN1EvidenceRecord>{xml_signing.b64(record)}</e:ASN1EvidenceRecord>"
    xml_signing.add_unsigned(made, f'<e:SealingEvidenceRecords xmlns:e="{space}">{inside}</e:SealingEvidenceRecords>')
    root.append(made)
    return bytes(etree.tostring(root))


def test_an_evidence_record_inside_proves_what_came_before_it(tmp_path: Path, pki: Pki) -> None:
    data = sealed(pki, day(2026, 4))
    found = read(tmp_path, data)
    assert [(each.role, each.integrity) for each in found.objects] == [
        (Role.SIGNATURE, Integrity.INTACT),
        (Role.EVIDENCE, Integrity.INTACT),
    ]
    assert digest_of(found.objects[0].value) in found.records[0].covers
    other = data.replace(b"<xades:UnsignedSignatureProperties>", b"<xades:UnsignedSignatureProperties><xades:CertificateValues/>")
    assert other != data
    assert read(tmp_path, other).objects[1].integrity is Integrity.BROKEN


EDXML = """<?xml version="1.0" encoding="utf-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
<edXML:edXMLHeader><edXML:MessageHeader><edXML:Subject>Về việc nộp lưu</edXML:Subject></edXML:MessageHeader></edXML:edXMLHeader>
<edXML:edXMLBody><edXML:edXMLManifest version="1.0"><edXML:Reference><edXML:ContentId>cid:1</edXML:ContentId></edXML:Reference>
</edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope><edXML:AttachmentEncoded xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
<edXML:Attachment><edXML:ContentTransferEncoded>%s</edXML:ContentTransferEncoded></edXML:Attachment></edXML:AttachmentEncoded></edXML>"""
HEADER = ".//{http://www.mic.gov.vn/TBT/QCVN_102_2016}edXMLHeader"


ATTACHED = b"PK cong van so 1"


def message(content: str = base64.b64encode(ATTACHED).decode(), name: str = "cid:1") -> etree._Element:
    held = f"<edXML:Attachment><edXML:ContentId>{name}</edXML:ContentId>"
    return etree.fromstring((EDXML % content).replace("<edXML:Attachment>", held).encode())


def with_attachment(pki: Pki, root: etree._Element, attached: bytes, *more: Ref) -> etree._Element:
    root.find(HEADER).append(Signing(pki, digest="sha256", xades=False, references=[*more, Ref("cid:1", attached)]).signature())
    return root


@pytest.mark.parametrize("name", ["cid:1", "1"])
def test_an_attachment_that_a_message_holds_is_found_by_its_content_id(tmp_path: Path, rsa: Pki, name: str) -> None:
    """Its bytes are signed, or the base64 that stands there: no rule says which."""
    for signed in (ATTACHED, base64.b64encode(ATTACHED)):
        report = signature(tmp_path, rsa, etree.tostring(with_attachment(rsa, message(name=name), signed)), day(2026, 6))
        assert report.integrity is Integrity.INTACT
        assert report.coverage.scope == "part"
        assert [each.rpartition("/")[2] for each in report.coverage.elements] == ["ContentTransferEncoded"]
        assert report.coverage.left
        other = with_attachment(rsa, message(base64.b64encode(b"other").decode(), name), signed)
        assert signature(tmp_path, rsa, etree.tostring(other), day(2026, 6)).verdict.sub is SubIndication.HASH_FAILURE
    root = message(name=name)
    whole = Ref("", etree.tostring(root, method="c14n", exclusive=True, with_comments=False), ENVELOPED + EXCLUSIVE)
    report = signature(tmp_path, rsa, etree.tostring(with_attachment(rsa, root, ATTACHED, whole)), day(2026, 6))
    assert (report.integrity, report.coverage.scope) == (Integrity.INTACT, "file")


@pytest.mark.parametrize("signed", [ATTACHED, base64.b64encode(ATTACHED)], ids=["bytes", "base64"])
def test_an_archive_time_stamp_is_over_an_attachment_as_it_was_signed(tmp_path: Path, rsa: Pki, signed: bytes) -> None:
    made = Signing(rsa, digest="sha256", references=[Ref("cid:1", signed)]).signature()
    stamp(rsa, made, day(2026, 3))
    archive(rsa, made, [signed, canonical(made.find(f".//{{{XADES}}}SignedProperties"))], day(2026, 3, 2))
    root = message()
    root.find(HEADER).append(made)
    file = read(tmp_path, etree.tostring(root))
    assert [each.token.integrity for each in file.stamps] == [Integrity.INTACT, Integrity.INTACT]


def test_a_comment_in_an_attachment_is_named(tmp_path: Path, rsa: Pki) -> None:
    text = base64.b64encode(ATTACHED).decode()
    root = with_attachment(rsa, message(f"{text[:4]}<!-- I approve -->{text[4:]}"), ATTACHED)
    report = signature(tmp_path, rsa, etree.tostring(root), day(2026, 6))
    assert report.integrity is Integrity.INTACT
    assert "/edXML/AttachmentEncoded/Attachment/ContentTransferEncoded/comment()" in report.coverage.left


def test_an_attachment_that_cannot_be_told(tmp_path: Path, rsa: Pki) -> None:
    missing = signature(tmp_path, rsa, etree.tostring(with_attachment(rsa, message(name="cid:2"), ATTACHED)), day(2026, 6))
    assert missing.verdict.sub is SubIndication.SIGNED_DATA_NOT_FOUND
    twice = message()
    twice[-1].append(copy.deepcopy(twice[-1][0]))
    for data in (etree.tostring(with_attachment(rsa, twice, ATTACHED)), detached(rsa, {"cid:1": ATTACHED})):
        report = signature(tmp_path, rsa, data, day(2026, 6))
        assert report.verdict.sub is SubIndication.SIG_CONSTRAINTS_FAILURE
        assert "cid:1" in report.verdict.why.text("en")  # type: ignore[union-attr]
    beside = signature(tmp_path, rsa, detached(rsa, {"cid:1": ATTACHED}), day(2026, 6), beside={"part.bin": ATTACHED})
    assert beside.integrity is Integrity.INTACT


@pytest.mark.parametrize("uri", ["", None])
@pytest.mark.parametrize("size", [300, 12 << 20])
def test_an_exchanged_message_is_signed_as_a_whole_with_its_attachments(
    tmp_path: Path, rsa: Pki, size: int, uri: str | None
) -> None:
    """QCVN 102:2016, RSA with SHA-1, the signature in the header; one attachment is longer than libxml2 takes by itself."""
    root = etree.fromstring((EDXML % ("UEsD" * (size // 4))).encode(), etree.XMLParser(huge_tree=True))
    data = etree.tostring(root, method="c14n", exclusive=True, with_comments=False)
    making = Signing(rsa, digest="sha1", xades=False, references=[Ref(uri, data, ENVELOPED + EXCLUSIVE)])
    root.find(HEADER).append(making.signature())
    report = signature(tmp_path, rsa, etree.tostring(root), day(2026, 6))
    assert (report.integrity, report.verdict.sub) == (Integrity.INTACT, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE)
    assert [each.code for each in report.notes] == ["SIG-WEAK"]
    assert (report.coverage.scope, report.coverage.elements) == ("file", ("/edXML",))
    root.find(HEADER)[0][0].text = "Về việc khác"
    assert signature(tmp_path, rsa, etree.tostring(root), day(2026, 6)).integrity is Integrity.BROKEN

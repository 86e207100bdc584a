"""What would prove more than it was made over: tokens under another name, certificates that nobody stamped, digests that no longer hold;
and comments in what is read, which no canonical form has. Every token below is sound."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from signatures.poe import Proof, Proofs, digest_of
from signatures.report import Integrity
from signatures.signed import Stamp
from tests.packed import zipped
from tests.signatures import xml_signing
from tests.signatures.cms_attributes import archived
from tests.signatures.judging import read, signature
from tests.signatures.office_signing import BARE, part_refs, sign_docx
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXCLUSIVE, LETTER, SHA256, XADES, XADES141, Ref, Signing, canonical

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
SHA1 = f"{DS}sha1"
WHEN = day(2026, 3)


def _made(pki: Pki, change: Callable[[Signing], None] = lambda _: None) -> tuple[Any, Any]:
    """(the letter, its signature, which stands in it)."""
    root = etree.fromstring(LETTER.encode())
    making = Signing(pki, references=[Ref("", canonical(root), ENVELOPED + EXCLUSIVE)])
    change(making)
    made = making.signature()
    root.append(made)
    return root, made


def _refs(pki: Pki, *, second: bool = False, algorithm: str = SHA256) -> str:
    """CompleteCertificateRefs, or its second version, that name the issuing CA."""
    hash_name = {SHA256: "sha256", SHA1: "sha1"}[algorithm]
    digest = xml_signing.b64(hashlib.new(hash_name, pki.certificate("interm").der).digest())
    name, space = ("CompleteCertificateRefsV2", XADES141) if second else ("CompleteCertificateRefs", XADES)
    return (
        f'<y:{name} xmlns:y="{space}" xmlns:x="{XADES}" xmlns:ds="{DS}"><y:CertRefs><x:Cert><x:CertDigest><ds:DigestMethod '
        f'Algorithm="{algorithm}"/><ds:DigestValue>{digest}</ds:DigestValue></x:CertDigest></x:Cert></y:CertRefs></y:{name}>'
    )


def _referring(folder: Path, root: Any) -> Stamp:
    return next(each for each in read(folder, etree.tostring(root)).stamps if each.kind == "references")


def test_a_token_over_the_value_passed_off_as_one_over_references(tmp_path: Path, pki: Pki) -> None:
    """EN 319 132-1, A.1.5.1.1: SigAndRefsTimeStamp is made over CompleteCertificateRefs, and not over the second version of it."""
    root, made = _made(pki)
    xml_signing.add_values(pki, made, WHEN)
    xml_signing.add_unsigned(made, _refs(pki, second=True))
    xml_signing.stamp(pki, made, WHEN, name="SigAndRefsTimeStamp")
    stamp = _referring(tmp_path, root)
    assert stamp.token.integrity is Integrity.INTACT
    assert stamp.every == {digest_of(read(tmp_path, etree.tostring(root)).objects[0].value)}


@pytest.mark.parametrize("name", ["RefsOnlyTimeStamp", "RefsOnlyTimeStampV2"])
def test_a_token_over_nothing_proves_nothing(tmp_path: Path, pki: Pki, name: str) -> None:
    root, made = _made(pki)
    xml_signing.add_values(pki, made, WHEN)
    xml_signing.add_unsigned(made, _refs(pki, second=not name.endswith("V2")))
    xml_signing.stamp(pki, made, WHEN, name=name, data=b"")
    stamp = _referring(tmp_path, root)
    assert stamp.token.integrity is not Integrity.INTACT
    assert stamp.token.failure is not None


def test_references_by_a_weak_digest_prove_only_what_was_there_before_its_end(tmp_path: Path, pki: Pki) -> None:
    root, made = _made(pki)
    xml_signing.add_values(pki, made, WHEN)
    listed = xml_signing.add_unsigned(made, _refs(pki, algorithm=SHA1))
    xml_signing.stamp(pki, made, WHEN, name="RefsOnlyTimeStamp", data=canonical(listed))
    stamp = _referring(tmp_path, root)
    interm = pki.certificate("interm").sha256
    assert (interm in stamp.covers, dict(stamp.listed)) == (False, {"sha1": frozenset({interm})})
    assert "SIG-WEAK" in {each.code for each in read(tmp_path, etree.tostring(root)).objects[0].notes}
    proofs = Proofs(day(2026, 6))
    proofs.add_listed([interm], Proof(WHEN, "time-stamp"), day(2020))
    assert proofs.of(interm).time == day(2026, 6)
    proofs.add([interm], Proof(day(2019)))
    proofs.add_listed([interm], Proof(day(2018), "time-stamp"), day(2020))
    assert proofs.of(interm).time == day(2018)


def test_a_stamp_over_the_value_of_a_cms_proves_no_certificates_that_came_along(tmp_path: Path, pki: Pki) -> None:
    """EN 319 102-1, 5.6.2.3: only what was stamped, and what that names by its digest."""
    stamp = read(tmp_path, pki.sign_cms(b"hi", WHEN, detached=False)).stamps[0]
    assert stamp.token.integrity is Integrity.INTACT
    assert (pki.certificate("signer1").sha256 in stamp.every, pki.certificate("interm").sha256 in stamp.every) == (True, False)


# -- digests that no longer hold ----------------------------------------------------------------------------------------------------------


def _weak(folder: Path, pki: Pki, data: bytes, beside: dict[str, bytes] | None = None) -> None:
    report = signature(folder, pki, data, day(2026, 6), beside=beside)
    assert report.integrity is Integrity.INTACT
    assert str(report.verdict) == "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    assert "SIG-WEAK" in {each.code for each in report.notes}


def test_a_weak_digest_in_a_manifest(tmp_path: Path, pki: Pki) -> None:
    """EN 319 102-1, 5.2.8 asks of every algorithm between the value and what is signed."""
    inside = f'<ds:Object xmlns:ds="{DS}" Id="o"><ds:Manifest Id="m">{Ref("a.txt", b"a").xml("sha1")}</ds:Manifest></ds:Object>'
    manifest = canonical(etree.fromstring(inside)[0])
    making = Signing(pki, references=[Ref("#m", manifest, EXCLUSIVE, f"{DS}Manifest")], objects=inside)
    _weak(tmp_path, pki, etree.tostring(making.signature()), {"a.txt": b"a"})


def test_a_weak_digest_of_a_part_of_an_office_document(tmp_path: Path, pki: Pki) -> None:
    class Weak(Ref):
        def xml(self, digest: str) -> str:
            return super().xml("sha1")

    *rest, last = part_refs(BARE)
    parts = sign_docx(pki, BARE, refs=[*rest, Weak(last.uri, last.data)])
    _weak(tmp_path, pki, zipped(parts))


def test_a_weak_digest_of_the_signers_certificate(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Signing._properties

    def properties(making: Signing) -> str:
        digest = xml_signing.b64(hashlib.sha1(making.der("")).digest())
        return re.sub(
            r"(<xades:CertDigest>)<.*?/>(<ds:DigestValue>).*?<",
            rf'\1<ds:DigestMethod Algorithm="{SHA1}"/>\g<2>{digest}<',
            plain(making),
        )

    monkeypatch.setattr(Signing, "_properties", properties)
    root, _ = _made(pki)
    _weak(tmp_path, pki, etree.tostring(root))


def test_a_weak_index_of_an_archive_time_stamp(tmp_path: Path, pki: Pki) -> None:
    plain = pki.sign_cms(b"hi", WHEN, detached=False)
    found = read(tmp_path, archived(pki, plain, b"hi", "tsa2", day(2029, 6), index_hash="sha1"))
    archive = next(each for each in found.stamps if each.kind == "archive")
    assert pki.certificate("interm").sha256 in dict(archive.listed)["sha1"]
    assert pki.certificate("interm").sha256 not in archive.covers
    assert "SIG-WEAK" in {each.code for each in found.objects[0].notes}


# -- comments in what is read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["SignatureValue", "DigestValue", "X509Certificate", "SigningTime", "City", "EncapsulatedTimeStamp"],
)
def test_a_comment_inside_a_text_that_is_read(tmp_path: Path, pki: Pki, name: str) -> None:
    """Canonical forms leave it out, so it changes nothing that is signed; nor may it change what is read."""
    data = xml_signing.enveloped(pki, level="T")
    honest = signature(tmp_path, pki, data, day(2026, 6))
    pattern = re.compile(rb"(<\w+:" + name.encode() + rb"[^>]*>[^<]{5})")
    assert pattern.search(data)
    report = signature(tmp_path, pki, pattern.sub(rb"\1<!-- x -->", data), day(2026, 6))
    assert (report.verdict, report.claimed, report.location) == (honest.verdict, honest.claimed, honest.location)
    assert [str(each.verdict) for each in report.stamps] == [str(each.verdict) for each in honest.stamps]
    assert report.verdict.passed


def test_a_comment_inside_text_that_is_signed_as_base64(tmp_path: Path, pki: Pki) -> None:
    """XML-DSig 6.6.2 takes the text alone."""
    data = xml_signing.enveloping(pki)
    at = data.index(b'Id="content">') + 18
    assert signature(tmp_path, pki, data[:at] + b"<!-- x -->" + data[at:], day(2026, 6)).verdict.passed


def test_a_comment_inside_an_expression(tmp_path: Path, pki: Pki) -> None:
    expression = "not(ancestor-<!-- x -->or-self::ds:Signature)"
    step = f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>{expression}</ds:XPath></ds:Transform>'
    root = etree.fromstring(LETTER.encode())
    root.append(Signing(pki, references=[Ref("", canonical(root), step + EXCLUSIVE)]).signature())
    assert signature(tmp_path, pki, etree.tostring(root), day(2026, 6)).verdict.passed

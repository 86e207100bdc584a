"""What is put into containers and office documents beside what is signed, and weak digests between a seal and its members."""

from __future__ import annotations

import hashlib
import io
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from lxml import etree

from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from signatures.report import Integrity, Role, SignatureReport, SubIndication
from tests.packed import zipped as package
from tests.signatures.asic_builder import FILES, SIMPLE, WHEN, manifest, parts, simple, with_xades, zipped
from tests.signatures.cms_attributes import token
from tests.signatures.judging import read, signature
from tests.signatures.office_signing import ODT, links, sign_docx, sign_odt
from tests.signatures.pki import Pki, day

HOLDER = "http://uri.etsi.org/02918/v1.2.1#"


def judged(folder: Path, pki: Pki, data: bytes) -> SignatureReport:
    return signature(folder, pki, data, day(2026, 6))


def codes(report: SignatureReport) -> list[str]:
    return [each.code for each in report.notes]


# -- weak digests (EN 319 102-1, 5.2.8) ------------------------------------------------------------------------------------------


def with_cades(pki: Pki, hash_name: str) -> dict[str, bytes]:
    own = manifest("META-INF/signature001.p7s", FILES, hash_name)
    return {**FILES, "META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": pki.sign_cms(own, WHEN)}


def test_members_that_a_manifest_names_by_sha_1(tmp_path: Path, pki: Pki) -> None:
    """The signature is over the manifest by SHA-256, over the document by no more than SHA-1."""
    report = judged(tmp_path, pki, zipped(with_cades(pki, "sha1")))
    assert (report.integrity, report.digest_algorithm) == (Integrity.INTACT, "sha1")
    assert report.verdict.sub is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
    assert "SIG-WEAK" in codes(report)
    sound = judged(tmp_path, pki, zipped(with_cades(pki, "sha512")))
    assert (sound.verdict.passed, sound.digest_algorithm, codes(sound)) == (True, "sha256", [])


def test_an_archive_time_stamp_over_sha_1_proves_nothing(tmp_path: Path, pki: Pki) -> None:
    found = parts(pki)
    archive = manifest("META-INF/timestamp001.tst", found, "sha1")
    tst = token(pki, "tsa2", day(2026, 4), hashlib.sha256(archive).digest())
    found |= {"META-INF/ASiCArchiveManifest.xml": archive, "META-INF/timestamp001.tst": tst}
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), day(2026, 6))
    reports = judge(read(tmp_path, zipped(found)), context, beside=[ValidationData(crls=tuple(pki.crls(day(2026, 6))))])
    (stamp,) = (each for each in reports if each.role is Role.TIMESTAMP)
    assert stamp.verdict.sub is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE


# -- what nobody signed -----------------------------------------------------------------------------------------------------------


def in_holder(data: bytes, more: str = "") -> bytes:
    return f'<a:XAdESSignatures xmlns:a="{HOLDER}">{data.decode()}{more}</a:XAdESSignatures>'.encode()


def test_a_holder_of_signatures_and_nothing_more_is_told_as_these(tmp_path: Path, pki: Pki) -> None:
    members = with_xades(pki)
    members["META-INF/signatures001.xml"] = in_holder(members["META-INF/signatures001.xml"])
    assert judged(tmp_path, pki, zipped(members)).coverage.whole


SMUGGLED = {
    "signatures without a signature": {"META-INF/xsignatures.xml": b"<letter>evil</letter>"},
    "a manifest that no seal is over": {"META-INF/ASiCManifestX.xml": b"<letter>evil</letter>"},
    "a manifest for a seal that is over another": {"META-INF/ASiCManifestX.xml": manifest("META-INF/signature001.p7s", {})},
    "metadata": {"META-INF/metadata.xml": b"<letter>evil</letter>"},
    "a manifest of another family": {"META-INF/manifest.xml": b"<letter>evil</letter>"},
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_members_called_as_if_they_were_machinery(tmp_path: Path, pki: Pki, name: str) -> None:
    for members in (parts(pki), with_xades(pki)):
        report = judged(tmp_path, pki, zipped(members | SMUGGLED[name]))
        assert (report.coverage.scope, report.coverage.left) == ("part", tuple(SMUGGLED[name]))
        assert codes(report) == ["SIG-PART-ONLY"]
    extended = read(tmp_path, zipped(parts(pki, stamped=day(2026, 4)) | SMUGGLED[name]))
    assert all(set(SMUGGLED[name]) <= set(each.coverage.left) for each in extended.objects)
    assert next(each.token for each in extended.stamps if each.kind == "archive") in extended.objects


@pytest.mark.parametrize("more", ["<letter>evil</letter>", "evil", "<!-- evil -->", "<?evil?>"])
def test_what_stands_beside_the_signatures_of_a_container(tmp_path: Path, pki: Pki, more: str) -> None:
    members = with_xades(pki)
    members["META-INF/signatures001.xml"] = in_holder(members["META-INF/signatures001.xml"], more)
    report = judged(tmp_path, pki, zipped(members))
    assert (report.coverage.scope, report.coverage.left) == ("part", ("META-INF/signatures001.xml",))


def test_a_media_type_that_is_none(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, zipped(parts(pki), kind="I, the undersigned, owe you all"))
    assert report.coverage.left == ("mimetype",)


def commented(data: bytes, comment: bytes) -> bytes:
    """The same with a comment of its first member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as held, zipfile.ZipFile(out, "w") as archive:
        for number, each in enumerate(held.infolist()):
            each.comment = b"" if number else comment
            archive.writestr(each, held.read(each.filename))
    return out.getvalue()


def test_comments_of_a_zip_are_under_no_signature(tmp_path: Path, pki: Pki) -> None:
    kinds: list[tuple[Callable[[Mapping[str, bytes]], bytes], dict[str, bytes]]] = [
        (zipped, parts(pki)),
        (zipped, with_xades(pki)),
        (lambda members: zipped(members, kind=SIMPLE), simple(pki)),
        (package, sign_odt(pki)),
    ]
    for made, members in kinds:
        data = made(members)
        assert judged(tmp_path, pki, data).coverage.whole
        for other in (commented(data, b"paid in full"), data[:-2] + b"\x05\0evil!"):
            report = judged(tmp_path, pki, other)
            assert (report.integrity, report.coverage.left) == (Integrity.INTACT, ("(comment)",))
    typed = zipped(parts(pki), comment=b"mimetype=application/vnd.etsi.asic-e+zip")
    assert judged(tmp_path, pki, typed).coverage.whole


def test_what_is_called_signatures_of_macros_and_is_none(tmp_path: Path, pki: Pki) -> None:
    name = "META-INF/macrosignatures.xml"
    report = judged(tmp_path, pki, package(sign_odt(pki) | {name: b"<letter>evil</letter>"}))
    assert (report.coverage.scope, report.coverage.left) == ("part", (name,))
    both = sign_odt(pki, {**ODT, "Basic/m.xml": b"<m/>"})
    assert judged(tmp_path, pki, package(both | {name: both["META-INF/documentsignatures.xml"]})).coverage.whole


def test_what_stands_beside_the_signatures_of_a_document(tmp_path: Path, pki: Pki) -> None:
    name = "META-INF/documentsignatures.xml"
    members = sign_odt(pki)
    root = etree.fromstring(members[name])
    etree.SubElement(root, "letter").text = "evil"
    report = judged(tmp_path, pki, package(members | {name: etree.tostring(root)}))
    assert (report.coverage.scope, report.coverage.left) == ("part", (name,))


def test_a_part_that_is_only_called_a_certificate(tmp_path: Path, pki: Pki) -> None:
    digital = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/"
    folder = "_xmlsignatures"
    members = sign_docx(pki) | {f"{folder}/_rels/sig1.xml.rels": links(("rId1", f"{digital}certificate", "one.cer"))}
    before = judged(tmp_path, pki, package(members | {f"{folder}/one.cer": pki.certificate("interm").der}))
    assert f"{folder}/one.cer" not in before.coverage.left
    for name, data in (("one.cer", b"evil"), ("one.cer", pki.certificate("interm").der + b"evil"), ("origin.sigs", b"evil")):
        one = {f"{folder}/one.cer": pki.certificate("interm").der, f"{folder}/{name}": data}
        report = judged(tmp_path, pki, package(members | one))
        assert f"{folder}/{name}" in report.coverage.left


@pytest.mark.parametrize("other", ["cong van\u200b.txt", "cong\u00a0van.txt", "cong van\u202etxt."])
def test_names_that_differ_in_what_nobody_sees_are_told_apart(tmp_path: Path, pki: Pki, other: str) -> None:
    for members, made in ((parts(pki), zipped), (with_xades(pki), zipped), (sign_odt(pki), package)):
        report = judged(tmp_path, pki, made(members | {other: b"evil"}))
        (left,) = report.coverage.left
        assert left.isascii()
        assert "\\u" in left
    odd = parts(pki, files={other: b"signed"})
    assert judged(tmp_path, pki, zipped(odd)).verdict.passed


def test_names_that_differ_in_how_letters_are_composed(tmp_path: Path, pki: Pki) -> None:
    """What is signed and what is not would be shown under one name."""
    name = "Công văn.txt"
    twin = unicodedata.normalize("NFD", name)
    assert name != twin
    cades = parts(pki, files={name: b"100"}) | {twin: b"1000000"}
    odt = sign_odt(pki, {**ODT, f"Pictures/{name}": b"1"}) | {f"Pictures/{twin}": b"2"}
    docx = sign_docx(pki) | {f"word/{name}": b"1", f"word/{twin}": b"2"}
    for data in (zipped(cades), package(odt), package(docx)):
        report = judged(tmp_path, pki, data)
        assert report.verdict.sub is SubIndication.SIG_CONSTRAINTS_FAILURE
        assert report.integrity is Integrity.UNKNOWN
    assert judged(tmp_path, pki, zipped(parts(pki, files={twin: b"100"}))).integrity is Integrity.INTACT

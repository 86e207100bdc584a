"""What is beyond a bound was not looked at, which is not the same as broken; and reasons are words, whatever raised them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import partial
from pathlib import Path

import pytest

from formats.xml import NotWellFormed, exact
from policies.findings import Finding
from signatures import ber
from signatures.evidence_files import EvidenceVerifier
from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject, Source
from tests.signatures.asic_builder import parts, zipped
from tests.signatures.cms_attributes import token, with_attribute
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day
from tests.signatures.test_xaip import DATA, MANIFEST, encoded, package, record


def tlv(tag: int, *inside: bytes) -> bytes:
    body = b"".join(inside)
    size = len(body).to_bytes(4, "big")
    return bytes((tag, 0x84)) + size + body


def with_signers(infos: bytes) -> bytes:
    """A detached CMS with these signer infos."""
    data = bytes.fromhex("06092a864886f70d010701")
    signed = tlv(0x30, b"\2\1\1", tlv(0x31), tlv(0x30, data), tlv(0x31, infos))
    return tlv(0x30, bytes.fromhex("06092a864886f70d010702"), tlv(0xA0, signed))


DEEP = b"\5\0"
for _ in range(100):
    DEEP = tlv(0x30, DEEP)

BEYOND = {
    "a million elements": with_signers(tlv(0x30, b"\5\0" * (ber.MOST_ELEMENTS + 1))),
    "a thousand signers": with_signers(tlv(0x30, b"\2\1\1") * 1_001),
    "deeper than anything": with_signers(DEEP),
}


def only(folder: Path, data: bytes) -> SignedObject:
    (found,) = read(folder, data).objects
    return found


@pytest.mark.parametrize("name", BEYOND)
def test_a_structure_beyond_a_bound_is_not_read_and_not_broken(tmp_path: Path, name: str) -> None:
    for data in (BEYOND[name], zipped(parts(Pki("ec")) | {"META-INF/signature001.p7s": BEYOND[name]})):
        found = only(tmp_path, data)
        assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE)
        assert found.why is not None
        assert found.why.code == "SIG-XML-REFUSED"
    stamped = read(tmp_path, zipped(parts(Pki("ec")) | {"META-INF/timestamp001.tst": BEYOND[name]})).objects
    assert {each.integrity for each in stamped if "timestamp" in each.name} == {Integrity.UNKNOWN}


def test_a_structure_that_is_cut_short_is_broken(tmp_path: Path, pki: Pki) -> None:
    found = only(tmp_path, pki.sign_cms(b"x", detached=False)[:-5])
    assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.FORMAT_FAILURE)


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48"])
def test_an_archive_time_stamp_of_an_older_version_is_told_and_proves_nothing(tmp_path: Path, pki: Pki, oid: str) -> None:
    data = pki.sign_cms(b"x", detached=False)
    stamped = token(pki, "tsa2", day(2026, 4), hashlib.sha256(data).digest())
    file = read(tmp_path, with_attribute(data, oid, stamped))
    (found,) = file.objects
    assert (found.integrity, found.level, file.stamps) == (Integrity.INTACT, "CAdES-A", ())
    assert [(each.code, each.args["count"]) for each in found.notes] == [("SIG-STAMP-UNREAD", 1)]


# -- reasons ---------------------------------------------------------------------------------------------------------------------


def reasons(folder: Path, data: bytes) -> list[str]:
    found = read(folder, data).objects
    return [
        str(why.args["reason"]) for each in found for why in (each.why, *each.notes) if why is not None and "reason" in why.args
    ]


def test_reasons_are_words(tmp_path: Path, pki: Pki) -> None:
    """That of a manifest that is none was the text of a Python tuple."""
    held = parts(pki)
    for changed in (
        {"META-INF/ASiCManifest001.xml": b"<a"},
        {"META-INF/ASiCManifest001.xml": b"<a/>"},
        {"META-INF/signature001.p7s": b"0\0"},
        {"META-INF/evidencerecord.ers": b"0\0"},
    ):
        said = reasons(tmp_path, zipped(held | changed))
        assert said
        assert not any("('" in each or '("' in each for each in said)


def test_a_reason_is_said_in_the_language_of_its_reader(tmp_path: Path, pki: Pki) -> None:
    data = zipped(parts(pki)) + b"behind"
    found = only(tmp_path, data)
    assert found.why is not None
    assert found.why.text("vi") != found.why.text("en")
    english = Finding("PKG-ARCHIVE-TRAILING", "", {"size": 6, "place": "end"}).text("en")
    assert english in found.why.text("en")
    assert english not in found.why.text("vi")


def test_an_error_about_xml_is_its_reason() -> None:
    with pytest.raises(NotWellFormed) as raised:
        exact(b"<a")
    assert str(raised.value) == raised.value.reason


# -- one bound for zips ----------------------------------------------------------------------------------------------------------


def test_what_may_be_received_may_be_read(tmp_path: Path, pki: Pki) -> None:
    """Blank pages are packed 150 to 1; a package of them is received, so a container of them is read."""
    line = bytes(range(256)) * 2
    page = (line + b"\0" * 66_000) * 1_100
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("page", page)
    assert 100 < len(page) / len(out.getvalue()) < 250
    assert len(page) > 64 << 20
    found = only(tmp_path, zipped(parts(pki, files={"page": page})))
    assert found.integrity is Integrity.INTACT


# -- a record beside a package of several versions -------------------------------------------------------------------------------------


def beside(folder: Path, held: bytes, encoded_record: bytes) -> SignedObject:
    path = folder / "package.xml.ers"
    path.write_bytes(encoded_record)
    source = Source(path, "package.xml.ers", lambda: [("package.xml", partial(io.BytesIO, held))])
    (found,) = EvidenceVerifier().read(source).objects
    return found


def test_a_record_beside_a_package_is_tried_against_each_version(tmp_path: Path) -> None:
    second = MANIFEST.replace("V1", "V2").replace("D1", "D2")
    other = f'<x:dataObject dataObjectID="D2"><x:binaryData>{encoded(b"other")}</x:binaryData></x:dataObject>'
    held = package(manifest=second + MANIFEST, more=other, aoid="A")
    found = beside(tmp_path, held, record())
    assert (found.integrity, found.coverage.files) == (Integrity.INTACT, ("D1", "M1", "V1"))
    assert [each.args["versions"] for each in found.notes if each.code == "EVD-VERSION-TRIED"] == ["V1"]
    changed = beside(tmp_path, held.replace(encoded(DATA).encode(), encoded(b"evil").encode()), record())
    assert (changed.integrity, changed.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC)
    one = beside(tmp_path, package(), record())
    assert not [each for each in one.notes if each.code == "EVD-VERSION-TRIED"]

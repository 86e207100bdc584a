"""What stands behind a structure that lies in something else: a container, a PDF, an XML, a package. It is named, and nothing is whole."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from signatures.report import Integrity, Role
from signatures.signed import SignedFile, SignedObject
from signatures.xades.machinery import DER
from signatures.xades.naming import Names
from signatures.xmldsig.c14n import Work
from tests.signatures.asic_builder import SIMPLE, manifest, parts, simple, zipped
from tests.signatures.cms_attributes import token
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.test_armour import BESIDE, pem
from tests.signatures.test_xaip import package
from tests.signatures.xml_signing import enveloped

SEAL = "META-INF/signature.p7s"
MORE = b"And pay 1000000 to me"


def container(folder: Path, members: Mapping[str, bytes], kind: str = SIMPLE) -> SignedFile:
    return read(folder, zipped(members, kind=kind), "x.asics" if kind == SIMPLE else "x.asice")


def left(read: SignedObject) -> str:
    assert not read.coverage.whole
    assert "SIG-PART-ONLY" in [each.code for each in read.notes]
    return " ".join(read.coverage.left)


FORMS: dict[str, Callable[[bytes], bytes]] = {"der": lambda der: der, "pem": pem, "base64": base64.encodebytes}


@pytest.mark.parametrize("form", FORMS)
def test_a_member_with_one_structure_is_whole(tmp_path: Path, pki: Pki, form: str) -> None:
    members = simple(pki)
    (only,) = container(tmp_path, members | {SEAL: FORMS[form](members[SEAL])}).objects
    assert only.integrity is Integrity.INTACT
    assert only.coverage.whole


@pytest.mark.parametrize("behind", [MORE, b"\0", b"\n", b"\x30\x00"])
def test_what_stands_behind_a_signature_in_a_container(tmp_path: Path, pki: Pki, behind: bytes) -> None:
    members = simple(pki)
    (only,) = container(tmp_path, members | {SEAL: members[SEAL] + behind}).objects
    assert (only.name, only.integrity) == (SEAL, Integrity.INTACT)
    assert SEAL in left(only)


@pytest.mark.parametrize("around", [lambda data: MORE + b"\n" + data, lambda data: data + MORE], ids=["before", "behind"])
def test_what_stands_around_pem_in_a_container(tmp_path: Path, pki: Pki, around: Callable[[bytes], bytes]) -> None:
    members = simple(pki)
    (only,) = container(tmp_path, members | {SEAL: around(pem(members[SEAL]))}).objects
    assert SEAL in left(only)


@pytest.mark.parametrize("form", ["der", "pem"])
def test_each_structure_of_a_member_is_read(tmp_path: Path, pki: Pki, form: str) -> None:
    members, make = simple(pki), FORMS[form]
    bad = pki.sign_cms(b"another letter")
    found = container(tmp_path, members | {SEAL: make(members[SEAL]) + make(bad)}).objects
    assert [(each.name, each.integrity) for each in found] == [
        (f"{SEAL} 1", Integrity.INTACT),
        (f"{SEAL} 2", Integrity.BROKEN),
    ]
    cut = container(tmp_path, members | {SEAL: make(members[SEAL]) + make(bad[:40])}).objects
    assert [each.integrity for each in cut] == [Integrity.INTACT, Integrity.BROKEN]


def test_each_structure_of_a_file_is_read(tmp_path: Path, pki: Pki) -> None:
    good, bad = pki.sign_cms(b"hello", detached=False), pki.sign_cms(b"hello", detached=False).replace(b"hello", b"hullo")
    found = read(tmp_path, good + bad, "x.p7m").objects
    assert [(each.name, each.integrity, each.coverage.whole) for each in found] == [
        ("1", Integrity.INTACT, False),
        ("2", Integrity.BROKEN, False),
    ]
    both = read(tmp_path, pem(good + bad), "x.p7m").objects
    assert [each.integrity for each in both] == [Integrity.INTACT, Integrity.BROKEN]


def test_what_stands_behind_a_time_stamp_in_a_container(tmp_path: Path, pki: Pki) -> None:
    members = parts(pki, stamped=day(2026, 4))
    name = "META-INF/timestamp001.tst"
    for behind, count in ((b"", 1), (MORE, 1), (members[name], 2)):
        found = container(tmp_path, members | {name: members[name] + behind}, kind="").objects
        stamps = [each for each in found if each.role is Role.TIMESTAMP]
        assert [each.integrity for each in stamps] == [Integrity.INTACT] * count
        assert any(name in each for each in stamps[0].coverage.left) == (behind == MORE)


def test_the_answer_of_an_authority_in_a_container(tmp_path: Path, pki: Pki) -> None:
    data = b"Cong van"
    tst = token(pki, "tsa2", day(2026, 4), hashlib.sha256(data).digest())
    status = b"\x30\x03\x02\x01\x00"
    answer = b"\x30\x82" + (len(status) + len(tst)).to_bytes(2, "big") + status + tst
    for each in (tst, answer):
        (only,) = container(tmp_path, {"a.txt": data, "META-INF/timestamp.tst": each}).objects
        assert (only.role, only.integrity) == (Role.TIMESTAMP, Integrity.INTACT)


@pytest.mark.parametrize("behind", [MORE, b"\0"])
def test_what_stands_behind_a_record_in_a_container(tmp_path: Path, pki: Pki, behind: bytes) -> None:
    members = parts(pki, sealed=day(2026, 4))
    name = "META-INF/evidencerecord001.ers"
    sound = container(tmp_path, members, kind="").objects
    assert [each.integrity for each in sound if each.role is Role.EVIDENCE] == [Integrity.INTACT]
    found = container(tmp_path, members | {name: members[name] + behind}, kind="").objects
    (record,) = (each for each in found if each.role is Role.EVIDENCE)
    assert record.integrity is not Integrity.INTACT or not record.coverage.whole


def in_contents(data: bytes, behind: bytes) -> bytes:
    """A signed PDF with something in the place of the first zeros behind its signature."""
    value = re.search(rb"<([0-9a-fA-F]{500,}?)(0{100,})>", data)
    assert value is not None
    at = value.start(2) + (value.start(2) - value.start(1)) % 2
    return data[:at] + behind.hex().encode() + data[at + 2 * len(behind) :]


def test_what_stands_behind_the_signature_of_a_pdf(tmp_path: Path, pki: Pki) -> None:
    data = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    (sound,) = read(tmp_path, data, "x.pdf").objects
    assert sound.coverage.whole, "zeros are padding"
    (found,) = read(tmp_path, in_contents(data, MORE), "x.pdf").objects
    assert found.integrity is Integrity.INTACT
    assert BESIDE in left(found)


@pytest.mark.parametrize("behind", [MORE, b"\0"])
def test_what_stands_behind_encapsulated_values(tmp_path: Path, pki: Pki, behind: bytes) -> None:
    data = enveloped(pki, "<edoc><p>text</p></edoc>", level="T")
    (sound,) = (each for each in read(tmp_path, data, "x.xml").objects if each.role is Role.SIGNATURE)
    assert sound.coverage.whole
    place = re.search(rb"(EncapsulatedTimeStamp[^>]*>)([^<]+)<", data)
    assert place is not None
    longer = base64.b64encode(base64.b64decode(place[2]) + behind)
    data = data[: place.start(2)] + longer + data[place.end(2) :]
    (found,) = (each for each in read(tmp_path, data, "x.xml").objects if each.role is Role.SIGNATURE)
    assert "EncapsulatedTimeStamp" in left(found)


def test_a_value_of_indefinite_length_ends_where_it_ends() -> None:
    names = Names((), Work())
    for data, whole in ((b"\x30\x80\x05\x00\0\0", True), (b"\x30\x80\x05\x00\0\0" + MORE, False), (b"\x30\x80\x05", False)):
        assert DER(base64.b64encode(data).decode(), names) is whole


def test_what_stands_behind_a_signature_in_a_package(tmp_path: Path, pki: Pki) -> None:
    for behind in (b"", MORE):
        signed = base64.b64encode(pki.sign_cms(b"hello", detached=False) + behind).decode()
        credential = (
            '<x:credential credentialID="S" relatedObjects="D1"><s:SignatureObject xmlns:s="urn:oasis:names:tc:dss:1.0:core:schema">'
            f"<s:Base64Signature>{signed}</s:Base64Signature></s:SignatureObject></x:credential>"
        )
        data = package().replace(b"</x:credentialsSection>", credential.encode() + b"</x:credentialsSection>")
        (found,) = (each for each in read(tmp_path, data, "x.xml").objects if each.role is Role.SIGNATURE)
        assert found.integrity is Integrity.INTACT
        assert (BESIDE in " ".join(found.coverage.left)) == bool(behind)


def test_a_manifest_over_a_signature_with_more_covers_it(tmp_path: Path, pki: Pki) -> None:
    """A seal that covers the whole member covers what stands behind its structure, too."""
    members = parts(pki)
    name = "META-INF/signature001.p7s"
    members[name] += MORE
    archive = manifest("META-INF/timestamp001.tst", members)
    stamp = token(pki, "tsa2", day(2026, 4), hashlib.sha256(archive).digest())
    members |= {"META-INF/ASiCArchiveManifest.xml": archive, "META-INF/timestamp001.tst": stamp}
    found = container(tmp_path, members, kind="").objects
    assert [name in " ".join(each.coverage.left) for each in found] == [True, False]

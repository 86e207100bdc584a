"""What stands among the credentials of a package is read, or said not to be: no name and no element beside makes evidence go away."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from signatures.report import Integrity, Role, SubIndication
from tests.signatures.authorities import authority
from tests.signatures.evidence_builder import stamped
from tests.signatures.pki import Pki
from tests.signatures.test_xaip import DATA, encoded, package, read, record, with_credential

DSS = "urn:oasis:names:tc:dss:1.0:core:schema"
ASN1 = f"<x:asn1EvidenceRecord>{encoded(record())}</x:asn1EvidenceRecord>"
HIDDEN = {
    "an element before it": package(inside='<h:a xmlns:h="urn:h"/>' + ASN1),
    "an element behind it": package(inside=ASN1 + '<h:a xmlns:h="urn:h"/>'),
    "a second record": package(inside=ASN1 + ASN1),
    "another name": package(inside=ASN1.replace("Record>", "Records>")),
    "another namespace": package(inside=ASN1.replace("<x:asn1EvidenceRecord", '<x:asn1EvidenceRecord xmlns:x="urn:h"', 1)),
    "nothing in it": package(inside="<!-- -->"),
    "more than a record in XML": package(
        inside='<x:xmlEvidenceRecord><e:EvidenceRecord xmlns:e="urn:ietf:params:xml:ns:ers"/><h:a xmlns:h="urn:h"/></x:xmlEvidenceRecord>'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_a_record_that_cannot_be_read_as_one_is_broken(tmp_path: Path, name: str) -> None:
    file = read(tmp_path, HIDDEN[name])
    assert file is not None
    found = file.objects[0]  # base64 in what is not known is looked at besides, as everywhere
    assert (found.role, found.integrity, found.failure) == (Role.EVIDENCE, Integrity.BROKEN, SubIndication.FORMAT_FAILURE)


ELSEWHERE = {
    "another name of the record": package().replace(b"x:evidenceRecord", b"x:evidenceRecords"),
    "another section": package().replace(b"x:credentialsSection", b"x:credentialsSections"),
    "another namespace": package().replace(b"<x:evidenceRecord", b'<x:evidenceRecord xmlns:x="urn:h"'),
    "the metadata": package(
        inside="<!-- -->", meta=f'<x:metaDataObject metaDataID="M1"><x:xmlMetaData>{ASN1}</x:xmlMetaData></x:metaDataObject>'
    ),
    "an element of others": package().replace(b"<x:evidenceRecord", b'<h:a xmlns:h="urn:h"><x:evidenceRecord').replace(
        b"</x:evidenceRecord>", b"</x:evidenceRecord></h:a>"
    ),
    "a report": package().replace(b"<x:evidenceRecord", b'<h:VerificationReport xmlns:h="urn:h"><x:evidenceRecord').replace(
        b"</x:evidenceRecord>", b"</x:evidenceRecord></h:VerificationReport>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_evidence_where_none_is_read_is_said_not_to_be(tmp_path: Path, name: str) -> None:
    file = read(tmp_path, ELSEWHERE[name])
    assert file is not None
    assert Integrity.UNKNOWN in [each.integrity for each in file.objects]
    assert Integrity.INTACT not in [each.integrity for each in file.objects]


def test_every_signature_in_a_credential_is_read(tmp_path: Path) -> None:
    data = with_credential(Pki("ec").sign_cms(b"other"), "D1", package())
    first = b"</d:Base64Signature>"
    two = read(tmp_path, data.replace(first, first + b"<d:Base64Signature>AAAA</d:Base64Signature>", 1))
    assert two is not None
    assert [each.integrity for each in two.objects] == [Integrity.BROKEN, Integrity.BROKEN, Integrity.INTACT]
    spelled = read(tmp_path, data.replace(b"Base64Signature", b"Base64signature"))
    assert spelled is not None
    assert {each.integrity for each in spelled.objects} == {Integrity.INTACT, Integrity.UNKNOWN}
    pointer = data.replace(b"</d:SignatureObject>", b"<d:SignaturePtr/></d:SignatureObject>")
    pointed = read(tmp_path, pointer)
    assert pointed is not None
    assert [each.integrity for each in pointed.objects] == [Integrity.BROKEN, Integrity.INTACT, Integrity.UNKNOWN]


def with_token(data: bytes, token: bytes, related: str) -> bytes:
    held = (
        f'<x:credential credentialID="T" relatedObjects="{related}"><d:SignatureObject xmlns:d="{DSS}"><d:Timestamp>'
        f"<d:RFC3161TimeStampToken>{encoded(token)}</d:RFC3161TimeStampToken></d:Timestamp></d:SignatureObject></x:credential>"
    )
    return data.replace(b"<x:credentialsSection>", b"<x:credentialsSection>" + held.encode())


def test_a_time_stamp_among_the_credentials_is_read_over_what_it_is_related_to(tmp_path: Path) -> None:
    cms = Pki("ec").sign_cms(DATA)
    signed = with_credential(cms, "D1", package())
    alone = read(tmp_path, signed)
    assert alone is not None
    value = next(each.value for each in alone.objects if each.role is Role.SIGNATURE)
    for over, related, integrity in (
        (DATA, "D1", Integrity.INTACT),
        (b"other", "D1", Integrity.BROKEN),
        (DATA, "D9", Integrity.UNKNOWN),
        (DATA, "", Integrity.UNKNOWN),
        (cms, "S", Integrity.INTACT),
        (value, "S", Integrity.INTACT),
        (DATA, "S", Integrity.BROKEN),
    ):
        file = read(tmp_path, with_token(signed, stamped(authority(), "sha256", hashlib.sha256(over).digest()), related))
        assert file is not None
        (found,) = [each for each in file.objects if each.role is Role.TIMESTAMP]
        assert (found.name, found.integrity) == ("T", integrity)
        assert len(file.stamps) == 1


def test_a_time_stamp_that_is_none_is_broken(tmp_path: Path) -> None:
    file = read(tmp_path, with_token(package(), b"none", "D1"))
    assert file is not None
    assert [(each.role, each.integrity) for each in file.objects] == [
        (Role.TIMESTAMP, Integrity.BROKEN),
        (Role.EVIDENCE, Integrity.INTACT),
    ]


def test_what_helps_to_validate_is_no_evidence(tmp_path: Path) -> None:
    values = b"<x:credential><x:certificateValues><a/></x:certificateValues></x:credential>"
    file = read(tmp_path, package().replace(b"<x:credentialsSection>", b"<x:credentialsSection>" + values))
    assert file is not None
    assert [each.integrity for each in file.objects] == [Integrity.INTACT]

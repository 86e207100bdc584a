"""Packages of TR-ESOR and what is tried with them: a record covers the version it is for, whole, or proves nothing."""

from __future__ import annotations

import base64
import hashlib
import io
from functools import cache, partial
from pathlib import Path

import pytest
from asn1crypto import cms as asn1

from signatures.poe import digest_of
from signatures.reading import read_signatures
from signatures.report import Integrity, Role, SubIndication
from signatures.signed import SignedFile, Source
from signatures.xaip_verifier import XaipVerifier
from tests.signatures.authorities import authority
from tests.signatures.cms_attributes import record_over
from tests.signatures.evidence_builder import stamped
from tests.signatures.pki import Pki
from tests.signatures.xmlers_builder import XmlErs, c14n

NS = "http://www.bsi.bund.de/tr-esor/xaip"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
DATA = b"cong van"
MANIFEST = (
    f'<x:versionManifest xmlns:x="{NS}" VersionID="V1"><x:packageInfoUnit packageUnitID="u">'
    "<x:protectedObjectPointer>D1</x:protectedObjectPointer><x:protectedObjectPointer>M1</x:protectedObjectPointer>"
    "<x:protectedObjectPointer>V1</x:protectedObjectPointer></x:packageInfoUnit></x:versionManifest>"
)
META = f'<x:metaDataObject xmlns:x="{NS}" metaDataID="M1"><x:xmlMetaData><a>1</a></x:xmlMetaData></x:metaDataObject>'


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check_sum(data: bytes, name: str = "SHA-256") -> str:
    value = hashlib.sha256(data).hexdigest().upper()
    return f"<x:checkSum><x:checkSumAlgorithm>{name}</x:checkSumAlgorithm><x:checkSum>{value}</x:checkSum></x:checkSum>"


@cache
def record() -> bytes:
    return record_over(partial(stamped, authority(), "sha256"), DATA, c14n(META), c14n(MANIFEST))


def package(
    *, inside: str = "", data: str = "", aoid: str = "A", manifest: str = MANIFEST, meta: str = META, more: str = ""
) -> bytes:
    held = data or f"<x:binaryData>{encoded(DATA)}</x:binaryData>"
    inside = inside or f"<x:asn1EvidenceRecord>{encoded(record())}</x:asn1EvidenceRecord>"
    return (
        f'<?xml version="1.0"?><x:XAIP xmlns:x="{NS}"><x:packageHeader><x:AOID>A</x:AOID>{manifest}'
        f'<c:CanonicalizationMethod xmlns:c="http://www.w3.org/2000/09/xmldsig#" Algorithm="{EXCLUSIVE}"/></x:packageHeader>'
        f"<x:metaDataSection>{meta}</x:metaDataSection>"
        f'<x:dataObjectsSection><x:dataObject dataObjectID="D1">{held}</x:dataObject>{more}</x:dataObjectsSection>'
        f'<x:credentialsSection><x:credential credentialID="E"><x:evidenceRecord AOID="{aoid}" VersionID="V1">{inside}'
        "</x:evidenceRecord></x:credential></x:credentialsSection></x:XAIP>"
    ).encode()


def read(folder: Path, data: bytes, beside: dict[str, bytes] | None = None) -> SignedFile | None:
    path = folder / "package.xml"
    path.write_bytes(data)
    others = beside or {}
    return read_signatures(
        Source(path, "package.xml", named=lambda name: partial(io.BytesIO, others[name]) if name in others else None)
    )


@pytest.mark.parametrize("called", ['dataObjectID="D1 "', 'dataObjectID="\tD1"', ""])
def test_an_element_of_another_schema_is_no_object_of_a_section(tmp_path: Path, called: str) -> None:
    """White space of an id collapses (XML Schema 2, 3.3.8), and encoded parts of signatures stand in credentials only."""
    hidden = (
        f'<e:EncapsulatedTimeStamp xmlns:e="http://uri.etsi.org/01903/v1.3.2#" Id="D1">{encoded(DATA)}</e:EncapsulatedTimeStamp>'
    )
    data = package(data=f"<x:binaryData>{encoded(b'evil')}</x:binaryData>", more=hidden)
    file = read(tmp_path, data.replace(b'dataObjectID="D1"', called.encode(), 1))
    assert file is not None
    assert all(each.failure is not None for each in file.objects)


def verdict(folder: Path, data: bytes, beside: dict[str, bytes] | None = None) -> tuple[Integrity, SubIndication | None]:
    file = read(folder, data, beside)
    assert file is not None
    (each,) = file.objects
    return each.integrity, each.failure


def test_a_version_with_binary_and_xml_objects_and_itself(tmp_path: Path) -> None:
    assert verdict(tmp_path, package()) == (Integrity.INTACT, None)


def test_a_record_in_xml_in_a_package(tmp_path: Path) -> None:
    made = XmlErs()
    made.begin(
        authority(), "sha256", [hashlib.sha256(each).digest() for each in (DATA, c14n(META), c14n(MANIFEST))], [b"\1" * 32]
    )
    inside = f"<x:xmlEvidenceRecord>{made.record().decode().partition('?>')[2]}</x:xmlEvidenceRecord>"
    assert verdict(tmp_path, package(inside=inside)) == (Integrity.INTACT, None)


def reference(value: bytes, uri: str = "cong-van.txt") -> str:
    return (
        f'<x:xmlData><DataObjectReference xmlns="http://uri.etsi.org/02918/v1.2.1#" URI="{uri}"><DigestMethod '
        f'xmlns="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue '
        f'xmlns="http://www.w3.org/2000/09/xmldsig#">{encoded(hashlib.sha256(value).digest())}</DigestValue></DataObjectReference></x:xmlData>'
    )


def test_a_package_whose_data_lie_beside(tmp_path: Path) -> None:
    light = package(data=reference(DATA))
    assert verdict(tmp_path, light, {"cong-van.txt": DATA}) == (Integrity.INTACT, None)
    assert verdict(tmp_path, light) == (Integrity.UNKNOWN, SubIndication.SIGNED_DATA_NOT_FOUND)
    assert verdict(tmp_path, light, {"cong-van.txt": b"other"})[0] is Integrity.BROKEN
    assert verdict(tmp_path, package(data=reference(b"other")), {"cong-van.txt": b"other"})[0] is Integrity.BROKEN
    assert verdict(tmp_path, package(data=reference(b"other")))[0] is Integrity.BROKEN


def test_a_signature_among_the_credentials_is_read_over_what_it_is_related_to(tmp_path: Path) -> None:
    """And the record proves it: a file that holds both says since when the signature was there."""
    cms = Pki("ec").sign_cms(DATA)
    credential = (
        '<x:credential credentialID="S" relatedObjects="D1"><d:SignatureObject xmlns:d="urn:oasis:names:tc:dss:1.0:core:schema">'
        f"<d:Base64Signature>{encoded(cms)}</d:Base64Signature></d:SignatureObject></x:credential>"
    )
    manifest = MANIFEST.replace(">M1<", ">S<")
    sealed = record_over(partial(stamped, authority(), "sha256"), DATA, cms, c14n(manifest))
    inside = f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>"
    data = package(inside=inside, manifest=manifest).replace(
        b"<x:credentialsSection>", f"<x:credentialsSection>{credential}".encode()
    )
    file = read(tmp_path, data)
    assert file is not None
    signature, evidence = file.objects
    assert (signature.role, signature.integrity, signature.coverage.name) == (Role.SIGNATURE, Integrity.INTACT, "D1")
    assert (evidence.role, evidence.integrity) == (Role.EVIDENCE, Integrity.INTACT)
    assert digest_of(signature.value) in file.records[0].covers
    other = read(tmp_path, data.replace(encoded(DATA).encode(), encoded(b"other").encode(), 1))
    assert other is not None
    assert [each.integrity for each in other.objects] == [Integrity.BROKEN] * 2


def with_credential(cms: bytes, related: str, data: bytes) -> bytes:
    credential = (
        f'<x:credential credentialID="S" relatedObjects="{related}"><d:SignatureObject xmlns:d="urn:oasis:names:tc:dss:1.0:core:schema">'
        f"<d:Base64Signature>{encoded(cms)}</d:Base64Signature></d:SignatureObject></x:credential>"
    )
    return data.replace(b"<x:credentialsSection>", f"<x:credentialsSection>{credential}".encode())


def test_a_signature_over_a_file_that_is_not_there_is_not_intact(tmp_path: Path) -> None:
    """That the package says which digest the file has is no file."""
    light = with_credential(Pki("ec").sign_cms(DATA), "D1", package(data=reference(DATA)))
    for beside, integrity in (({"cong-van.txt": DATA}, Integrity.INTACT), ({}, Integrity.UNKNOWN)):
        file = read(tmp_path, light, beside)
        assert file is not None
        assert file.objects[0].integrity is integrity


def test_signed_attributes_passed_off_as_an_object(tmp_path: Path) -> None:
    """As everywhere: without its attributes a signature is right over their bytes, which nobody signed as an object."""
    signed = asn1.ContentInfo.load(Pki("ec").sign_cms(DATA))
    signer = signed["content"]["signer_infos"][0]
    attributes = signer["signed_attrs"].untag().dump()
    signer["signed_attrs"] = None
    bare = signed.dump(force=True)
    inside = f"<x:binaryData>{encoded(attributes)}</x:binaryData>"
    file = read(tmp_path, with_credential(bare, "D1", package(data=inside)))
    assert file is not None
    assert (file.objects[0].integrity, file.objects[0].failure) == (Integrity.BROKEN, SubIndication.FORMAT_FAILURE)


def test_a_comment_inside_a_pointer_does_not_make_it_another(tmp_path: Path) -> None:
    """The canonical form has no comments: D12 must not become D1 by one."""
    manifest = MANIFEST.replace(">D1<", ">D12<")
    sealed = record_over(partial(stamped, authority(), "sha256"), DATA, c14n(META), c14n(manifest))
    inside = f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>"
    other = f'<x:dataObject dataObjectID="D12"><x:binaryData>{encoded(b"other")}</x:binaryData></x:dataObject>'
    data = package(inside=inside, manifest=manifest.replace("D12", "D1<!-- -->2"), more=other)
    assert verdict(tmp_path, data)[0] is Integrity.BROKEN  # D1 holds what the record covers, D12 does not


BROKEN = {
    "data that were changed": package(data=f"<x:binaryData>{encoded(b'other')}</x:binaryData>"),
    "XML data that were changed": package(meta=META.replace("1</a>", "2</a>")),
    "a manifest that was changed": package(manifest=MANIFEST.replace('"u"', '"v"')),
    "an object less in the manifest": package(
        manifest=MANIFEST.replace("<x:protectedObjectPointer>M1</x:protectedObjectPointer>", "")
    ),
    "another package's record": package(aoid="B"),
    "a version that is not there": package().replace(b'AOID="A" VersionID="V1"', b'AOID="A" VersionID="V2"'),
    "an id that stands twice": package(
        more=f'<x:dataObject dataObjectID="D1"><x:binaryData>{encoded(b"shown")}</x:binaryData></x:dataObject>'
    ),
    "data that are no base64": package(data="<x:binaryData>!!!!</x:binaryData>"),
    "a record that is none": package(inside=f"<x:asn1EvidenceRecord>{encoded(b'none')}</x:asn1EvidenceRecord>"),
    "a record that is no base64": package(inside="<x:asn1EvidenceRecord>!!</x:asn1EvidenceRecord>"),
    "a canonicalisation that runs a program": package().replace(
        EXCLUSIVE.encode(), b"http://www.w3.org/TR/1999/REC-xslt-19991116"
    ),
    "signed bytes hidden in what only looks like content": package(
        data=f'<x:xmlData><a>other<h:binaryData xmlns:h="urn:h">{encoded(DATA)}</h:binaryData></a></x:xmlData>'
    ),
    "signed bytes hidden where content has no place": package(
        data=f"<x:xmlData><a>other<x:binaryData>{encoded(DATA)}</x:binaryData></a></x:xmlData>"
    ),
    "a second content beside the first": package(
        data=f"<x:binaryData>{encoded(DATA)}</x:binaryData><x:xmlData><a>other</a></x:xmlData>"
    ),
    "text beside the content": package(data=f"other<x:binaryData>{encoded(DATA)}</x:binaryData>"),
    "an element of others beside the content": package(
        data=f'<x:binaryData>{encoded(DATA)}</x:binaryData><h:a xmlns:h="urn:h"/>'
    ),
    "elements inside base64": package(data=f"<x:binaryData>{encoded(DATA)}<x:a>other</x:a></x:binaryData>"),
    "a checkSum of other content": package(data=f"<x:binaryData>{encoded(DATA)}</x:binaryData>{check_sum(b'other')}"),
    "a signed object moved to where none stands": package(meta=f'<h:holder xmlns:h="urn:h">{META}</h:holder>'),
    "two manifests of one version": package(manifest=MANIFEST + MANIFEST.replace(">M1<", ">D1<")),
    "a manifest that protects nothing": package(manifest='<x:versionManifest VersionID="V1"/>'),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tmp_path: Path, name: str) -> None:
    assert verdict(tmp_path, BROKEN[name])[0] is Integrity.BROKEN


def test_a_document_type_is_refused_and_not_looked_at(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    data = package().replace(b'<?xml version="1.0"?>', f'<?xml version="1.0"?>{bomb}'.encode())
    path = tmp_path / "x.xml"
    path.write_bytes(data)
    (each,) = XaipVerifier().read(Source(path, "x.xml")).objects
    assert each.integrity is not Integrity.INTACT


def test_an_object_that_is_missing_is_said_to_be_missing(tmp_path: Path) -> None:
    data = package(meta="<x:metaDataObject/>")
    assert verdict(tmp_path, data) == (Integrity.UNKNOWN, SubIndication.SIGNED_DATA_NOT_FOUND)


@pytest.mark.parametrize("name", ["SHA-256", "http://www.w3.org/2001/04/xmlenc#sha256", "2.16.840.1.101.3.4.2.1"])
def test_a_check_sum_that_is_right(tmp_path: Path, name: str) -> None:
    data = f"<x:binaryData>{encoded(DATA)}</x:binaryData>{check_sum(DATA, name)}"
    assert verdict(tmp_path, package(data=data)) == (Integrity.INTACT, None)
    wrong = f"<x:binaryData>{encoded(DATA)}</x:binaryData>{check_sum(b'other', name)}"
    assert verdict(tmp_path, package(data=wrong))[0] is Integrity.BROKEN


def test_a_reference_of_others_is_no_content(tmp_path: Path) -> None:
    """The signed file lies beside, but what the package shows is in the package."""
    aside = reference(DATA).removeprefix("<x:xmlData>").removesuffix("</x:xmlData>")
    for shown in (f"<x:binaryData>{encoded(b'other')}</x:binaryData>{aside}", f"<x:xmlData><a>other</a>{aside}</x:xmlData>"):
        assert verdict(tmp_path, package(data=shown), {"cong-van.txt": DATA})[0] is Integrity.BROKEN
    foreign = reference(DATA).replace("http://uri.etsi.org/02918/v1.2.1#", "urn:h")
    assert verdict(tmp_path, package(data=foreign), {"cong-van.txt": DATA})[0] is Integrity.BROKEN


def test_what_is_not_protected_is_named(tmp_path: Path) -> None:
    file = read(tmp_path, package(more='<x:dataObject dataObjectID="D2"><x:binaryData>AAAA</x:binaryData></x:dataObject>'))
    assert file is not None
    (each,) = file.objects
    assert (each.integrity, each.coverage.left) == (Integrity.INTACT, ("D2",))
    assert [note.args["left"] for note in each.notes if note.code == "EVD-PART-ONLY"] == ["D2"]
    said = package().replace(
        b"</x:packageHeader>", b"<x:packageInfo>paid</x:packageInfo></x:packageHeader><x:letter>paid</x:letter>"
    )
    other = read(tmp_path, said)
    assert other is not None
    assert other.objects[0].coverage.left == ("packageInfo", "letter")
    whole = read(tmp_path, package())
    assert whole is not None
    assert not whole.objects[0].coverage.left
    assert not whole.objects[0].notes


def test_a_record_that_names_no_version_is_held_against_none_of_several(tmp_path: Path) -> None:
    """Which of them was sealed is not guessed, neither by the order of their names nor by what fits."""
    unsaid = package().replace(b' VersionID="V1">', b">", 2).replace(b"<x:versionManifest", b'<x:versionManifest VersionID="V1"')
    assert b'AOID="A">' in unsaid
    several = unsaid.replace(b"</x:packageHeader>", MANIFEST.replace("V1", "V10").encode() + b"</x:packageHeader>")
    assert verdict(tmp_path, several) == (Integrity.UNKNOWN, SubIndication.GENERIC)


def test_something_in_a_place_that_no_package_has_is_named(tmp_path: Path) -> None:
    """Found by noise: an element that has no id where one is looked for was asked for an attribute without a name."""
    file = read(tmp_path, package().replace(b"<x:dataObjectsSection>", b"<x:dataObjectsSection><x:other/>", 1))
    assert file is not None
    assert file.objects

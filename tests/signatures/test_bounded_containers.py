"""Packages, containers and structures that ask for more work than they are worth: as `test_bounded_work`, which is about XML."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from signatures import der
from signatures.asic import container
from signatures.asic.names import is_manifest
from signatures.ber import Malformed
from signatures.cms import open_cms
from signatures.errors import InvalidRecord
from signatures.evidence import read_record
from signatures.report import Integrity
from signatures.xades.packaged import Members
from signatures.xmldsig import names
from signatures.xmldsig.c14n import MOST_VISITS
from tests import packed
from tests.signatures import asic_builder, office_signing
from tests.signatures.authorities import authority
from tests.signatures.pki import Pki
from tests.signatures.test_xaip import MANIFEST, encoded, package
from tests.signatures.work_account import read
from tests.signatures.xml_signing import Ref, Signing
from tests.signatures.xmlers_builder import XmlErs

C14N = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'


def thousands_of_relationships(pki: Pki) -> bytes:
    """Each reference names nineteen thousand relationships."""
    links = [(f"rId{number}", office_signing.OFFICE + "image", f"media/{number}.png") for number in range(19_000)]
    held = office_signing.links(*links)
    parts = {**office_signing.DOCX, "word/_rels/document.xml.rels": held}
    kind = "application/vnd.openxmlformats-package.relationships+xml"
    uri = f"/word/_rels/document.xml.rels?ContentType={kind}"
    return packed.zipped(office_signing.sign_docx(pki, parts, refs=[Ref(uri, held)] * 60, xades=False))


def parts_of_relationships(pki: Pki) -> bytes:
    """Parts of relationships, each of which takes a tenth of a second and a hundred MB."""
    comments = office_signing.links().replace(b"</Relationships>", b"<!---->" * 900_000 + b"</Relationships>")
    parts = office_signing.sign_docx(pki)
    return packed.zipped({**parts, **{f"word/_rels/{number}.xml.rels": comments for number in range(9)}})


def thousands_of_parts_of_relationships(pki: Pki) -> bytes:
    more = {f"word/_rels/{number}.xml.rels": office_signing.links() for number in range(9000)}
    return packed.zipped({**office_signing.sign_docx(pki, office_signing.BARE), **more})


def led_to(pki: Pki, step: str, holder: str, parts: dict[str, bytes]) -> bytes:
    kind = f"{office_signing.PACKAGE}relationships/digital-signature/{step}"
    way = office_signing.links(*((f"rId{number}", kind, name) for number, name in enumerate(parts)))
    folder = "_xmlsignatures"
    more = {f"{folder}/{name}": data for name, data in parts.items()}
    signed = office_signing.sign_docx(pki, office_signing.BARE)
    return packed.zipped({**signed, f"{folder}/_rels/{holder}.rels": way, **more})


def thousands_of_signatures(pki: Pki) -> bytes:
    """Parts of fifty bytes, each of which is a signature."""
    made = etree.tostring(etree.Element(names.ds("Signature")))
    return led_to(pki, "signature", "origin.sigs", {f"{number}.xml": made for number in range(9000)})


def thousands_of_certificates(pki: Pki) -> bytes:
    """Of sixty kB, in a zip of a hundred, and none that is read at once."""
    held = bytes(pki.asn1("signer1").dump())
    return led_to(pki, "certificate", "sig1.xml", {f"{number}.cer": held + bytes(60_000) for number in range(300)})


def transforms_of_a_large_part(pki: Pki) -> bytes:
    large = b"<office>" + b"<a b='1'>x</a>" * 200_000 + b"</office>"
    parts = {**office_signing.ODT, "large.xml": large}
    refs = [Ref("large.xml", b"x", C14N * number) for number in range(1, 8)] * 20
    root = etree.Element("{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures")
    root.append(Signing(pki, xades=False, references=refs).signature())
    return packed.zipped({**parts, "META-INF/documentsignatures.xml": etree.tostring(root)})


def large_files_of_signatures(pki: Pki) -> bytes:
    """Files of signatures that are short in the zip, and long in memory."""
    large = b"<x>" + b"<a>1</a>" * 490_000 + b"</x>"
    more = {f"META-INF/signatures{number}.xml": large for number in range(14)}
    return asic_builder.zipped({**asic_builder.with_xades(pki), **more})


def large_objects_in_every_form(pki: Pki) -> bytes:
    """Each is hashed in the four forms that producers have been seen to hash."""
    inner = "<a>1</a>" * 30_000
    objects = "".join(
        f'<x:dataObject dataObjectID="O{number}"><x:xmlData>{inner}</x:xmlData></x:dataObject>' for number in range(10)
    )
    pointers = "".join(f"<x:protectedObjectPointer>O{number}</x:protectedObjectPointer>" for number in range(10))
    first = "<x:protectedObjectPointer>D1"
    return package(more=objects, manifest=MANIFEST.replace(first, pointers + first, 1))


def a_signature_over_everything(pki: Pki) -> bytes:
    """One CMS that says to be related to ten thousand objects."""
    cms = encoded(pki.sign_cms(b"other"))
    related = " ".join(f"D{number}" for number in range(10_000))
    credential = (
        f'<x:credential credentialID="S" relatedObjects="{related}"><s:SignatureObject xmlns:s="urn:oasis:names:tc:dss:1.0:core:schema">'
        f"<s:Base64Signature>{cms}</s:Base64Signature></s:SignatureObject></x:credential>"
    )
    return package().replace(b"<x:credentialsSection>", f"<x:credentialsSection>{credential}".encode())


REST = [
    thousands_of_relationships,
    parts_of_relationships,
    thousands_of_parts_of_relationships,
    thousands_of_signatures,
    thousands_of_certificates,
    transforms_of_a_large_part,
    large_files_of_signatures,
    large_objects_in_every_form,
    a_signature_over_everything,
]


@pytest.mark.parametrize("make", REST, ids=lambda each: each.__name__)
def test_a_package_that_asks_for_much(tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]) -> None:
    found = read(tmp_path, make(pki)).objects
    reasons = [each.why.text("en") for each in found if each.integrity is Integrity.UNKNOWN and each.why is not None]
    assert any(word in reason for reason in reasons for word in ("steps", "many", "more than", "were read")), reasons
    assert steps() <= MOST_VISITS


# -- structures of ASN.1 -------------------------------------------------------------------------------------------------------


def cms_of(certificates: bytes, signers: bytes = b"") -> bytes:
    fields = (
        der.write_integer(1),
        der.encode(0x31, b""),
        der.sequence(der.write_oid("1.2.840.113549.1.7.1")),
        der.encode(0xA0, certificates),
        der.encode(0x31, signers),
    )
    return der.sequence(der.write_oid("1.2.840.113549.1.7.2"), der.encode(0xA0, der.sequence(*fields)))


NULLS = der.encode(0x30, b"\x05\x00" * 200_000)
ATTRIBUTES = der.sequence(
    der.write_integer(1), der.encode(0xA0, der.sequence(der.write_oid("1.2.3"), der.encode(0x31, b"")) * 6_000)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (cms_of(NULLS * 6), "ber-many"),
        (cms_of(b"\x05\x00" * 3_000), "certificates"),
        (cms_of(b"", b"\x30\x00" * 3_000), "certificates"),
        (cms_of(b"", ATTRIBUTES), "attributes"),
        (cms_of(b"", der.sequence(der.encode(0x06, b"\x2a" * 20_000))), "ber-long-oid"),
    ],
    ids=[
        "a million elements",
        "thousands of certificates",
        "thousands of signers",
        "thousands of attributes",
        "an identifier of 20 kB",
    ],
)
def test_a_structure_of_too_many_parts_is_not_parsed(data: bytes, reason: str) -> None:
    """A parser that makes an object of each takes seconds for a megabyte, and 57 kB of zip hold forty."""
    with pytest.raises(Malformed, match=reason):
        open_cms(data)


def test_seals_of_a_container_share_one_account(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """A hundred signatures of 400 kB in a zip of 57: it took a minute."""
    seals = {f"META-INF/signature{number}.p7s": cms_of(NULLS) for number in range(100)}
    found = read(tmp_path, asic_builder.zipped({**asic_builder.FILES, **seals})).objects
    reasons = [each.why.text("en") for each in found if each.integrity is Integrity.UNKNOWN and each.why is not None]
    assert sum("steps" in each for each in reasons) > 80
    assert steps() <= MOST_VISITS


HASHES = {
    "sha224": f"{names.MORE}sha224",
    "sha256": f"{names.ENC}sha256",
    "sha384": f"{names.MORE}sha384",
    "sha512": f"{names.ENC}sha512",
    **{f"sha3_{bits}": f"{names.MORE_2007}sha3-{bits}" for bits in (224, 256, 384, 512)},
}


def under(name: str, data: bytes, prefix: str) -> str:
    value = base64.b64encode(hashlib.new(name, data).digest()).decode()
    return f'<{prefix}:DigestMethod Algorithm="{HASHES[name]}"/><{prefix}:DigestValue>{value}</{prefix}:DigestValue>'


class Under(Ref):
    """A reference under an algorithm of its own."""

    def xml(self, digest: str) -> str:
        return f'<ds:Reference URI="large.bin">{under(self.uri or "", self.data, "ds")}</ds:Reference>'


@pytest.mark.parametrize("way", ["manifest", "references"])
def test_one_member_under_many_algorithms_shares_one_account(
    tmp_path: Path, pki: Pki, steps: Callable[[], int], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A hundred kB of zip make gigabytes for digests. What honest members take is proportional to the file, and free."""
    taken: list[int] = []
    real = Members.opened

    class Counting(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            taken.append(len(data))
            return data

    monkeypatch.setattr(Members, "opened", lambda self, name: Counting(real(self, name)))
    large = bytes(60 << 20)
    if way == "manifest":
        listed = "".join(
            f'<a:DataObjectReference URI="large.bin">{under(name, large, "d")}</a:DataObjectReference>' for name in HASHES
        )
        own = asic_builder.manifest("META-INF/signature001.p7s", {}).replace(b"</a:ASiC", listed.encode() + b"</a:ASiC")
        seals = {"META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": pki.sign_cms(own)}
    else:
        making = Signing(pki, references=[Under(name, large) for name in HASHES])
        seals = {"META-INF/signatures001.xml": etree.tostring(making.signature())}
    (found,) = read(tmp_path, asic_builder.zipped({"large.bin": large, **seals})).objects
    assert found.integrity is Integrity.UNKNOWN
    assert found.why is not None
    assert "steps" in found.why.text("en")
    assert sum(taken) < 4 * len(large)
    assert steps() <= MOST_VISITS


def many_manifests(pki: Pki) -> bytes:
    """Ten thousand that say to be of one signature, which would be read over each."""
    cms = pki.sign_cms(b"another")
    each = asic_builder.manifest("META-INF/signature001.p7s", {"a.txt": b""})
    manifests = {f"META-INF/ASiCManifest{number}.xml": each for number in range(10_000)}
    return asic_builder.zipped({"a.txt": b"", **manifests, "META-INF/signature001.p7s": cms})


def many_empty_members(pki: Pki) -> bytes:
    """Each is opened once for each algorithm."""
    files = {f"{number}.txt": b"" for number in range(4_000)}
    listed = "".join(
        f'<a:DataObjectReference URI="{member}">{under(name, b"", "d")}</a:DataObjectReference>'
        for name in HASHES
        for member in files
    )
    halves = [listed[: len(listed) // 2].rpartition("<a:DataObjectReference")[0], ""]
    halves[1] = listed.removeprefix(halves[0])
    seals: dict[str, bytes] = {}
    for number, half in enumerate(halves):
        name = f"META-INF/signature{number}.p7s"
        own = asic_builder.manifest(name, {}).replace(b"</a:ASiC", half.encode() + b"</a:ASiC")
        seals |= {f"META-INF/ASiCManifest{number}.xml": own, name: pki.sign_cms(own)}
    return asic_builder.zipped(files | seals)


def records_over_large_members(pki: Pki) -> bytes:
    """A record in XML asks for the canonical form of whatever is XML."""
    made = XmlErs()
    made.begin(authority(), "sha256", [hashlib.sha256(b"another").digest()], [b"\1" * 32])
    files = {f"{number}.xml": b"<r>" + b"<a>1</a>" * 100_000 + b"</r>" for number in range(20)}
    name = "META-INF/evidencerecord001.xml"
    own = asic_builder.manifest(name, files)
    return asic_builder.zipped({**files, "META-INF/ASiCEvidenceRecordManifest001.xml": own, name: made.record()})


@pytest.mark.parametrize("make", [many_manifests, many_empty_members, records_over_large_members], ids=lambda each: each.__name__)
def test_a_container_that_asks_for_much(tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]) -> None:
    found = read(tmp_path, make(pki)).objects
    reasons = [each.why.text("en") for each in found if each.integrity is Integrity.UNKNOWN and each.why is not None]
    assert any("steps" in reason for reason in reasons), [each.why for each in found]
    assert steps() <= MOST_VISITS


def test_what_many_seals_leave_is_looked_for_once(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which members are manifests that no seal is over was asked of every name for every seal: three seconds of a megabyte."""
    asked: list[str] = []
    monkeypatch.setattr(container, "is_manifest", lambda name: asked.append(name) or is_manifest(name))
    seals = {f"META-INF/signature{number}.p7s": pki.sign_cms(b"x") for number in range(20)}
    other = {f"META-INF/{number}.txt": b"" for number in range(100)}
    found = read(tmp_path, asic_builder.zipped({"a.txt": b"x", **seals, **other}, kind=asic_builder.SIMPLE)).objects
    assert {each.integrity for each in found} == {Integrity.INTACT}
    assert len(asked) < 5 * (len(seals) + len(other))


def test_lists_of_a_record_are_bounded() -> None:
    nulls = der.encode(0x30, b"\x05\x00" * 400_000)
    with pytest.raises(InvalidRecord, match="more than"):
        read_record(der.sequence(der.write_integer(1), nulls, nulls))

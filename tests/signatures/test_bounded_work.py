"""Files that ask for more work than they are worth: each is refused with its reason after a bounded number of steps, and large honest ones
are judged.

Steps are counted, not seconds (`signatures.xmldsig.c14n.Work`): a step is some 4 µs on two slow cores.
"""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

import pytest
from lxml import etree

from signatures import der
from signatures.ber import Malformed
from signatures.cms import open_cms
from signatures.errors import InvalidRecord
from signatures.evidence import read_record
from signatures.reading import read_signatures
from signatures.report import Integrity, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from signatures.xades.packaged import Members
from signatures.xmldsig import names
from signatures.xmldsig.c14n import MOST_VISITS, Work
from tests.signatures import asic_builder, office_signing, xml_signing
from tests.signatures.authorities import authority
from tests.signatures.pki import Pki
from tests.signatures.test_xaip import MANIFEST, encoded, package
from tests.signatures.test_xml_attacks import path_filter, xpath
from tests.signatures.xml_signing import DS, ENVELOPED, EXC, EXCLUSIVE, XADES, Ref, Signing
from tests.signatures.xmlers_builder import XmlErs

C14N = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
LISTED = f'<ds:Transform Algorithm="{EXC}"><e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="a"/></ds:Transform>'
"""A form that libxml2 is not asked for: our own walk does it."""


class Counted(Work):
    """A `Work` that remembers how many steps were taken; those that were refused are not."""

    taken: ClassVar[list[int]] = []

    def visit(self, count: int = 1) -> None:
        super().visit(count)
        type(self).taken.append(count)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many steps were taken since the test began, over all accounts."""
    Counted.taken = []
    for module in ("xmldsig.document", "xaip", "ooxml", "odf", "asic.container", "canonical", "evidence.xmlers"):
        monkeypatch.setattr(f"signatures.{module}.Work", Counted)
    return lambda: sum(Counted.taken)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("ec")


def read(folder: Path, data: bytes, name: str = "file", beside: dict[str, bytes] | None = None) -> SignedFile:
    path = folder / name
    path.write_bytes(data)
    opened = beside or {}

    def named(called: str) -> Callable[[], BinaryIO] | None:
        plain = called.removeprefix("./").replace("./", "")
        return partial(io.BytesIO, opened[plain]) if plain in opened else None

    found = read_signatures(Source(path, name, named=named))
    assert found is not None
    return found


def refused(folder: Path, data: bytes, name: str = "file", beside: dict[str, bytes] | None = None) -> SignedObject:
    """The first signature, which is neither called intact nor broken, with the reason that is in its report."""
    each = read(folder, data, name, beside).objects[0]
    assert (each.integrity, each.failure) in (
        (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE),
        (Integrity.UNKNOWN, SubIndication.GENERIC),
    )
    assert each.why is not None
    assert any(word in each.why.text("en") for word in ("steps", "many", "more than")), each.why.text("en")
    return each


def rows(count: int, extra: str = "") -> etree._Element:
    return etree.fromstring('<d xmlns:a="urn:a"><body Id="body">' + f"<r{extra}><c>1</c></r>" * count + "</body></d>")


def signed(pki: Pki, root: etree._Element, *references: Ref) -> bytes:
    """References with wrong digests: whether they are looked at is the question, and what it costs."""
    root.append(Signing(pki, xades=False, references=list(references)).signature())
    return etree.tostring(root)


# -- XML -----------------------------------------------------------------------------------------------------------------------


def four_walks(pki: Pki) -> bytes:
    """1.5 MB, four filters that the walk of our own must look at; it took ten seconds."""
    filters = path_filter("//r")
    return signed(pki, rows(70_000), *(Ref("", b"x", ENVELOPED + filters + EXCLUSIVE) for _ in range(4)))


def many_filters(pki: Pki) -> bytes:
    filters = path_filter("//r|//c|/d/body/r|//body", "union") * 8
    return signed(pki, rows(30_000), *(Ref("", b"x", filters) for _ in range(20)))


def many_paths_with_tests(pki: Pki) -> bytes:
    test = "[starts-with(local-name(),'x') or starts-with(local-name(),'y') or @q='1']"
    return signed(pki, rows(60_000), *(Ref("", b"x", path_filter(f"//*{test}|//*{test}")) for _ in range(50)))


def many_names_in_xpath(pki: Pki) -> bytes:
    names = " and ".join(f"not(ancestor-or-self::n{number})" for number in range(12))
    return signed(pki, rows(60_000), *(Ref("", b"x", xpath(names)) for _ in range(500)))


def forms_of_forms(pki: Pki) -> bytes:
    return signed(pki, rows(30_000), *(Ref("", b"x", (C14N + EXCLUSIVE) * 4) for _ in range(10)))


def ten_thousand_references(pki: Pki) -> bytes:
    return signed(pki, rows(20), *(Ref("#body", b"x", C14N) for _ in range(9_000)))


def prefixes_and_walks(pki: Pki) -> bytes:
    return signed(pki, rows(60_000), *(Ref("", b"x", LISTED) for _ in range(10)))


def ids_at_every_element(pki: Pki) -> bytes:
    body = "".join(f'<r Id="n{number}"/>' for number in range(450_000))
    return signed(pki, etree.fromstring(f"<d>{body}</d>"), Ref("#n1", b"x", C14N))


def ten_thousand_names_that_are_signed(pki: Pki) -> bytes:
    root = etree.fromstring(
        "<d>" + "".join(f'<n{number} Id="i{number}"/>' for number in range(9_000)) + "<x/>" * 300_000 + "</d>"
    )
    return signed(
        pki, root, *(Ref(f"#i{number}", f'<n{number} Id="i{number}"></n{number}>'.encode(), EXCLUSIVE) for number in range(9_000))
    )


def certificates_that_did_not_sign(pki: Pki) -> bytes:
    """Two thousand values are tried where none fits."""
    data = etree.fromstring(xml_signing.enveloped(pki, level="B"))
    signature = data.find(f"{{{DS}}}Signature")
    value = signature.find(f"{{{DS}}}SignatureValue")
    value.text = "A" * 86 + "=="
    der = xml_signing.b64(bytes(pki.asn1("root").dump()))
    one = f"<x:EncapsulatedX509Certificate>{der}</x:EncapsulatedX509Certificate>"
    for _ in range(20):
        xml_signing.add_unsigned(signature, f'<x:CertificateValues xmlns:x="{XADES}">{one * 1_900}</x:CertificateValues>')
    return etree.tostring(data)


def thousands_of_stamps(pki: Pki) -> bytes:
    data = etree.fromstring(xml_signing.enveloped(pki, level="T"))
    holder = data.find(f".//{{{XADES}}}EncapsulatedTimeStamp")
    for _ in range(3_000):
        copied = etree.SubElement(holder.getparent(), holder.tag)
        copied.text = holder.text
    return etree.tostring(data)


def thousands_of_properties(pki: Pki) -> bytes:
    data = etree.fromstring(xml_signing.enveloped(pki, level="T"))
    holder = data.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    for _ in range(1_001):
        etree.SubElement(holder, f"{{{XADES}}}CompleteCertificateRefs")
    return etree.tostring(data)


XML = [
    four_walks,
    many_filters,
    many_paths_with_tests,
    many_names_in_xpath,
    forms_of_forms,
    ten_thousand_references,
    prefixes_and_walks,
    ids_at_every_element,
    ten_thousand_names_that_are_signed,
    certificates_that_did_not_sign,
    thousands_of_stamps,
    thousands_of_properties,
]


@pytest.mark.parametrize("make", XML, ids=lambda each: each.__name__)
def test_a_document_that_asks_for_much(tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]) -> None:
    refused(tmp_path, make(pki))
    assert steps() <= MOST_VISITS


def test_one_file_under_ten_thousand_names(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """Each name is written in another way, so that each is another file: it was read ten thousand times."""
    references = [Ref("./" * number + "content", b"x") for number in range(1, 600)]
    data = etree.tostring(Signing(pki, xades=False, references=references).signature())
    refused(tmp_path, data, beside={"content": b"x" * (1 << 20)})
    assert steps() <= MOST_VISITS


def test_a_file_is_read_for_nothing_once(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """In a second hash algorithm, and for every archive time-stamp, it is read again: that is on the account, as long as it is."""
    content = b"x" * (64 << 20)

    def cost(*digests: str) -> int:
        before = steps()
        listed = "".join(Ref("content", content).xml(each) for each in digests)
        holder = f'<ds:Object xmlns:ds="{DS}" Id="o"><ds:Manifest>{listed}</ds:Manifest></ds:Object>'
        over = Ref("#o", etree.tostring(etree.fromstring(holder), method="c14n"), "", f"{DS}Object")
        made = Signing(pki, references=[over], objects=holder, xades=False).signature()
        (found,) = read(tmp_path, etree.tostring(made), beside={"content": content}).objects
        assert found.integrity is Integrity.INTACT
        return steps() - before

    once = cost("sha256")
    assert once < len(content) >> 14
    assert cost("sha256", "sha1", "sha512") - once > 2 * (len(content) >> 12)


# -- packages ------------------------------------------------------------------------------------------------------------------


def thousands_of_relationships(pki: Pki) -> bytes:
    """Each reference names nineteen thousand relationships."""
    links = [(f"rId{number}", office_signing.OFFICE + "image", f"media/{number}.png") for number in range(19_000)]
    held = office_signing.links(*links)
    parts = {**office_signing.DOCX, "word/_rels/document.xml.rels": held}
    kind = "application/vnd.openxmlformats-package.relationships+xml"
    uri = f"/word/_rels/document.xml.rels?ContentType={kind}"
    return office_signing.zipped(office_signing.sign_docx(pki, parts, refs=[Ref(uri, held)] * 60, xades=False))


def parts_of_relationships(pki: Pki) -> bytes:
    """Parts of relationships, each of which takes a tenth of a second and a hundred MB."""
    comments = office_signing.links().replace(b"</Relationships>", b"<!---->" * 900_000 + b"</Relationships>")
    parts = office_signing.sign_docx(pki)
    return office_signing.zipped({**parts, **{f"word/_rels/{number}.xml.rels": comments for number in range(9)}})


def transforms_of_a_large_part(pki: Pki) -> bytes:
    large = b"<office>" + b"<a b='1'>x</a>" * 200_000 + b"</office>"
    parts = {**office_signing.ODT, "large.xml": large}
    refs = [Ref("large.xml", b"x", C14N * number) for number in range(1, 8)] * 20
    root = etree.Element("{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures")
    root.append(Signing(pki, xades=False, references=refs).signature())
    return office_signing.zipped({**parts, "META-INF/documentsignatures.xml": etree.tostring(root)})


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
    transforms_of_a_large_part,
    large_files_of_signatures,
    large_objects_in_every_form,
    a_signature_over_everything,
]


@pytest.mark.parametrize("make", REST, ids=lambda each: each.__name__)
def test_a_package_that_asks_for_much(tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]) -> None:
    found = read(tmp_path, make(pki)).objects
    reasons = [each.why.text("en") for each in found if each.integrity is Integrity.UNKNOWN and each.why is not None]
    assert any(word in reason for reason in reasons for word in ("steps", "many", "more than")), reasons
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
    ],
    ids=["a million elements", "thousands of certificates", "thousands of signers", "thousands of attributes"],
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


def test_lists_of_a_record_are_bounded() -> None:
    nulls = der.encode(0x30, b"\x05\x00" * 400_000)
    with pytest.raises(InvalidRecord, match="more than"):
        read_record(der.sequence(der.write_integer(1), nulls, nulls))


# -- what is honest and large ----------------------------------------------------------------------------------------------------


NOTE = "Khoản thu theo công văn số {}, đã được đối chiếu với sổ cái của đơn vị và xác nhận của kho bạc nhà nước"
LINE = "<row n='{}'><name>Nguyễn Văn {}</name><amount currency='VND'>1250000</amount><note>" + NOTE + "</note></row>"


def large_letter(megabytes: int) -> str:
    count = (megabytes << 20) // (len(LINE.encode()) + 9)
    lines = "".join(LINE.format(number, number, number) for number in range(count))
    return f'<edoc xmlns="urn:test:letter"><body Id="body">{lines}</body></edoc>'


def test_a_message_of_twenty_megabytes_is_judged(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """Enveloped, over the whole, with time-stamps over everything: three times through the document."""
    text = large_letter(20)
    file = read(tmp_path, xml_signing.enveloped(pki, text, level="LTA"))
    assert [each.integrity for each in file.objects] == [Integrity.INTACT]
    assert [each.token.integrity for each in file.stamps] == [Integrity.INTACT] * len(file.stamps)
    assert steps() < MOST_VISITS


@pytest.mark.parametrize("transforms", [C14N, EXCLUSIVE])
def test_a_part_of_a_large_message_is_judged(tmp_path: Path, pki: Pki, transforms: str) -> None:
    root = etree.fromstring(large_letter(10))
    data = etree.tostring(root[0], method="c14n", exclusive=True)
    root.append(Signing(pki, references=[Ref("#body", data, transforms)]).signature())
    assert read(tmp_path, etree.tostring(root)).objects[0].integrity is Integrity.INTACT


def test_a_sheet_of_fifty_megabytes_is_judged(tmp_path: Path, pki: Pki) -> None:
    cells = "".join(f"<c r='A{number}'><v>{number * 7919 % 100_003}</v></c>" for number in range(1_500_000))
    sheet = f"<worksheet>{cells}</worksheet>".encode()
    assert len(sheet) > 44 << 20
    parts = {**office_signing.DOCX, "word/styles.xml": sheet}
    signed = office_signing.zipped(office_signing.sign_docx(pki, parts))
    found = read(tmp_path, signed).objects[0]
    assert (found.integrity, found.failure) == (Integrity.INTACT, None)


def test_a_sheet_that_is_signed_as_xml_is_judged(tmp_path: Path, pki: Pki) -> None:
    """As LibreOffice does it: thirty declarations at the root, the inclusive form."""
    spaces = "".join(f' xmlns:n{number}="urn:oasis:names:tc:opendocument:xmlns:n{number}:1.0"' for number in range(30))
    cells = "<n1:cell n1:type='float' n2:value='12.5'><n3:p>12.5</n3:p></n1:cell>" * 60_000
    data = f"<n0:content{spaces}>{cells}</n0:content>".encode()
    refs = [Ref("content.xml", etree.tostring(etree.fromstring(data), method="c14n"), C14N)]
    refs += [Ref(name, part) for name, part in office_signing.ODT.items() if name not in ("content.xml", "Pictures/dàu.png")]
    root = etree.Element("{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures")
    root.append(Signing(pki, references=refs).signature())
    parts = {**office_signing.ODT, "content.xml": data, "META-INF/documentsignatures.xml": etree.tostring(root)}
    del parts["Pictures/dàu.png"]
    found = read(tmp_path, office_signing.zipped(parts)).objects[0]
    assert (found.integrity, found.failure) == (Integrity.INTACT, None)


def test_memory_is_bounded_whatever_a_document_is_full_of(tmp_path: Path, pki: Pki) -> None:
    """A process of its own, so that the figure is of this document alone."""
    worst = "<d>" + "<a b='' c=''/>x" * 399_000 + "</d>"
    path = tmp_path / "worst.xml"
    path.write_bytes(signed(pki, etree.fromstring(worst), Ref("", b"x", ENVELOPED + C14N), Ref("", b"x", path_filter("//a"))))
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom signatures.reading import read_signatures\n"
        "from signatures.signed import Source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = read_signatures(Source(Path(sys.argv[1]), 'worst.xml'))\n"
        "print(found.objects[0].integrity.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10)"
    )
    out = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout.split()
    assert out[0] != "intact"
    assert int(out[1]) < 500, "MiB"

"""What stands in a package around what a record protects is named, down to comments; check sums are compared where they can be."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from lxml import etree

from policies.findings import spoken
from signatures.report import Integrity
from signatures.signed import SignedObject
from tests.signatures.authorities import authority
from tests.signatures.cms_attributes import record_over
from tests.signatures.evidence_builder import stamped
from tests.signatures.test_xaip import DATA, MANIFEST, META, NS, check_sum, encoded, package, read, reference
from tests.signatures.xmlers_builder import c14n

HELD = f"<x:binaryData>{encoded(DATA)}</x:binaryData>"


def only(folder: Path, data: bytes, beside: dict[str, bytes] | None = None) -> SignedObject:
    file = read(folder, data, beside)
    assert file is not None
    (found,) = file.objects
    return found


SECOND = b'<c:CanonicalizationMethod xmlns:c="http://www.w3.org/2000/09/xmldsig#" Algorithm="p"/></x:packageHeader>'
XAIP = f'<x:XAIP xmlns:x="{NS}">'.encode()
AROUND: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "attributes of the package": (package().replace(b"<x:XAIP ", b'<x:XAIP paid="all" '), ("XAIP (attributes)",)),
    "text of the package": (package().replace(b"<x:metaDataSection>", b"paid<x:metaDataSection>"), ("XAIP (text)",)),
    "an instruction in it": (package().replace(b"<x:metaDataSection>", b"<?paid?><x:metaDataSection>"), ("XAIP (comments)",)),
    "a comment before it": (package().replace(XAIP, b"<!-- paid -->" + XAIP), ("XAIP (comments)",)),
    "a comment behind it": (package() + b"<!-- paid -->", ("XAIP (comments)",)),
    "text of a section": (
        package().replace(b"</x:dataObjectsSection>", b"paid</x:dataObjectsSection>"),
        ("dataObjectsSection (text)",),
    ),
    "a comment in a section": (
        package().replace(b"</x:dataObjectsSection>", b"<!-- paid --></x:dataObjectsSection>"),
        ("dataObjectsSection (comments)",),
    ),
    "attributes of a section": (
        package().replace(b"<x:packageHeader>", b'<x:packageHeader paid="all">'),
        ("packageHeader (attributes)",),
    ),
    "words in the name of a section": (
        package().replace(b"<x:packageHeader>", b'<x:packageHeader packageID="is paid">'),
        ("packageHeader (attributes)",),
    ),
    "more in the name of the package": (package().replace(b"</x:AOID>", b"<x:paid/></x:AOID>"), ("AOID (content)",)),
    "more in a method": (
        package().replace(b'exc-c14n#"/>', b'exc-c14n#">paid</c:CanonicalizationMethod>'),
        ("CanonicalizationMethod (content)",),
    ),
    "a comment in XML data": (package().replace(b"<a>1</a>", b"<a>1<!-- and 0 --></a>"), ("M1 (comments)",)),
    "a comment in a manifest": (package().replace(b"<x:packageInfoUnit", b"<!-- paid --><x:packageInfoUnit"), ("V1 (comments)",)),
    "a media type": (package(data=HELD.replace(">", ' MimeType="text/evil">', 1)), ("D1 (attributes)",)),
    "attributes of an object": (package().replace(b"<x:dataObject ", b'<x:dataObject paid="all" '), ("D1 (attributes)",)),
    "how it was made": (package(data=HELD + "<x:transformInfo>paid</x:transformInfo>"), ("D1 (transformInfo)",)),
    "a comment in base64": (package(data=HELD.replace("</", "<!-- paid --></")), ("D1 (comments)",)),
    "an instruction beside": (package(data=HELD + "<?paid?>"), ("D1 (comments)",)),
    "more in a check sum": (
        package(data=HELD + check_sum(DATA).replace("<x:checkSum>", '<x:checkSum paid="all">', 1)),
        ("D1 (checkSum)",),
    ),
    "a second name of the package": (package().replace(b"</x:AOID>", b"</x:AOID><x:AOID>paid</x:AOID>"), ("AOID",)),
    "words in the name of the package": (package(aoid="").replace(b"<x:AOID>A<", b"<x:AOID>A is paid<"), ("AOID (content)",)),
    "a second method": (package().replace(b"</x:packageHeader>", SECOND), ("CanonicalizationMethod",)),
    "words in an id": (package().replace(b"<x:dataObject ", b'<x:dataObject Id="is paid" '), ("D1 (attributes)",)),
    "words as an encoding": (package(data=HELD.replace(">", ' Encoding="is paid">', 1)), ("D1 (attributes)",)),
    "attributes of a credential": (package().replace(b"<x:credential ", b'<x:credential paid="all" '), ("E (attributes)",)),
    "attributes of a record": (package().replace(b"<x:evidenceRecord ", b'<x:evidenceRecord paid="all" '), ("E (attributes)",)),
    "attributes of its bytes": (package().replace(b"1EvidenceRecord>", b'1EvidenceRecord paid="all">', 1), ("E (attributes)",)),
    "what is no object": (package().replace(b"<x:credential ", b'<x:credential relatedObjects="D1 paid" '), ("E (attributes)",)),
    "a comment at the record": (
        package().replace(b"</x:evidenceRecord>", b"<!-- paid --></x:evidenceRecord>"),
        ("E (comments)",),
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_what_is_protected_is_named(tmp_path: Path, name: str) -> None:
    data, left = AROUND[name]
    assert data != package()
    found = only(tmp_path, data)
    assert (found.integrity, tuple(map(spoken, found.coverage.left))) == (Integrity.INTACT, left)


def test_nothing_is_named_where_nothing_is_left(tmp_path: Path) -> None:
    schema = b'<x:XAIP xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="a b" '
    names = (
        package()
        .replace(b"<x:XAIP ", b'<x:XAIP XAIPVersion="1.3.0" ')
        .replace(b"<x:packageHeader", b'<x:packageHeader packageID="P-1"')
    )
    for data in (
        package(),
        package(data=HELD + check_sum(DATA)),
        package().replace(b"<x:XAIP ", schema),
        package() + b"\n",
        names,
        package().replace(b"<x:credential ", b'<x:credential relatedObjects="D1 V1" '),
    ):
        assert only(tmp_path, data).coverage.left == ()
    assert only(tmp_path, package(data=reference(DATA)), {"cong-van.txt": DATA}).coverage.left == ()


def test_comments_are_protected_where_the_form_has_them(tmp_path: Path) -> None:
    meta = META.replace("<a>1</a>", "<a>1<!-- one --></a>")
    exclusive = (
        f'<x:metaDataObject xmlns:x="{NS}" metaDataID="M1"><x:xmlMetaData><a>1<!-- one --></a></x:xmlMetaData></x:metaDataObject>'
    )
    sealed = record_over(partial(stamped, authority(), "sha256"), DATA, exclusive.encode(), c14n(MANIFEST))
    data = package(meta=meta, inside=f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>")
    found = only(tmp_path, data.replace(b'exc-c14n#"', b'exc-c14n#WithComments"'))
    assert (found.integrity, found.coverage.left) == (Integrity.INTACT, ())


BESIDE: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ("", "", (), ()),
    "attributes of the object": (
        "<x:metaDataObject ",
        '<x:metaDataObject paid="all" ',
        ("M1 (attributes)",),
        ("M1 (attributes)",),
    ),
    "attributes of what holds it": ("<x:xmlMetaData>", '<x:xmlMetaData paid="all">', ("M1 (attributes)",), ()),
    "an element": (
        "</x:meta",
        "<x:transformInfo>paid</x:transformInfo></x:meta",
        ("M1 (transformInfo)",),
        ("M1 (transformInfo)",),
    ),
    "an instruction": ("</x:xmlMetaData>", "<?paid all?></x:xmlMetaData>", ("M1 (comments)",), ()),
}
"""What is changed in an object; what is left of it where its XML data are hashed alone, and where what holds them is."""


@pytest.mark.parametrize("depth", [2, 1])
@pytest.mark.parametrize("name", BESIDE)
def test_what_a_habit_leaves_of_an_object_is_named(tmp_path: Path, name: str, depth: int) -> None:
    """Some producers hash less of an object than the standard says: then no record has what stands around that."""
    old, new, *left = BESIDE[name]
    meta = META.replace(old, new, 1) if old else META
    inner = etree.fromstring(meta)[0]
    hashed = etree.tostring(inner[0] if depth == 2 else inner, method="c14n", exclusive=True, with_tail=False)
    sealed = record_over(partial(stamped, authority(), "sha256"), DATA, hashed, c14n(MANIFEST))
    found = only(tmp_path, package(meta=meta, inside=f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>"))
    named = left[2 - depth]
    assert (found.integrity, tuple(map(spoken, found.coverage.left))) == (Integrity.INTACT, named)
    assert [each.code for each in found.notes] == ["EVD-QUIRK", *(["EVD-PART-ONLY"] if named else [])]


@pytest.mark.parametrize("name", ["MD6", "", "http://example.org/sum"])
def test_a_check_sum_in_an_unknown_algorithm_is_told(tmp_path: Path, name: str) -> None:
    found = only(tmp_path, package(data=HELD + check_sum(DATA, name)))
    assert found.integrity is Integrity.INTACT
    assert [(each.code, each.args["object"]) for each in found.notes] == [("EVD-SUM-NOT-COMPARED", "D1")]


def xml_data(said: bytes) -> bytes:
    """A package whose object is XML with a check sum over ``said``."""
    held = f"<x:xmlData><letter>1</letter></x:xmlData>{check_sum(said)}"
    whole = f'<x:dataObject xmlns:x="{NS}" dataObjectID="D1">{held}</x:dataObject>'
    sealed = record_over(partial(stamped, authority(), "sha256"), c14n(whole), c14n(META), c14n(MANIFEST))
    return package(data=held, inside=f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>")


def test_a_check_sum_over_xml_is_compared_with_every_form(tmp_path: Path) -> None:
    """The standard does not say over which form it is: one that is none of them proves nothing and breaks nothing."""
    for said in (b"<letter>1</letter>", f'<x:xmlData xmlns:x="{NS}"><letter>1</letter></x:xmlData>'.encode()):
        found = only(tmp_path, xml_data(said))
        assert (found.integrity, found.notes) == (Integrity.INTACT, ())
    found = only(tmp_path, xml_data(b"<letter>2</letter>"))
    assert [each.code for each in found.notes] == ["EVD-SUM-NOT-COMPARED"]


def test_the_meaning_of_prefixes_is_named_where_the_form_loses_it(tmp_path: Path) -> None:
    meta = META.replace("<a>1</a>", "<a>cur:1</a>")
    sealed = record_over(partial(stamped, authority(), "sha256"), DATA, c14n(meta), c14n(MANIFEST))
    data = package(meta=meta, inside=f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>")
    assert only(tmp_path, data).coverage.left == ()
    found = only(tmp_path, data.replace(b"<x:XAIP ", b'<x:XAIP xmlns:cur="urn:currency:USD" '))
    assert (found.integrity, tuple(map(spoken, found.coverage.left))) == (Integrity.INTACT, ("M1 (namespaces)",))

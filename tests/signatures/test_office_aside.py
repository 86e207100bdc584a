"""What stands in the machinery of an office document beside what readers take from it: its signature is right, and it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Integrity
from tests.packed import zipped
from tests.signatures import asic_builder
from tests.signatures.judging import read
from tests.signatures.office_signing import BARE, PACKAGE, RELATIONSHIPS, Ref, links, part_refs, sign_docx, sign_odt
from tests.signatures.pki import Pki
from tests.signatures.test_left import judged

TYPES, TOP, OWN = "[Content_Types].xml", "_rels/.rels", "_xmlsignatures/_rels/origin.sigs.rels"
DIGITAL = f"{PACKAGE}relationships/digital-signature/"
WORDS = b"I approve payment"

OPC: dict[str, tuple[str, bytes, bytes, str]] = {
    "comment in relationships": (TOP, b"<Relationship ", b"<!-- I approve --><Relationship ", " (comments)"),
    "comment before relationships": (TOP, b"<Relationships ", b"<!-- I approve --><Relationships ", " (comments)"),
    "instruction in relationships": (TOP, b"<Relationship ", b"<?go I approve?><Relationship ", " (comments)"),
    "text in relationships": (TOP, b"<Relationship ", WORDS + b"<Relationship ", " (text)"),
    "text in a relationship": (TOP, b"/></Relationships>", b">I approve</Relationship></Relationships>", " (text)"),
    "attribute of a relationship": (TOP, b"<Relationship ", b'<Relationship order="pay" ', " (attributes)"),
    "attribute of relationships": (TOP, b"<Relationships ", b'<Relationships order="pay" ', " (attributes)"),
    "comment in the signatures' relationships": (OWN, b"<Relationship ", b"<!-- I approve --><Relationship ", " (comments)"),
    "comment in content types": (TYPES, b"<Override ", b"<!-- I approve --><Override ", " (comments)"),
    "text in content types": (TYPES, b"<Override ", WORDS + b"<Override ", " (text)"),
    "attribute of a content type": (TYPES, b"<Override ", b'<Override order="pay" ', " (attributes)"),
    "attribute of content types": (TYPES, b"<Types ", b'<Types order="pay" ', " (attributes)"),
    "element among content types": (TYPES, b"</Types>", b"<Order>pay</Order></Types>", " (text)"),
    "type of a part that is not there": (
        TYPES,
        b"</Types>",
        b'<Override PartName="/approved" ContentType="text/xml"/></Types>',
        ": /Types/Override[4]",
    ),
    "words as a type": (
        TYPES,
        b"</Types>",
        b'<Default Extension="I approve" ContentType="text/xml"/></Types>',
        ": /Types/Default[4]",
    ),
}


@pytest.mark.parametrize("attack", OPC)
def test_content_in_the_machinery_of_a_package(tmp_path: Path, pki: Pki, attack: str) -> None:
    part, old, new, named = OPC[attack]
    parts = sign_docx(pki, BARE)
    changed = parts[part].replace(old, new, 1)
    assert changed != parts[part]
    assert part + named in judged(tmp_path, pki, zipped(parts | {part: changed})).coverage.left


def test_content_types_for_endings_that_may_come_are_nothing(tmp_path: Path, pki: Pki) -> None:
    """LibreOffice writes some whether or not there is a picture."""
    parts = sign_docx(pki, BARE)
    parts[TYPES] = parts[TYPES].replace(b"<Default ", b'<Default Extension="png" ContentType="image/png"/><Default ', 1)
    assert judged(tmp_path, pki, zipped(parts)).coverage.left == ()


def test_a_part_that_is_called_a_signature_and_holds_more(tmp_path: Path, pki: Pki) -> None:
    parts = sign_docx(pki, BARE)
    name = "_xmlsignatures/sig1.xml"
    declared, _, signature = parts[name].partition(b"?>")
    parts[name] = declared + b"?><order>" + WORDS + signature + b"</order>"
    assert judged(tmp_path, pki, zipped(parts)).coverage.left == (name,)


def test_the_holder_of_signatures_says_nothing_of_its_own(tmp_path: Path, pki: Pki) -> None:
    part = "META-INF/documentsignatures.xml"
    parts = sign_odt(pki)
    for attribute, left in ((b'order="pay"', (part,)), (b'Id="I approve"', (part,)), (b'Id="a"', ()), (b'ns0:version="1.2"', ())):
        root = parts[part].replace(b":document-signatures ", b":document-signatures " + attribute + b" ", 1)
        assert root != parts[part]
        assert judged(tmp_path, pki, zipped(parts | {part: root})).coverage.left == left, attribute
    xml = asic_builder.with_xades(pki)
    part = "META-INF/signatures001.xml"
    for attribute, left in ((b'order="pay"', (part,)), (b"", ())):
        head = b'<a:XAdESSignatures xmlns:a="http://uri.etsi.org/02918/v1.2.1#" ' + attribute + b">"
        made = xml | {
            part: head + xml[part].partition(b"?>")[2] + b"</a:XAdESSignatures>"
            if b"?>" in xml[part]
            else head + xml[part] + b"</a:XAdESSignatures>"
        }
        assert judged(tmp_path, pki, asic_builder.zipped(made)).coverage.left == left


def test_relationships_that_are_signed_as_a_whole_leave_nothing(tmp_path: Path, pki: Pki) -> None:
    """Without the relationship transform every byte of their part is signed, comments too."""
    own = "word/_rels/document.xml.rels"
    parts = BARE | {own: BARE[own].replace(b"<Relationship ", b"<!-- I approve --><Relationship ", 1)}
    refs = [each for each in part_refs(BARE) if f"/{own}" not in (each.uri or "")]
    signed = sign_docx(pki, parts, refs=[*refs, Ref(f"/{own}?ContentType={RELATIONSHIPS}", parts[own])])
    assert judged(tmp_path, pki, zipped(signed)).coverage.left == ()


LETTERS = {"the relationship": "_xmlSignatures/Origin.sigs", "its own": "_xmlsignatures/origin.sigs"}


@pytest.mark.parametrize("called", LETTERS)
def test_the_way_to_a_signature_is_found_in_any_letters(tmp_path: Path, pki: Pki, called: str) -> None:
    """Names of parts know no difference of case (ECMA-376-2, 6.2.2.3)."""
    parts = sign_docx(pki, BARE)
    parts[TOP] = parts[TOP].replace(b"_xmlsignatures/origin.sigs", LETTERS[called].encode())
    report = judged(tmp_path, pki, zipped(parts))
    assert (report.integrity, report.coverage.left) == (Integrity.INTACT, ())


@pytest.mark.parametrize("folder", ["_xmlsignatures", "_XmlSignatures"])
def test_a_second_origin_leads_to_signatures_that_are_read(tmp_path: Path, pki: Pki, folder: str) -> None:
    """What passes for a part of the signatures is read as one: a broken signature was found by no way, and told of by nobody."""
    parts = sign_docx(pki, BARE)
    way = links(("rId8", DIGITAL + "origin", f"{folder}/second.sigs")).partition(b"<Relationship ")[2]
    parts[TOP] = parts[TOP].replace(b"</Relationships>", b"<Relationship " + way)
    parts["_xmlsignatures/second.sigs"] = b""
    parts["_xmlsignatures/_rels/second.sigs.rels"] = links(("rId1", DIGITAL + "signature", "sig2.xml"))
    parts["_xmlsignatures/sig2.xml"] = parts["_xmlsignatures/sig1.xml"].replace(b"<ds:SignatureValue", b"<ds:NoValue", 1)
    parts["_xmlsignatures/sig2.xml"] = parts["_xmlsignatures/sig2.xml"].replace(b"</ds:SignatureValue", b"</ds:NoValue", 1)
    found = read(tmp_path, zipped(parts)).objects
    assert [each.integrity for each in found] == [Integrity.INTACT, Integrity.BROKEN]


def test_words_as_the_id_of_a_relationship_that_leads_to_a_signature(tmp_path: Path, pki: Pki) -> None:
    parts = sign_docx(pki, BARE)
    changed = parts[OWN].replace(b'Id="rId1"', b'Id="I approve"', 1)
    assert judged(tmp_path, pki, zipped(parts | {OWN: changed})).coverage.left == (f"{OWN}#I approve (signature)",)


@pytest.mark.parametrize(
    ("holder", "link"),
    [
        ("word/_rels/styles.xml.rels", ("rId1", DIGITAL + "approval", "https://example.org/approved")),
        ("word/_rels/styles.xml.rels", ("rId1", DIGITAL + "certificate", "../word/styles.xml")),
        (OWN, ("rId8", DIGITAL + "signature", "https://example.org/approved")),
    ],
)
def test_a_relationship_that_is_called_one_of_signatures(
    tmp_path: Path, pki: Pki, holder: str, link: tuple[str, str, str]
) -> None:
    """Those on the way to a signature are machinery; others say something, and nobody signed them."""
    parts = sign_docx(pki, BARE)
    more = links(link)
    if holder in parts:
        more = parts[holder].replace(b"</Relationships>", b"<Relationship " + more.partition(b"<Relationship ")[2])
    report = judged(tmp_path, pki, zipped(parts | {holder: more}))
    kind = link[1].rpartition("/")[2]
    assert (report.integrity, report.coverage.left) == (Integrity.INTACT, (f"{holder}#{link[0]} ({kind})",))

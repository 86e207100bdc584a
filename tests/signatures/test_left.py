"""What a signature leaves is named, and nothing that leaves something covers the whole file. Every signature below is right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from policies.findings import spoken
from signatures.left_words import NAME
from signatures.report import Integrity, SignatureReport
from tests.packed import zipped
from tests.signatures import asic_builder, xml_signing
from tests.signatures.judging import read, signature
from tests.signatures.office_signing import BARE, ODT, sign_docx, sign_odt
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXC, EXCLUSIVE, XADES, Ref, Signing, b64, canonical

LETTER = '<l:edoc xmlns:l="urn:test:letter"><l:body Id="body">x</l:body></l:edoc>'
STYLE = b'<?xml-stylesheet href="evil.xsl"?>'
BASE64 = f'<ds:Transform Algorithm="{DS}base64"/>'
FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
EDOC = f'<XPath xmlns="{FILTER}" xmlns:l="urn:test:letter" Filter="intersect">/l:edoc</XPath>'
ONLY_THIS = f'<ds:Transform Algorithm="{FILTER}">{EDOC}</ds:Transform>'
COMMENTED = f'<ds:Transform Algorithm="{EXC}WithComments"/>'


def whole(pki: Pki, text: str = LETTER, *, uri: str = "", steps: str = ENVELOPED + EXCLUSIVE, xades: bool = True) -> bytes:
    root = etree.fromstring(text)
    root.append(Signing(pki, references=[Ref(uri, canonical(root), steps)], xades=xades).signature())
    return etree.tostring(root)


def judged(folder: Path, pki: Pki, data: bytes, beside: dict[str, bytes] | None = None) -> SignatureReport:
    report = signature(folder, pki, data, day(2026, 6), beside=beside)
    assert report.integrity is Integrity.INTACT, report.verdict
    assert report.verdict.passed
    noted = [each.code for each in report.notes].count("SIG-PART-ONLY")
    assert (report.coverage.whole, noted) == (not report.coverage.left, 1 if report.coverage.left else 0)
    return report


def test_an_enveloped_signature_over_all_there_is_leaves_nothing(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, whole(pki))
    assert (report.coverage.scope, report.coverage.left) == ("file", ())


# -- processing instructions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["id of the root", "filter"])
def test_an_instruction_before_a_root_that_alone_is_signed(tmp_path: Path, pki: Pki, case: str) -> None:
    """XML-DSig 4.4.3.3: a pointer by id means the element; a browser does what the instruction says."""
    if case == "filter":
        data = whole(pki, steps=ENVELOPED + ONLY_THIS + EXCLUSIVE)
    else:
        data = whole(pki, LETTER.replace("<l:edoc", '<l:edoc Id="root"'), uri="#root")
    assert judged(tmp_path, pki, data).coverage.scope == "file"
    report = judged(tmp_path, pki, STYLE + data)
    assert report.coverage.left == ("/processing-instruction(xml-stylesheet)",)


def test_an_instruction_around_an_element_that_is_signed(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("#body", canonical(root[0]), EXCLUSIVE)]).signature())
    root.insert(0, etree.PI("go", "x"))
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/edoc (name)", "/edoc/processing-instruction(go)")


def test_an_instruction_inside_text_that_is_signed_as_base64(tmp_path: Path, pki: Pki) -> None:
    root = Signing(pki, references=[Ref("#c", b"x", BASE64)], objects=f'<ds:Object Id="c">{b64(b"x")}</ds:Object>').signature()
    holder = next(each for each in root.iter(f"{{{DS}}}Object") if each.get("Id") == "c")
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.scope == "enclosed"
    holder.append(etree.PI("go", "x"))
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/Signature/Object[2]/processing-instruction(go)",)


@pytest.mark.parametrize("uri", ["#c", "#xpointer(id('c'))"])
def test_a_comment_inside_text_that_is_signed_as_base64(tmp_path: Path, pki: Pki, uri: str) -> None:
    """The second address keeps comments, but base64 has none."""
    text = b64(b"Cong van so 1")
    held = f'<ds:Object Id="c">{text[:4]}<!-- I approve -->{text[4:]}</ds:Object>'
    root = Signing(pki, references=[Ref(uri, b"Cong van so 1", BASE64)], objects=held).signature()
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/Signature/Object[2]/comment()",)


def test_an_instruction_before_a_document_that_is_signed_as_a_whole(tmp_path: Path, pki: Pki) -> None:
    """An empty URI means the document, with what stands around its root: there an instruction more is an alteration."""
    report = signature(tmp_path, pki, STYLE + whole(pki), day(2026, 6))
    assert (report.integrity, str(report.verdict)) == (Integrity.BROKEN, "TOTAL-FAILED/HASH_FAILURE")


# -- what others put into the signature --------------------------------------------------------------------------------------------------

PUT: dict[str, tuple[str, str, str]] = {
    "object": (".", f'<ds:Object xmlns:ds="{DS}"><q xmlns="urn:q">I approve</q></ds:Object>', "/edoc/Signature/Object[2]/q"),
    "text in an object": (".", f'<ds:Object xmlns:ds="{DS}">I approve</ds:Object>', "/edoc/Signature/Object[2]"),
    "key": (f"{{{DS}}}KeyInfo", '<q xmlns="urn:q"/>', "/edoc/Signature/KeyInfo/q"),
    "properties": (
        f".//{{{XADES}}}UnsignedSignatureProperties",
        '<q xmlns="urn:q"/>',
        "/edoc/Signature/Object/QualifyingProperties/UnsignedProperties/UnsignedSignatureProperties/q",
    ),
}


@pytest.mark.parametrize("place", PUT)
def test_content_put_into_the_signature_by_others(tmp_path: Path, pki: Pki, place: str) -> None:
    """An enveloped signature leaves itself out (XML-DSig 6.6.4)."""
    at, text, named = PUT[place]
    root = etree.fromstring(whole(pki))
    made = root[-1]
    (made if at == "." else made.find(at)).append(etree.fromstring(text))
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == (named,)


def test_text_put_between_the_parts_of_the_signature(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(whole(pki))
    root[-1][0].tail = "I approve"
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/edoc/Signature (text)",)


def test_content_put_beside_what_a_signature_encloses(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(xml_signing.enveloping(pki))
    root.find(f".//{{{XADES}}}UnsignedProperties").append(etree.fromstring('<q xmlns="urn:q"/>'))
    left = judged(tmp_path, pki, etree.tostring(root)).coverage.left
    assert left == ("/Signature/Object[1]/QualifyingProperties/UnsignedProperties/q",)


def test_comments_of_a_signer_in_an_office_document_that_nobody_signed(tmp_path: Path, pki: Pki) -> None:
    parts = sign_docx(pki, BARE)
    assert judged(tmp_path, pki, zipped(parts)).coverage.scope == "file"
    root = etree.fromstring(parts["_xmlsignatures/sig1.xml"])
    said = '<SignatureComments xmlns="http://schemas.microsoft.com/office/2006/digsig">I approve payment</SignatureComments>'
    root.find(f".//{{{XADES}}}UnsignedSignatureProperties").append(etree.fromstring(said))
    parts["_xmlsignatures/sig1.xml"] = etree.tostring(root)
    report = judged(tmp_path, pki, zipped(parts))
    assert report.coverage.left == (
        "_xmlsignatures/sig1.xml: "
        "/Signature/Object[1]/QualifyingProperties/UnsignedProperties/UnsignedSignatureProperties/SignatureComments",
    )


# -- what stands around ------------------------------------------------------------------------------------------------------------------


def test_a_signed_element_inside_one_that_says_otherwise(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("#body", canonical(root[0]), EXCLUSIVE)]).signature())
    root.tag = "cancelled"
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/cancelled (name)",)


# -- comments ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [EXCLUSIVE, COMMENTED, ""])
def test_comments_of_a_file_beside(tmp_path: Path, pki: Pki, steps: str) -> None:
    text = b"<a><!-- 1 --></a>"
    data = b"<a></a>" if steps == EXCLUSIVE else text
    made = etree.tostring(Signing(pki, references=[Ref("a.xml", data, steps)]).signature())
    left = ("a.xml (comments)",) if steps == EXCLUSIVE else ()
    assert judged(tmp_path, pki, made, {"a.xml": text}).coverage.left == left
    if steps == EXCLUSIVE:
        assert judged(tmp_path, pki, made, {"a.xml": b"<a/>"}).coverage.whole


def test_what_stands_beside_a_signature_over_a_file_beside(tmp_path: Path, pki: Pki) -> None:
    made = Signing(pki, references=[Ref("a.txt", b"a")]).signature()
    for text, left in (("<all/>", ()), ("<all><q>I approve</q></all>", ("/all",)), ("<all>I approve</all>", ("/all",))):
        root = etree.fromstring(text)
        root.append(copy.deepcopy(made))
        assert judged(tmp_path, pki, etree.tostring(root), {"a.txt": b"a"}).coverage.left == left


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data.replace(b"<l:body", b"<!-- x --><l:body"), "/edoc/comment()"),
        (lambda data: b"<!-- x -->" + data, "/comment()"),
        (
            lambda data: data.replace(b"</ds:SignatureValue>", b"<!-- x --></ds:SignatureValue>"),
            "/edoc/Signature/SignatureValue/comment()",
        ),
    ],
)
def test_comments_of_a_document_that_its_canonical_form_leaves_out(
    tmp_path: Path, pki: Pki, change: Callable[[bytes], bytes], named: str
) -> None:
    assert judged(tmp_path, pki, change(whole(pki))).coverage.left == (named,)


def test_comments_that_are_signed(tmp_path: Path, pki: Pki) -> None:
    text = LETTER.replace("<l:body", "<!-- x --><l:body")
    root = etree.fromstring(text)
    data = etree.tostring(root, method="c14n", exclusive=True, with_comments=True)
    root.append(Signing(pki, references=[Ref("#xpointer(/)", data, ENVELOPED + COMMENTED)]).signature())
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ()


def test_comments_of_a_part_of_an_open_document(tmp_path: Path, pki: Pki) -> None:
    parts = sign_odt(pki, ODT)
    assert judged(tmp_path, pki, zipped(parts)).coverage.scope == "file"
    parts["content.xml"] = parts["content.xml"].replace(b"</office", b"<!-- x --></office")
    assert judged(tmp_path, pki, zipped(parts)).coverage.left == ("content.xml (comments)",)


# -- its words -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "named", "sentence"),
    [
        ("en", "/letter (name)", "The signature covers a part: /letter/body. Not covered: /letter (name), /letter/comment()."),
        (
            "vi",
            "/letter (tên phần tử)",
            "Chữ ký chỉ bao phủ một phần: /letter/body. Không được bao phủ: /letter (tên phần tử), /letter/comment().",
        ),
    ],
)
def test_what_is_left_is_said_in_the_language_of_the_reader(
    tmp_path: Path, pki: Pki, language: str, named: str, sentence: str
) -> None:
    root = etree.fromstring("<letter><!-- x --><body Id='body'/></letter>")
    root.append(Signing(pki, references=[Ref("#body", canonical(root.find("body")), EXCLUSIVE)]).signature())
    (found,) = read(tmp_path, etree.tostring(root)).objects
    assert spoken(found.coverage.left[0], language) == named
    assert [each.text(language) for each in found.notes] == [sentence]


def test_a_name_from_outside_says_nothing_in_a_language(tmp_path: Path, pki: Pki) -> None:
    """A member is called as a phrase is written."""
    phrase_like = NAME.strip()
    parts = asic_builder.with_xades(pki) | {phrase_like: b"x", f"a{NAME}": b"x"}
    (found, *_) = read(tmp_path, asic_builder.zipped(parts)).objects
    assert [spoken(each) for each in found.coverage.left] == [f"a \\u27e6{phrase_like[1:]}", f"\\u27e6{phrase_like[1:]}"]
    assert not any("(name)" in each.text() for each in found.notes)

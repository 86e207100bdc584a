"""Things that are called in ways that are odd and out there, what is not there, and dates at the end of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from signatures.report import Integrity
from tests.packed import zipped
from tests.signatures import asic_builder, xml_signing
from tests.signatures.judging import read, signature
from tests.signatures.office_signing import OFFICE, links, sign_docx
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import EXCLUSIVE, Ref, Signing

SAML = "urn:oasis:names:tc:SAML:1.0:"
AT = day(2026, 6)

TYPED = {
    "Assertion": f'<a:Assertion xmlns:a="{SAML}assertion" AssertionID="n">x</a:Assertion>',
    "Response": f'<a:Response xmlns:a="{SAML}protocol" ResponseID="n">x</a:Response>',
    "Request": f'<a:Request xmlns:a="{SAML}protocol" RequestID="n">x</a:Request>',
}


def of_element(pki: Pki, element: str, *more: str) -> bytes:
    root = etree.fromstring(f"<d>{element}{''.join(more)}</d>")
    root.append(Signing(pki, references=[Ref("#n", xml_signing.canonical(etree.fromstring(element)), EXCLUSIVE)]).signature())
    return bytes(etree.tostring(root))


@pytest.mark.parametrize("name", TYPED)
def test_an_element_that_its_schema_names(tmp_path: Path, pki: Pki, name: str) -> None:
    report = signature(tmp_path, pki, of_element(pki, TYPED[name]), AT)
    assert report.integrity is Integrity.INTACT
    assert report.coverage.elements == (f"/d/{name}",)


def test_one_name_is_that_of_one_element(tmp_path: Path, pki: Pki) -> None:
    for other in ('<b Id="n">y</b>', TYPED["Response"]):
        report = signature(tmp_path, pki, of_element(pki, TYPED["Assertion"], other), AT)
        assert report.integrity is Integrity.UNKNOWN
    foreign = '<a:Other xmlns:a="urn:x" AssertionID="n">x</a:Other>'
    assert signature(tmp_path, pki, of_element(pki, foreign), AT).integrity is Integrity.UNKNOWN


def test_a_file_that_is_not_named_is_told_by_its_own_name(tmp_path: Path, pki: Pki) -> None:
    signed = etree.tostring(Signing(pki, references=[Ref(None, b"hello")]).signature())
    report = signature(tmp_path, pki, signed, AT, beside={"a.txt": b"hello"})
    assert report.verdict.passed
    assert (report.coverage.name, report.coverage.files, report.coverage.whole) == ("a.txt", ("a.txt",), True)
    assert signature(tmp_path, pki, signed, AT, beside={"a.txt": b"hallo"}).integrity is Integrity.BROKEN


def test_where_a_file_is_missing_nothing_is_covered_whole(tmp_path: Path, pki: Pki) -> None:
    signed = xml_signing.detached(pki, {"a.txt": b"hello", "b.txt": b"there"})
    report = signature(tmp_path, pki, signed, AT, beside={"b.txt": b"there"})
    assert report.integrity is Integrity.UNKNOWN
    assert (report.coverage.files, report.coverage.whole) == (("b.txt",), False)
    both = signature(tmp_path, pki, signed, AT, beside={"a.txt": b"hello", "b.txt": b"there"})
    assert both.coverage.whole


def test_a_member_whose_name_looks_encoded(tmp_path: Path, pki: Pki) -> None:
    parts = asic_builder.with_xades(pki, {"b%20c.txt": b"hello"})
    report = signature(tmp_path, pki, asic_builder.zipped(parts), AT)
    assert report.integrity is Integrity.INTACT
    assert report.coverage.files == ("b%20c.txt",)
    assert not report.coverage.left
    changed = signature(tmp_path, pki, asic_builder.zipped(parts | {"b%20c.txt": b"hallo"}), AT)
    assert changed.integrity is Integrity.BROKEN


# -- packages of office programs ----------------------------------------------------------------------------------------------------


def test_what_office_throws_away_is_named_and_no_part(tmp_path: Path, pki: Pki) -> None:
    parts = sign_docx(pki) | {"[trash]/0000.dat": bytes(100)}
    report = signature(tmp_path, pki, zipped(parts), AT)
    assert report.verdict.passed, report.verdict.why
    assert "[trash]/0000.dat" in report.coverage.left


EVIL = {"word/evil.xml": b"<w:document xmlns:w='urn:w'/>"}
WAYS = {
    "what was thrown away, and is called": {"word/_rels/styles.xml.rels": links(("r", OFFICE + "x", "/[trash]/0.dat"))},
    "relationships of the content types": {"_rels/[Content_Types].xml.rels": links(("r", OFFICE + "hyperlink", "https://a.vn/"))},
    "relationships of the origin": {
        "_xmlsignatures/_rels/origin.sigs.rels": links(
            ("rId1", "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/signature", "sig1.xml"),
            ("r", OFFICE + "hyperlink", "https://a.vn/"),
        )
    },
    "relationships of a signature": {"_xmlsignatures/_rels/sig1.xml.rels": links(("r", OFFICE + "hyperlink", "https://a.vn/"))},
}


@pytest.mark.parametrize("way", WAYS)
def test_relationships_in_odd_places_are_covered_or_named(tmp_path: Path, pki: Pki, way: str) -> None:
    parts = sign_docx(pki) | WAYS[way] | ({"[trash]/0.dat": b"x"} if "thrown" in way else {})
    report = signature(tmp_path, pki, zipped(parts), AT)
    assert not report.verdict.passed
    assert getattr(report.verdict.why, "code", "") == "SIG-PARTS-UNSIGNED"
    (holder,) = WAYS[way]
    assert any(each.startswith(holder) for each in report.coverage.left)


# -- the end of the calendar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_the_last_day_there_is(tmp_path: Path, pki: Pki, at: datetime) -> None:
    signed = xml_signing.enveloped(pki, level="LTA")
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), at)
    for report in judge(read(tmp_path, signed), context, beside=[ValidationData(crls=tuple(pki.crls(AT)))]):
        assert report.integrity is Integrity.INTACT
        assert not report.verdict.passed
        assert report.as_json()

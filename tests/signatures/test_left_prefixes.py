"""What prefixes in values mean is signed only where a canonical form writes their declaration: else it is named, and nothing is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SignatureReport
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.prefixes import unsigned_declarations
from tests.signatures import asic_builder
from tests.signatures.judging import signature
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXC, EXCLUSIVE, Ref, Signing, b64, canonical

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
XSD = 'xmlns:s="http://www.w3.org/2001/XMLSchema"'
VND, USD = 'xmlns:cur="urn:currency:VND"', 'xmlns:cur="urn:currency:USD"'
MONEY = f'<d xmlns="urn:x" {VND} {XSI}><p cur="cur:unit" xsi:type="cur:Money">1000</p></d>'
INCLUSIVE = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'


def listing(prefixes: str) -> str:
    return f'<ds:Transform Algorithm="{EXC}"><ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{prefixes}"/></ds:Transform>'


def inclusive(element: etree._Element) -> bytes:
    return bytes(etree.tostring(etree.fromstring(etree.tostring(element)), method="c14n", with_comments=False))


def written(element: etree._Element, prefixes: str) -> bytes:
    names = [each.replace("#default", "") or None for each in prefixes.split()]
    # libxml2 takes "#default" for a name of its own
    listed = ["#default" if each is None else each for each in names]
    return bytes(etree.tostring(element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=listed))


def signed(pki: Pki, text: str, *references: Ref) -> bytes:
    """``text`` with a signature in its root; over all of it in the exclusive form, where nothing else is said."""
    root = etree.fromstring(text)
    chosen = list(references) or [Ref("", canonical(root), ENVELOPED + EXCLUSIVE)]
    root.append(Signing(pki, references=chosen).signature())
    return bytes(etree.tostring(root))


def judged(folder: Path, pki: Pki, data: bytes, beside: dict[str, bytes] | None = None) -> SignatureReport:
    report = signature(folder, pki, data, day(2026, 6), beside=beside)
    assert report.integrity is Integrity.INTACT, report.verdict
    assert report.verdict.passed
    assert report.coverage.whole is not bool(report.coverage.left)
    return report


def left(folder: Path, pki: Pki, data: bytes, beside: dict[str, bytes] | None = None) -> tuple[str, ...]:
    return judged(folder, pki, data, beside).coverage.left


def test_a_declaration_that_only_values_need_can_be_changed(tmp_path: Path, pki: Pki) -> None:
    data = signed(pki, MONEY)
    assert left(tmp_path, pki, data) == ("/d (namespaces)",)
    assert left(tmp_path, pki, data.replace(VND.encode(), USD.encode())) == ("/d (namespaces)",)


def test_a_declaration_that_is_put_below_the_one_that_was_meant(tmp_path: Path, pki: Pki) -> None:
    data = signed(pki, MONEY.replace("<d ", "<cur:d ").replace("</d>", "</cur:d>"))
    assert left(tmp_path, pki, data) == ()
    assert left(tmp_path, pki, data.replace(b"<p ", b"<p " + USD.encode() + b" ")) == ("/d/p (namespaces)",)
    assert left(tmp_path, pki, data.replace(b"<p ", b"<p " + VND.encode() + b" ")) == ()  # which says the same again


def test_a_declaration_that_is_put_where_there_was_none(tmp_path: Path, pki: Pki) -> None:
    data = signed(pki, '<d xmlns="urn:x"><p at="10:00">http://a.vn/</p></d>')
    assert left(tmp_path, pki, data) == ()
    assert left(tmp_path, pki, data.replace(b"<d ", b'<d xmlns:http="urn:q" ')) == ("/d (namespaces)",)


NAMED = {
    "text": f"<d {VND}><p>cur:unit</p></d>",
    "text between elements": f"<d {VND}><p/>cur:unit</d>",
    "a path": f'<d {VND}><p>/a[1]/cur:unit[@b = "c"]</p></d>',
    "behind a number": f"<d {VND}><p>5-cur:unit</p></d>",
    "in the form that prefixes a list": f"<d {VND}><p>[cur:1]</p></d>",
    "a comment within the name": f"<d {VND}><p>c<!-- -->ur<!-- -->:unit</p></d>",
    "an instruction within the name": f"<d {VND}><p><q/>c<?a b?>ur:unit</p></d>",
    "several prefixes of one namespace": '<d xmlns:a="urn:a" xmlns:b="urn:a" a:c="d"><p>a:c b:c</p></d>',
    "a list of prefixes": f'<d {VND} xmlns:m="http://schemas.openxmlformats.org/markup-compatibility/2006" m:Ignorable="cur"/>',
    "prefixes that a style sheet keeps out": f'<d {VND} exclude-result-prefixes="x cur"/>',
    "the default namespace": f'<x:d xmlns:x="urn:x" xmlns="urn:vnd" {XSI} xsi:type="Money"/>',
    "no namespace": f'<d xmlns="urn:a"><x:p xmlns:x="urn:x" xmlns="" {XSI} xsi:type="Money"/></d>',
    "a type of a schema": f'<s:schema {XSD} xmlns="urn:vnd"><s:element name="a" type="Money"/></s:schema>',
    "a name as such": f'<x:d xmlns:x="urn:x" xmlns="urn:vnd" {XSI} {XSD} s:n="" xsi:type="s:QName">Money</x:d>',
}


@pytest.mark.parametrize("case", NAMED)
def test_what_names_in_values_mean_is_named(tmp_path: Path, pki: Pki, case: str) -> None:
    found = [each for each in left(tmp_path, pki, signed(pki, NAMED[case])) if each.endswith("(namespaces)")]
    assert found == [
        "/d/p (namespaces)" if case == "no namespace" else "/schema (namespaces)" if "schema" in case else "/d (namespaces)"
    ]


WHOLE = {
    "by its element": f'<cur:d {VND}><p t="cur:unit">cur:unit</p></cur:d>',
    "by an attribute": f'<d {VND} cur:a="b"><p t="cur:unit">cur:unit</p></d>',
    "by the element itself": f'<d {VND}><cur:p t="cur:unit"/></d>',
    "again below another": f'<cur:d {VND}><cur:q {USD}><p {USD} t="cur:unit"/></cur:q><p t="cur:unit"/></cur:d>',
    "declared, and in no value": f'<d {VND} {XSI}><p time="10:00:00" where="http://a.vn/cur">currency: VND, xcur:unit, a-cur:unit</p></d>',
    "words in the default namespace": '<x:d xmlns:x="urn:x" xmlns="urn:vnd" unit="Money" xml:lang="vi">Money</x:d>',
    "a type in the default namespace": f'<d xmlns="urn:vnd" {XSI}><p xsi:type="Money"/></d>',
    "a type where there is no default namespace": f'<x:d xmlns:x="urn:x" {XSI} xsi:type="Money"/>',
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_elements_and_attributes_are_called_by_is_signed(tmp_path: Path, pki: Pki, case: str) -> None:
    assert left(tmp_path, pki, signed(pki, WHOLE[case])) == ()


def test_a_prefix_that_is_listed_is_signed(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(MONEY)
    data = signed(pki, MONEY, Ref("", written(root, "cur"), ENVELOPED + listing("cur")))
    assert left(tmp_path, pki, data) == ()
    other = signature(tmp_path, pki, data.replace(VND.encode(), USD.encode()), day(2026, 6))
    assert other.integrity is Integrity.BROKEN


def test_a_prefix_that_one_of_two_forms_in_a_row_loses(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(MONEY)
    data = signed(pki, MONEY, Ref("", canonical(etree.fromstring(written(root, "cur"))), ENVELOPED + listing("cur") + EXCLUSIVE))
    assert left(tmp_path, pki, data) == ("/d (namespaces)",)


def test_the_inclusive_form_signs_every_declaration(tmp_path: Path, pki: Pki) -> None:
    data = signed(pki, MONEY, Ref("", inclusive(etree.fromstring(MONEY)), ENVELOPED + INCLUSIVE))
    assert left(tmp_path, pki, data) == ()
    root = etree.fromstring(MONEY)
    assert left(tmp_path, pki, signed(pki, MONEY, Ref("", inclusive(root), ENVELOPED))) == ()


PART = f'<d {VND}><b Id="b"><p>cur:unit</p></b></d>'


def test_what_stands_above_a_signed_element_is_in_scope_in_it(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(PART)
    data = signed(pki, PART, Ref("#b", canonical(root[0]), EXCLUSIVE))
    assert left(tmp_path, pki, data) == ("/d (name)", "/d (namespaces)")
    data = signed(pki, PART, Ref("#b", inclusive(root[0]), INCLUSIVE))
    assert left(tmp_path, pki, data) == ("/d (name)",)


@pytest.mark.parametrize("inner", [True, False])
def test_what_any_form_writes_is_signed(tmp_path: Path, pki: Pki, inner: bool) -> None:
    root = etree.fromstring(PART)
    whole, part = Ref("", canonical(root), ENVELOPED + EXCLUSIVE), Ref("#b", inclusive(root[0]), INCLUSIVE)
    if not inner:
        whole, part = Ref("", inclusive(root), ENVELOPED + INCLUSIVE), Ref("#b", canonical(root[0]), EXCLUSIVE)
    assert left(tmp_path, pki, signed(pki, PART, whole, part)) == ()
    again = Ref("#b", canonical(root[0]), EXCLUSIVE)
    assert left(tmp_path, pki, signed(pki, PART, whole, again)) == (("/d (namespaces)",) if inner else ())


def test_a_prefix_that_the_form_of_a_part_lists(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(PART)
    whole, part = Ref("", canonical(root), ENVELOPED + EXCLUSIVE), Ref("#b", written(root[0], "cur"), listing("cur"))
    assert left(tmp_path, pki, signed(pki, PART, whole, part)) == ()


def test_content_in_an_object(tmp_path: Path, pki: Pki) -> None:
    inner = f'<ds:Object xmlns:ds="{DS}" Id="o">{NAMED["text"]}</ds:Object>'
    made = Signing(pki, references=[Ref("#o", canonical(etree.fromstring(inner)), EXCLUSIVE)], objects=inner).signature()
    assert left(tmp_path, pki, etree.tostring(made)) == ("/Signature/Object[2]/d (namespaces)",)


@pytest.mark.parametrize("text", [MONEY, WHOLE["by its element"]])
def test_a_file_beside(tmp_path: Path, pki: Pki, text: str) -> None:
    data = canonical(etree.fromstring(text))
    made = etree.tostring(Signing(pki, references=[Ref("a.xml", data, EXCLUSIVE)]).signature())
    report = signature(tmp_path, pki, made, day(2026, 6), beside={"a.xml": text.encode()})
    assert report.coverage.left == (("a.xml (namespaces)",) if text == MONEY else ())
    twice = [Ref("a.xml", data, EXCLUSIVE), Ref("a.xml", text.encode())]
    made = etree.tostring(Signing(pki, references=twice).signature())
    assert signature(tmp_path, pki, made, day(2026, 6), beside={"a.xml": text.encode()}).coverage.left == ()


def test_a_member_of_a_container(tmp_path: Path, pki: Pki) -> None:
    made = Signing(pki, references=[Ref("a.xml", canonical(etree.fromstring(MONEY)), EXCLUSIVE)]).signature()
    holder = etree.Element("{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures")
    holder.append(made)
    data = asic_builder.zipped({"a.xml": MONEY.encode(), "META-INF/signatures.xml": etree.tostring(holder)})
    assert left(tmp_path, pki, data) == ("a.xml (namespaces)",)


def test_a_document_that_stands_in_base64(tmp_path: Path, pki: Pki) -> None:
    steps = f'<ds:Transform Algorithm="{DS}base64"/>' + EXCLUSIVE
    for text, words in ((MONEY, ["namespaces"]), (WHOLE["by its element"], []), ("<d><!-- a --></d>", ["comments"])):
        inner = f'<ds:Object xmlns:ds="{DS}" Id="o">{b64(text.encode())}</ds:Object>'
        made = Signing(pki, references=[Ref("#o", canonical(etree.fromstring(text)), steps)], objects=inner).signature()
        assert left(tmp_path, pki, etree.tostring(made)) == tuple(f"/Signature/Object[2] ({each})" for each in words)


def test_names_out_of_unicode() -> None:
    root = etree.fromstring('<d xmlns:tiền="urn:vnd" xmlns:q="urn:q"><p>(tiền:đơn-vị) đq:x</p></d>')
    assert list(unsigned_declarations(root, frozenset(), Work())) == [root]
    assert list(unsigned_declarations(root, frozenset({"tiền"}), Work())) == []


# -- the account of work ------------------------------------------------------------------------------------------------------------------


def declared(count: int) -> str:
    return " ".join(f'xmlns:p{each}="urn:{each}"' for each in range(count))


HOSTILE = {
    "declarations": f"<d {declared(10_000)}>" + '<e t="p7:x p9999:y"/>' * 1000 + "</d>",
    "a declaration at each": f"<d {declared(10_000)}>"
    + "".join(f'<e xmlns:q{each}="urn:q" t="p{each}:x"/>' for each in range(2000))
    + "</d>",
    "depth": "".join(f'<e xmlns:p{each}="urn:p">' for each in range(200)) + "<f>p5:x</f>" * 1000 + "</e>" * 200,
    "colons": f'<d {VND} t="{"xcur:" * 120_000}"/>',
    "colons alone": f"<d {declared(20)}>{':' * 500_000}</d>",
    "attributes": f"<d {declared(2000)}><e " + " ".join(f'p{each}:a="p{each}:x"' for each in range(2000)) + "/></d>",
    "comments": f"<d {VND}>" + "cur<!-- -->:" * 10_000 + "</d>",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_looking_for_prefixes_takes_is_accounted_for(case: str) -> None:
    root = etree.fromstring(HOSTILE[case], etree.XMLParser(huge_tree=True))
    work = Work(25_000)
    try:
        found = sum(1 for _ in unsigned_declarations(root, frozenset(), work))
    except Refused:
        found = -1
    assert found == {"declarations": 1, "depth": 1, "comments": 1}.get(case, -1)
    assert (work.left < 0) == (found < 0)


def test_a_document_of_many_elements_takes_steps_as_it_grows() -> None:
    taken = []
    for count in (20_000, 40_000):
        work = Work()
        text = f"<d {VND}>" + '<e t="a:b"><f>10:00</f></e>' * count + "</d>"
        assert list(unsigned_declarations(etree.fromstring(text), frozenset(), work)) == []
        taken.append(Work().left - work.left)
    assert taken[0] < 12_000
    assert taken[1] < 2.1 * taken[0]

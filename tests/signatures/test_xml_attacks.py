"""Attacks on XML signatures, by name: each is refused with its reason, in bounded work, or the report says what is not covered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from formats.xml import MAX_EXACT_BYTES, MAX_EXACT_NODES, MAX_NAMESPACES, NotWellFormed, exact
from signatures.report import Integrity, SignatureReport
from signatures.xmldsig.signature import PSS, _pss
from tests.signatures import xml_signing
from tests.signatures.judging import signature
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXCLUSIVE, LETTER, Ref, Signing, canonical

NS = "{urn:test:letter}"


def transform(uri: str, inside: str = "") -> str:
    return f'<ds:Transform Algorithm="{uri}">{inside}</ds:Transform>'


XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def xpath(expression: str) -> str:
    return transform(XPATH, f"<ds:XPath>{expression}</ds:XPath>")


def path_filter(expression: str, operation: str = "intersect") -> str:
    inside = f'<XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" Filter="{operation}">{expression}</XPath>'
    return transform("http://www.w3.org/2002/06/xmldsig-filter2", inside)


def by_id(pki: Pki, transforms: str = EXCLUSIVE, **how: object) -> etree._Element:
    """A letter whose body is signed by its id."""
    root = etree.fromstring(LETTER.encode())
    making = Signing(pki, references=[Ref("#body", canonical(root[0]), transforms)], **how)  # type: ignore[arg-type]
    root.append(making.signature())
    return root


def evil(root: etree._Element, name: str = "evil") -> etree._Element:
    """A body that nobody signed."""
    other = copy.deepcopy(root.find(f"{NS}body"))
    other[0].text = "Công văn giả"
    other.tail = None
    other.attrib.clear()
    other.set("Id", name)
    return other


def put_instead(root: etree._Element) -> etree._Element:
    """Another body where readers look, the signed one taken out."""
    signed = root.find(f"{NS}body")
    root.replace(signed, evil(root))
    return signed


# -- signature wrapping -------------------------------------------------------------------------------------------------------------


def moved_into_an_object_of_the_signature(root: etree._Element) -> None:
    signed = put_instead(root)
    etree.SubElement(root.find(f"{{{DS}}}Signature"), f"{{{DS}}}Object").append(signed)


def moved_into_a_wrapper_beside(root: etree._Element) -> None:
    signed = put_instead(root)
    etree.SubElement(root, f"{NS}old").append(signed)


def moved_to_the_end(root: etree._Element) -> None:
    root.append(put_instead(root))


def a_double_before(root: etree._Element) -> None:
    root.insert(0, evil(root))


def a_double_after(root: etree._Element) -> None:
    root.append(evil(root))


def a_double_around(root: etree._Element) -> None:
    signed = root.find(f"{NS}body")
    outer = evil(root)
    root.replace(signed, outer)
    outer.append(signed)


def a_double_inside_a_foreign_signature(root: etree._Element) -> None:
    foreign = etree.SubElement(root, f"{{{DS}}}Signature")
    etree.SubElement(foreign, f"{{{DS}}}Object").append(evil(root))


WRAPPINGS: list[Callable[[etree._Element], None]] = [
    moved_into_an_object_of_the_signature,
    moved_into_a_wrapper_beside,
    moved_to_the_end,
    a_double_before,
    a_double_after,
    a_double_around,
    a_double_inside_a_foreign_signature,
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_signature_wrapping(tmp_path: Path, pki: Pki, wrapping: Callable[[etree._Element], None]) -> None:
    root = by_id(pki)
    assert judged(tmp_path, pki, root).verdict.passed
    wrapping(root)
    report = judged(tmp_path, pki, root)
    assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-WRAPPED"
    assert report.coverage.elements, "the report says which element is signed"


def test_wrapping_a_whole_document_that_is_signed_by_the_id_of_its_root(tmp_path: Path, pki: Pki) -> None:
    inner = etree.fromstring('<edoc xmlns="urn:test:letter" Id="all"><p>1</p></edoc>')
    inner.append(Signing(pki, references=[Ref("#all", canonical(inner), ENVELOPED + EXCLUSIVE)]).signature())
    assert judged(tmp_path, pki, inner).coverage.scope == "file"
    outer = etree.fromstring('<edoc xmlns="urn:test:letter"><p>2</p></edoc>')
    outer.append(inner)
    report = judged(tmp_path, pki, outer)
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-WRAPPED"


def test_an_object_that_nobody_signed_in_an_enveloping_signature(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(xml_signing.enveloping(pki))
    etree.SubElement(root, f"{{{DS}}}Object").text = "R2lhbw=="
    report = judged(tmp_path, pki, root)
    assert report.verdict.why is not None
    assert (report.verdict.why.code, report.coverage.scope) == ("SIG-WRAPPED", "part")


def test_content_that_a_filter_takes_out_is_named_as_not_covered(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.replace("<edoc", '<edoc xmlns:l="urn:test:letter"').encode())
    filtered = (
        '<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" '
        'xmlns:l="urn:test:letter" Filter="subtract">//l:body</XPath></ds:Transform>'
    )
    without = copy.deepcopy(root)
    without.remove(without[0])
    root.append(Signing(pki, references=[Ref("", canonical(without), ENVELOPED + filtered + EXCLUSIVE)]).signature())
    report = judged(tmp_path, pki, root)
    assert report.integrity is Integrity.INTACT
    assert (report.coverage.whole, report.coverage.left) == (False, ("/edoc/body", "/edoc/comment()"))


FILTERS = {
    "two_excluded": (xpath("not(ancestor-or-self::ds:Signature) and not( ancestor-or-self::l:note )"), {"note"}),
    "only_these": (xpath("ancestor-or-self::l:body"), {"note", "other"}),
    "names_that_begin": (
        path_filter("//*[starts-with(local-name(), 'no') or local-name() = 'other']", "subtract"),
        {"note", "other"},
    ),
    "path": (path_filter("/l:edoc/l:note | /descendant::l:other", "subtract"), {"note", "other"}),
    "this_signature": (path_filter("here()/ancestor::ds:Signature[1]", "subtract"), set()),
}


@pytest.mark.parametrize("name", FILTERS)
def test_expressions_of_the_closed_list_take_out_what_they_say(tmp_path: Path, pki: Pki, name: str) -> None:
    """Not attacks: what they leave out, libxml2 leaves out too when the elements are not there."""
    text, gone = FILTERS[name]
    root = etree.fromstring(f'<l:edoc xmlns:l="urn:test:letter" xmlns:ds="{DS}"><l:note/><l:body>x</l:body><l:other/></l:edoc>')
    kept = copy.deepcopy(root)
    for each in list(kept):
        if etree.QName(each).localname in gone:
            kept.remove(each)
    data = canonical(kept[0] if name == "only_these" else kept)
    steps = text + EXCLUSIVE if "Signature" in text else ENVELOPED + text + EXCLUSIVE
    root.append(Signing(pki, references=[Ref("", data, steps)]).signature())
    report = judged(tmp_path, pki, root)
    assert report.integrity is Integrity.INTACT, report.verdict.why
    assert {each.rpartition(":")[2].rpartition("/")[2].partition(" ")[0] for each in report.coverage.left} - {"edoc"} == gone


def test_markup_inside_text_that_is_signed_as_base64(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(xml_signing.enveloping(pki))
    holder = root.findall(f"{{{DS}}}Object")[-1]
    etree.SubElement(holder, "evil").set("say", "anything")
    assert "base64" in refused(judged(tmp_path, pki, root))


def test_a_filter_that_keeps_what_is_not_referred_to_covers_nothing(tmp_path: Path, pki: Pki) -> None:
    """The digest is that of nothing at all; the report must not say that the elements of the filter are covered."""
    root = etree.fromstring(f'<l:edoc xmlns:l="urn:test:letter" xmlns:ds="{DS}"><l:note Id="note"/><l:body>x</l:body></l:edoc>')
    root.append(Signing(pki, references=[Ref("#note", b"", path_filter("//l:body") + EXCLUSIVE)]).signature())
    report = judged(tmp_path, pki, root)
    assert (report.integrity, report.coverage.elements, report.coverage.whole) == (Integrity.UNKNOWN, (), False)


def test_properties_that_nobody_signed_say_nothing(tmp_path: Path, pki: Pki) -> None:
    """A second set of qualifying properties, with another time and place, before the one that is signed."""
    root = by_id(pki)
    holders = root.findall(f".//{{{DS}}}Object")
    false = copy.deepcopy(holders[0])
    text = etree.tostring(false, with_tail=False).replace(b"2026-03-01", b"2001-01-01").replace(b'Id="sig-1-signed"', b'Id="x"')
    holders[0].addprevious(etree.fromstring(text))
    report = judged(tmp_path, pki, root)
    assert (report.claimed, report.verdict.passed) == (day(2026, 3), True)


@pytest.mark.parametrize("attribute", ["Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id"])
def test_an_id_that_two_elements_have(tmp_path: Path, pki: Pki, attribute: str) -> None:
    root = by_id(pki)
    etree.SubElement(root, "other").set(attribute, "body")
    assert "have the id" in refused(judged(tmp_path, pki, root))


# -- keys and values -----------------------------------------------------------------------------------------------------------------


def test_a_key_without_a_certificate_is_nobodys(tmp_path: Path, pki: Pki) -> None:
    root = by_id(pki, certificates=())
    info = root.find(f".//{{{DS}}}KeyInfo")
    info.append(etree.fromstring(f'<KeyValue xmlns="{DS}"><RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue></KeyValue>'))
    report = judged(tmp_path, pki, root)
    assert str(report.verdict) == "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"


def test_a_key_is_never_fetched(tmp_path: Path, pki: Pki) -> None:
    root = by_id(pki, certificates=())
    info = root.find(f".//{{{DS}}}KeyInfo")
    info.append(etree.fromstring(f'<RetrievalMethod xmlns="{DS}" URI="http://127.0.0.1:9/key"/>'))
    assert not judged(tmp_path, pki, root).verdict.passed


@pytest.mark.parametrize("method", [f"{DS}hmac-sha1", f"{DS}dsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "none"])
def test_a_method_that_is_none_or_another(tmp_path: Path, pki: Pki, method: str) -> None:
    data = etree.tostring(by_id(pki)).replace(b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", method.encode())
    report = signature(tmp_path, pki, data, day(2026, 6))
    assert report.integrity is not Integrity.INTACT


@pytest.mark.parametrize("doubled", ["SignedInfo", "SignatureValue"])
def test_a_part_that_must_be_there_once_and_is_there_twice(tmp_path: Path, pki: Pki, doubled: str) -> None:
    root = by_id(pki)
    element = root.find(f".//{{{DS}}}{doubled}")
    element.addnext(copy.deepcopy(element))
    report = judged(tmp_path, pki, root)
    assert report.integrity is Integrity.BROKEN


def test_a_signature_over_nothing(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.encode())
    root.append(Signing(pki, xades=False).signature())
    assert judged(tmp_path, pki, root).integrity is Integrity.BROKEN


# -- the document itself -------------------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPES = {
    "internal_entity": '<!DOCTYPE r [<!ENTITY e "x">]>',
    "external_entity": '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "parameter_entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    "external_subset": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">',
    "attribute_defaults": '<!DOCTYPE r [<!ATTLIST r Id ID "body">]>',
    "billion_laughs": f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY e "&l11;">]>',
}


@pytest.mark.parametrize("name", DOCTYPES)
def test_a_document_with_a_doctype(tmp_path: Path, pki: Pki, name: str) -> None:
    text = etree.tostring(by_id(pki)).decode()
    report = signature(tmp_path, pki, f"{DOCTYPES[name]}{text.replace('<p>', '<p>&e;')}".encode(), day(2026, 6))
    assert "DOCTYPE" in refused(report) or report.integrity is Integrity.BROKEN


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<r>" + b"<a/>" * (2 * MAX_EXACT_NODES) + b"</r>",
        b"<r>" + b" ".join(b'<a xmlns:p%d="u"/>' % number for number in range(MAX_NAMESPACES + 1)) + b"</r>",
        b"<r " + b" ".join(b'a%d=""' % number for number in range(1_100_000)) + b"/>",
        b"<r>" + b"x" * MAX_EXACT_BYTES + b"</r>",
        b"<r>&undefined;</r>",
        b"\xff\xfe" + "<r>".encode("utf-16-le") + b"\x00\xd8",
        b"<r xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>",
    ],
    ids=["nesting", "elements", "namespaces", "attributes", "length", "entity", "encoding", "doubled_attribute"],
)
def test_a_document_beyond_the_bounds_of_what_is_read(data: bytes) -> None:
    with pytest.raises(NotWellFormed):
        exact(data)


def test_xinclude_and_stylesheets_are_only_text(tmp_path: Path, pki: Pki) -> None:
    text = LETTER.replace("<body", '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><body', 1)
    text = text.replace("<edoc", '<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x"?><edoc', 1)
    root = etree.fromstring(text.encode())
    data = etree.tostring(root.getroottree(), method="c14n", exclusive=True, with_comments=False)
    root.append(Signing(pki, references=[Ref("", data, ENVELOPED + EXCLUSIVE)]).signature())
    whole = etree.tostring(root.getroottree())
    assert signature(tmp_path, pki, whole, day(2026, 6)).verdict.passed


def judged(folder: Path, pki: Pki, root: etree._Element) -> SignatureReport:
    return signature(folder, pki, etree.tostring(root), day(2026, 6))


def refused(report: SignatureReport) -> str:
    """The reason, of a signature that is neither intact nor called broken."""
    assert report.verdict.why is not None
    if report.integrity is Integrity.UNKNOWN:
        assert (str(report.verdict), report.verdict.why.code) == ("INDETERMINATE/SIG_CONSTRAINTS_FAILURE", "SIG-XML-REFUSED")
    return report.verdict.why.text("en")


@pytest.mark.parametrize(
    ("salt", "good"), [("9" * 6_000, False), ("-1", False), ("513", False), ("٣", False), ("1e1", False), (" 0032 ", True)]
)
def test_a_length_of_salt_is_a_small_number(salt: str, good: bool) -> None:
    text = (
        f'<m Algorithm="http://www.w3.org/2007/05/xmldsig-more#rsa-pss"><p:RSAPSSParams xmlns:p="{PSS}">'
        f"<p:SaltLength>{salt}</p:SaltLength></p:RSAPSSParams></m>"
    )
    if good:
        assert _pss(etree.fromstring(text)).salt == 32
        return
    with pytest.raises(ValueError, match="dsig-pss") as refused:
        _pss(etree.fromstring(text))
    assert "set_int_max_str_digits" not in str(refused.value)

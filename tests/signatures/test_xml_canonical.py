"""Canonical XML against libxml2 (whole documents, and subtrees made documents), and else against the words of the standard."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signatures.xmldsig import native
from signatures.xmldsig.c14n import METHODS, MOST_VISITS, Filter, Method, Nodes, Refused, Work, walked
from signatures.xmldsig.native import joined

NAMES = st.sampled_from(["a", "b", "p:a", "p:b", "q:c"])
URIS = st.sampled_from(["urn:1", "urn:2", "urn:3"])
TEXT = st.text(st.sampled_from("x é<&>\"'\r\n\t"), max_size=6)


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    """An element with namespaces declared, redeclared and taken back, attributes in two prefixes of one name, comments, instructions."""
    name = draw(NAMES)
    declared = {"xmlns:p": draw(URIS), "xmlns:q": draw(URIS)} if depth == 0 or draw(st.booleans()) else {}
    if draw(st.booleans()):
        declared["xmlns"] = draw(st.one_of(URIS, st.just("")))
    attributes = {key: draw(TEXT) for key in draw(st.sets(st.sampled_from(["z", "y", "p:y", "xml:lang"]), max_size=3))}
    listed = "".join(f' {key}="{_escaped(value)}"' for key, value in (declared | attributes).items())
    children = draw(st.lists(elements(depth=depth + 1), max_size=3)) if depth < 4 else []
    between = [
        draw(st.sampled_from(["", "<!--n-->", "<?pi d?>", "<?pi?>"])) + _escaped(draw(TEXT)) for _ in range(len(children) + 1)
    ]
    inside = between[0] + "".join(child + text for child, text in zip(children, between[1:], strict=True))
    return f"<{name}{listed}>{inside}</{name}>"


def _escaped(text: str) -> str:
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return plain.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")


@settings(max_examples=150, deadline=None)
@given(text=elements(), around=st.sampled_from(["", "<!--c-->", "<?p d?>"]), exclusive=st.booleans(), comments=st.booleans())
def test_whole_documents_as_libxml2_writes_them(text: str, around: str, exclusive: bool, comments: bool) -> None:
    root = etree.fromstring((around + text + around).encode())
    expected = etree.tostring(root.getroottree(), method="c14n", exclusive=exclusive, with_comments=comments)
    nodes = Nodes(root, whole=True, comments=True)
    assert joined(nodes, Method(exclusive=exclusive, comments=comments), Work()) == expected


@settings(max_examples=100, deadline=None)
@given(text=elements(), data=st.data())
def test_subtrees_in_exclusive_form_do_not_depend_on_what_they_stand_in(text: str, data: st.DataObject) -> None:
    root = etree.fromstring(text.encode())
    element = data.draw(st.sampled_from(list(root.iter(etree.Element))))
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    expected = etree.tostring(alone, method="c14n", exclusive=True, with_comments=False)
    assert joined(Nodes(element), Method(exclusive=True), Work()) == expected


def inclusive(text: str, path: str, method: str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315") -> bytes:
    root = etree.fromstring(text)
    return joined(Nodes(root.find(path)), METHODS[method], Work())


def test_a_subtree_inherits_namespaces_and_xml_attributes() -> None:
    """C14N 1.0, 2.4; in 1.1 xml:id is not inherited."""
    text = '<r xmlns="urn:d" xmlns:p="urn:p" xml:lang="vi" xml:id="x"><a xml:space="preserve"><b/></a></r>'
    path = "{urn:d}a/{urn:d}b"
    assert inclusive(text, path) == b'<b xmlns="urn:d" xmlns:p="urn:p" xml:id="x" xml:lang="vi" xml:space="preserve"></b>'
    v11 = inclusive(text, path, "http://www.w3.org/2006/12/xml-c14n11")
    assert v11 == b'<b xmlns="urn:d" xmlns:p="urn:p" xml:lang="vi" xml:space="preserve"></b>'


def test_bases_that_would_have_to_be_joined_are_refused() -> None:
    text = '<r xml:base="http://a/"><a xml:base="b/"><c/></a></r>'
    assert b'xml:base="b/"' in inclusive(text, "a/c")
    with pytest.raises(Refused):
        inclusive(text, "a/c", "http://www.w3.org/2006/12/xml-c14n11")


def test_prefixes_that_are_listed_are_written_where_nothing_uses_them() -> None:
    root = etree.fromstring('<r xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><a/></r>')
    method = Method(exclusive=True, prefixes=frozenset({"", "p"}))
    assert joined(Nodes(root[0]), method, Work()) == b'<a xmlns="urn:d" xmlns:p="urn:p"></a>'


def test_filters_take_subtrees_and_leave_their_neighbours() -> None:
    """XPath Filter 2.0: subtract, then intersect and union over what is left; text belongs to its parent."""
    root = etree.fromstring("<r>1<a>2<b>3</b>4</a>5<c>6</c>7</r>")
    a, c, b = root.find("a"), root.find("c"), root.find("a/b")
    whole = Nodes(root, whole=True)
    assert joined(whole.filtered("subtract", frozenset({a})), Method(), Work()) == b"<r>15<c>6</c>7</r>"
    assert joined(whole.filtered("intersect", frozenset({a, c})), Method(), Work()) == b"<a>2<b>3</b>4</a><c>6</c>"
    inside = Nodes(b)  # what stands around the top counts too
    assert joined(inside.filtered("subtract", frozenset({a})), Method(), Work()) == b""
    assert joined(inside.filtered("intersect", frozenset({a})), Method(), Work()) == b"<b>3</b>"
    several = Nodes(root, whole=True, filters=(Filter("subtract", frozenset({a})), Filter("union", frozenset({b}))))
    assert joined(several, Method(), Work()) == b"<r>1<b>3</b>5<c>6</c>7</r>"


def test_the_walk_is_bounded_whatever_it_writes() -> None:
    """A long name of a namespace at every element, or many declarations: what counts is what would be written."""
    long = etree.fromstring(f'<r xmlns:p="urn:{"x" * 100_000}">' + "<p:a/>" * 5_000 + "</r>")
    with pytest.raises(Refused):
        joined(Nodes(long), Method(exclusive=True), Work(100_000))


@settings(max_examples=150, deadline=None)
@given(
    text=elements(),
    around=st.sampled_from(["", "<!--c-->", "<?p d?>"]),
    method=st.sampled_from(list(METHODS.values())),
    data=st.data(),
)
def test_libxml2_writes_what_the_walk_writes(text: str, around: str, method: Method, data: st.DataObject) -> None:
    """Whole documents and parts, less some elements; afterwards the tree is as it was."""
    root = etree.fromstring((around + text + around).encode())
    before = etree.tostring(root.getroottree())
    every = list(root.iter(etree.Element))
    top = data.draw(st.sampled_from(every))
    out = frozenset(data.draw(st.sets(st.sampled_from(every), max_size=3)))
    nodes = Nodes(top, whole=top is root, comments=True).filtered("subtract", out)
    try:
        expected = b"".join(walked(nodes, method, Work()))
    except Refused:
        return
    with patch.object(native, "LEAST", 0):
        assert joined(nodes, method, Work()) == expected
    assert etree.tostring(root.getroottree()) == before


def test_a_name_of_a_namespace_that_is_no_address_is_left_to_the_walk() -> None:
    """libxml2 makes no canonical form of such a document; many were signed all the same."""
    root = etree.fromstring('<r xmlns="MyNamespace">' + "<a/>" * 100 + "</r>")
    assert joined(Nodes(root, whole=True), Method(), Work()).startswith(b'<r xmlns="MyNamespace"><a></a>')


def test_marks_are_taken_away_whatever_happens() -> None:
    root = etree.fromstring("<r>" + "<a>x</a>y" * 100 + "<s>1<b/>2</s>3</r>")
    before = etree.tostring(root)
    cut = Nodes(root, whole=True).filtered("subtract", frozenset({root[-1]}))
    with pytest.raises(Refused):
        joined(cut, Method(), Work(native._steps(cut, Method(), Work()) or 0))  # it is refused while libxml2 writes
    assert etree.tostring(root) == before
    assert joined(cut, Method(), Work()) == b"<r>" + b"<a>x</a>y" * 100 + b"3</r>"


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("size", [1, 5, 4095, 4096, 4097])
def test_marks_are_found_wherever_libxml2_cuts_its_pieces(size: int, exclusive: bool) -> None:
    root = etree.fromstring("<r>" + "<a>x</a>" * 100 + "x" * size + "<s>1</s><s>2<b>2</b></s>3</r>")
    cut = Nodes(root, whole=True).filtered("subtract", frozenset(root.findall("s")))
    assert joined(cut, Method(exclusive=exclusive), Work()) == b"<r>" + b"<a>x</a>" * 100 + b"x" * size + b"3</r>"


def test_large_documents_are_canonicalised_and_hostile_ones_are_not() -> None:
    """What counts is work and not seconds: a step is some 4 µs, and all that is done for a file is `MOST_VISITS` of them."""
    row = "<row id='1'><cell kind='n'>12.5</cell><cell kind='t'>Hà Nội, ngày 1 tháng 1</cell></row>"
    large = etree.fromstring("<doc>" + row * 100_000 + "<sig><v>1</v></sig></doc>")
    for method in (Method(), Method(exclusive=True)):
        work = Work()
        joined(Nodes(large, whole=True).filtered("subtract", frozenset({large[-1]})), method, work)
        assert work.left > MOST_VISITS // 2
        with pytest.raises(Refused):
            joined(Nodes(large, whole=True).filtered("intersect", frozenset({large})), method, Work())


def test_a_small_document_may_ask_for_less() -> None:
    assert Work.of(1 << 17).left < Work.of(1 << 19).left < Work().left
    assert Work.of(1 << 20).left == Work.of(1 << 30).left == MOST_VISITS

"""Hostile and clumsy XML: refused in bounded time, never fetched; and what is written is read back."""

from __future__ import annotations

import io
import socket
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from formats.xml import MAX_DEPTH, MAX_PROLOG_BYTES, NotWellFormed, events, exact, local_name, parse, subtrees
from formats.xml_writer import Writer, date_time, escape
from policies.findings import spoken
from policies.phrases import OPEN

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))

HOSTILE = {
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l11;</a>',
    "laughs in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a b="&l11;"/>',
    "quadratic blow-up": f'<!DOCTYPE a [<!ENTITY x "{"y" * 50_000}">]><a>{"&x;" * 50_000}</a>',
    "doctype alone": "<!DOCTYPE a><a/>",
    "doctype after a comment": "<!-- c --><!DOCTYPE a><a/>",
    "external dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
    "undefined entity": "<a>&nbsp;</a>",
    "deep nesting": "<a>" * 100_000,
    "deep but closed": "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1),
    "no element": " " * (MAX_PROLOG_BYTES + 100_000),
    "comment without end": "<!--" + "x" * (12 << 20),
    "huge attribute": f'<a b="{"x" * (11 << 20)}"/>',
    "cut": "<a><b>",
    "crossed": "<a><b></a></b>",
    "two roots": "<a/><b/>",
    "empty": "",
    "no xml": "\x00\x01\x02",
    "unknown encoding": '<?xml version="1.0" encoding="klingon"?><a/>',
    "duplicate attribute": '<a b="1" b="2"/>',
    "control character": "<a>\x01</a>",
    "undeclared prefix": "<x:a/>",
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


READERS = {
    "events": lambda stream: list(events(stream)),
    "parse": parse,
    "subtrees": lambda stream: list(subtrees(stream, ["b"])),
}


@pytest.mark.parametrize(
    ("name", "read"),
    # subtrees reads what Kho made, and leaves depth to the parser's own limit
    [(name, read) for name in HOSTILE for read in READERS if not (read == "subtrees" and name == "deep but closed")],
)
def test_hostile_is_refused_soon(name: str, read: str) -> None:
    read = READERS[read]
    begun = time.monotonic()
    with pytest.raises(NotWellFormed):
        read(io.BytesIO(HOSTILE[name].encode()))
    assert time.monotonic() - begun < 5


def test_wrong_bytes_for_the_declared_encoding() -> None:
    with pytest.raises(NotWellFormed):
        parse(io.BytesIO("<a>ơ</a>".encode("utf-16-le")[1:]))
    with pytest.raises(NotWellFormed):
        parse(io.BytesIO(b'<?xml version="1.0" encoding="UTF-8"?><a>\xff\xfe</a>'))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_declared_encodings_are_read(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><a>é</a>'.encode(encoding)
    assert parse(io.BytesIO(document)).text == "é"


def test_schema_location_is_never_fetched() -> None:
    document = b"""<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:schemaLocation="x http://127.0.0.1:9/x.xsd" xsi:noNamespaceSchemaLocation="http://127.0.0.1:9/y.xsd"
        xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>"""
    assert [local_name(element) for event, element in events(io.BytesIO(document)) if event == "end"] == ["include", "a"]


def test_a_stylesheet_instruction_is_not_followed() -> None:
    assert parse(io.BytesIO(b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><a/>')).tag == "a"


def test_what_the_stream_raises_comes_through() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        list(events(Broken()))


def test_a_tree_has_a_limit() -> None:
    with pytest.raises(NotWellFormed) as caught:
        parse(io.BytesIO(b"<a>" + b"<b/>" * 1000 + b"</a>"), max_bytes=1000)
    assert "longer" in spoken(caught.value.reason)


@pytest.mark.parametrize(
    "data",
    [
        b"<a>",
        b"<a></b>",
        b"<a b=c/>",
        b"<a b='1' b='2'/>",
        b"<a>&x;</a>",
        b"<a>\x01</a>",
        b"<a>\xff</a>",
        b"",
        b"<a/><b/>",
        b"<a>&</a>",
        b"x",
        b"<a><![CDATA[",
        b"<?xml version='1.0' encoding='foo'?><a/>",
        b"<a x:b='1'/>",
        b"<a b='<'/>",
        b"<1/>",
        b"<a b />",
        b"<a",
        b"<a><!-- -- --></a>",
        b"<?xml version='1.0'",
        b"<a>&#0;</a>",
        b" <?xml version='1.0'?><a/>",
        b"<a>]]></a>",
        b"<a b='1'c='2'/>",
    ],
)
def test_what_the_parser_complains_of_is_said_in_both_languages(data: bytes) -> None:
    """Small as these are, no word of the parser's own is left in either."""
    with pytest.raises(NotWellFormed) as caught:
        exact(data)
    english, vietnamese = (spoken(caught.value.reason, language) for language in ("en", "vi"))
    assert caught.value.reason.startswith(OPEN)
    assert english != vietnamese
    assert "," not in english + vietnamese


def test_events_free_what_was_read() -> None:
    document = io.BytesIO(b"<a>" + b"<b><c>x</c></b>" * 50_000 + b"</a>")
    most = 0
    for number, (event, element) in enumerate(events(document)):
        parent = element.getparent()
        if number % 1009 < 8 and event == "end" and parent is not None and parent.tag == "a":
            most = max(most, sum(1 for _ in parent))
    assert most < 15_000  # what one chunk of input holds, not what the document holds


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_escaped_text_is_read_back(text: str) -> None:
    legal = "".join("\ufffd" if etree_refuses(each) else each for each in text)
    out = io.BytesIO()
    xml = Writer(out)
    with xml.element("a", {"b": "x" + text}):
        xml.leaf("c", None, "x" + text)
    xml.flush()
    tree = etree.fromstring(out.getvalue())
    assert tree.get("b") == "x" + legal
    assert tree[0].text == "x" + legal
    assert escape(text).isprintable() or "\ufffd" in legal or any(ord(each) > 127 for each in text)


def etree_refuses(character: str) -> bool:
    try:
        etree.Element("a").text = character
    except ValueError:
        return True
    return character in "\ufffe\uffff"


def test_an_exception_leaves_the_document_unfinished() -> None:
    out = io.BytesIO()
    xml = Writer(out)
    with pytest.raises(RuntimeError), xml.element("a"):
        raise RuntimeError
    xml.flush()
    with pytest.raises(NotWellFormed):
        parse(io.BytesIO(out.getvalue()))


def test_times_are_utc() -> None:
    hanoi = timezone(timedelta(hours=7))
    assert date_time(datetime(2026, 1, 1, 6, 0, 0, tzinfo=hanoi)) == "2025-12-31T23:00:00Z"
    assert date_time(datetime(2026, 1, 1, 6, 0, 0, 5000, tzinfo=UTC)) == "2026-01-01T06:00:00.005000Z"
    with pytest.raises(ValueError, match="no time zone"):
        date_time(datetime(2026, 1, 1))

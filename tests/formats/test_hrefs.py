"""References inside packages: encoded by segment, decoded once, never out of the package."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.hrefs import BadReference, decode_href, encode_href, resolve


@pytest.mark.parametrize(
    ("href", "base", "name"),
    [
        ("data/a.pdf", b"", b"data/a.pdf"),
        ("./data/a.pdf", b"representations/r", b"representations/r/data/a.pdf"),
        ("../../schemas/x.xsd", b"representations/r", b"schemas/x.xsd"),
        ("a%20b+c.pdf", b"", b"a b+c.pdf"),
        ("a b+c.pdf", b"", b"a b+c.pdf"),
        ("100%2525.pdf", b"", b"100%25.pdf"),  # decoded once
        ("100%.pdf", b"", b"100%.pdf"),
        ("data%2Fa.pdf", b"", b"data/a.pdf"),
        ("a%23b.pdf", b"", b"a#b.pdf"),
        ("a#b?c.pdf", b"", b"a#b?c.pdf"),
        ("Quy%E1%BA%BFt.pdf", b"", "Quyết.pdf".encode()),
        ("Quyết.pdf", b"", "Quyết.pdf".encode()),
        ("%FF.pdf", b"", b"\xff.pdf"),
        ("file:./a.pdf", b"x", b"x/a.pdf"),
        ("file://./a.pdf", b"x", b"x/a.pdf"),
        ("a: b.pdf", b"", b"a: b.pdf"),
        ("data\\a.pdf", b"", b"data\\a.pdf"),
        ("a//b", b"", b"a/b"),
    ],
)
def test_resolve(href: str, base: bytes, name: bytes) -> None:
    assert resolve(href, base) == name


@pytest.mark.parametrize(
    ("href", "base", "reason"),
    [
        ("../x", b"", "outside"),
        ("a/../../x", b"", "outside"),
        ("%2e%2e/x", b"", "outside"),
        ("..%2Fx", b"", "outside"),
        ("../../../etc/passwd", b"representations/r", "outside"),
        ("/etc/passwd", b"", "absolute"),
        ("file:///etc/passwd", b"", "absolute"),
        ("C:\\Windows", b"", "absolute"),
        ("\\\\server\\x", b"", "absolute"),
        ("http://example.org/x", b"", "scheme"),
        ("urn:uuid:1", b"", "scheme"),
        ("", b"", "empty"),
        ("./", b"", "empty"),
    ],
)
def test_resolve_refuses(href: str, base: bytes, reason: str) -> None:
    with pytest.raises(BadReference) as caught:
        resolve(href, base)
    assert caught.value.reason == reason


segments = st.binary(min_size=1, max_size=12).filter(lambda raw: b"/" not in raw and raw not in (b".", b".."))


@settings(max_examples=200, deadline=None)
@given(st.lists(segments, min_size=1, max_size=4))
def test_every_name_of_a_file_system_survives(parts: list[bytes]) -> None:
    name = b"/".join(parts)
    href = encode_href(name.decode("utf-8", "surrogateescape"))
    assert resolve(href) == name
    assert decode_href(href).encode("utf-8", "surrogateescape") == name


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_nothing_raises_but_bad_reference(href: str) -> None:
    try:
        name = resolve(href.encode("utf-8", "replace").decode())
    except BadReference:
        return
    assert b".." not in name.split(b"/")

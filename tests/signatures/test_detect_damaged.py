"""A byte that is damaged, or put in front, does not make a signed XML file an unsigned one: it is not read, and said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.reading import read_signatures
from signatures.report import Integrity
from signatures.signed import SignedFile, Source
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import enveloped


def read(folder: Path, data: bytes, name: str = "x.xml") -> SignedFile | None:
    path = folder / name
    path.write_bytes(data)
    return read_signatures(Source(path, name))


def signed(pki: Pki) -> bytes:
    return enveloped(pki)


FRONTS = {
    "a letter": b"?",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf",
    "a mark encoded twice": b"\xc3\xaf\xc2\xbb\xc2\xbf<?xml version='1.0'?>",
    "nothing": b"\0",
    "a space without width": b"\xe2\x80\x8b",
    "a header of HTTP": b"Content-Type: text/xml\r\n\r\n",
    "words": "Hóa đơn:\n".encode(),
    "a wrong mark": b"\xff\xfe",
    "the begin of a zip": b"PK\3\4",
    "many words": b"words " * 600,
}


@pytest.mark.parametrize("front", FRONTS)
def test_what_stands_in_front_hides_nothing(tmp_path: Path, pki: Pki, front: str) -> None:
    file = read(tmp_path, FRONTS[front] + signed(pki))
    assert file is not None
    assert Integrity.INTACT not in [each.integrity for each in file.objects]
    assert file.objects


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_damaged_first_byte_hides_nothing(tmp_path: Path, pki: Pki, encoding: str) -> None:
    data = signed(pki).decode().encode(encoding)
    for first in {b"=", b"\0", b"\xbc"} - {data[:1]}:
        file = read(tmp_path, first + data[1:])
        assert file is not None
        assert [each.integrity for each in file.objects] == [Integrity.UNKNOWN]


@pytest.mark.parametrize("name", [b"SignatureValue", b"SignedInfo", b"SignatureMethod", b"Signature", b"xmldsig#"])
@pytest.mark.parametrize("both", [True, False])
def test_a_damaged_name_hides_nothing(tmp_path: Path, pki: Pki, name: bytes, both: bool) -> None:
    data = signed(pki)
    end = b"" if name.endswith(b"#") else b">"
    for tag in (name + end, name + b" "):
        other = tag.replace(b"ig", b"ih", 1)
        changed = data.replace(tag, other) if both else data.replace(tag, other, 1)
        if changed == data:
            continue
        file = read(tmp_path, changed)
        assert file is not None
        assert file.objects
        assert Integrity.INTACT not in [each.integrity for each in file.objects]


@pytest.mark.parametrize(
    "text",
    [
        b"a program: x = '<ds:SignatureValue>' + value + '</ds:SignatureValue>'; y = '<ds:SignedInfo>'",
        b"a text that speaks of <SignatureValue>...</SignatureValue>",
        b"a text <p>that</p> has &lt;SignatureValue&gt;MEUCIQDxAbCdEfGhIjKlMnOpQrStUvWxYz&lt;/SignatureValue&gt;",
        b"<d><SignedInformation/><SignatureMethods/></d>",
    ],
)
def test_texts_that_speak_of_signatures_carry_none(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text) is None

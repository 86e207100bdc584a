"""What of a glance tells that it is plain: nothing that is signed, or may hold what is, ever is."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.package import zip_directory
from signatures.detect import detected
from signatures.inside_marks import may_hold
from signatures.inside_plain import is_plain
from signatures.reading import read_signatures
from signatures.signed import Source
from signatures.xmldsig.c14n import MOST_VISITS
from tests.signatures import test_xaip
from tests.signatures.pki import Pki, make_pdf
from tests.signatures.test_inside import pki as own_pki
from tests.signatures.xml_signing import enveloped

TEXT = "Cộng hòa xã hội chủ nghĩa Việt Nam. "
XML = '<?xml version="1.0" encoding="UTF-8"?><cv xmlns="urn:x"><so>1</so><nd>Công văn</nd></cv>'

_PIECES = (
    "\nbegin 644 a.p7m\n",
    "begin 644 a\n",
    "#0V]N9P``\n`\nend\n",
    "070701",
    "!<arch>\n",
    "<",
    ">",
    "</",
    "/>",
    "<a>",
    "</a>",
    " ",
    "\n",
    "\0",
    "\ufeff",
    "SignatureValue",
    "SignedInfo",
    "SignatureValue>",
    "TimeStampToken>",
    "EvidenceRecord",
    "evidenceRecord",
    "XAIP",
    "asn1EvidenceRecord>",
    'xmlns="urn:ietf:params&#58;xml:ns:ers"',
    "http://www.bsi.bund.de/tr-esor/xaip",
    "<!DOCTYPE a [",
    "<!ENTITY b",
    "%PDF-1.7",
    "startxref",
    "/ByteRange [0 1 2 3]",
    "/EmbeddedFile",
    "1 0 obj",
    "-----BEGIN PKCS7-----\n",
    "-----BEGIN CMS-----\n",
    "-----BEGIN SSH SIGNATURE-----\n",
    "-----BEGIN PGP SIGNED MESSAGE-----\n",
    "untrusted comment: a\nRW" + "a" * 97 + "=\n",
    "MII",
    "PK\3\4",
    "PK\5\6",
    "PK00",
    "PK",
    "BZh",
    "eyJhbGciOiJFUzI1NiJ9.",
    '{"protected": "eyJ',
    '"signature": "' + "a" * 43,
    "Content-Type: multipart/",
    "Content-Type: message/",
    "From a",
    ": b\n",
    "ustar",
    "JVBERi" + "A" * 40,
    "PD94" + "A" * 40,
    "A" * 60,
    "é",
    "Đ",
    "+AHs-",
    '<?xml version="1.0"',
    ' encoding="utf-16"?>',
    ' encoding="x-no-such"?>',
    ' encoding="utf-8"?>',
    "0",
    "\x06\x09*\x86H\x86\xf7\r\x01\x07\x02",
    "\x90",
    "\x1f\x8b\x08",
    "{",
    "[",
)


@given(
    st.lists(st.sampled_from(_PIECES), max_size=9).map("".join), st.sampled_from(["utf-8", "latin-1", "utf-16", "cp037", "utf-7"])
)
def test_nothing_that_is_detected_is_plain(text: str, encoding: str) -> None:
    data = text.encode(encoding, "replace")
    if is_plain(data):
        assert not list(detected(io.BytesIO(data)))
        assert not may_hold(io.BytesIO(data))


def forms() -> dict[str, Callable[[Pki], bytes]]:
    return {
        "xml": enveloped,
        "package": lambda _: test_xaip.package(),
        "cms": lambda pki: pki.sign_cms(b"x"),
        "base64": lambda pki: base64.b64encode(pki.sign_cms(b"x")),
        "xml with a pdf": lambda _: b"<a>" + base64.b64encode(make_pdf()) + b"</a>",
        "a value in XML of another kind": lambda _: b"<a><b:SignatureValue>" + b"A" * 90 + b"</b:SignatureValue></a>",
        "JWS in JSON": lambda _: b'{"payload": "e30", "protected": "eyJhbGciOiJFUzI1NiJ9", "signature": "' + b"a" * 43 + b'"}',
        "edXML in a mail": lambda _: b"From: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x--\n",
    }


@pytest.mark.parametrize("form", forms())
def test_forms_of_signed_files_are_not_plain(pki: Pki, form: str) -> None:
    data = forms()[form](pki)
    assert not is_plain(data)
    assert list(detected(io.BytesIO(data))) or may_hold(io.BytesIO(data))


def test_letters_and_forms_without_a_signature_are_plain() -> None:
    assert is_plain(TEXT.encode() * 100)
    assert is_plain(XML.encode())
    assert is_plain(b"a;b;c\r\n1;2;3\r\n")


def many(count: int, body: str, ending: str, last: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(f"f{number:05}.{ending}", f"{number} {body}" if ending == "txt" else body)
        archive.writestr("last.xml", last)
    return out.getvalue()


@pytest.mark.parametrize(
    ("count", "body", "ending"),
    [(30_000, "công văn " * 9, "txt"), (5_000, XML, "xml"), (3_000, XML * 1 + "<!---->" * 250, "xml")],
)
def test_an_archive_of_many_small_files_is_looked_at_whole(
    tmp_path: Path, steps: Callable[[], int], count: int, body: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its directory is read twice at most: to tell what it is, and for its members."""
    entries = 0
    read = zip_directory.ZipDirectory._entry

    def counted(self: zip_directory.ZipDirectory, buffer: bytes, start: int) -> tuple[zip_directory.ZipEntry, int]:
        nonlocal entries
        entries += 1
        return read(self, buffer, start)

    monkeypatch.setattr(zip_directory.ZipDirectory, "_entry", counted)
    path = tmp_path / "x.zip"
    path.write_bytes(many(count, body, ending, enveloped(own_pki())))
    file = read_signatures(Source(path, "x.zip"))
    assert file is not None
    assert [each.name for each in file.objects] == ["last.xml: sig-1"]
    assert entries == 2 * (count + 1)
    assert steps() <= MOST_VISITS

"""Signatures of kinds that are not judged are told, whatever the file is called; what only looks like one is not."""

from __future__ import annotations

import base64
import io
import json
import struct
from pathlib import Path

import pytest

from signatures.detect import detect
from signatures.other_kinds import other_kinds
from signatures.report import Integrity, Kind, SubIndication
from tests.formats.ole2 import ole2
from tests.packed import zipped
from tests.packed import zipped as package
from tests.signatures.judging import read
from tests.signatures.office_signing import DOCX
from tests.signatures.pki import Pki, make_pdf
from tests.signatures.test_inside_archives import mail
from tests.signatures.xml_signing import enveloped

MADE = Path(__file__).parent / "fixtures" / "other"
"""Made with GnuPG 2.2 and OpenSSH over one line of text."""


def kinds(data: bytes) -> list[str]:
    return list(other_kinds(io.BytesIO(data)))


def made(name: str) -> bytes:
    return (MADE / name).read_bytes()


def program(*, wide: bool = False, signed: bool = True) -> bytes:
    """The head of a program in PE format, and whether its directory of certificates has anything."""
    optional = bytearray(struct.pack("<H", 0x20B if wide else 0x10B) + bytes(238 if wide else 222))
    first = 112 if wide else 96
    struct.pack_into("<I", optional, first - 4, 16)
    struct.pack_into("<II", optional, first + 32, 4096 * signed, 512 * signed)
    return b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + bytes(20) + bytes(optional)


def compound(*names: str) -> bytes:
    """A compound file with the names of streams in its directory."""
    return (
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000) + b"".join(each.encode("utf-16-le").ljust(128, b"\0") for each in names)
    )


def token(header: dict[str, str]) -> bytes:
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    return first + b".Q29uZyB2YW4." + b"A" * 86


SIGNED = {
    **{name: (made(name), "OpenPGP") for name in ("detached.sig", "detached.asc", "clear.asc", "opaque.gpg", "opaque.asc")},
    "uncompressed.gpg": (made("uncompressed.gpg"), "OpenPGP"),
    "two.sig": (made("detached.sig") * 2, "OpenPGP"),
    "words before": (b"Kinh gui\r\n\r\n" + made("clear.asc").replace(b"\n", b"\r\n"), "OpenPGP"),
    "ssh.sig": (made("ssh.sig"), "SSH"),
    "minisig": (b"untrusted comment: a\n" + base64.b64encode(b"ED" + bytes(72)) + b"\ntrusted comment: b\n", "minisign"),
    "jar": (zipped({"META-INF/MANIFEST.MF": b"", "META-INF/A.SF": b"x", "META-INF/A.RSA": b"x"}), "JAR"),
    "small letters": (zipped({"meta-inf/a.sf": b"x", "META-INF/A.ec": b"x"}), "JAR"),
    "macros": (package({**DOCX, "word/vbaProject.bin": b"x", "word/vbaProjectSignature.bin": b"x"}), "VBA"),
    "macros of today": (package({**DOCX, "xl/vbaProjectSignatureV3.bin": b"x"}), "VBA"),
    "a whole doc": (ole2({"WordDocument": b"x", "_xmlsignatures": b"y"}), "Microsoft compound file"),
    "a whole msi": (ole2({"\5DigitalSignature": b"x" * 5000}), "Microsoft compound file"),
    "doc": (compound("Root Entry", "WordDocument", "_xmlsignatures"), "Microsoft compound file"),
    "msi": (compound("Root Entry", "\5DigitalSignature"), "Microsoft compound file"),
    "exe": (program(), "Authenticode"),
    "exe of 64 bits": (program(wide=True), "Authenticode"),
    "jws": (token({"alg": "ES256"}), "JWS"),
    "detached jws": (token({"alg": "ES256"}).replace(b"Q29uZyB2YW4", b""), "JWS"),
    "jades": (b'{"payload":"e30","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"' + b"A" * 86 + b'"}', "JWS"),
}


@pytest.mark.parametrize("name", SIGNED)
def test_it_is_told(tmp_path: Path, name: str) -> None:
    data, kind = SIGNED[name]
    assert kinds(data) == [kind]
    found = read(tmp_path, data, "file").objects[0]
    assert (found.kind, found.level) == (Kind.OTHER, kind)
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC)
    assert found.why is not None
    assert kind in found.why.text("vi")
    assert len(read(tmp_path, data, "file").objects) == 1, "its parts are the signature's own"


def of_length(length: int, name: str = "_signatures") -> bytes:
    """A whole .doc in whose directory the name of the signatures has another length than it is long."""
    data = bytearray(ole2({"WordDocument": b"x", name: b"y", "Other": b"z"}))
    struct.pack_into("<H", data, data.index(name.encode("utf-16-le")) + 64, length)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        *(ole2({"WordDocument": b"x", each: b"y"}) for each in ("_SIGNATURES", "_XmlSignatures", "\5digitalsignature")),
        compound("Root Entry", "_SIGNATURES"),
        *map(of_length, (0, 1, 2, 22, 23, 26, 66, 65535)),
        of_length(0, "_SIGNATURES"),
    ],
)
def test_a_compound_file_names_its_streams_in_letters_of_any_size(data: bytes) -> None:
    """[MS-CFB] 2.6.4; and a name that is longer or shorter than it is said to be may be read by others as it stands."""
    assert kinds(data) == ["Microsoft compound file"]


UNSIGNED = {
    **{name: made(name) for name in ("enciphered.gpg", "enciphered.asc", "key.gpg", "key.asc", "ssh.pub")},
    "no jar": zipped({"META-INF/MANIFEST.MF": b"", "META-INF/A.SF": b"x", "META-INF/B.RSA": b"x"}),
    "no macros": package({**DOCX, "word/vbaProject.bin": b"x"}),
    "an unsigned program": program(signed=False),
    "a program cut short": program()[:200],
    "a doc that speaks of signatures": ole2({"WordDocument": b"_xmlsignatures\0".decode().encode("utf-16-le") * 300}),
    "a doc": compound("Root Entry", "WordDocument", "my_signatures.txt"),
    "a token without a signature": token({"alg": "none"}),
    "an enciphered token": token({"alg": "RSA-OAEP", "enc": "A256GCM"}),
    "a text": b"We sign with -----BEGIN PGP SIGNATURE----- and so on\n",
    "a key": b"untrusted comment: minisign public key\n" + base64.b64encode(b"Ed" + bytes(40)) + b"\n",
    "a PDF": make_pdf(),
    "JSON": b'{"protected": true, "signature": "none"}',
    "bytes": bytes(range(256)) * 8,
    "a packet that is too long": made("detached.sig")[:-1],
    "a packet and more": made("detached.sig") + b"words",
    "nothing": b"",
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_is_none(name: str) -> None:
    assert kinds(UNSIGNED[name]) == []
    assert detect(io.BytesIO(UNSIGNED[name])) is None


@pytest.mark.parametrize("first", range(0x80, 0x100))
def test_bytes_that_begin_as_a_packet_are_none(first: int) -> None:
    for rest in (b"", b"\x00", b"\xff" * 40, bytes(40), bytes(range(60)), b"\x04" * 300):
        assert kinds(bytes((first,)) + rest) == []


def test_it_stands_beside_signatures_that_are_judged(tmp_path: Path, pki: Pki) -> None:
    both = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + program()[128:] + zipped({"a.xml": enveloped(pki)})
    found = read(tmp_path, both, "file").objects
    assert {(each.kind, each.integrity) for each in found} == {(Kind.OTHER, Integrity.UNKNOWN), (Kind.XADES, Integrity.INTACT)}


def test_it_is_told_of_parts(tmp_path: Path) -> None:
    archive = zipped({"a.txt": b"Cong van so 1\n", "a.txt.sig": made("detached.sig")})
    for data in (archive, mail(("a.txt.sig", made("detached.sig"), "base64"))):
        assert [(each.kind, each.name) for each in read(tmp_path, data, "file").objects] == [(Kind.OTHER, "a.txt.sig")]

"""What libraries stumble over: an odd certificate, header or list is told as not judged, and takes nothing from the rest."""

from __future__ import annotations

import base64
import io
import tarfile
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from signatures.algorithms import Scheme, signed_by
from signatures.mail_head import fields_of
from signatures.reading import read_signatures
from signatures.report import Integrity, SubIndication
from signatures.revocation import Crl
from signatures.signed import SignedFile, Source
from tests.signatures.judging import signature
from tests.signatures.pki import Pki, day
from tests.signatures.test_loops import certificate


def read(folder: Path, data: bytes, name: str) -> SignedFile | None:
    path = folder / name
    path.write_bytes(data)
    return read_signatures(Source(path, name))


def test_an_error_of_a_library_is_the_outcome_of_one_signature(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("Negative integers are not supported")

    monkeypatch.setattr(Crl, "entry", fails)
    report = signature(tmp_path, pki, pki.sign_cms(b"hello", detached=False), day(2026, 6))
    assert str(report.verdict) == "INDETERMINATE/GENERIC"
    assert report.integrity is Integrity.INTACT
    assert report.verdict.why is not None
    assert "Negative integers" in report.verdict.why.text("en")


def test_a_list_is_asked_for_a_negative_number(pki: Pki) -> None:
    root = pki.certificate("root")
    key = serialization.load_der_private_key(pki.arch.key_set.get_private_key("root").dump(), None)
    made = x509.CertificateRevocationListBuilder().issuer_name(root.x509.subject).last_update(day(2026)).next_update(day(2027))
    listed = Crl(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))  # type: ignore[arg-type]
    odd = certificate(key, ["x"])  # type: ignore[arg-type]
    odd.__dict__["serial"] = -5
    assert listed.entry(odd) is None


@pytest.mark.parametrize(
    "field",
    [
        "text/plain; filename*=undefined'en'x",
        "text/plain; name*=idna'en'x%ff",
        "text/plain; name*=a\0b'en'x",
        "multipart/mixed; boundary*=undefined'en'x",
        "multipart/mixed; boundary*0*=punycode'en'x%80",
        "text/plain; name*" + "9" * 5000 + "=x",
    ],
)
@pytest.mark.parametrize("where", ["type", "disposition"])
def test_a_mail_says_what_cannot_be_read(tmp_path: Path, field: str, where: str) -> None:
    head = (
        f"Content-Type: {field}\n" if where == "type" else f"Content-Disposition: {field.replace('text/plain', 'attachment')}\n"
    )
    data = f"From: a@b\nTo: c@d\nSubject: x\nMIME-Version: 1.0\n{head}\nhello\n".encode()
    found = read(tmp_path, data, "a.eml")
    assert found is None or all(each.integrity is Integrity.UNKNOWN for each in found.objects)


@pytest.mark.parametrize(
    "value", [b'x="' + b'\\"' * 15_000 + b"(", b'boundary="' + b";" * 60_000, b'x="' + b";" * 60_000, b"x=" + b" (" * 30_000]
)
def test_a_field_is_read_in_time_that_grows_with_it(value: bytes) -> None:
    """Against the same, a tenth as long: a square would be a hundred times as much."""
    short, long = (b"Content-Type: multipart/mixed; " + each + b"\n" for each in (value[: len(value) // 10], value))
    fields_of.cache_clear()
    spent = []
    for each in (short, long):
        start = time.process_time()
        fields_of(each)
        spent.append(time.process_time() - start)
    assert spent[1] < 40 * spent[0] + 0.2


@pytest.mark.parametrize(
    ("value", "media"),
    [
        (b"multipart/mixed (a (b) c); boundary=x", "multipart/mixed"),
        (b"(a)text/plain", "text/plain"),
        (b'text/plain; name="a (b)"', "text/plain"),
        (b"text/plain (open", "text/plain"),
    ],
)
def test_comments_are_none_of_what_a_field_says(value: bytes, media: str) -> None:
    fields = fields_of(b"Content-Type: " + value + b"\n")
    assert fields.media == media
    assert not fields.ambiguous
    assert fields.boundary == (b"x" if b"boundary" in value else b"")
    assert fields.name == ("a (b)" if b"name" in value else "")


def pax(**said: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a")
        member.pax_headers = said
        tar.addfile(member)
    return made.getvalue()


def long_names(count: int) -> bytes:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1
    return (member.tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0")) * count + bytes(1024)


@pytest.mark.parametrize(
    "data", [long_names(1500), pax(size="9" * 30), pax(comment="1" * 40_000)], ids=["deep", "large", "digits"]
)
def test_a_tar_that_the_library_does_not_expect(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data, "a.tar")
    assert found is not None
    assert [(each.integrity, each.failure) for each in found.objects] == [(Integrity.UNKNOWN, SubIndication.GENERIC)]


def test_an_ordinary_extended_header_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, pax(comment="0123456789" * 4, path="tài liệu/" + "a" * 150), "a.tar") is None


def test_a_header_in_json_of_lists_in_lists(tmp_path: Path) -> None:
    header = base64.urlsafe_b64encode(b'{"a":' + b"[" * 1_400).rstrip(b"=")
    found = read(tmp_path, header + b".e30.AAAA", "a.jws")
    assert found is not None
    assert [each.integrity for each in found.objects] == [Integrity.UNKNOWN]


def test_a_bag_of_certificates_is_no_signature(tmp_path: Path, pki: Pki) -> None:
    from cryptography.hazmat.primitives.serialization import pkcs7

    bag = pkcs7.serialize_certificates([pki.certificate("root").x509], serialization.Encoding.DER)
    assert read(tmp_path, bag, "ca.p7b") is None
    named = read(tmp_path, bag, "signature.p7s")
    assert named is not None
    assert named.objects[0].integrity is Integrity.UNKNOWN


def padded(key: rsa.RSAPrivateKey, told: bytes) -> bytes:
    """The value of a key over what is padded as it stands."""
    numbers, size = key.private_numbers(), key.key_size // 8
    block = b"\0\1" + b"\xff" * (size - 3 - len(told)) + b"\0" + told
    return pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(size)


def test_a_hash_is_named_with_null_and_in_no_other_way() -> None:
    """RFC 8017, 8.2.2 and 9.2: what was padded is encoded anew and compared. A vector of DSS without NULL is labelled as broken, too."""
    key = rsa.generate_private_key(65537, 2048)
    holder = certificate(key, ["x"])  # type: ignore[arg-type]
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"hello")
    oid, octets = bytes.fromhex("0609608648016503040201"), b"\x04\x20" + digest.finalize()

    def accepts(parameters: bytes) -> bool:
        algorithm = b"\x30" + bytes((len(oid + parameters),)) + oid + parameters
        told = b"\x30" + bytes((len(algorithm + octets),)) + algorithm + octets
        return signed_by(holder.key, Scheme("rsa-pkcs1v15", "sha256"), padded(key, told), b"hello")

    assert accepts(b"\x05\x00")
    assert not accepts(b"")
    assert not accepts(b"\x30\x00")

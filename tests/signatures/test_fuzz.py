"""Damaged input at every reader of signed things: an answer or a refusal, within two seconds of processor time and 500 MB, nothing new
passes, nothing is swallowed, and no exception falls through the door that is there for those that nobody foresaw.

A seeded sample runs always; ten minutes a reader carry the proof mark. ``KHO_FUZZ_SECONDS`` says another length, ``KHO_FUZZ_SEED`` another
seed, ``KHO_FUZZ_KEEP`` a folder in which the input that failed is kept.
"""

from __future__ import annotations

import asyncio
import bz2
import contextlib
import email
import gzip
import io
import lzma
import os
import random
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signatures import der
from signatures.cades import CadesVerifier
from signatures.errors import InvalidRecord, InvalidToken
from signatures.evidence import DataObject, object_of_bytes, read_record, verify_record
from signatures.evidence_files import EvidenceVerifier
from signatures.reading import read_signatures
from signatures.signed import SignedFile, Source
from signatures.timestamps import read_token
from signatures.xaip_verifier import XaipVerifier
from tests import packed
from tests.formats.ole2 import ole2
from tests.signatures import (
    asic_builder,
    fuzz_changes,
    fuzz_elements,
    office_signing,
    test_evidence,
    test_inside_archives,
    test_other_kinds,
    test_xaip,
    test_xmlers,
    xml_signing,
)
from tests.signatures.cms_attributes import EXTERNAL, INTERNAL, archived, record_over, token, with_attribute
from tests.signatures.evidence_builder import objects_of
from tests.signatures.fuzzing import Reader, fuzz, pki
from tests.signatures.pki import day, make_pdf
from tests.signatures.test_hostile import damaged

SECONDS = float(os.environ.get("KHO_FUZZ_SECONDS", "600"))

# -- readers -------------------------------------------------------------------------------------------------------------------


def read(folder: Path, data: bytes, name: str = "fuzzed") -> SignedFile:
    """Every family behind its door, with files beside for whatever is named."""
    path = folder / "fuzzed"
    path.write_bytes(data)

    def named(called: str) -> Callable[[], BinaryIO] | None:
        return partial(io.BytesIO, {"content": b"x"}.get(called, b"y")) if "x" not in called else None

    return read_signatures(Source(path, name, named=named)) or SignedFile()


def read_with(*verifiers: CadesVerifier | EvidenceVerifier | XaipVerifier) -> Callable[[Path, bytes], SignedFile]:
    """These verifiers straight, whatever the bytes look like."""

    def reading(folder: Path, data: bytes) -> SignedFile:
        found = [read(folder, data)]
        found += [each.read(Source(folder / "fuzzed", "fuzzed")) for each in verifiers]
        return SignedFile(tuple(one for each in found for one in each.objects))

    return reading


def read_as_record(objects: list[DataObject], folder: Path, data: bytes) -> SignedFile:
    """The reader and the verifier of records, and the reader of tokens; a record that holds is told as it is by `read`."""
    for reader in (read_record, read_token):
        with contextlib.suppress(InvalidRecord, InvalidToken):
            reader(data)
    verify_record(data, objects)
    return read(folder, data)


def _containers() -> list[bytes]:
    extended = asic_builder.parts(pki(), stamped=day(2029, 6), sealed=day(2029, 7)), asic_builder.with_xades(pki())
    simple = asic_builder.zipped(asic_builder.simple(pki()), kind=asic_builder.SIMPLE)
    return [simple, *(asic_builder.zipped(each) for each in extended)]


def _cms() -> list[bytes]:
    plain = pki().sign_cms(b"x", day(2026, 3), detached=False)
    sealed = with_attribute(plain, INTERNAL, record_over(partial(token, pki(), "tsa", day(2026, 3)), plain))
    return [sealed, archived(pki(), plain, b"x", "tsa2", day(2029, 6)), with_attribute(sealed, EXTERNAL, b"\x30\x00")]


def _xmlers() -> Reader:
    objects = [object_of_bytes(name, data) for name, data in test_xmlers.PLAIN.items()]
    return Reader([test_xmlers.renewed()[0]], [fuzz_elements.xml, damaged], partial(read_as_record, objects))


def _records() -> Reader:
    record = test_evidence.renewed_twice()[0]
    stock = [record, read_record(record).chains[0].stamps[0].token]
    return Reader(stock, [damaged, fuzz_elements.der], partial(read_as_record, objects_of(test_evidence.PLAIN)))


def _package() -> list[bytes]:
    light = test_xaip.package(data=test_xaip.reference(b"y", "content-beside"))
    record = test_xaip.record()
    return [test_xaip.package(), light, record, test_xaip.encoded(record).encode()]


def _resigned(draw: random.Random, data: bytes) -> bytes:
    """A CMS whose signer's certificate says something else, signed anew by its authority: it is believed."""
    info = cms.ContentInfo.load(data)
    name = pki().certificate("signer1").der
    for number, each in enumerate(info["content"]["certificates"]):
        if each.dump() == name:
            body = fuzz_elements.der(draw, each.chosen["tbs_certificate"].dump())
            value = _authority().sign(body, ec.ECDSA(hashes.SHA256()))
            algorithm = each.chosen["signature_algorithm"].dump()
            made = der.sequence(body, algorithm, der.encode(0x03, b"\0" + value))
            return data.replace(each.dump(), made) if len(made) == len(name) else _replaced(data, number, made)
    raise AssertionError("the signer's certificate is not there")


def _replaced(data: bytes, number: int, made: bytes) -> bytes:
    return fuzz_elements.with_element(data, (1, 0, 3, number), made)


@cache
def _authority() -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(pki().arch.key_set.get_private_key("interm").dump(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _unnamed() -> bytes:
    """A CMS that names its certificate by issuer and number only."""
    work = (
        pki()
        .signer()
        .async_sign_general_data(b"x", "sha256", detached=False, use_cades=False, timestamper=pki().stamps("tsa", day(2026, 3)))
    )
    return bytes(asyncio.run(work).dump())


def _archives(*forms: str) -> list[bytes]:
    members = {
        "a/b.p7m": test_inside_archives.signed(),
        "c.txt": b"nothing",
        "d.docx": packed.zipped(office_signing.sign_docx(pki())),
    }
    return [test_inside_archives.ARCHIVES[form](members) for form in forms]


def _tars() -> Reader:
    return Reader(_archives("tar", "tar", "tar.gz", "tar.xz"), [fuzz_changes.tar], read, _in_tar, [test_inside_archives.signed()])


LONGEST_TAR = 1 << 17
"""Bytes, unpacked: of headers that are longer the library takes minutes, in the square of their length."""


def _in_tar(data: bytes) -> Iterator[bytes]:
    with contextlib.suppress(Exception):
        data, _ = fuzz_changes.unpacked(data)
        if len(data) > LONGEST_TAR or re.search(rb"[0-9]{100}", data):
            return
        with tarfile.open(fileobj=io.BytesIO(data)) as found:
            for number, each in enumerate(found):
                if each.isreg() and each.size < 1 << 20 and number < 100:
                    stream = found.extractfile(each)
                    yield stream.read() if stream else b""


def _zips() -> Reader:
    stock = _archives("zip", "zip", "zip behind a program", "zip in a zip")
    return Reader(stock, [fuzz_changes.zip_headers, fuzz_changes.zipped, damaged], read, _in_zip, [test_inside_archives.signed()])


def _in_zip(data: bytes) -> Iterator[bytes]:
    with contextlib.suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as found:
        for each in found.infolist()[:100]:
            with contextlib.suppress(Exception):
                yield found.read(each) if each.file_size < 1 << 20 else b""


def _streams() -> Reader:
    """What is packed as one file."""
    signed = test_inside_archives.signed()
    alone = partial(lzma.compress, format=lzma.FORMAT_ALONE)
    stock = [
        pack(each)
        for each in (signed, packed.tarred({"a.p7m": signed}))
        for pack in (gzip.compress, bz2.compress, lzma.compress, alone)
    ]
    return Reader(stock, [fuzz_changes.packed_file], read, _unpacked, [signed])


def _unpacked(data: bytes) -> Iterator[bytes]:
    for unpack in (gzip.decompress, bz2.decompress, lzma.decompress):
        with contextlib.suppress(Exception):
            yield unpack(data)


def _mails() -> Reader:
    entity, signed = test_inside_archives.ENTITY, test_inside_archives.signed()
    mails = test_inside_archives.mail(("a.p7m", signed, "base64"), ("b.p7m", signed, "quoted-printable"))
    stock = [
        mails,
        test_inside_archives.smime(entity, pki().sign_cms(entity)),
        b"From a@b 00:00\n" + mails + b"\nFrom a@b 00:00\n" + mails,
        packed.zipped({"a.eml": mails}),
    ]
    return Reader(stock, [damaged, _mailed], read, _in_mail, [signed])


def _mailed(draw: random.Random, data: bytes) -> bytes:
    """In a zip, too: there it is gone through again."""
    if data[:2] == b"PK":
        return packed.zipped({"a.eml": fuzz_changes.mail(draw, office_signing.unzipped(data)["a.eml"])})
    return fuzz_changes.mail(draw, data)


def _in_mail(data: bytes) -> Iterator[bytes]:
    if len(data) > 1 << 17 or data[:2] == b"PK":  # the library takes time in the square of it
        return
    with contextlib.suppress(Exception):
        for each in email.message_from_bytes(data).walk():
            payload = b"" if each.is_multipart() else each.get_payload(decode=True)
            yield payload if isinstance(payload, bytes) else b""


def _others() -> Reader:
    stock = [data for data, _ in test_other_kinds.SIGNED.values()]
    return Reader(stock, [damaged], read)


def _pdfs() -> list[bytes]:
    return [pki().sign_pdf(make_pdf(), day(2026, 3)), test_inside_archives.attached(test_inside_archives.signed(), "a.p7m")]


READERS: dict[str, Callable[[], Reader]] = {
    "xml": lambda: Reader(
        [xml_signing.enveloped(pki(), level="LTA"), xml_signing.enveloping(pki(), level="T")], [fuzz_elements.xml], read
    ),
    "detached": lambda: Reader(
        [xml_signing.detached(pki(), {"content": b"x", "other": b"y"}, level="T")], [fuzz_elements.xml], read
    ),
    "office": lambda: Reader([packed.zipped(office_signing.sign_docx(pki(), level="T"))], [fuzz_changes.zipped], read),
    "opendocument": lambda: Reader([packed.zipped(office_signing.sign_odt(pki(), level="T"))], [fuzz_changes.zipped], read),
    "container": lambda: Reader(_containers(), [fuzz_changes.container], read),
    "cms": lambda: Reader(_cms(), [damaged, fuzz_elements.der, fuzz_elements.der], read_with(CadesVerifier())),
    "certificate": lambda: Reader([_unnamed()], [_resigned], read_with(CadesVerifier())),
    "xmlers": _xmlers,
    "record": _records,
    "zip": _zips,
    "tar": _tars,
    "packed": _streams,
    "mail": _mails,
    "pdf": lambda: Reader(_pdfs(), [damaged, fuzz_elements.pdf], read),
    "others": _others,
    "jws": lambda: Reader(
        [test_other_kinds.SIGNED[each][0] for each in ("jws", "detached jws", "jades")], [fuzz_changes.jws], read
    ),
    "compound": lambda: Reader(
        [ole2({"_xmlsignatures": b"x" * 9000, "b": b"y"}), ole2({"WordDocument": b"x"})], [fuzz_changes.compound], read
    ),
    "xaip": lambda: Reader(_package(), [fuzz_elements.either], read_with(XaipVerifier(), EvidenceVerifier())),
}


@pytest.mark.parametrize("reader", READERS)
def test_damaged_input(tmp_path: Path, reader: str) -> None:
    fuzz(READERS[reader](), reader, tmp_path, iter(range(25)))


@pytest.mark.proof
@pytest.mark.parametrize("reader", READERS)
def test_damaged_input_at_length(tmp_path: Path, reader: str) -> None:
    end = time.process_time() + SECONDS  # of this process: other work on the machine takes nothing from it

    def rounds() -> Iterator[int]:
        count = 0
        while time.process_time() < end:
            yield count
            count += 1

    assert fuzz(READERS[reader](), reader, tmp_path, rounds()) > 10

"""Damaged input at every reader of signed things: an answer or a refusal, within two seconds of processor time and 500 MB, and nothing new
passes.

A seeded sample runs always; ten minutes a reader carry the proof mark. ``KHO_FUZZ_SECONDS`` says another length, ``KHO_FUZZ_SEED`` another
seed, ``KHO_FUZZ_KEEP`` a folder in which the input that failed is kept.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import random
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import pytest
from lxml import etree

from signatures.cades import CadesVerifier
from signatures.errors import InvalidRecord, InvalidToken
from signatures.evidence import DataObject, object_of_bytes, read_record, verify_record
from signatures.evidence_files import EvidenceVerifier
from signatures.reading import read_signatures
from signatures.report import Integrity, Role
from signatures.signed import SignedFile, Source
from signatures.timestamps import read_token
from signatures.xaip_verifier import XaipVerifier
from tests import packed
from tests.signatures import (
    asic_builder,
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
from tests.signatures.pki import Pki, day
from tests.signatures.test_hostile import damaged

SECONDS = float(os.environ.get("KHO_FUZZ_SECONDS", "600"))
SEED = os.environ.get("KHO_FUZZ_SEED", "")
LONGEST = 2.0
"""Seconds of processor time that one input may take."""
LARGEST = 500 << 10
"""KiB that the process may grow by."""

WORDS = ["", "#body", "#sig-1", "#sig-1-signed", "#xpointer(/)", "../x", "cid:1", "x" * 5000, "http://a/b", "-1", "/edoc"]

Change = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Reader:
    """``stock`` is sound input, ``change`` damages it, ``read`` is what is tried; the values of its sound objects are all that may pass."""

    stock: list[bytes]
    change: Change
    read: Callable[[Path, bytes], SignedFile]


# -- damage --------------------------------------------------------------------------------------------------------------------


def mutated(draw: random.Random, data: bytes) -> bytes:
    """An XML document with some of its elements doubled, moved, emptied, wrapped or renamed; where it is none any more, damaged bytes."""
    try:
        root = etree.fromstring(data)
    except (etree.XMLSyntaxError, ValueError):
        return damaged(draw, data)
    every = [each for each in root.iter(etree.Element) if each is not root] or [etree.SubElement(root, "new")]
    algorithms = [each.get("Algorithm") for each in every if each.get("Algorithm")] or ["x"]
    for _ in range(draw.choice((1, 1, 2, 5))):
        one, other = draw.choice(every), draw.choice(every)
        match draw.randrange(8):
            case 0:
                one.addnext(copy.deepcopy(one))
            case 1:
                other.append(copy.deepcopy(one))
            case 2:
                one.clear()
            case 3:
                for name in one.attrib:
                    one.set(name, draw.choice([*WORDS, *algorithms]))
            case 4:
                one.text = draw.choice([*WORDS, "A" * 200_000, "%%%"])
            case 5:
                one.set("Id", draw.choice(WORDS[1:]).removeprefix("#"))
            case 6:
                deep = one
                for _ in range(draw.choice((5, 150))):
                    deep = etree.SubElement(deep, one.tag)
            case _:
                one.tag = other.tag
    changed = etree.tostring(root)
    return damaged(draw, changed) if draw.random() < 0.2 else changed


def either(draw: random.Random, data: bytes) -> bytes:
    """Elements or bytes, about as often."""
    return mutated(draw, data) if data[:1] == b"<" and draw.random() < 0.5 else damaged(draw, data)


def mutated_zip(draw: random.Random, data: bytes, zipped: Callable[[dict[str, bytes]], bytes] = packed.zipped) -> bytes:
    """A package with one of its parts changed, dropped, doubled or added; or with damaged bytes."""
    if draw.random() < 0.3:
        return damaged(draw, data)
    parts = office_signing.unzipped(data)
    name = draw.choice(list(parts))
    match draw.randrange(4):
        case 0:
            del parts[name]
        case 1:
            parts[draw.choice([*parts, "evil.xml", "word/evil.bin", "META-INF/signature9.p7s"])] = parts[name]
        case _:
            parts[name] = either(draw, parts[name] or b"x")
    return zipped(parts)


def mutated_container(draw: random.Random, data: bytes) -> bytes:
    kind = draw.choice((asic_builder.EXTENDED, asic_builder.SIMPLE, ""))

    def zipped(parts: dict[str, bytes]) -> bytes:
        return asic_builder.zipped({name: each for name, each in parts.items() if name != "mimetype"}, kind=kind)

    return mutated_zip(draw, data, zipped)


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


@cache
def pki() -> Pki:
    return Pki("ec")


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
    return Reader([test_xmlers.renewed()[0]], either, partial(read_as_record, objects))


def _records() -> Reader:
    record = test_evidence.renewed_twice()[0]
    stock = [record, read_record(record).chains[0].stamps[0].token]
    return Reader(stock, damaged, partial(read_as_record, objects_of(test_evidence.PLAIN)))


def _package() -> list[bytes]:
    light = test_xaip.package(data=test_xaip.reference(b"y", "content-beside"))
    record = test_xaip.record()
    return [test_xaip.package(), light, record, test_xaip.encoded(record).encode()]


def _archives() -> list[bytes]:
    members = {"a/b.p7m": test_inside_archives.signed(), "c.docx": packed.zipped(office_signing.sign_docx(pki()))}
    return [make(members) for make in test_inside_archives.ARCHIVES.values()]


def _mails() -> list[bytes]:
    entity, signed = test_inside_archives.ENTITY, test_inside_archives.signed()
    mails = test_inside_archives.mail(("a.p7m", signed, "base64"), ("b.p7m", signed, "quoted-printable"))
    return [
        mails,
        test_inside_archives.smime(entity, pki().sign_cms(entity)),
        b"From a@b 00:00\n" + mails + b"\nFrom a@b 00:00\n" + mails,
    ]


READERS: dict[str, Callable[[], Reader]] = {
    "xml": lambda: Reader([xml_signing.enveloped(pki(), level="LTA"), xml_signing.enveloping(pki(), level="T")], mutated, read),
    "detached": lambda: Reader([xml_signing.detached(pki(), {"content": b"x", "other": b"y"}, level="T")], mutated, read),
    "office": lambda: Reader([packed.zipped(office_signing.sign_docx(pki(), level="T"))], mutated_zip, read),
    "opendocument": lambda: Reader([packed.zipped(office_signing.sign_odt(pki(), level="T"))], mutated_zip, read),
    "container": lambda: Reader(_containers(), mutated_container, read),
    "cms": lambda: Reader(_cms(), damaged, read_with(CadesVerifier())),
    "xmlers": _xmlers,
    "record": _records,
    "archive": lambda: Reader(_archives(), damaged, read),
    "mail": lambda: Reader(_mails(), damaged, read),
    "attachment": lambda: Reader([test_inside_archives.attached(test_inside_archives.signed(), "a.p7m")], damaged, read),
    "others": lambda: Reader([data for data, _ in test_other_kinds.SIGNED.values()], damaged, read),
    "xaip": lambda: Reader(_package(), either, read_with(XaipVerifier(), EvidenceVerifier())),
}


# -- the loop ------------------------------------------------------------------------------------------------------------------


def _values(objects: Iterable[SignedFile]) -> set[bytes]:
    return {each.value for file in objects for each in file.objects if each.failure is None}


def _judge(file: SignedFile, sound: set[bytes]) -> None:
    for each in file.objects:
        assert (each.failure is None) == (each.why is None)
        assert each.why is None or each.why.code != "SIG-NOT-UNDERSTOOD", each.why
        assert each.failure is not None or each.integrity is Integrity.INTACT
        # A record, as a token, has bytes that nothing protects; what of it is intact is held against the rest elsewhere.
        assert each.failure is not None or each.value in sound or each.role in (Role.EVIDENCE, Role.TIMESTAMP)


def fuzz(folder: Path, name: str, rounds: Iterator[int]) -> int:
    reader = READERS[name]()
    sound = _values(reader.read(folder, each) for each in reader.stock)
    draw, before = random.Random(name + SEED), _peak()
    count, longest = 0, 0.0
    for count in rounds:
        data = reader.change(draw, draw.choice(reader.stock))
        try:
            start = time.process_time()
            file = reader.read(folder, data)
            took = time.process_time() - start
            assert took < LONGEST, f"it took {took:.1f} s"
            assert _peak() - before < LARGEST, f"it took {(_peak() - before) >> 10} MiB"
            _judge(file, sound)
        except Exception:
            kept = Path(os.environ.get("KHO_FUZZ_KEEP", folder)) / f"fuzz-{name}-{SEED or 'x'}-{count}"
            kept.write_bytes(data)
            print(f"{name}: round {count} failed over {kept}")
            raise
        longest = max(longest, took)
    print(f"{name}: {count + 1} inputs, the longest took {longest:.2f} s, memory grew by {(_peak() - before) >> 10} MiB")
    return count


def _peak() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("reader", READERS)
def test_damaged_input(tmp_path: Path, reader: str) -> None:
    fuzz(tmp_path, reader, iter(range(120)))


@pytest.mark.proof
@pytest.mark.parametrize("reader", READERS)
def test_damaged_input_at_length(tmp_path: Path, reader: str) -> None:
    end = time.monotonic() + SECONDS

    def rounds() -> Iterator[int]:
        count = 0
        while time.monotonic() < end:
            yield count
            count += 1

    assert fuzz(tmp_path, reader, rounds()) > 10

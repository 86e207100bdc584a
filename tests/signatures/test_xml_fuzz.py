"""Damaged documents at every reader of XML signatures: an answer or a refusal, within two seconds and 500 MB, and nothing new passes.

A seeded sample runs always; ten minutes a reader carry the proof mark (``KHO_FUZZ_SECONDS`` says another length).
"""

from __future__ import annotations

import copy
import io
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from lxml import etree

from signatures.reading import read_signatures
from signatures.report import Integrity
from signatures.signed import SignedFile, Source
from tests.signatures import office_signing, xml_signing
from tests.signatures.pki import Pki
from tests.signatures.test_hostile import damaged

SECONDS = float(os.environ.get("KHO_FUZZ_SECONDS", "600"))
LONGEST = 2.0
"""Seconds of processor time that one input may take."""
LARGEST = 500 << 10
"""KiB that the process may grow by."""

WORDS = ["", "#body", "#sig-1", "#sig-1-signed", "#xpointer(/)", "../x", "cid:1", "x" * 5000, "http://a/b", "-1", "/edoc"]


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


def mutated_zip(draw: random.Random, data: bytes) -> bytes:
    """A package with one of its parts changed, dropped, doubled or added; or with damaged bytes."""
    if draw.random() < 0.3:
        return damaged(draw, data)
    parts = office_signing.unzipped(data)
    name = draw.choice(list(parts))
    match draw.randrange(4):
        case 0:
            del parts[name]
        case 1:
            parts[draw.choice([*parts, "evil.xml", "word/evil.bin"])] = parts[name]
        case _:
            parts[name] = mutated(draw, parts[name]) if parts[name].startswith(b"<") else damaged(draw, parts[name] or b"x")
    return office_signing.zipped(parts)


def _stock(pki: Pki) -> dict[str, tuple[list[bytes], Callable[[random.Random, bytes], bytes]]]:
    return {
        "xml": ([xml_signing.enveloped(pki, level="LTA"), xml_signing.enveloping(pki, level="T")], mutated),
        "detached": ([xml_signing.detached(pki, {"content": b"x", "other": b"y"}, level="T")], mutated),
        "office": ([office_signing.zipped(office_signing.sign_docx(pki, level="T"))], mutated_zip),
        "opendocument": ([office_signing.zipped(office_signing.sign_odt(pki, level="T"))], mutated_zip),
    }


READERS = ["xml", "detached", "office", "opendocument"]


def read(folder: Path, data: bytes) -> SignedFile:
    path = folder / "fuzzed"
    path.write_bytes(data)
    return (
        read_signatures(Source(path, "fuzzed", named=lambda name: (lambda: _content(name)) if "x" not in name else None))
        or SignedFile()
    )


def _content(name: str) -> BinaryIO:
    return io.BytesIO({"content": b"x"}.get(name, b"y"))


def fuzz(folder: Path, pki: Pki, reader: str, rounds: Iterator[int]) -> int:
    stock, change = _stock(pki)[reader]
    sound = {each.value for data in stock for each in read(folder, data).objects if each.failure is None}
    assert len(sound) == len(stock)
    draw, before, count = random.Random(reader), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for count in rounds:
        data = change(draw, draw.choice(stock))
        start = time.process_time()
        file = read(folder, data)
        assert time.process_time() - start < LONGEST, f"round {count}"
        for each in file.objects:
            assert (each.failure is None) == (each.why is None)
            assert each.failure is not None or (each.integrity is Integrity.INTACT and each.value in sound), f"round {count}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST
    return count


@pytest.mark.parametrize("reader", READERS)
def test_damaged_documents(tmp_path: Path, pki: Pki, reader: str) -> None:
    fuzz(tmp_path, pki, reader, iter(range(150)))


@pytest.mark.proof
@pytest.mark.parametrize("reader", READERS)
def test_damaged_documents_at_length(tmp_path: Path, pki: Pki, reader: str) -> None:
    end = time.monotonic() + SECONDS

    def rounds() -> Iterator[int]:
        count = 0
        while time.monotonic() < end:
            yield count
            count += 1

    assert fuzz(tmp_path, pki, reader, rounds()) > 10

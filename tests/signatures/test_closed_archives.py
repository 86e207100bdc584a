"""Packed files of kinds that are not opened are told: nobody may take them for files without signatures."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import pytest

from signatures.inside_marks import Holder, holders
from signatures.report import Integrity, SubIndication
from tests.packed import tarred, zipped
from tests.signatures.test_inside import read
from tests.signatures.test_inside_archives import damaged, signed

REST = b"\0\4" + b"\x99" * 60

CLOSED = {
    "x.7z": b"7z\xbc\xaf\x27\x1c" + REST,
    "x.rar": b"Rar!\x1a\x07\0" + REST,
    "x5.rar": b"Rar!\x1a\x07\1\0" + REST,
    "x.tar.zst": b"\x28\xb5\x2f\xfd" + REST,
    "skipped.zst": b"\x50\x2a\x4d\x18\1\0\0\0a\x28\xb5\x2f\xfd" + REST,
    "x.lz4": b"\x04\x22\x4d\x18" + REST,
    "old.lz4": b"\x02\x21\x4c\x18" + REST,
    "x.lz": b"LZIP\1" + REST,
    "x.Z": b"\x1f\x9d\x90" + REST,
    "x.cab": b"MSCF\0\0\0\0" + REST,
    "x.deb": b"!<arch>\ndebian-binary   " + REST,
    "x.cpio": b"070701" + b"0" * 104,
    "x.lzh": b"\x20\x31-lh5-" + b"\x20\1\0\0" * 3 + b"\x20\0" + REST,
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("within", [False, True])
def test_what_is_not_opened_is_told(tmp_path: Path, name: str, *, within: bool) -> None:
    file = read(tmp_path, zipped({"a/" + name: CLOSED[name], "b.txt": b"hello" * 20}) if within else CLOSED[name], name)
    assert file is not None
    (one,) = file.objects
    assert (one.integrity, one.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC)
    assert one.why is not None
    assert one.why.code == "SIG-INSIDE-LEFT"
    assert name in str(one.why.args["parts"])


@pytest.mark.parametrize("preset", [0, 6, 9])
def test_lzma_alone_is_opened(tmp_path: Path, preset: int) -> None:
    data = lzma.compress(tarred({"a.p7m": signed(), "b.p7m": damaged()}), format=lzma.FORMAT_ALONE, preset=preset)
    file = read(tmp_path, data, "x.tar.lzma")
    assert file is not None
    assert [each.integrity for each in file.objects] == [Integrity.INTACT, Integrity.BROKEN]
    cut = read(tmp_path, data[:40], "x.tar.lzma")
    assert cut is not None
    assert [each.integrity for each in cut.objects] == [Integrity.UNKNOWN]


@pytest.mark.parametrize(
    "data", [b"]" * 64, b"]\0\0 text", b"Rar! is a word", b"LZIP is a word", b"!<arch", b"07070 1", b"a -lh5- b" * 9]
)
def test_texts_that_speak_of_them_are_none(data: bytes) -> None:
    assert not set(holders(io.BytesIO(data))) & {Holder.CLOSED, Holder.LZMA}

"""The demo's records: the same bytes every time, valid in their formats, and damage that really changes a byte."""

from __future__ import annotations

import csv
import hashlib
import re
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from lxml import etree

from repository.demo import flip_one_bit, make_records
from repository.demo.letters import glyph
from repository.demo.pdf import pdf
from tests.rights import ordinary_rights

EVERY_LETTER = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_records_every_time(tmp_path: Path) -> None:
    made = make_records(tmp_path / "one")
    make_records(tmp_path / "two")
    make_records(tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert [path.name for path in made] == ["ho-so-01-dat-dai", "ho-so-02-de-song-tram", "ho-so-03-hoi-nghi.zip"]
    assert all(path.exists() for path in made)


def test_every_vietnamese_letter_can_be_written() -> None:
    unknown = glyph("?")
    letters = {unicodedata.normalize("NFC", base + tone) for base in EVERY_LETTER for tone in TONES} | {"đ", "Đ"}
    assert len(letters) == 12 * 2 * 6 + 2
    shapes = {letter: glyph(letter) for letter in letters}
    assert unknown not in shapes.values()
    assert len(set(shapes.values())) == len(letters)
    assert glyph("漢") == unknown


def test_an_ordinary_user_can_damage_what_may_not_be_written(tmp_path: Path) -> None:
    """Stored files may be read only; `make demo` ended there for everybody but root."""
    stored = tmp_path / "ocfl" / "content" / "a"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"abc")
    stored.chmod(0o444)
    with ordinary_rights():
        assert flip_one_bit(tmp_path) == stored
    assert stored.read_bytes() == b"acc"
    assert stored.stat().st_mode & 0o777 == 0o444


def texts_of(document: bytes) -> str:
    """The text of a PDF of ours, by its own ToUnicode map."""
    streams = [zlib.decompress(body) for body in re.findall(rb"stream\n(.*?)\nendstream", document, re.DOTALL)]
    cmap = next(data for data in streams if b"beginbfchar" in data).decode()
    codes = {int(code, 16): bytes.fromhex(text).decode("utf-16-be") for code, text in re.findall(r"<(..)> <([0-9a-f]+)>\n", cmap)}
    shown = [text for data in streams if data.startswith(b"BT") for text in re.findall(rb"<([0-9a-f]*)> Tj", data)]
    return "\n".join("".join(codes[code] for code in bytes.fromhex(text.decode())) for text in shown)


def test_the_pdf_is_well_formed_and_its_text_can_be_read() -> None:
    lines = [f"Điều {number}. Quyết định này có hiệu lực kể từ ngày ký." for number in range(1, 100)]
    document = pdf("Quyết định", lines)
    assert document.startswith(b"%PDF-1.4\n")
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", document)[0])
    assert document[start:].startswith(b"xref\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", document)]
    for number, place in enumerate(places, 1):
        assert document[place:].startswith(b"%d 0 obj\n" % number)
    for length, body in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", document, re.DOTALL):
        assert int(length) == len(body)
    assert texts_of(document).split("\n") == lines
    assert document.count(b"/Type /Page ") == 3


def test_too_many_letters_are_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="300 different"):
        pdf("", ["".join(map(chr, range(0x4E00, 0x4E00 + 300)))])


def test_the_png_is_valid(tmp_path: Path) -> None:
    make_records(tmp_path)
    images = list(tmp_path.rglob("*.png"))
    assert images
    for image in images:
        data = image.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        at, kinds, pixels = 8, [], b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at : at + 8])
            body = data[at + 8 : at + 8 + length]
            assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
            kinds.append(kind)
            pixels += body if kind == b"IDAT" else b""
            at += 12 + length
        width, height = struct.unpack(">II", data[16:24])
        assert kinds == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
        rows = zlib.decompress(pixels)
        assert len(rows) == height * (width + 1)
        assert min(rows[1:width]) < max(rows) <= 255


def test_the_bag_is_whole_and_the_metadata_is_readable(tmp_path: Path) -> None:
    folder, bag, packed = make_records(tmp_path)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        for line in (bag / manifest).read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            assert hashlib.sha256((bag / name).read_bytes()).hexdigest() == digest
    row = next(csv.DictReader((bag / "data" / "metadata.csv").read_text(encoding="utf-8").splitlines()))
    assert row["title"] == "Hồ sơ tu bổ đê sông Trầm năm 2020"
    ead = etree.parse(str(folder / "metadata" / "descriptive" / "EAD.xml"))
    assert ead.findtext("title") == "Hồ sơ giải quyết đất đai xã Bình Yên năm 2019"
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        dc = etree.fromstring(archive.read("ho-so-03-hoi-nghi/metadata/descriptive/dc.xml"))
    assert "ho-so-03-hoi-nghi/Giấy mời.pdf" in names
    assert dc.findtext("{http://purl.org/dc/elements/1.1/}language") == "vi"


def test_damage_changes_one_bit_and_nothing_else(tmp_path: Path) -> None:
    content = tmp_path / "ocfl" / "x" / "v1" / "content"
    content.mkdir(parents=True)
    (content / "small").write_bytes(b"abc")
    (content / "large").write_bytes(bytes(range(200)))
    (tmp_path / "ocfl" / "x" / "inventory.json").write_bytes(b"{" + b" " * 1000 + b"}")
    before = (content / "large").stat()
    assert flip_one_bit(tmp_path) == content / "large"
    after = (content / "large").read_bytes()
    assert sum(bin(one ^ other).count("1") for one, other in zip(bytes(range(200)), after, strict=True)) == 1
    assert (content / "large").stat().st_mtime_ns == before.st_mtime_ns
    assert (content / "small").read_bytes() == b"abc"


def test_nothing_to_damage_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flip_one_bit(tmp_path)


def test_wrong_usage_of_the_module(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "repository.demo", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "make-records" in done.stderr

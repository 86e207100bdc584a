"""What a PDF calls a signature and cannot be read as one: never "no signature", whatever byte of it is damaged; and what only looks so."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from signatures import held
from signatures.reading import read_signatures
from signatures.report import Integrity, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from tests.signatures.pki import Pki, day, make_pdf

MASKS = (0x01, 0x20, 0x80, 0xFF)
TURNED = b"()%<>/ 0"
"""Besides these flips a byte is made into each of the characters that mean something in PDF."""


@pytest.fixture(scope="module")
def signed(pki: Pki) -> dict[str, bytes]:
    return {level: pki.sign_pdf(make_pdf(), day(2026, 3), level=level) for level in ("B", "LTA")}


def read(folder: Path, data: bytes) -> SignedFile | None:
    path = folder / "x.pdf"
    path.write_bytes(data)
    return read_signatures(Source(path, "x.pdf"))


def objects(folder: Path, data: bytes) -> tuple[SignedObject, ...]:
    file = read(folder, data)
    return file.objects if file else ()


def changed(data: bytes, at: int, byte: int) -> bytes:
    return data[:at] + bytes((byte,)) + data[at + 1 :]


def bytes_at(byte: int) -> list[int]:
    return sorted({byte ^ mask for mask in MASKS} | set(TURNED) - {byte})


def never_none(folder: Path, data: bytes, at: int, byte: int) -> None:
    found = objects(folder, changed(data, at, byte))
    assert any(each.role is Role.SIGNATURE for each in found), (at, byte)
    assert len(found) > data.count(b"/DocTimeStamp"), (at, byte)


@pytest.mark.parametrize(("level", "count"), [("B", 150), ("LTA", 40)])
def test_no_flipped_byte_makes_a_signature_none(tmp_path: Path, signed: dict[str, bytes], level: str, count: int) -> None:
    data, draw = signed[level], random.Random(level)
    for at in draw.sample(range(len(data)), count):
        never_none(tmp_path, data, at, draw.choice(bytes_at(data[at])))


def test_no_flipped_byte_of_its_dictionary_makes_it_none(tmp_path: Path, signed: dict[str, bytes]) -> None:
    """All its bytes but the value, in which one byte is like another."""
    data, draw = signed["B"], random.Random(1)
    value = re.search(rb"(\d+ \d+ obj(?:(?!endobj).)*)/Contents <([0-9a-fA-F]+)>.*?endobj", data, re.DOTALL)
    assert value is not None
    places = [*range(value.start(1) - 8, value.start(2)), *range(value.end(2), value.end() + 2)]
    for at in draw.sample([each for each in places if data[each : each + 2] != b"  "], 80):
        never_none(tmp_path, data, at, draw.choice(bytes_at(data[at])))


@pytest.mark.proof
@pytest.mark.parametrize("level", ["B", "LTA"])
def test_no_flipped_byte_at_length(tmp_path: Path, signed: dict[str, bytes], level: str) -> None:
    data, draw = signed[level], random.Random(level)
    for at in range(len(data)):
        for byte in draw.sample(bytes_at(data[at]), 1 if level == "LTA" else 3):
            never_none(tmp_path, data, at, byte)


@pytest.mark.parametrize("at", [1, 700, 7_000])
def test_a_value_with_a_character_that_is_no_digit_is_broken(tmp_path: Path, signed: dict[str, bytes], at: int) -> None:
    for level, data in signed.items():
        start = data.index(b"/Contents <") + 10
        (found,) = (each for each in objects(tmp_path, changed(data, start + at, 0xC7)) if each.role is Role.SIGNATURE)
        assert (found.name, found.integrity, found.failure) == ("Sig1", Integrity.BROKEN, SubIndication.FORMAT_FAILURE), level


def test_a_time_stamp_that_cannot_be_read_is_named_as_one(tmp_path: Path, signed: dict[str, bytes]) -> None:
    data = signed["LTA"]
    value = data.rindex(b"/Contents <")
    found = objects(tmp_path, changed(data, value + 500, 0xC7))
    assert [each.role for each in found] == [Role.SIGNATURE, Role.TIMESTAMP]
    assert found[1].failure is SubIndication.FORMAT_FAILURE


@pytest.mark.parametrize("key", [b"/ByteRange", b"/#42yteRange", b"/Byte#52ang#65"])
@pytest.mark.parametrize("most", [held.MOST_HELD, 0], ids=["held", "read by pages"])
def test_a_signature_whose_form_is_gone_is_told_by_its_marks(
    tmp_path: Path, signed: dict[str, bytes], key: bytes, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST_HELD", most)
    data = signed["B"].replace(b"/AcroForm", b"/AcroXorm")
    data = data.replace(b"/ByteRange [0", key + b" [7")
    (found,) = objects(tmp_path, data)
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC)


def test_two_signatures_that_cannot_be_read_are_two(tmp_path: Path, pki: Pki, signed: dict[str, bytes]) -> None:
    twice = pki.sign_pdf(signed["B"], day(2026, 4), level="B", field_name="Sig2")
    broken = re.sub(rb"/Contents <30", b"/Contents <zz", twice)
    assert [(each.name, each.failure) for each in objects(tmp_path, broken)] == [
        ("Sig1", SubIndication.FORMAT_FAILURE),
        ("Sig2", SubIndication.FORMAT_FAILURE),
    ]


def speaking(*, title: bytes = b"", content: bytes = b"", attachment: bytes = b"", comment: bytes = b"") -> bytes:
    """An unsigned document that speaks of signatures."""
    writer = PdfFileWriter(stream_xrefs=False)
    stream = generic.StreamObject(stream_data=b"BT /F1 12 Tf (%s) Tj ET" % content)
    page = PageObject(contents=writer.add_object(stream), media_box=(0, 0, 595, 842))
    writer.insert_page(page)
    if attachment:
        writer.root["/Attached"] = writer.add_object(generic.StreamObject(stream_data=attachment))
    if title:
        writer.root["/Said"] = generic.ByteStringObject(b"TITLE")
    out = io.BytesIO()
    writer.write(out)
    data = out.getvalue()
    if title:
        assert b"<5449544c45>" in data
        data = data.replace(b"<5449544c45>", b"(" + title + b")")
    return data.replace(b"%PDF-1.7\n", b"%PDF-1.7\n" + comment) if comment else data


MARKS = b"/Type /Sig /SubFilter /adbe.pkcs7.detached /ByteRange [0 10 20 30]"


@pytest.mark.parametrize("most", [held.MOST_HELD, 0], ids=["held", "read by pages"])
def test_text_about_signatures_is_none(
    tmp_path: Path, signed: dict[str, bytes], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST_HELD", most)
    for data in (
        speaking(content=MARKS),
        speaking(title=b"On (the key) \\) " + MARKS),
        speaking(comment=b"% " + MARKS + b"\n"),
        speaking(attachment=b"x" * 20_000 + signed["B"]),
        speaking(attachment=signed["LTA"]),
    ):
        assert objects(tmp_path, data) == (), data[:300]


def test_marks_outside_streams_and_strings_are_no_text(tmp_path: Path) -> None:
    plain = speaking(content=b"x")
    for data in (
        plain.replace(b"/MediaBox", MARKS + b" /MediaBox"),
        plain.replace(b"/MediaBox", b"/Said (a \\( b) " + MARKS + b" /Too (c) /MediaBox"),
        plain.replace(b"/MediaBox", b"/Said (not closed " + MARKS + b" /MediaBox"),
    ):
        (found,) = objects(tmp_path, data)
        assert found.failure is SubIndication.FORMAT_FAILURE, "the document cannot be read: its places have moved"


def test_a_form_to_be_signed_is_not_signed(tmp_path: Path) -> None:
    """Empty fields, with what they ask of a signature, and encryption by certificates: all of it has names like those of signatures."""
    form = (
        b"/AcroForm << /SigFlags 1 /Fields [99 0 R] >> /Encr << /SubFilter /adbe.pkcs7.s5 >> /Field << /FT /Sig /T (S) "
        b"/SV << /Type /SV /SubFilter [/adbe.pkcs7.detached /ETSI.CAdES.detached] >> /Lock << /Type /SigFieldLock >> >> "
    )
    assert objects(tmp_path, speaking(content=b"x").replace(b"/Type /Catalog", form + b"/Type /Catalog")) == ()


def test_a_licence_for_readers_is_no_signature_in_any_of_its_copies(tmp_path: Path) -> None:
    """Usage rights (ISO 32000-1, 12.8.2.3) are signed, stand in the catalogue, and are written again with it."""
    licence = b"/Perms << /UR3 << " + MARKS + b" /Contents <3000> >> >> "
    once = speaking(content=b"x").replace(b"/Type /Catalog", licence + b"/Type /Catalog")
    catalogue = re.search(rb"\d+ 0 obj(?:(?!endobj).)*/Perms.*?endobj\n", once, re.DOTALL)
    assert catalogue is not None
    moved = len(licence)
    table = re.sub(
        rb"(?<=\n)\d{10}(?= 00000 n)", lambda each: b"%010d" % (int(each[0]) + (moved if int(each[0]) > 20 else 0)), once
    )
    start = int(re.findall(rb"startxref\n(\d+)", once)[0])
    table = table.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + moved))
    assert objects(tmp_path, table) == ()
    assert objects(tmp_path, table.replace(b"xref\n0 ", catalogue[0] + b"xref\n0 ", 1)) != (), (
        "its places have moved: it cannot be read"
    )
    at = table.index(b"xref\n0 ")
    twice = table[:at] + catalogue[0] + table[at:].replace(b"%d" % (start + moved), b"%d" % (start + moved + len(catalogue[0])))
    assert objects(tmp_path, twice) == ()


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        (rb"/Version /2\.0", b"/Version .2.0"),
        (rb"/MediaBox \[\s*0\s+0", b"/MediaBox [0 1.2.3"),
        (rb"/Prev \d+", b"/Prev -1"),
        (rb"/Prev \d+", b"/Prev 0"),
        (rb"/Prev \d+", b"/Prev 99999999999999999999"),
        (rb"startxref\s+\d+", b"startxref\n-9999999"),
        (rb"startxref\s+\d+", b"startxref\n0"),
        (rb"/Size \d+", b"/Size 1e400"),
        (rb"/Length \d+", b"/Length -5"),
    ],
)
def test_numbers_that_are_none_and_places_that_are_not_there(
    tmp_path: Path, signed: dict[str, bytes], sound: bytes, damaged: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the document's fault, never a broken job nor the machine's; held in memory or read by pages."""
    places = list(re.finditer(sound, signed["LTA"]))
    assert places
    for most in (held.MOST_HELD, 0):
        monkeypatch.setattr(held, "MOST_HELD", most)
        for each in (places[0], places[-1]):
            data = signed["LTA"][: each.start()] + damaged + signed["LTA"][each.end() :]
            assert any(one.role is Role.SIGNATURE for one in objects(tmp_path, data))


def test_streams_without_an_end_cost_one_walk(tmp_path: Path) -> None:
    """Looked for from each of them anew, the end would take hours."""
    data = b"%PDF-1.7\n" + b"1 0 obj <<>> stream\n" * 200_000 + b"2 0 obj << " + MARKS + b" >> endobj\nstartxref\n0\n%%EOF"
    assert [each.failure for each in objects(tmp_path, data)] == [SubIndication.FORMAT_FAILURE]

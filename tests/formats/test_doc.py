"""What Word documents of 1997 to 2003 say, read from the file itself."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from formats.ole2 import Unfollowed, read_stream
from formats.properties import CannotTell, Compared, Demand, Kind, Said, compare, doc, doc_file
from formats.properties.pieces import COUNTED, NOTED, Piece
from policies.findings import spoken
from tests.formats import layouts
from tests.formats.documents import Work, needs
from tests.formats.office import migrated
from tests.formats.ole2 import ole2
from tests.formats.word97 import word97

TEXT = "Quyết định số 5.\rĐiều 1. Cấp đất.\r"


def read(path: Path, data: bytes, **more: Any) -> list[Piece]:
    path.write_bytes(data)
    file = doc_file.opened(path)
    assert file is not None
    return list(doc.pieces(file, **more))


def said(path: Path, data: bytes) -> list[str]:
    return [each.text for each in read(path, data)]


def test_paragraphs_cells_breaks_and_letters_of_one_byte_and_of_two_signs(tmp_path: Path) -> None:
    body = "caf\xe9 \x93A\x94\r".encode("latin-1").decode("cp1252") + "Một\x0bhai\x1e3 \x1fb\U00020000n\x0cÔ 1\x07Ô 2\x07\x07\r"
    found = read(tmp_path / "a.doc", word97({"body": _signs(body)}, narrow=9))
    assert [each.text for each in found] == ["café “A”", "Một\nhai-3 b\U00020000n", "Ô 1", "Ô 2"]
    assert [each.apart for each in found] == [False, False, True, True]


def _signs(text: str) -> str:
    """Letters that are two signs of UTF-16 as these: so the stories are counted."""
    data = text.encode("utf-16-le")
    return "".join(chr(int.from_bytes(data[at : at + 2], "little")) for at in range(0, len(data), 2))


def test_fields_say_their_value_and_count_where_it_is_counted(tmp_path: Path) -> None:
    body = "Trang \x13 PAGE \\* MERGEFORMAT \x147\x15/\x13NUMPAGES\x149\x15, "
    body += 'xem \x13 HYPERLINK "http://a.vn/\x13 PAGE \x1412\x15" \x14liên kết\x15\r'
    body += "\x13 IF \x13 PAGE \x141\x15 = 1 \x14trang đầu\x15, \x13 TOC \x14Mục\rlục \x13 PAGEREF a \x144\x15\r\x15hết\r"
    found = said(tmp_path / "a.doc", word97({"body": body}))
    assert found == [f"Trang {COUNTED}/{COUNTED}, xem liên kết", "trang đầu, Mục", "lục 4", "hết"]


def test_notes_comments_and_frames(tmp_path: Path) -> None:
    stories = {"body": "Theo luật\x02, như vậy\x05.\r", "footnotes": "\x02 Luật số 5.\rHai đoạn.\r", "comments": "\x05Sai!\r"}
    stories |= {"endnotes": "\x02 Nguồn.\r", "boxes": "Nơi nhận\r", "boxes in heads": "Mật\r"}
    found = read(tmp_path / "a.doc", word97(stories))
    assert [each.text.strip() for each in found] == [
        f"Theo luật{NOTED}, như vậy.",
        "Luật số 5.",
        "Hai đoạn.",
        "Nguồn.",
        "Nơi nhận",
        "Mật",
    ]
    assert [each.label for each in found] == ["", COUNTED, "", COUNTED, "", ""]
    assert [each.running for each in found] == [False] * 5 + [True]


@pytest.mark.parametrize(("title", "facing"), [(False, False), (True, False), (False, True), (True, True)])
def test_heads_and_feet_as_they_are_set(title: bool, facing: bool, tmp_path: Path) -> None:
    heads = ["Trái\r", "Phải\r", "Chân trái\r", "Chân \x13 PAGE \x142\x15\r", "Đầu\r", "\r"]
    found = read(tmp_path / "a.doc", word97({"body": TEXT}, heads=heads, title=title, facing=facing))
    assert all(each.running for each in found[2:])
    wanted = {"Phải": not title, f"Chân {COUNTED}": not title}
    wanted |= {"Đầu": True} if title else {}
    wanted |= {"Trái": False, "Chân trái": False} if facing else {}
    assert {each.text: each.certain for each in found[2:]} == wanted


def test_deleted_letters_are_not_said_and_symbols_are_letters_of_their_fonts(tmp_path: Path) -> None:
    formatted = {
        " không": bytes.fromhex("0008 01".replace(" ", "")),
        "(": bytes.fromhex("096a0100fe00"),
        "<": bytes.fromhex("096a01004a00"),
    }
    data = word97({"body": "Tôi không đồng ý (<\r"}, formatted=formatted, fonts=["Arial", "Wingdings"])
    assert said(tmp_path / "a.doc", data) == ["Tôi đồng ý \uf0fe\uf04a"]


def test_fonts_of_before_unicode_are_known(tmp_path: Path) -> None:
    data = word97({"body": "QuyÕt ®Þnh\r"}, fonts=["Arial", ".VnTime"])
    assert said(tmp_path / "a.doc", data) == ["QuyÕt ®Þnh"]
    with pytest.raises(CannotTell, match="VnTime"):
        read(tmp_path / "a.doc", data, any_font=False)


def test_what_asks_for_a_password_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="document-locked"):
        read(tmp_path / "a.doc", word97({"body": TEXT}, flags=0x0100))


def test_other_files_are_none(tmp_path: Path) -> None:
    for data in (b"", b"{\\rtf1}", ole2({"Workbook": bytes(5000)}), ole2({"WordDocument": b"\xdc\xa5" + bytes(5000)})):
        (tmp_path / "a.doc").write_bytes(data)
        assert doc_file.opened(tmp_path / "a.doc") is None


@pytest.mark.parametrize("length", [0, 1, 63, 64, 4095, 4096, 4097, 70_000])
def test_streams_are_read_whole_or_not_at_all(length: int, tmp_path: Path) -> None:
    data = random.Random(length).randbytes(length)
    path = tmp_path / "a"
    path.write_bytes(ole2({"A": data, "B": bytes(100), "C": bytes(9000)}))
    assert read_stream(path, "A", length) == data
    assert read_stream(path, "Z", length) is None
    if length:
        with pytest.raises(Unfollowed):
            read_stream(path, "A", length - 1)
        path.write_bytes(path.read_bytes()[: 512 * 4])
        with pytest.raises(Unfollowed):
            read_stream(path, "A", length)


def test_damage_is_told_and_ends_nothing(tmp_path: Path) -> None:
    heads = ["Trái\r", "Phải\r", "Chân\r", "Chân\r", "Đầu\r", "\r"]
    formatted = {"định": bytes.fromhex("000801")}
    whole = word97({"body": TEXT, "footnotes": "\x02 a\r"}, heads=heads, title=True, formatted=formatted, narrow=2)
    chance, told = random.Random(3), 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(512, len(data))] = chance.choice([0, 1, 255, chance.randrange(256)])
        (tmp_path / "a.doc").write_bytes(data)
        try:
            file = doc_file.opened(tmp_path / "a.doc")
            list(doc.pieces(file) if file else ())
        except CannotTell:
            told += 1
    assert told > 100


# -- through an office program --------------------------------------------------------------------------------------------------


def text(source: Path, result: Path, work: Work) -> Compared:
    kind = Kind.PDF if result.suffix == ".pdf" else Kind.ODF
    return compare(Said(source, Kind.OLE), Said(result, kind), [Demand("text")], work())[0]


def planted(source: Path, old: str, new: str) -> Path:
    """The document with other words of the same length."""
    assert len(old) == len(new)
    data = source.read_bytes()
    was = old.encode("utf-16-le")
    assert data.count(was) >= 1, old
    wrong = source.with_name("wrong.doc")
    wrong.write_bytes(data.replace(was, new.encode("utf-16-le")))
    return wrong


NOTE = "Chú thích số 3: xem Nghị định 30/2020/NĐ-CP."
FAULTS = [
    ("Văn bản trang lẻ", "Văn bản trang lé"),  # heads of right, left and first pages
    ("Văn bản trang chẵn", "Văn bản trang chắn"),
    ("CHỦ NGHĨA VIỆT NAM", "CHU NGHĨA VIỆT NAM"),
    (NOTE, NOTE.replace("Chú", "Chu")),
    (NOTE, " " * len(NOTE)),
    ("nguồn tư liệu", "nguồn        "),  # an end note cut short
    ("Mục con b về", "Mục con d về"),
    ("Trong khung chữ", "Trong khung chứ"),
]


@pytest.mark.parametrize("recipe", ["pdfa-2b", "odt"])
def test_old_word_documents_of_many_layouts(recipe: str, tmp_path: Path, work: Work) -> None:
    """Notes, heads, page numbers, lists and frames: honest ones come through, with a fault on either side they do not."""
    needs("soffice", "pdftotext")
    source = layouts.made("text", tmp_path / "a.doc")
    result = migrated(source, recipe, work)
    assert text(source, result, work).accepted, spoken(text(source, result, work).detail)
    for fault in FAULTS:
        assert text(planted(source, *fault), result, work).same is False, fault
    for fault in (FAULTS[0], FAULTS[4]):  # a result that lacks a note, or says another head
        assert text(source, migrated(planted(source, *fault), recipe, work), work).same is False, fault

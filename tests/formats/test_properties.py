"""What must survive a migration: right results are accepted, wrong ones that were planted on purpose are refused."""

from __future__ import annotations

import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from formats.migrate import Made
from formats.migrate.pillow import Pillow
from formats.properties import COMPARISONS, Compared, Demand, Kind, Said, compare
from formats.properties.names import NAMES, named
from formats.properties.pieces import BULLET, COUNTED, Piece, words
from formats.properties.words import compare_words
from formats.sandbox import workspace
from policies.findings import spoken
from policies.formats import LOSABLE
from tests.formats import documents
from tests.formats.documents import PARAGRAPHS, needs, with_part


def compared(source: Path, result: Path, *demands: str, kinds: tuple[Kind, Kind], least: float | None = None) -> list[Compared]:
    work = source.parent / "work"
    work.mkdir(exist_ok=True)
    return list(compare(Said(source, kinds[0]), Said(result, kinds[1]), [Demand(name, least) for name in demands], work))


def one(source: Path, result: Path, demand: str, kinds: tuple[Kind, Kind], least: float | None = None) -> Compared:
    return compared(source, result, demand, kinds=kinds, least=least)[0]


# --- words -------------------------------------------------------------------------------------------------------------------


def test_words_are_those_of_the_text_however_it_is_written() -> None:
    text = "Điều 1. Hòa-bình, số 12/QĐ; âm -35 và 2019-2020, ﬁle"
    assert list(words([text])) == ["Điều", "1", "Hòa", "bình", "số", "12", "/", "QĐ", "âm", "-35", "và", "2019", "2020", "file"]
    assert list(words([unicodedata.normalize("NFD", text)])) == list(words([text]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("Thưởng", "Thường"), "lost: “Thưởng”"),
        (lambda text: text.replace("Nguyễn", "Nguyên"), "lost: “Nguyễn”"),
        (lambda text: text.replace("-35", "35"), "lost: “-35”"),
        (lambda text: text.replace("123/QĐ", "124/QĐ"), "lost: “123”"),
        (lambda text: text + " thêm", "does not have: “thêm”"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "lost:"),
        (lambda text: " ".join(sorted(text.split())), "another order"),
    ],
)
def test_a_changed_text_is_refused(change: Callable[[str], str], says: str) -> None:
    text = "\n".join(PARAGRAPHS)
    found = compare_words([text], [change(text)])
    assert found.same is False
    assert says in spoken(found.detail)


def test_signs_and_numbers_are_tokens_as_they_are_written() -> None:
    text = "☑ có ☐ không, ≥ 1.234,5 m² (-35) “+5 %” = \u221235; ngày 01/02/2020… – \u2022 ____"
    wanted = [
        "☑",
        "có",
        "☐",
        "không",
        "≥",
        "1.234,5",
        "m²",
        "(",
        "-35",
        ")",
        "+",
        "5",
        "%",
        "=",
        "-35",
        "ngày",
        "01",
        "/",
        "02",
        "/",
        "2020",
    ]
    assert list(words([text])) == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Ủy ban đồng ý", "Ủy ban không đồng ý"),
        ("đồng ý", "đồng 777 ý"),
        ("Ủy ban đồng ý", "Ủy ban 5 đồng ý"),
        ("≥", "≤"),
        ("☑ có ☐ không", "☐ có ☑ không"),
        ("(-35)", "(35)"),
        ("(-35)", "-35"),
        ("+5 %", "5 ‰"),
        ("10.000", "10,000"),
        ("giá 10.000 đ", "giá 10.000"),
        ("\nHết", "\nHết\nỦy ban không đồng ý"),
        ("\nHết", "\nHết\n7"),
        ("Ủy ban đồng ý cấp đất. Không thu hồi", "Ủy ban không đồng ý cấp đất. Thu hồi"),
        ("Ủy ban đồng ý", "đồng ý Ủy ban"),
        ("Điều 1\n", ""),
    ],
)
def test_nothing_may_be_put_in_taken_out_or_moved(old: str, new: str) -> None:
    text = "Điều 1\nỦy ban đồng ý cấp đất. Không thu hồi đất ≥ 5 m²\n☑ có ☐ không\ngiá 10.000 đ (-35), +5 %\nkhông\nHết"
    assert compare_words([text], [text]).accepted
    assert old in text
    assert compare_words([text], [text.replace(old, new)]).same is False
    assert compare_words(text.splitlines(), text.replace(old, new).splitlines()).same is False


def test_lines_are_broken_anywhere_but_stay_in_their_order() -> None:
    text = " ".join(PARAGRAPHS)
    said = text.split()
    lines = [" ".join(said[n : n + 7]) for n in range(0, len(said), 7)]
    assert compare_words([text], lines).accepted
    lines[1], lines[2] = lines[2], lines[1]
    assert compare_words([text], lines).same is False


def test_heads_and_page_numbers_stand_on_every_page_and_only_there() -> None:
    source = [Piece("Hồ sơ lưu trữ", running=True), Piece(f"Trang {COUNTED}/{COUNTED}", running=True), *PARAGRAPHS]

    def page(number: int, paragraph: str, head: str = "Hồ sơ lưu trữ", foot: str = "Trang {}/5") -> list[Piece]:
        return [Piece(head, edge=True), Piece(paragraph), Piece(foot.format(number), edge=True)]

    pages = [page(number, paragraph) for number, paragraph in enumerate(PARAGRAPHS, 1)]
    flat = [piece for each in pages for piece in each]
    assert compare_words(source, flat).accepted
    assert compare_words(source, [*flat[:4], Piece("Hồ sơ lưu trữ"), *flat[4:]]).same is False, "in the middle of a page"
    assert compare_words(source, [*page(1, PARAGRAPHS[0], foot="Trang {}/5 không"), *flat[3:]]).same is False
    assert compare_words(source, [*page(1, PARAGRAPHS[0], head="Hồ sơ lưu"), *flat[3:]]).same is False
    assert compare_words(source, [Piece(each.text) for each in flat if "Hồ sơ" not in each.text]).same is False, "no head at all"
    assert compare_words(source, [*flat, *page(6, PARAGRAPHS[-1])]).same is False, "a page twice"


def test_numbers_of_lists_stand_before_their_paragraphs() -> None:
    source = [Piece("Cấp đất", label=f"Điều {COUNTED}."), Piece("Thi hành", label=f"Điều {COUNTED}."), Piece("Gửi", label=BULLET)]
    assert compare_words(source, ["Điều 1. Cấp đất", "Điều 2.", "Thi hành", "➢ Gửi"]).accepted
    assert compare_words(source, ["Cấp đất", "Thi hành", "Gửi"]).accepted
    assert compare_words(source, ["Điều 1. Cấp đất", "Điều 2. Thi hành", "Điều 3. Gửi"]).same is False
    assert compare_words(source, ["Điều 1. Cấp 1 đất", "Điều 2. Thi hành", "Gửi"]).same is False


def test_cells_may_come_in_another_order_and_words_in_them_may_not() -> None:
    source = [Piece(text, apart=True) for text in ("Số hiệu", "Trích yếu", "12", "Cấp đất ở", "không", "13", "Thu hồi đất", "có")]
    assert compare_words(source, ["Số hiệu Trích yếu", "12 Cấp đất", "ở không", "13 Thu hồi đất có"]).accepted
    assert compare_words(source, ["Số hiệu Trích yếu", "12 Cấp không đất ở", "13 Thu hồi đất có"]).same is False


def test_what_only_reading_did_is_undone() -> None:
    assert compare_words(["chịu trách nhiệm thi hành"], ["chịu trách nhi ệm thi hành"]).accepted
    assert compare_words(["chịu trách nhiệm thi hành"], ["chịu trách nhi ềm thi hành"]).same is False
    assert compare_words(["Cộng hòa xã hội"], ["CỘNG HÒA XÃ HỘI"]).accepted
    assert compare_words(["Cộng hòa xã hội"], ["CỘNG HOÀ XÃ HỘI"]).same is False


LETTERS = st.text(st.sampled_from("aăâbcdđeêghiklmnoôơpqrstuưvxyạảãàá "), min_size=1, max_size=12)


@given(st.lists(LETTERS, min_size=1, max_size=30), st.data())
def test_any_changed_word_is_found(pieces: list[str], data: st.DataObject) -> None:
    said = list(words(pieces))
    assert compare_words(pieces, [unicodedata.normalize("NFD", piece) for piece in pieces]).accepted
    if said:
        place = data.draw(st.integers(0, len(said) - 1))
        changed = [*said[:place], said[place] + "q̣", *said[place + 1 :]]
        assert compare_words(pieces, changed).same is False


# --- documents, without any program ------------------------------------------------------------------------------------------

OFFICE = (Kind.OOXML, Kind.ODF)


def test_documents_of_both_families_say_the_same(tmp_path: Path) -> None:
    source, result = documents.docx(tmp_path / "a.docx"), documents.odt(tmp_path / "a.odt", ["Hồ sơ lưu trữ", *PARAGRAPHS])
    assert one(source, result, "text", OFFICE).accepted
    assert one(result, source, "text", (Kind.ODF, Kind.OOXML)).accepted


@pytest.mark.parametrize("lost", range(len(PARAGRAPHS)))
def test_a_lost_paragraph_is_refused(tmp_path: Path, lost: int) -> None:
    source = documents.docx(tmp_path / "a.docx")
    result = documents.odt(tmp_path / "a.odt", ["Hồ sơ lưu trữ", *PARAGRAPHS[:lost], *PARAGRAPHS[lost + 1 :]])
    assert one(source, result, "text", OFFICE).same is False


def test_words_are_not_joined_or_cut_by_runs_and_spans(tmp_path: Path) -> None:
    source = documents.docx(tmp_path / "a.docx", ["Quyết định cấp đất ở"])
    spans = "Quyết <text:span>đị</text:span>nh<text:s/>cấp<text:tab/><text:span>đất</text:span> ở"
    result = with_part(documents.odt(tmp_path / "a.odt", ["X", "Hồ sơ lưu trữ"]), "content.xml", "X", spans)
    assert one(source, result, "text", OFFICE).accepted
    note = "<text:note><text:note-body><text:p>lạ</text:p></text:note-body></text:note>"
    result = with_part(documents.odt(tmp_path / "b.odt", ["X", "Hồ sơ lưu trữ"]), "content.xml", "X", spans + note)
    assert "lạ" in spoken(one(source, result, "text", OFFICE).detail)


def test_deleted_words_are_not_on_the_page(tmp_path: Path) -> None:
    deleted = '<w:del w:id="1"><w:r><w:delText>xóa rồi</w:delText></w:r></w:del><w:r><w:t>Quyết định'
    source = documents.docx(tmp_path / "a.docx", ["Quyết định"])
    source = with_part(source, "word/document.xml", 'w:t xml:space="preserve">Quyết định', "w:t/></w:r>" + deleted)
    assert one(source, documents.odt(tmp_path / "a.odt", ["Hồ sơ lưu trữ", "Quyết định"]), "text", OFFICE).accepted


def test_pictures_in_documents_are_kept(tmp_path: Path) -> None:
    source = documents.docx(tmp_path / "a.docx", picture=documents.png())
    same, other = (
        documents.docx(tmp_path / "b.docx", picture=documents.png()),
        documents.docx(tmp_path / "c.docx", picture=documents.png(1)),
    )
    assert one(source, same, "pictures", (Kind.OOXML, Kind.OOXML)).accepted
    assert one(source, other, "pictures", (Kind.OOXML, Kind.OOXML)).same is False
    assert one(source, documents.odt(tmp_path / "a.odt"), "pictures", OFFICE).same is False


def test_tables_are_compared_cell_by_cell(tmp_path: Path) -> None:
    kinds = (Kind.OOXML, Kind.OOXML)
    source = documents.xlsx(tmp_path / "a.xlsx")
    assert one(source, documents.xlsx(tmp_path / "b.xlsx"), "cells", kinds).facts["cells"] == 24
    rows = [list(row) for row in documents.ROWS]
    rows[1][2] = 1234.6
    assert "1234.5" in spoken(one(source, documents.xlsx(tmp_path / "c.xlsx", rows), "cells", kinds).detail)
    assert one(source, documents.xlsx(tmp_path / "d.xlsx", documents.ROWS[:-1]), "cells", kinds).same is False
    assert one(source, documents.xlsx(tmp_path / "e.xlsx", sheets=("Quyết định",)), "cells", kinds).same is False
    assert one(source, documents.xlsx(tmp_path / "f.xlsx", sheets=("Quyết đinh", "Phụ lục")), "cells", kinds).same is False


def test_what_cannot_be_read_is_no_likeness(tmp_path: Path) -> None:
    source = documents.docx(tmp_path / "a.docx")
    broken = tmp_path / "b.docx"
    broken.write_bytes(source.read_bytes()[:-30])
    for pair in ((source, broken), (broken, source), (broken, broken)):
        assert [each.same for each in compared(*pair, "text", "pictures", "properties", kinds=(Kind.OOXML, Kind.OOXML))] == [
            None
        ] * 3
    assert one(source, source, "telepathy", (Kind.OOXML, Kind.OOXML)).same is None
    for name in COMPARISONS:
        if name != "text":
            assert not one(tmp_path / "not there", tmp_path / "nor this", name, (Kind.TEXT, Kind.TEXT)).accepted


# --- pictures ----------------------------------------------------------------------------------------------------------------

PICTURES = (Kind.PICTURE, Kind.PICTURE)


def test_equal_pixels_in_other_clothes(tmp_path: Path) -> None:
    source = documents.picture(tmp_path / "a.tif")
    for name in ("a.png", "a.bmp"):
        with Image.open(source) as image:
            image.save(tmp_path / name, dpi=(300, 300))
        assert all(
            each.accepted
            for each in compared(source, tmp_path / name, "pixels", "pages", "resolution", "profile", kinds=PICTURES)
        )


def test_properties_have_names_in_both_languages() -> None:
    assert {*COMPARISONS, *LOSABLE} <= set(NAMES)
    for name in NAMES:
        assert spoken(named(name), "vi") != spoken(named(name))


def test_what_differs_in_a_picture_is_said_in_both_languages(tmp_path: Path) -> None:
    first = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(first)
    others = {"mode RGB is L": Image.new("L", (8, 8)), "8 × 8 is 9 × 8": Image.new("RGB", (9, 8), "red")}
    for number, (told, image) in enumerate(others.items()):
        image.save(tmp_path / f"{number}.png")
        found = one(first, tmp_path / f"{number}.png", "pixels", PICTURES)
        assert (found.same, spoken(found.detail)) == (False, f"picture 1: {told}")
        assert spoken(found.detail, "vi").startswith("hình 1: ")
        assert " is " not in spoken(found.detail, "vi")


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        ("có \uf0fe", "có \uf0fe", True),
        ("có \uf0fe", "có ☑", True),
        ("có ☑", "có \uf052", True),
        ("có \uf0fe", "có ☐", False),
        ("có \uf0fe", "có \uf0fd", False),
        ("có \uf0fe", "có", False),
        ("có \uf0fe", "có \uf0fe\n\uf0a7 một", True),  # a bullet that a program sets
    ],
)
def test_letters_of_symbol_fonts_are_the_signs_that_they_show(was: str, now: str, same: bool) -> None:
    more = ["một"] if "một" in now else []
    assert compare_words([was, *more], now.splitlines()).same is same


def test_a_shifted_or_changed_picture_is_refused(tmp_path: Path) -> None:
    source = documents.picture(tmp_path / "a.png")
    shifted = documents.picture(tmp_path / "b.png", shift=1)
    found = one(source, shifted, "pixels", PICTURES)
    assert (found.same, "pixels differ at 0, 0" in spoken(found.detail)) == (False, True)
    assert "điểm ảnh khác nhau tại 0, 0" in spoken(found.detail, "vi")
    assert one(source, shifted, "look", PICTURES).same is False
    with Image.open(source) as image:
        image.putpixel((319, 239), (0, 0, 0))
        image.save(tmp_path / "c.png", dpi=(72, 72))
    assert "at 319, 239" in spoken(one(source, tmp_path / "c.png", "pixels", PICTURES).detail)
    assert one(source, tmp_path / "c.png", "resolution", PICTURES).same is False


def test_what_a_picture_says_and_how_it_is_to_be_seen_must_survive(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274], exif[270], exif.get_ifd(0x8769)[0x9003] = 6, "Lễ thượng cờ", "1975:04:30 10:00:00"
    with Image.open(documents.picture(tmp_path / "a.png", (64, 48))) as image:
        image.save(tmp_path / "a.jpg", exif=exif, comment="Ảnh của ông A")
        image.save(tmp_path / "profile.png", icc_profile=b"x" * 200)
        image.save(tmp_path / "other.png", icc_profile=b"y" * 200)
    with workspace() as work:
        made = Pillow().migrate(tmp_path / "a.jpg", "tiff", work)
        assert isinstance(made, Made), made
        good = compared(tmp_path / "a.jpg", made.result, "pixels", "metadata", "resolution", kinds=PICTURES)
        assert all(each.accepted for each in good), good
        with Image.open(made.result) as image:
            image.load()
            assert image.size == (48, 64)
            image.save(tmp_path / "bare.tif")
    assert "lost: " in spoken(one(tmp_path / "a.jpg", tmp_path / "bare.tif", "metadata", PICTURES).detail)
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "lying.png")
    assert one(tmp_path / "a.jpg", tmp_path / "lying.png", "pixels", PICTURES).same is False
    assert one(tmp_path / "profile.png", tmp_path / "other.png", "profile", PICTURES).same is False


def test_pictures_that_the_decoder_makes_poorer_are_never_equal(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    deep = b"".join(b"\0" + struct.pack(">12H", *range(row, row + 12)) for row in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(deep)) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(data)
    found = one(tmp_path / "deep.png", tmp_path / "deep.png", "pixels", PICTURES)
    assert (found.same, "more than 8 bits" in spoken(found.detail)) == (None, True)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "holes.png", transparency=(255, 0, 0))
    Image.new("RGB", (8, 8), "red").save(tmp_path / "full.png")
    assert one(tmp_path / "holes.png", tmp_path / "full.png", "pixels", PICTURES).same is False


def test_a_seal_that_lost_its_colour_or_went_is_no_likeness(tmp_path: Path) -> None:
    for name, colour in (("red", "red"), ("grey", (76, 76, 76)), ("none", "white")):
        image = documents.page(dpi=100).convert("RGB")
        ImageDraw.Draw(image).ellipse((600, 900, 700, 1000), outline=colour, width=5)
        image.save(tmp_path / f"{name}.png")
    for other in ("grey", "none"):
        assert one(tmp_path / "red.png", tmp_path / f"{other}.png", "look", PICTURES).same is False
    assert one(tmp_path / "red.png", tmp_path / "red.png", "look", PICTURES).accepted


def test_likeness_has_degrees(tmp_path: Path) -> None:
    source = documents.picture(tmp_path / "a.png", (640, 480))
    with Image.open(source) as image:
        image.save(tmp_path / "good.jpg", quality=92)
        image.save(tmp_path / "bad.jpg", quality=3)
    assert one(source, tmp_path / "good.jpg", "pixels", PICTURES, 0.95).accepted
    assert one(source, tmp_path / "bad.jpg", "pixels", PICTURES, 0.95).same is False
    assert one(source, tmp_path / "good.jpg", "pixels", PICTURES).same is False


def test_a_lost_page_of_a_scan_is_refused(tmp_path: Path) -> None:
    source, result = documents.scan(tmp_path / "a.tif", 3, dpi=50), documents.scan(tmp_path / "b.tif", 2, dpi=50)
    assert [each.same for each in compared(source, result, "pages", "pixels", "look", kinds=PICTURES)] == [False] * 3


def test_a_fault_in_a_corner_does_not_vanish_in_a_white_page(tmp_path: Path) -> None:
    documents.page(dpi=100).save(tmp_path / "a.png")
    image = documents.page(dpi=100)
    image.paste("black", (700, 1050, 790, 1130))
    image.save(tmp_path / "b.png")
    assert one(tmp_path / "a.png", tmp_path / "a.png", "look", PICTURES).accepted
    assert one(tmp_path / "a.png", tmp_path / "b.png", "look", PICTURES).same is False


# --- sound and films ---------------------------------------------------------------------------------------------------------

MEDIA = (Kind.MEDIA, Kind.MEDIA)


def test_sound_is_compared_by_its_samples(tmp_path: Path) -> None:
    needs("ffmpeg", "ffprobe", "flac")
    source = documents.sound(tmp_path / "a.wav")
    subprocess.run(["flac", "-s", source, "-o", tmp_path / "a.flac"], check=True)
    assert one(source, tmp_path / "a.flac", "samples", MEDIA).accepted
    faster = ["-af", "asetrate=16000", "-c:a", "pcm_s16le"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *faster, tmp_path / "faster.wav"], check=True)
    assert " Hz, " in spoken(one(source, tmp_path / "faster.wav", "samples", MEDIA).detail)
    assert one(source, documents.sound(tmp_path / "b.wav", lost=20_000), "samples", MEDIA).same is False
    assert one(source, documents.sound(tmp_path / "c.wav", 2.0), "duration", MEDIA).same is False


def test_films_are_compared_frame_by_frame(tmp_path: Path) -> None:
    needs("ffmpeg", "ffprobe")
    source = documents.film(tmp_path / "a.avi")
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, "-c:v", "ffv1", "-c:a", "flac", tmp_path / "a.mkv"], check=True)
    assert all(
        each.accepted
        for each in compared(source, tmp_path / "a.mkv", "frames", "timing", "samples", "duration", "quality", kinds=MEDIA)
    )
    drop = ["-vf", "select='not(eq(n,7))',setpts=N/10/TB", "-c:v", "ffv1", "-c:a", "copy"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *drop, tmp_path / "lost.mkv"], check=True)
    assert [each.same for each in compared(source, tmp_path / "lost.mkv", "frames", "quality", kinds=MEDIA)] == [False] * 2
    late = ["-itsoffset", "0.4", "-i", tmp_path / "a.mkv", "-map", "0:v", "-map", "1:a", "-c", "copy"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.mkv", *late, tmp_path / "late.mkv"], check=True)
    assert "begins 0.40 s" in spoken(one(source, tmp_path / "late.mkv", "timing", MEDIA).detail)
    slow = ["-c", "copy", "-an", "-bsf:v", "setts=ts=TS*1.15"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.mkv", *slow, tmp_path / "slow.mkv"], check=True)
    assert "earlier or later" in spoken(one(source, tmp_path / "slow.mkv", "timing", MEDIA).detail)
    wide = ["-vf", "setsar=2", "-c:v", "ffv1", "-c:a", "copy"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *wide, tmp_path / "wide.mkv"], check=True)
    assert "pixels 2/1" in spoken(one(source, tmp_path / "wide.mkv", "frames", MEDIA).detail)
    mirrored = ["-vf", "hflip", "-c:v", "ffv1"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *mirrored, tmp_path / "other.mkv"], check=True)
    assert [each.same for each in compared(source, tmp_path / "other.mkv", "frames", "quality", kinds=MEDIA)] == [False] * 2

"""What files hold beside what they are for: counted before and after, refused or told when it is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, OutlineItem

from formats.migrate import MIGRATORS, Made
from formats.properties import Compared, Demand, Kind, Said, compare
from tests.formats import documents
from tests.formats.documents import Work, needs


def compared(source: Path, result: Path, kinds: tuple[Kind, Kind], work: Work, *loses: str, demand: str = "parts") -> Compared:
    said = [Said(path, kind) for path, kind in zip((source, result), kinds, strict=True)]
    return compare(*said, [Demand(demand, None, loses)], work())[0]


def made(tool: str, source: Path, recipe: str, work: Work) -> Path:
    result = MIGRATORS[tool].migrate(source, recipe, work())
    assert isinstance(result, Made), result
    return result.result


PDFS = (Kind.PDF, Kind.PDF)
FILMS = (Kind.MEDIA, Kind.MEDIA)


def annotated(path: Path) -> Path:
    """A PDF with a bookmark in another, a link, a note, a mark with its window, and a field."""
    with pikepdf.new() as file:
        file.add_blank_page()
        file.add_blank_page()
        with file.open_outline() as outline:
            outline.root.append(OutlineItem("Chương 1", 0))
            outline.root[0].children.append(OutlineItem("Mục 1.1", 1))
        kinds = ("Link", "Text", "Highlight", "Popup", "Widget")
        rect = Array([10, 10, 90, 30])
        notes = [Dictionary(Type=Name.Annot, Subtype=Name(f"/{kind}"), Rect=rect, Contents="Xem lại") for kind in kinds]
        notes = [file.make_indirect(each) for each in notes]
        notes[-1].update({"/FT": Name.Tx, "/T": pikepdf.String("họ tên")})
        file.pages[0].obj.Annots = Array(notes)
        file.Root.AcroForm = Dictionary(Fields=Array(notes[-1:]))
        file.save(path)
    return path


def test_what_a_pdf_holds_beside_its_pages_is_counted(tmp_path: Path, work: Work) -> None:
    source = annotated(tmp_path / "a.pdf")
    assert compared(source, source, PDFS, work).accepted
    bare = tmp_path / "b.pdf"
    with pikepdf.open(source) as file:
        del file.Root.Outlines, file.Root.AcroForm, file.pages[0].obj.Annots
        file.save(bare)
    found = compared(source, bare, PDFS, work)
    assert (found.same, dict(found.facts)) == (False, {"bookmarks": 2, "links": 1, "fields": 1, "comments": 2})
    told = compared(source, bare, PDFS, work, "bookmarks", "links", "fields", "comments")
    assert (told.accepted, told.lost) == (True, {"bookmarks": 2, "links": 1, "fields": 1, "comments": 2})
    assert compared(bare, source, PDFS, work).accepted, "more is no loss"


def test_what_ghostscript_leaves_out_is_told(tmp_path: Path, work: Work) -> None:
    needs("gs")
    source = annotated(tmp_path / "a.pdf")
    result = made("ghostscript", source, "pdfa-2b", work)
    found = compared(source, result, PDFS, work, "bookmarks", "links", "fields", "comments")
    assert (found.accepted, found.lost.get("fields")) == (True, 1), found
    assert compared(source, result, PDFS, work, "links", "fields").same is False


def test_what_a_film_holds_beside_sound_and_pictures_is_told(tmp_path: Path, work: Work) -> None:
    needs("ffmpeg")
    subtitles = tmp_path / "a.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nXin chào\n", "utf-8")
    plain = documents.film(tmp_path / "a.mkv")
    source = tmp_path / "b.mkv"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(plain),
        "-i",
        str(subtitles),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-c:s",
        "srt",
    ]
    command += ["-metadata", "title=Lễ thông xe", "-attach", str(subtitles), "-metadata:s:t", "mimetype=text/plain", str(source)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    result = made("ffmpeg", source, "ffv1", work)
    assert compared(source, result, FILMS, work).same is False
    found = compared(source, result, FILMS, work, "subtitles", "streams", "chapters", "tags")
    assert (found.accepted, found.lost.get("subtitles"), found.lost.get("streams")) == (True, 1, 1), found
    assert compared(plain, made("ffmpeg", plain, "ffv1", work), FILMS, work).lost == {}


def test_tags_of_sound_that_are_lost_are_told(tmp_path: Path, work: Work) -> None:
    needs("ffmpeg")
    files = [tmp_path / "a.flac", tmp_path / "b.flac"]
    tone = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1"]
    for path, more in zip(files, (["-metadata", "title=Bài ca", "-metadata", "artist=Đoàn văn công"], []), strict=True):
        subprocess.run([*tone, *more, str(path)], check=True, timeout=120, stdin=subprocess.DEVNULL)
    assert compared(files[0], files[0], FILMS, work).accepted
    assert compared(files[0], files[1], FILMS, work, "tags").lost == {"tags": 2}
    assert compared(files[0], files[1], FILMS, work).same is False


def test_what_a_picture_says_and_its_path_may_lose_is_told(tmp_path: Path, work: Work) -> None:
    source = documents.picture(tmp_path / "a.tif")
    with_words = tmp_path / "b.tif"
    with documents.Image.open(source) as image:
        image.save(with_words, dpi=(300, 300), description="Ảnh chụp năm 1954")
    bare = tmp_path / "c.png"
    with documents.Image.open(source) as image:
        image.info.pop("dpi", None)
        image.save(bare)
    pair = (Kind.PICTURE, Kind.PICTURE)
    for demand in ("resolution", "metadata"):
        assert compared(with_words, bare, pair, work, demand=demand).same is False
        found = compared(with_words, bare, pair, work, demand, demand=demand)
        assert (found.accepted, found.lost) == (True, {demand: 1}), found
        assert compared(with_words, with_words, pair, work, demand, demand=demand).lost == {}


@pytest.mark.parametrize("length", [4096, 900])
def test_comments_of_old_word_documents_are_counted(tmp_path: Path, work: Work, length: int) -> None:
    """A head of the document as Word writes it, in the least OLE2 file that holds one."""
    from tests.formats.ole2 import ole2

    head = bytearray(length)
    head[:2] = b"\xec\xa5"
    head[0xBE:0xC2] = (4 + 3 * 34).to_bytes(4, "little")
    doc = tmp_path / "a.doc"
    doc.write_bytes(ole2({"1Table": b"t" * 100, "WordDocument": bytes(head)}))
    pdf = tmp_path / "a.pdf"
    assert compared(doc, pdf, (Kind.OLE, Kind.PDF), work, "comments").lost == {"comments": 3}
    head[:2] = b"??"
    doc.write_bytes(ole2({"WordDocument": bytes(head)}))
    assert compared(doc, pdf, (Kind.OLE, Kind.PDF), work, "comments").same is None
    rtf = tmp_path / "a.rtf"
    rtf.write_bytes(rb"{\rtf1 x{\*\atnid L}{\*\annotation y}}")
    assert compared(rtf, pdf, (Kind.OLE, Kind.PDF), work, "comments").lost == {"comments": 1}

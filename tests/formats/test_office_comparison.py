"""What office documents say, after conversions that a real program made: what it adds, drops or changes is noticed."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageOps

from formats.migrate import MIGRATORS, Made
from formats.properties import Compared, Demand, Kind, Said, compare, odf
from policies.findings import spoken
from tests.formats import documents
from tests.formats.documents import Work, needs, with_part
from tests.formats.office import migrated


def one(source: Path, result: Path, demand: str, work: Work) -> Compared:
    kinds = {".docx": Kind.OOXML, ".xlsx": Kind.OOXML, ".pptx": Kind.OOXML, ".pdf": Kind.PDF, ".xls": Kind.OLE}
    said = [Said(path, kinds.get(path.suffix, Kind.ODF)) for path in (source, result)]
    return compare(*said, [Demand(demand)], work())[0]


DELETED = '</w:t></w:r><w:del w:id="1" w:author="B" w:date="2020-01-01T00:00:00Z"><w:r><w:delText xml:space="preserve"> không'
DELETED += '</w:delText></w:r></w:del><w:r><w:t xml:space="preserve">'


TICKED = '</w:t></w:r><w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r><w:r><w:t xml:space="preserve">'


@pytest.mark.parametrize("recipe", ["pdfa-2b", "odt"])
def test_boxes_that_are_ticked_by_a_symbol_font(recipe: str, tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", ["Đồng ý cấp đất: HIER có, ☐ không.", "Hết"])
    with_part(source, "word/document.xml", "HIER", TICKED)
    result = migrated(source, recipe, work)
    found = one(source, result, "text", work)
    assert found.accepted, spoken(found.detail)
    for other in ("F0FD", "F0A8"):
        with_part(source, "word/document.xml", 'w:char="F0FE"', f'w:char="{other}"')
        assert one(source, result, "text", work).same is False, other
        with_part(source, "word/document.xml", f'w:char="{other}"', 'w:char="F0FE"')


def test_a_tracked_deletion_that_is_printed_back_is_noticed(tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", ["Ủy ban HIER đồng ý cấp đất, ☑ có ☐ không, diện tích ≥ 5 m² (-35)."])
    with_part(source, "word/document.xml", " HIER", DELETED)
    found = one(source, migrated(source, "pdfa-2b", work), "text", work)
    assert (found.same, "“không”" in spoken(found.detail)) == (False, True), "the deleted word is on the page"
    assert one(source, migrated(source, "odt", work), "text", work).accepted, "there, it is kept as deleted"


@pytest.mark.parametrize("font", ["Times New Roman", "DejaVu Sans"])
def test_lists_tables_heads_tabs_and_capitals_come_through(font: str, tmp_path: Path, work: Work) -> None:
    """A decision as offices write it, in several pages."""
    source = documents.docx(
        tmp_path / "a.docx", [*documents.PARAGRAPHS, "BẢNG", "Nơi nhận:\t“Như điều 3”", "MỤC"] * 12, font=font
    )
    run = f'<w:r><w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}"/><w:caps/></w:rPr><w:t>Chữ hoa {{}}</w:t></w:r>'

    def cell(text: str) -> str:
        return f'<w:tc><w:tcPr><w:tcW w:w="2500" w:type="dxa"/></w:tcPr><w:p>{run.format(text)}</w:p></w:tc>'

    rows = "".join(
        f"<w:tr>{cell(f'số {n}')}{cell('cấp đất ở tại xã Đại Lộc và thu hồi đất ở nơi khác')}{cell('☑')}</w:tr>" for n in range(4)
    )
    fonts = f'<w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:cs="{font}"/></w:rPr>'
    paragraph = f'<w:p><w:r>{fonts}<w:t xml:space="preserve">{{}}</w:t></w:r></w:p>'
    with_part(source, "word/document.xml", paragraph.format("BẢNG"), f"<w:tbl><w:tblPr/><w:tblGrid/>{rows}</w:tbl>")
    with_part(source, "word/document.xml", "\t“Như", "</w:t><w:tab/><w:t>“Như")
    listed = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    with_part(
        source, "word/document.xml", paragraph.format("MỤC"), paragraph.format("Thi hành").replace("<w:p>", f"<w:p>{listed}")
    )
    field = '<w:fldSimple w:instr=" PAGE "><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    page = f'</w:t></w:r><w:r><w:t xml:space="preserve"> trang </w:t></w:r>{field}<w:r><w:t>'
    with_part(source, "word/header1.xml", "</w:t>", f"{page}</w:t>")
    documents.with_numbering(source, "Điều %1.")
    for recipe in ("pdfa-2b", "odt"):
        found = one(source, migrated(source, recipe, work), "text", work)
        assert found.accepted, found


@pytest.mark.parametrize(
    ("text", "font"), [("QuyÕt ®Þnh vÒ viÖc cÊp ®Êt", ".VnTime"), ("Quyeát ñònh veà vieäc caáp ñaát", "VNI-Times")]
)
def test_text_of_before_unicode_is_not_taken_for_what_it_shows(text: str, font: str, tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", [text], font=font)
    same = documents.docx(tmp_path / "b.docx", [text])
    assert one(source, same, "text", work).accepted, "as long as the fonts stay"
    needs("pdftotext")
    result = tmp_path / "a.pdf"
    result.write_bytes(b"%PDF-1.4")
    found = one(source, result, "text", work)
    assert (found.same, font in spoken(found.detail)) == (None, True)
    unicode = documents.docx(tmp_path / "c.docx", ["Quyết định về việc cấp đất, café số 5"], font=font)
    assert font not in spoken(one(unicode, result, "text", work).detail), "typed in Unicode"


def test_truths_and_days_since_1904_are_the_same_in_both_families(tmp_path: Path, work: Work) -> None:
    source = documents.xlsx(tmp_path / "a.xlsx", [("Ngày", 43831.0), ("Đúng", 1.0)], sheets=("A",))
    with_part(source, "xl/worksheets/sheet1.xml", '<c r="B2">', '<c r="B2" t="b">')
    with_part(source, "xl/worksheets/sheet1.xml", "<v>1.0</v>", "<v>1</v>")
    with_part(source, "xl/workbook.xml", "<sheets>", '<workbookPr date1904="1"/><sheets>')
    result = migrated(source, "ods", work)
    assert one(source, result, "cells", work).accepted, one(source, result, "cells", work)
    table = (
        '<table:table table:name="A"><table:table-row><table:table-cell office:value-type="date" office:date-value="2024-01-02"/>'
    )
    table += "</table:table-row></table:table>"
    begin = '<table:calculation-settings><table:null-date table:date-value="1904-01-01"/></table:calculation-settings>'
    files = [_ods(tmp_path / f"{n}.ods", text) for n, text in enumerate((begin + table, table))]
    said = [[cell.text for _, row in odf.cells(file) for cell in row] for file in files]
    assert said == [["43831"], ["45293"]]


def _ods(path: Path, body: str) -> Path:
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(
            "content.xml", f"<office:document-content {spaces}><office:body>{body}</office:body></office:document-content>"
        )
    return path


def test_another_file_of_the_same_name_is_no_attachment_kept(tmp_path: Path, work: Work) -> None:
    needs("pdfdetach")
    paths = [tmp_path / f"{n}.pdf" for n in range(3)]
    for path, contents in zip(paths, ([b"1"], [b"2"], [b"1", b"2"]), strict=True):
        with pikepdf.new() as file:
            file.add_blank_page()
            for key, content in zip("ab", contents, strict=False):
                file.attachments[key] = pikepdf.AttachedFileSpec(file, content, filename="danh sách.xml")
            file.save(path)
    assert one(paths[0], paths[0], "attachments", work).accepted
    assert one(paths[0], paths[1], "attachments", work).same is False
    assert one(paths[2], paths[0], "attachments", work).same is False
    assert one(paths[0], paths[2], "attachments", work).accepted


def parts_of(source: Path, result: Path, work: Work, *loses: str) -> Compared:
    kinds = [
        Kind.PDF if path.suffix == ".pdf" else Kind.ODF if path.suffix.startswith(".od") else Kind.OOXML
        for path in (source, result)
    ]
    return compare(Said(source, kinds[0]), Said(result, kinds[1]), [Demand("parts", None, loses)], work())[0]


def test_tracked_changes_are_kept_or_nothing_is_made(tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", ["Ủy ban HIER đồng ý cấp đất."])
    with_part(source, "word/document.xml", " HIER", DELETED)
    result = migrated(source, "odt", work)
    assert parts_of(source, result, work).accepted
    found = parts_of(source, tmp_path / "a.pdf", work, "comments")
    assert (found.same, spoken(found.detail)) == (False, "tracked changes: 1 are 0")
    told = parts_of(source, tmp_path / "a.pdf", work, "comments", "changes")
    assert (told.accepted, told.lost) == (True, {"changes": 1})
    with zipfile.ZipFile(result) as file:
        text = file.read("content.xml").decode()
    kept = re.search("<text:tracked-changes.*</text:tracked-changes>", text)
    assert kept is not None
    assert not parts_of(source, with_part(result, "content.xml", kept[0], ""), work).accepted


def test_formulas_and_hidden_sheets_are_kept_in_a_table(tmp_path: Path, work: Work) -> None:
    source = documents.xlsx(tmp_path / "a.xlsx", [("Tổng", 3.0)], sheets=("A", "B"))
    with_part(source, "xl/worksheets/sheet1.xml", '<c r="B1"><v>3.0</v>', '<c r="B1"><f>1+2</f><v>3</v>')
    with_part(source, "xl/workbook.xml", '<sheet name="B"', '<sheet state="hidden" name="B"')
    result = migrated(source, "ods", work)
    assert parts_of(source, result, work).accepted, parts_of(source, result, work)
    for old, new in (('table:display="false"', 'table:display="true"'), ('table:formula="of:=1+2"', "")):
        wrong = tmp_path / "wrong.ods"
        wrong.write_bytes(result.read_bytes())
        assert not parts_of(source, with_part(wrong, "content.xml", old, new), work).accepted, old
    assert parts_of(source, tmp_path / "a.pdf", work, "formulas", "hidden").lost == {"formulas": 1, "hidden": 1}


def test_comments_and_notes_are_told(tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx")
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    with zipfile.ZipFile(source, "a") as file:
        file.writestr(
            "word/comments.xml", f'<w:comments xmlns:w="{namespace}"><w:comment w:id="0"/><w:comment w:id="1"/></w:comments>'
        )
    assert parts_of(source, tmp_path / "a.pdf", work, "comments").lost == {"comments": 2}
    assert spoken(parts_of(source, documents.odt(tmp_path / "a.odt"), work).detail) == "comments: 2 are 0"
    slides = documents.pptx(tmp_path / "a.pptx")
    notes = '<p:notes xmlns:p="p" xmlns:a="a"><a:p>{}<a:fld><a:t>1</a:t></a:fld></a:p></p:notes>'
    with zipfile.ZipFile(slides, "a") as file:
        file.writestr("ppt/notesSlides/notesSlide1.xml", notes.format("<a:r><a:t>Nhớ nói về ngân sách</a:t></a:r>"))
        file.writestr("ppt/notesSlides/notesSlide2.xml", notes.format(""))
    assert parts_of(slides, tmp_path / "a.pdf", work, "notes").lost == {"notes": 1}
    assert not parts_of(slides, tmp_path / "a.pdf", work).accepted


def with_head(path: Path, kind: str, text: str) -> Path:
    """A Word document with a head more, for "first" or "even" pages; whether it is set is said elsewhere."""
    office = "http://schemas.openxmlformats.org"
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    head = f"word/header-{kind}.xml"
    parts[head] = parts["word/header1.xml"].replace("Hồ sơ lưu trữ", text)
    type_ = "application/vnd.openxmlformats-officedocument.wordprocessingml.header+xml"
    override = f'<Override PartName="/{head}" ContentType="{type_}"/></Types>'
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace("</Types>", override)
    relation = (
        f'<Relationship Id="h-{kind}" Type="{office}/officeDocument/2006/relationships/header" Target="header-{kind}.xml"/>'
    )
    rels = "word/_rels/document.xml.rels"
    parts[rels] = parts[rels].replace("</Relationships>", f"{relation}</Relationships>")
    reference = f'<w:sectPr><w:headerReference w:type="{kind}" r:id="h-{kind}"/>'
    parts["word/document.xml"] = parts["word/document.xml"].replace("<w:sectPr>", reference)
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path


def test_heads_that_no_page_has_are_not_missed_and_those_of_first_pages_are(tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", ["Quyết định cấp đất"])
    with_head(with_head(source, "first", "Trang bìa"), "even", "Trang chẵn")
    result = migrated(source, "pdfa-2b", work)
    assert one(source, result, "text", work).accepted, one(source, result, "text", work)
    first = documents.docx(tmp_path / "b.docx", ["Quyết định cấp đất"])
    with_part(with_head(first, "first", "Trang bìa"), "word/document.xml", "<w:pgSz", "<w:titlePg/><w:pgSz")
    assert one(first, result, "text", work).same is False, "its only page has another head"
    wanted = migrated(first, "pdfa-2b", work)
    assert one(first, wanted, "text", work).accepted, one(first, wanted, "text", work)


# --- pictures ----------------------------------------------------------------------------------------------------------------


def replaced(pdf: Path, number: int, picture: bytes, target: Path, form: str = "") -> Path:
    """The PDF with one of its pictures (from 0) painted over by another of its size; ``form``: compressed as JPEG."""
    with pikepdf.open(pdf) as file:
        image = [each for each in file.objects if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"][number]
        with Image.open(io.BytesIO(picture)) as other:
            pixels = other.convert("RGB").resize((int(image.Width), int(image.Height)))
        if form:
            out = io.BytesIO()
            pixels.save(out, "JPEG", quality=75)
            image.write(out.getvalue(), filter=pikepdf.Name.DCTDecode)
        else:
            image.write(pixels.tobytes())
        image.ColorSpace, image.BitsPerComponent = pikepdf.Name.DeviceRGB, 8
        file.save(target)
    return target


def test_another_picture_in_the_result_is_noticed(tmp_path: Path, work: Work) -> None:
    source = documents.with_pictures(documents.docx(tmp_path / "a.docx"), [documents.photo(1), documents.photo(2)])
    result = migrated(source, "pdfa-2b", work)
    found = one(source, result, "pictures", work)
    assert (found.accepted, found.facts) == (True, {"pictures": 2, "found": 2}), found
    wrong = one(source, replaced(result, 1, documents.photo(3), tmp_path / "wrong.pdf"), "pictures", work)
    assert (wrong.same, "more2.png" in spoken(wrong.detail, "vi")) == (False, True)
    mirrored = ImageOps.mirror(Image.open(io.BytesIO(documents.photo(2))))
    out = io.BytesIO()
    mirrored.save(out, "PNG")
    assert one(source, replaced(result, 1, out.getvalue(), tmp_path / "mirrored.pdf"), "pictures", work).same is False
    again = replaced(result, 1, documents.photo(2), tmp_path / "jpeg.pdf", "JPEG")
    assert one(source, again, "pictures", work).accepted, "compressed again"
    twice = replaced(result, 1, documents.photo(1), tmp_path / "twice.pdf")
    assert one(source, twice, "pictures", work).same is False, "the other one twice"


def test_pictures_of_one_colour_are_told_apart(tmp_path: Path, work: Work) -> None:
    source = documents.docx(tmp_path / "a.docx", picture=documents.png())
    result = migrated(source, "pdfa-2b", work)
    assert one(source, result, "pictures", work).accepted
    assert one(source, replaced(result, 0, documents.png(60), tmp_path / "wrong.pdf"), "pictures", work).same is False


HOW_DRAWN = (
    (' rot="1800000"', ""),
    (' rot="5400000"', ""),
    (' flipH="1"', ""),
    ("", "<a:grayscl/>"),
    ("", '<a:lum bright="20000" contrast="20000"/>'),
)


def test_pictures_are_known_as_the_document_draws_them(tmp_path: Path, work: Work) -> None:
    """Turned, flipped, grey, brighter; and still another picture is another."""
    source = documents.docx(tmp_path / "a.docx")
    for number, (frame, effect) in enumerate(HOW_DRAWN):
        documents.with_pictures(source, [documents.photo(number)], frame=frame, effect=effect, first=number)
    results = [migrated(source, recipe, work) for recipe in ("pdfa-2b", "odt")]
    assert [one(source, result, "pictures", work).same for result in results] == [True, True]
    for number, (frame, effect) in enumerate(HOW_DRAWN):
        other = tmp_path / "b.docx"
        other.write_bytes(source.read_bytes())
        documents.with_pictures(other, [documents.photo(9)], frame=frame, effect=effect, first=number)
        assert one(other, results[0], "pictures", work).same is False, (frame, effect)


def test_each_drawing_of_a_picture_is_looked_for(tmp_path: Path, work: Work) -> None:
    twice = documents.with_pictures(documents.docx(tmp_path / "a.docx"), [documents.photo(1)] * 2)
    once = documents.with_pictures(documents.docx(tmp_path / "b.docx"), [documents.photo(1)])
    result = migrated(once, "pdfa-2b", work)
    assert one(once, result, "pictures", work).accepted
    assert one(twice, result, "pictures", work).same is False
    assert one(twice, once, "pictures", work).same is False
    assert one(once, twice, "pictures", work).accepted


def test_pictures_that_changed_places_are_noticed(tmp_path: Path, work: Work) -> None:
    slides = [documents.pptx(tmp_path / f"{name}.pptx") for name in "ab"]
    for path, order in zip(slides, ((1, 2), (2, 1)), strict=True):
        for slide, number in enumerate(order, 1):
            documents.with_slide_picture(path, f"slides/slide{slide}", number, documents.photo(number))
        documents.with_slide_picture(path, "slideMasters/slideMaster1", 3, documents.photo(3))
    for result in (migrated(slides[0], "pdfa-2b", work), slides[0]):
        assert one(slides[0], result, "pictures", work).accepted, one(slides[0], result, "pictures", work)
        wrong = one(slides[1], result, "pictures", work)
        assert (wrong.same, "page 2" in spoken(wrong.detail)) == (False, True), wrong
    texts = ["một", "hai"]
    pages = [documents.docx(tmp_path / f"{name}.docx", texts, breaks=True) for name in "cd"]
    for path, order in zip(pages, ((1, 2), (2, 1)), strict=True):
        documents.with_pictures(path, [documents.photo(number) for number in order])
        with_part(
            path, "word/document.xml", "</w:drawing></w:r></w:p><w:p>", '</w:drawing><w:br w:type="page"/></w:r></w:p><w:p>'
        )
    result = migrated(pages[0], "pdfa-2b", work)
    assert [one(path, result, "pictures", work).same for path in pages] == [True, False]


def test_drawings_of_lines_are_not_taken_for_compared(tmp_path: Path, work: Work) -> None:
    source = documents.with_pictures(documents.docx(tmp_path / "a.docx"), [documents.photo(1)])
    with zipfile.ZipFile(source) as file:
        parts = {
            name.replace("more1.png", "more1.emf"): file.read(name).replace(b"more1.png", b"more1.emf")
            for name in file.namelist()
        }
    with zipfile.ZipFile(source, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data)
    found = one(source, documents.pdf(tmp_path / "a.pdf"), "pictures", work)
    assert (found.same, "more1.emf" in spoken(found.detail)) == (None, True)


def test_slides_that_changed_places_are_noticed(tmp_path: Path, work: Work) -> None:
    """All words are there, and but three pairs of neighbours are parted, as programs part them at frames."""
    source = documents.pptx(tmp_path / "a.pptx")
    printed, kept = migrated(source, "pdfa-2b", work), migrated(source, "odp", work)
    assert one(source, printed, "text", work).accepted
    assert one(source, kept, "text", work).accepted
    other = documents.pptx(tmp_path / "b.pptx", (*documents.PARAGRAPHS[1:3], documents.PARAGRAPHS[0]))
    for result in (printed, kept, source):
        wrong = one(other, result, "text", work)
        assert (wrong.same, "page 1" in spoken(wrong.detail)) == (False, True), wrong


@pytest.mark.parametrize("change", ["painted over", "without ink", "beside the page"])
def test_words_that_nobody_sees_are_noticed(change: str, tmp_path: Path, work: Work) -> None:
    """A reader of text finds them all the same."""
    source = documents.docx(tmp_path / "a.docx")
    result = migrated(source, "pdfa-2b", work)
    with pikepdf.open(result) as file:
        page = file.pages[0]
        page.contents_coalesce()
        drawn = page.Contents.read_bytes()
        box = [float(each) for each in page.mediabox]
        match change:
            case "painted over":
                drawn += b"\nq 1 1 1 rg 0 0 2000 2000 re f Q"
            case "without ink":
                drawn = drawn.replace(b"BT", b"BT 3 Tr ")
            case _:
                page.MediaBox = pikepdf.Array([box[0], box[1], box[2], box[1] + 20])
        page.Contents = file.make_stream(drawn)
        file.save(tmp_path / "a.pdf")
    assert one(source, result, "text", work).accepted
    found = one(source, tmp_path / "a.pdf", "text", work)
    assert found.same is False, found


@pytest.mark.parametrize("mode", ["RGB", "1"])
def test_a_small_picture_is_a_page_of_a_scan(mode: str, tmp_path: Path, work: Work) -> None:
    """Its pixels are as large as those that are compared, and a program that draws pages sets them half a pixel aside."""
    needs("ocrmypdf", "tesseract")
    source, other = tmp_path / "a.tif", tmp_path / "b.tif"
    picture = ImageOps.posterize(Image.effect_noise((150, 100), 90).resize((600, 400)).convert("RGB"), 2)
    for path, drawn in ((source, picture), (other, ImageOps.mirror(picture))):
        drawn.convert(mode).save(path, dpi=(72, 72))
    made = MIGRATORS["ocrmypdf"].migrate(source, "pdfa-2b-ocr", work())
    assert isinstance(made, Made), made
    demand = [Demand("look", 0.7)]
    found = [compare(Said(path, Kind.PICTURE), Said(made.result, Kind.PDF), demand, work())[0] for path in (source, other)]
    assert [each.same for each in found] == [True, False], found

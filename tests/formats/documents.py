"""Office documents made by hand: the least of OOXML and ODF that office programs open, with Vietnamese text; pictures, sound, films."""

from __future__ import annotations

import functools
import io
import math
import shutil
import struct
import subprocess
import wave
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from formats.migrate import MIGRATORS, Made
from formats.sandbox import workspace
from tests.formats.ole2 import ooxml_wrapped

__all__ = [
    "PARAGRAPHS",
    "ROWS",
    "Work",
    "docx",
    "film",
    "html",
    "needs",
    "odt",
    "pages_of",
    "pdf",
    "photo",
    "picture",
    "pptx",
    "protect",
    "scan",
    "sound",
    "with_numbering",
    "with_part",
    "with_pictures",
    "with_slide_picture",
    "xlsx",
]

Work = Callable[[], Path]
"""Makes an empty folder."""

PARAGRAPHS = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập – Tự do – Hạnh phúc",
    "Quyết định số 123/QĐ-UBND về việc cấp Giấy chứng nhận quyền sử dụng đất cho hộ ông Nguyễn Văn Thưởng.",
    "Điều 1. Cấp 1.234,5 m² đất ở tại xã Đại Lộc, huyện Hậu Lộc, tỉnh Thanh Hóa; chênh lệch -35 m².",
    "Điều 2. Chánh Văn phòng, Giám đốc Sở Nội vụ và các đơn vị liên quan chịu trách nhiệm thi hành.",
)

_OFFICE = "http://schemas.openxmlformats.org"
_RELS = f"{_OFFICE}/package/2006/relationships"
_DOC = f"{_OFFICE}/officeDocument/2006/relationships"
_WORD = f'xmlns:w="{_OFFICE}/wordprocessingml/2006/main" xmlns:r="{_DOC}"'
_TYPE = "application/vnd.openxmlformats-officedocument."


def needs(*programs: str) -> None:
    """Skip the test, in words, where a program is not installed."""
    import pytest

    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (scripts/install-tools)")


def _zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _package(main: str, kind: str, parts: Mapping[str, tuple[str, str | bytes]], title: str) -> dict[str, str | bytes]:
    """``parts``: name → (content type, data)."""
    overrides = "".join(f'<Override PartName="/{name}" ContentType="{type_}"/>' for name, (type_, _) in parts.items() if type_)
    core = (
        f'<cp:coreProperties xmlns:cp="{_OFFICE}/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title><dc:creator>Sở Nội vụ</dc:creator></cp:coreProperties>"
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
        f'{overrides}<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_RELS}"><Relationship Id="r1" Type="{_DOC}/officeDocument" Target="{main}"/>'
        f'<Relationship Id="r2" Type="{_RELS}/metadata/core-properties" Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": core,
        **{name: data for name, (_, data) in parts.items()},
    }


def docx(
    path: Path, paragraphs: Sequence[str] = PARAGRAPHS, *, font: str = "DejaVu Serif", picture: bytes = b"", breaks: bool = False
) -> Path:
    """A Word document: a paragraph each, on a page of its own with ``breaks``; with a header, and a picture if one is given."""
    run = f'<w:rPr><w:rFonts w:ascii="{font}" w:hAnsi="{font}" w:cs="{font}"/></w:rPr>'
    end = '<w:r><w:br w:type="page"/></w:r>' if breaks else ""
    body = "".join(f'<w:p><w:r>{run}<w:t xml:space="preserve">{_escaped(text)}</w:t></w:r>{end}</w:p>' for text in paragraphs)
    relations = f'<Relationship Id="h1" Type="{_DOC}/header" Target="header1.xml"/>'
    if picture:
        relations += f'<Relationship Id="p1" Type="{_DOC}/image" Target="media/image1.png"/>'
        body += f"<w:p><w:r>{_DRAWING}</w:r></w:p>"
    header = f"<w:hdr {_WORD}><w:p><w:r>{run}<w:t>Hồ sơ lưu trữ</w:t></w:r></w:p></w:hdr>"
    section = '<w:sectPr><w:headerReference w:type="default" r:id="h1"/><w:pgSz w:w="11906" w:h="16838"/></w:sectPr>'
    parts: dict[str, tuple[str, str | bytes]] = {
        "word/document.xml": (
            f"{_TYPE}wordprocessingml.document.main+xml",
            f"<w:document {_WORD}><w:body>{body}{section}</w:body></w:document>",
        ),
        "word/header1.xml": (f"{_TYPE}wordprocessingml.header+xml", header),
        "word/_rels/document.xml.rels": ("", f'<Relationships xmlns="{_RELS}">{relations}</Relationships>'),
    }
    if picture:
        parts["word/media/image1.png"] = ("", picture)
    return _zip(path, _package("word/document.xml", "word", parts, "Quyết định cấp đất"))


def with_numbering(path: Path, label: str) -> Path:
    """Give a Word document a list 1, whose paragraphs have such a label ("Điều %1.")."""
    numbering = (
        f'<w:numbering {_WORD}><w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
        f'<w:lvlText w:val="{label}"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>'
    )
    with zipfile.ZipFile(path) as file:
        parts: dict[str, str | bytes] = {name: file.read(name) for name in file.namelist()}
    more = {
        "[Content_Types].xml": (
            f'<Override PartName="/word/numbering.xml" ContentType="{_TYPE}wordprocessingml.numbering+xml"/>',
            "</Types>",
        ),
        "word/_rels/document.xml.rels": (
            f'<Relationship Id="n1" Type="{_DOC}/numbering" Target="numbering.xml"/>',
            "</Relationships>",
        ),
    }
    for name, (piece, end) in more.items():
        text = parts[name]
        assert isinstance(text, bytes)
        parts[name] = text.decode().replace(end, piece + end)
    return _zip(path, {**parts, "word/numbering.xml": numbering})


_DRAWING = (
    '<w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
    '<wp:extent cx="1800000" cy="1800000"/><wp:docPr id="1" name="Picture"/>'
    '<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
    '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture">'
    '<pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:nvPicPr><pic:cNvPr id="1" name="p"/>'
    '<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="p1"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
    '<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="1800000" cy="1800000"/></a:xfrm>'
    '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>'
)


def _changed(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    change(parts)
    return _zip(path, parts)


def with_pictures(path: Path, pictures: Sequence[bytes], *, frame: str = "", effect: str = "", first: int = 1) -> Path:
    """A Word document with a paragraph for each picture more, in files numbered from ``first``; ``frame`` is what is said of their frames
    (' rot="5400000"'), ``effect`` of their colours."""

    def change(parts: dict[str, bytes]) -> None:
        relations = drawings = b""
        for number, data in enumerate(pictures, first):
            parts[f"word/media/more{number}.png"] = data
            relations += f'<Relationship Id="m{number}" Type="{_DOC}/image" Target="media/more{number}.png"/>'.encode()
            drawing = _DRAWING.replace('"p1"/>', f'"m{number}">{effect}</a:blip>').replace("<a:xfrm>", f"<a:xfrm{frame}>")
            drawings += f"<w:p><w:r>{drawing}</w:r></w:p>".replace('cy="1800000"', 'cy="1350000"').encode()
        rels, document = "word/_rels/document.xml.rels", "word/document.xml"
        if f'Id="m{first}"'.encode() not in parts[rels]:
            parts[rels] = parts[rels].replace(b"</Relationships>", relations + b"</Relationships>")
            parts[document] = parts[document].replace(b"<w:sectPr", drawings + b"<w:sectPr")

    return _changed(path, change)


def with_slide_picture(path: Path, slide: str, number: int, data: bytes) -> Path:
    """A presentation with a picture more on a slide, a master or a layout ("slides/slide1")."""
    frame = (
        f'<p:pic><p:nvPicPr><p:cNvPr id="{number + 10}" name="p"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill>'
        f'<a:blip r:embed="m{number}"/><a:stretch><a:fillRect/></a:stretch></p:blipFill><p:spPr>'
        '<a:xfrm><a:off x="500000" y="3000000"/><a:ext cx="1800000" cy="1350000"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr></p:pic>'
    )
    folder, _, name = slide.partition("/")

    def change(parts: dict[str, bytes]) -> None:
        parts[f"ppt/media/more{number}.png"] = data
        relation = (
            f'<Relationship Id="m{number}" Type="{_DOC}/image" Target="../media/more{number}.png"/></Relationships>'.encode()
        )
        rels, part = f"ppt/{folder}/_rels/{name}.xml.rels", f"ppt/{slide}.xml"
        parts[rels] = parts[rels].replace(b"</Relationships>", relation)
        parts[part] = parts[part].replace(b"</p:spTree>", frame.encode() + b"</p:spTree>")

    return _changed(path, change)


ROWS: tuple[tuple[str | float, ...], ...] = (
    ("Số hiệu", "Trích yếu", "Diện tích"),
    ("12/QĐ", "Cấp đất ở", 1234.5),
    ("13/QĐ", "Thu hồi đất", -35.0),
    ("14/QĐ", "Gia hạn", 0.1),
)


def xlsx(
    path: Path,
    rows: Sequence[Sequence[str | float]] = ROWS,
    *,
    sheets: Sequence[str] = ("Quyết định", "Phụ lục"),
    width: int = 0,
) -> Path:
    """A workbook: the same rows on every sheet, in columns of ``width`` letters (0: as wide as the program likes)."""
    strings = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    number = {text: n for n, text in enumerate(strings)}

    def cell(value: str | float, row: int, column: int) -> str:
        place = f"{chr(65 + column)}{row + 1}"
        if isinstance(value, str):
            return f'<c r="{place}" t="s"><v>{number[value]}</v></c>'
        return f'<c r="{place}"><v>{value!r}</v></c>'

    data = "".join(f'<row r="{r + 1}">{"".join(cell(v, r, c) for c, v in enumerate(row))}</row>' for r, row in enumerate(rows))
    main = f'xmlns="{_OFFICE}/spreadsheetml/2006/main" xmlns:r="{_DOC}"'
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="s{n}"/>' for n, name in enumerate(sheets, 1))
    relations = "".join(
        f'<Relationship Id="s{n}" Type="{_DOC}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1)
    )
    relations += f'<Relationship Id="ss" Type="{_DOC}/sharedStrings" Target="sharedStrings.xml"/>'
    parts: dict[str, tuple[str, str | bytes]] = {
        "xl/workbook.xml": (f"{_TYPE}spreadsheetml.sheet.main+xml", f"<workbook {main}><sheets>{listed}</sheets></workbook>"),
        "xl/_rels/workbook.xml.rels": ("", f'<Relationships xmlns="{_RELS}">{relations}</Relationships>'),
        "xl/sharedStrings.xml": (
            f"{_TYPE}spreadsheetml.sharedStrings+xml",
            f"<sst {main}>{''.join(f'<si><t>{_escaped(text)}</t></si>' for text in strings)}</sst>",
        ),
    }
    for n in range(1, len(sheets) + 1):
        columns = f'<cols><col min="1" max="9" width="{width}" customWidth="1"/></cols>' if width else ""
        sheet = f"<worksheet {main}>{columns}<sheetData>{data}</sheetData></worksheet>"
        parts[f"xl/worksheets/sheet{n}.xml"] = (f"{_TYPE}spreadsheetml.worksheet+xml", sheet)
    return _zip(path, _package("xl/workbook.xml", "xl", parts, "Sổ đăng ký quyết định"))


def pptx(path: Path, slides: Sequence[str] = PARAGRAPHS[:3]) -> Path:
    """A presentation: a text a slide."""
    spaces = (
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        f'xmlns:p="{_OFFICE}/presentationml/2006/main" xmlns:r="{_DOC}"'
    )
    tree = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'

    def slide(text: str) -> str:
        shape = (
            '<p:sp><p:nvSpPr><p:cNvPr id="2" name="t"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
            '<p:spPr><a:xfrm><a:off x="500000" y="500000"/>'
            '<a:ext cx="8000000" cy="3000000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr/>'
            f'<a:p><a:r><a:rPr lang="vi-VN"><a:latin typeface="DejaVu Sans"/></a:rPr>'
            f"<a:t>{_escaped(text)}</a:t></a:r></a:p></p:txBody></p:sp>"
        )
        return f"<p:sld {spaces}><p:cSld><p:spTree>{tree}{shape}</p:spTree></p:cSld></p:sld>"

    def relations(*rows: tuple[str, str, str]) -> tuple[str, str]:
        inner = "".join(f'<Relationship Id="{i}" Type="{_DOC}/{kind}" Target="{target}"/>' for i, kind, target in rows)
        return "", f'<Relationships xmlns="{_RELS}">{inner}</Relationships>'

    empty = f"<p:cSld><p:spTree>{tree}</p:spTree></p:cSld>"
    colours = (
        '<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" accent4="accent4" '
        'accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"/>'
    )
    kinds = f"{_TYPE}presentationml."
    ids = "".join(f'<p:sldId id="{255 + n}" r:id="s{n}"/>' for n in range(1, len(slides) + 1))
    parts: dict[str, tuple[str, str | bytes]] = {
        "ppt/presentation.xml": (
            f"{kinds}presentation.main+xml",
            f'<p:presentation {spaces}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="m1"/></p:sldMasterIdLst>'
            f'<p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        ),
        "ppt/_rels/presentation.xml.rels": relations(
            ("m1", "slideMaster", "slideMasters/slideMaster1.xml"),
            *((f"s{n}", "slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1)),
        ),
        "ppt/slideMasters/slideMaster1.xml": (
            f"{kinds}slideMaster+xml",
            f"<p:sldMaster {spaces}>{empty}{colours}"
            '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="l1"/></p:sldLayoutIdLst></p:sldMaster>',
        ),
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": relations(("l1", "slideLayout", "../slideLayouts/slideLayout1.xml")),
        "ppt/slideLayouts/slideLayout1.xml": (f"{kinds}slideLayout+xml", f"<p:sldLayout {spaces}>{empty}</p:sldLayout>"),
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relations(("m1", "slideMaster", "../slideMasters/slideMaster1.xml")),
    }
    for n, text in enumerate(slides, 1):
        parts[f"ppt/slides/slide{n}.xml"] = (f"{kinds}slide+xml", slide(text))
        parts[f"ppt/slides/_rels/slide{n}.xml.rels"] = relations(("l1", "slideLayout", "../slideLayouts/slideLayout1.xml"))
    return _zip(path, _package("ppt/presentation.xml", "ppt", parts, "Báo cáo"))


_ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def odt(path: Path, paragraphs: Sequence[str] = PARAGRAPHS) -> Path:
    """An OpenDocument text."""
    spaces = f'xmlns:office="{_ODF}office:1.0" xmlns:text="{_ODF}text:1.0"'
    meta = f'xmlns:office="{_ODF}office:1.0" xmlns:meta="{_ODF}meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    body = "".join(f"<text:p>{_escaped(text)}</text:p>" for text in paragraphs)
    type_ = "application/vnd.oasis.opendocument.text"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("mimetype", type_)
        out.writestr(
            "content.xml",
            f'<office:document-content {spaces} office:version="1.2"><office:body><office:text>{body}</office:text></office:body>'
            "</office:document-content>",
        )
        out.writestr(
            "meta.xml",
            f'<office:document-meta {meta} office:version="1.2"><office:meta><dc:title>Quyết định cấp đất</dc:title></office:meta>'
            "</office:document-meta>",
        )
        entries = "".join(
            f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="{kind}"/>'
            for name, kind in (("/", type_), ("content.xml", "text/xml"), ("meta.xml", "text/xml"))
        )
        out.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{_ODF}manifest:1.0" manifest:version="1.2">{entries}</manifest:manifest>',
        )
    return path


def html(path: Path, paragraphs: Sequence[str] = PARAGRAPHS) -> Path:
    """A web page."""
    body = "".join(f"<p>{_escaped(text)}</p>" for text in paragraphs)
    path.write_text(
        f'<!DOCTYPE html><html lang="vi"><head><meta charset="utf-8"><title>x</title></head><body>{body}</body></html>', "utf-8"
    )
    return path


@functools.cache
def _pdf(paragraphs: Sequence[str]) -> bytes:
    with workspace() as folder:
        made = MIGRATORS["libreoffice"].migrate(docx(folder / "a.docx", paragraphs, breaks=True), "pdfa-2b", folder)
        assert isinstance(made, Made), made
        return made.result.read_bytes()


def pdf(path: Path, paragraphs: Sequence[str] = PARAGRAPHS) -> Path:
    """A PDF with Vietnamese text in an embedded font, a title, and a page a paragraph; made by LibreOffice once a session."""
    needs("soffice")
    path.write_bytes(_pdf(tuple(paragraphs)))
    return path


def pages_of(path: Path) -> int:
    import pikepdf

    with pikepdf.open(path) as file:
        return len(file.pages)


def protect(path: Path, password: str = "bí mật") -> Path:
    """Put a file under a password, as its own program would: PDF by AES, ODF by its manifest, OOXML by MS-OFFCRYPTO's wrapping."""
    if path.suffix == ".pdf":
        import pikepdf

        with pikepdf.open(path, allow_overwriting_input=True) as file:
            file.save(path, encryption=pikepdf.Encryption(owner=password, user=password))
    elif path.suffix == ".odt":
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        data = '<manifest:encryption-data manifest:checksum="x"/></manifest:file-entry>'
        entry = b'manifest:full-path="content.xml" manifest:media-type="text/xml"'
        assert entry in parts["META-INF/manifest.xml"]
        parts["META-INF/manifest.xml"] = parts["META-INF/manifest.xml"].replace(entry + b"/>", entry + b">" + data.encode())
        parts["content.xml"] = bytes(reversed(parts["content.xml"]))
        with zipfile.ZipFile(path, "w") as out:
            for name, part in parts.items():
                out.writestr(name, part)
    else:
        path.write_bytes(ooxml_wrapped(path.read_bytes()))
    return path


def with_part(path: Path, name: str, old: str, new: str) -> Path:
    """The document with text of one of its parts replaced."""
    with zipfile.ZipFile(path) as file:
        parts = {each: file.read(each) for each in file.namelist()}
    text = parts[name].decode()
    assert old in text
    parts[name] = text.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as out:
        for each, data in parts.items():
            out.writestr(each, data)
    return path


FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"


def page(paragraphs: Sequence[str] = PARAGRAPHS, *, dpi: int = 150, offset: int = 0) -> Image.Image:
    """A page of A4 with the paragraphs as a scanner would see them."""
    image = Image.new("RGB", (round(8.27 * dpi), round(11.69 * dpi)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(FONT, round(dpi / 6))
    y = dpi
    for text in paragraphs:
        line = ""
        for word in [*text.split(), ""]:
            if word and font.getlength(f"{line} {word}") < 6.3 * dpi:
                line = f"{line} {word}".strip()
                continue
            draw.text((dpi + offset, y + offset), line, fill="black", font=font)
            y, line = y + dpi // 4, word
        y += dpi // 8
    return image


def scan(path: Path, pages: int = 2, *, dpi: int = 150) -> Path:
    """A TIFF of scanned pages."""
    images = [page([f"Trang {number}", *PARAGRAPHS], dpi=dpi) for number in range(1, pages + 1)]
    images[0].save(path, save_all=True, append_images=images[1:], compression="tiff_lzw", dpi=(dpi, dpi))
    return path


def picture(path: Path, size: tuple[int, int] = (320, 240), *, shift: int = 0) -> Path:
    """A picture with edges and a gradient, moved ``shift`` pixels to the right."""
    image = Image.new("RGB", size)
    pixels = [
        ((x - shift) * 255 // size[0] % 256, y * 255 // size[1], ((x - shift) // 16 + y // 16) % 2 * 200)
        for y in range(size[1])
        for x in range(size[0])
    ]
    image.putdata(pixels)
    image.save(path, dpi=(300, 300))
    return path


def png(shift: int = 0) -> bytes:
    """A small picture to be put into documents."""
    out = io.BytesIO()
    image = Image.new("RGB", (64, 64), (200, 30 + shift, 30))
    image.save(out, "PNG")
    return out.getvalue()


def photo(seed: int, size: tuple[int, int] = (240, 180), *, form: str = "PNG") -> bytes:
    """A picture of many colours; each seed gives another."""
    from random import Random

    chance = Random(seed)
    image = Image.new("RGB", size, (chance.randrange(120, 255), chance.randrange(120, 255), 200))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, side = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(10, 80)
        draw.ellipse([x, y, x + side, y + side], fill=(chance.randrange(256), chance.randrange(256), chance.randrange(256)))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def sound(path: Path, seconds: float = 1.0, *, rate: int = 44_100, lost: int = -1) -> Path:
    """A WAV with a tone; without sample ``lost``, if one is named."""
    samples = [round(12_000 * math.sin(n * 0.06)) for n in range(int(seconds * rate))]
    if lost >= 0:
        del samples[lost]
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def film(path: Path, *options: str, seconds: float = 2.0, size: str = "160x120") -> Path:
    """A film with sound, made by ffmpeg; its container by the extension."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=10:d={seconds}"]
    command += [
        "-f",
        "lavfi",
        "-i",
        f"sine=440:d={seconds}",
        *(options or ("-c:v", "mpeg4", "-q:v", "3", "-c:a", "mp2")),
        str(path),
    ]
    subprocess.run(command, check=True, timeout=600, stdin=subprocess.DEVNULL)
    return path

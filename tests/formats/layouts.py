"""Documents of many layouts in the flat forms of ODF, for LibreOffice to make the others of: what honest documents are full of."""

from __future__ import annotations

import functools
from pathlib import Path

from formats.sandbox import workspace
from tests.formats.office import soffice

__all__ = ["made"]

_NAMES = ("office", "style", "text", "table", "presentation", "meta")
_SPACES = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in _NAMES)
_SPACES += ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
_SPACES += ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
_SPACES += ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
_FONTS = (
    '<office:font-face-decls><style:font-face style:name="F" svg:font-family="\'Liberation Serif\'"/></office:font-face-decls>'
)
SENTENCE = (
    "Ủy ban nhân dân tỉnh Thanh Hóa quyết định giao đất có thu tiền sử dụng đất cho các hộ gia đình, cá nhân tại xã Đại Lộc, "
    "huyện Hậu Lộc theo quy hoạch đã được phê duyệt, diện tích 1.234,5 m². "
)
_NUMBER = "<text:page-number>1</text:page-number>"
_COUNT = "<text:page-count>9</text:page-count>"


def _p(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def _document(kind: str, *parts: str) -> str:
    type_ = f"application/vnd.oasis.opendocument.{kind}"
    head = f'<?xml version="1.0" encoding="UTF-8"?><office:document {_SPACES} office:version="1.3" office:mimetype="{type_}">'
    return f"{head}<office:meta><dc:title>Quyết định giao đất</dc:title></office:meta>{_FONTS}{''.join(parts)}</office:document>"


def _note(number: int, text: str, kind: str = "footnote") -> str:
    mark = str(number) if kind == "footnote" else "i"
    body = f"<text:note-citation>{mark}</text:note-citation><text:note-body>{_p(text)}</text:note-body>"
    return f'<text:note text:id="{kind}{number}" text:note-class="{kind}">{body}</text:note>'


def _layout(width: str, height: str) -> str:
    size = f'fo:page-width="{width}" fo:page-height="{height}" fo:margin="2cm"'
    edges = "".join(
        f'<style:{end}-style><style:header-footer-properties fo:min-height="1cm"/></style:{end}-style>'
        for end in ("header", "footer")
    )
    return f'<style:page-layout style:name="pl"><style:page-layout-properties {size}/>{edges}</style:page-layout>'


def _text() -> str:
    """Notes, columns, a table, lists in lists, a frame, tabs, page numbers; heads for first, left and right pages."""
    body = '<text:h text:outline-level="1">Chương I. Quy định chung</text:h>'
    for number in range(1, 7):
        note = _note(number, f"Chú thích số {number}: xem Nghị định 30/2020/NĐ-CP.")
        body += _p(f"Điều {number}. {SENTENCE * 3}{note} và các quy định khác.")
    body += _p(f"Cuối câu này có chú giải{_note(1, 'Chú giải cuối văn bản về nguồn tư liệu.', 'endnote')}.")
    columns = "".join(_p(f"Cột {number}: {SENTENCE * 2}") for number in range(1, 5))
    body += f'<text:section text:style-name="Cols" text:name="S1">{columns}</text:section>'
    cells = ("Số {0}/QĐ-UBND", "Cấp giấy chứng nhận quyền sử dụng đất cho ông Nguyễn Văn Thưởng", "{0}.234,50")
    body += '<table:table table:name="T"><table:table-column table:number-columns-repeated="3"/>'
    for number in range(1, 12):
        row = "".join(f'<table:table-cell table:style-name="ce">{_p(each.format(number))}</table:table-cell>' for each in cells)
        body += f"<table:table-row>{row}</table:table-row>"
    body += "</table:table>"
    inner = "".join(f"<text:list-item>{_p(f'Mục con {each} về trách nhiệm')}</text:list-item>" for each in "abc")
    items = "".join(
        f"<text:list-item>{_p(f'Mục thứ {n}: {SENTENCE}')}<text:list>{inner}</text:list></text:list-item>" for n in (1, 2, 3)
    )
    body += f'<text:list text:style-name="L1">{items}</text:list>'
    frame = 'text:anchor-type="paragraph" svg:width="6cm" svg:height="3cm" svg:x="8cm" svg:y="0.5cm" draw:style-name="fr"'
    box = _p("Nơi nhận: Như Điều 3; Lưu VT, TNMT.") + _p("Trong khung chữ có hai đoạn.")
    body += _p(f"Trước khung<draw:frame {frame}><draw:text-box>{box}</draw:text-box></draw:frame> và sau khung {SENTENCE}")
    body += _p("Cộng hòa\tĐộc lập\tTự do") + _p(f"Trang {_NUMBER} trên {_COUNT}")
    levels = "".join(
        f'<text:list-level-style-number text:level="{n}" style:num-format="{form}" style:num-suffix="{suffix}"/>'
        for n, form, suffix in ((1, "1", "."), (2, "a", ")"))
    )
    styles = (
        '<office:styles><style:default-style style:family="paragraph"><style:text-properties style:font-name="F" fo:font-size="12pt"/>'
        f'</style:default-style><text:list-style style:name="L1">{levels}</text:list-style></office:styles>'
    )
    automatic = (
        '<office:automatic-styles><style:style style:name="Cols" style:family="section"><style:section-properties>'
        '<style:columns fo:column-count="2" fo:column-gap="0.6cm"/></style:section-properties></style:style>'
        '<style:style style:name="fr" style:family="graphic"><style:graphic-properties style:wrap="parallel" fo:margin="0.3cm"/>'
        '</style:style><style:style style:name="ce" style:family="table-cell"><style:table-cell-properties fo:padding="0.097cm"/>'
        f"</style:style>{_layout('21cm', '29.7cm')}</office:automatic-styles>"
    )
    heads = (
        f"<style:header>{_p('Văn bản trang lẻ')}</style:header><style:header-left>{_p('Văn bản trang chẵn')}</style:header-left>"
        f"<style:header-first>{_p('CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM')}</style:header-first>"
        f"<style:footer>{_p(f'Trang {_NUMBER}/{_COUNT}')}</style:footer>"
    )
    master = f'<style:master-page style:name="Standard" style:page-layout-name="pl">{heads}</style:master-page>'
    said = f"<office:body><office:text>{body}</office:text></office:body>"
    return _document("text", styles, automatic, f"<office:master-styles>{master}</office:master-styles>", said)


def _slides() -> str:
    """A text on the master, a foot and numbers on every slide, notes for the speaker."""

    def frame(inner: str, place: str, more: str = "") -> str:
        x, y, width, height = place.split()
        size = f'svg:x="{x}cm" svg:y="{y}cm" svg:width="{width}cm" svg:height="{height}cm"'
        return f"<draw:frame {more} {size}><draw:text-box>{inner}</draw:text-box></draw:frame>"

    def slide(number: int, text: str) -> str:
        notes = frame(_p(f"Ghi chú cho người nói {number}"), "1 10 15 10", 'presentation:class="notes"')
        named = f'draw:name="p{number}" draw:master-page-name="M" draw:style-name="dp" presentation:use-footer-name="f1"'
        said = frame(_p(text) + _p(f"• Gạch đầu dòng {number}"), "2 3 20 6")
        return f"<draw:page {named}>{said}<presentation:notes>{notes}</presentation:notes></draw:page>"

    shows = 'presentation:display-footer="true" presentation:display-page-number="true"'
    styles = '<office:styles><style:style style:name="Standard" style:family="graphic"/></office:styles>'
    automatic = (
        f'<office:automatic-styles>{_layout("25.4cm", "19.05cm")}<style:style style:name="dp" style:family="drawing-page">'
        f"<style:drawing-page-properties {shows}/></style:style></office:automatic-styles>"
    )
    master = frame(_p("Sở Nội vụ tỉnh Thanh Hóa, lưu hành nội bộ"), "1 0.5 20 1.5")
    master += frame("<text:p><presentation:footer/></text:p>", "8 17.5 8 1.2", 'presentation:class="footer"')
    master += frame(f"<text:p>{_NUMBER}</text:p>", "18 17.5 5 1.2", 'presentation:class="page-number"')
    masters = f'<style:master-page style:name="M" style:page-layout-name="pl" draw:style-name="dp">{master}</style:master-page>'
    texts = ("Tình hình chuyển đổi số", "Kết quả số hóa hồ sơ", "Kiến nghị, đề xuất")
    body = '<presentation:footer-decl presentation:name="f1">Hội nghị tháng 11</presentation:footer-decl>'
    body += "".join(slide(number, text) for number, text in enumerate(texts, 1))
    said = f"<office:body><office:presentation>{body}</office:presentation></office:body>"
    return _document("presentation", styles, automatic, f"<office:master-styles>{masters}</office:master-styles>", said)


def _sheets() -> str:
    """Two sheets of several pages, printed with heads in three parts and with feet."""

    def cell(value: str | float) -> str:
        kind = "string" if isinstance(value, str) else f'float" office:value="{value}'
        return f'<table:table-cell office:value-type="{kind}">{_p(str(value))}</table:table-cell>'

    rows = [(n, f"Hồ sơ số {n}/2026", "Cấp mới", n * 1.5) for n in range(1, 90)]
    data = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    columns = '<table:table-column table:style-name="co" table:number-columns-repeated="4"/>'
    tables = "".join(
        f'<table:table table:name="{name}" table:style-name="ta">{columns}{data}</table:table>'
        for name in ("Sổ đăng ký", "Phụ lục")
    )
    regions = (("left", "UBND huyện Hậu Lộc"), ("center", "<text:sheet-name>???</text:sheet-name>"), ("right", "Mẫu số 01"))
    head = "".join(f"<style:region-{side}>{_p(text)}</style:region-{side}>" for side, text in regions)
    foot = _p(f"Trang {_NUMBER} / {_COUNT}")
    automatic = (
        '<office:automatic-styles><style:style style:name="co" style:family="table-column">'
        '<style:table-column-properties style:column-width="4cm"/></style:style><style:style style:name="ta" style:family="table" '
        'style:master-page-name="M"><style:table-properties table:display="true"/></style:style>'
        f"{_layout('21cm', '29.7cm')}</office:automatic-styles>"
    )
    edges = f"<style:header>{head}</style:header><style:footer>{foot}</style:footer>"
    masters = f'<style:master-page style:name="M" style:page-layout-name="pl">{edges}</style:master-page>'
    said = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
    return _document("spreadsheet", automatic, f"<office:master-styles>{masters}</office:master-styles>", said)


_FLAT = {"text": (_text, "fodt"), "slides": (_slides, "fodp"), "sheets": (_sheets, "fods")}


def made(what: str, path: Path) -> Path:
    """The "text", "slides" or "sheets" in the format that the name of ``path`` says, by LibreOffice."""
    path.write_bytes(_made(what, path.suffix))
    return path


@functools.cache
def _made(what: str, extension: str) -> bytes:
    write, flat = _FLAT[what]
    with workspace() as folder:
        (folder / f"a.{flat}").write_text(write(), "utf-8")
        soffice(folder / f"a.{flat}", extension.lstrip("."), folder)
        return (folder / f"a{extension}").read_bytes()

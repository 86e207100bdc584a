"""A small PDF writer: pages of text in a Type 3 font made of `letters` (ISO 32000-1 §9.6.5), with ToUnicode, so that the text
can be read, searched and copied. The same text gives the same bytes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from repository.demo.letters import ADVANCE, glyph

__all__ = ["pdf"]

PAGE = (595, 842)
"""A4 in points."""

MARGIN = 62
LEADING = 18
SIZE = 1.3
"""Points per unit of the letters' grid."""

LINES = (PAGE[1] - 2 * MARGIN) // LEADING
CODES = 255
"""A simple font has one-byte codes; 0 is left out."""


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """A PDF 1.4 with these lines, as many pages as they need.

    Raises:
        ValueError: the text has more different characters than a simple font has codes.
    """
    letters = sorted({*title, *(letter for line in lines for letter in line)})
    if len(letters) > CODES:
        raise ValueError(f"{len(letters)} different characters; a simple font has {CODES} codes")
    codes = {letter: number for number, letter in enumerate(letters, 1)}
    pages = [lines[start : start + LINES] for start in range(0, len(lines), LINES)] or [[]]
    file = _File()
    catalog, tree, font, info = (file.reserve() for _ in range(4))
    _font(file, font, codes)
    kids = [_page(file, tree, font, codes, page) for page in pages]
    file.put(catalog, f"<< /Type /Catalog /Pages {tree} 0 R /Lang (vi-VN) >>")
    file.put(tree, f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>")
    file.put(info, f"<< /Title {_text_string(title)} /Producer (Kho demo) >>")
    return file.bytes(catalog, info)


class _File:
    """Numbered objects, then the cross-reference table (ISO 32000-1 §7.5)."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def reserve(self) -> int:
        self._objects.append(b"")
        return len(self._objects)

    def put(self, number: int, body: str, stream: bytes | None = None) -> int:
        data = body.encode("ascii")
        if stream is not None:
            data += b"\nstream\n" + stream + b"\nendstream"
        self._objects[number - 1] = data
        return number

    def add_stream(self, data: bytes) -> int:
        packed = zlib.compress(data, 9)
        return self.put(self.reserve(), f"<< /Filter /FlateDecode /Length {len(packed)} >>", packed)

    def bytes(self, catalog: int, info: int) -> bytes:
        out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, body in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (len(places) + 1, catalog, info)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _page(file: _File, tree: int, font: int, codes: dict[str, int], lines: Sequence[str]) -> int:
    text = [f"BT /F1 {SIZE} Tf {LEADING} TL {MARGIN} {PAGE[1] - MARGIN} Td"]
    text += [f"<{bytes(codes[letter] for letter in line).hex()}> Tj T*" for line in lines]
    content = file.add_stream("\n".join([*text, "ET"]).encode("ascii"))
    box = f"[0 0 {PAGE[0]} {PAGE[1]}]"
    resources = f"<< /Font << /F1 {font} 0 R >> >>"
    body = f"<< /Type /Page /Parent {tree} 0 R /MediaBox {box} /Resources {resources} /Contents {content} 0 R >>"
    return file.put(file.reserve(), body)


def _font(file: _File, number: int, codes: dict[str, int]) -> None:
    procs = " ".join(f"/g{code} {_drawing(file, letter)} 0 R" for letter, code in codes.items())
    names = " ".join(f"/g{code}" for code in codes.values())
    widths = " ".join([f"{ADVANCE}"] * len(codes))
    unicode_map = file.add_stream(_to_unicode(codes).encode("ascii"))
    file.put(
        number,
        f"<< /Type /Font /Subtype /Type3 /FontBBox [-1 -2 6 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 1 /LastChar {len(codes)}"
        f" /Widths [{widths}] /Encoding << /Type /Encoding /Differences [1 {names}] >> /CharProcs << {procs} >>"
        f" /Resources << >> /ToUnicode {unicode_map} 0 R >>",
    )


def _drawing(file: _File, letter: str) -> int:
    strokes = [f"{ADVANCE} 0 -1 -2 6 9 d1 0.45 w 1 J 1 j"]
    for (x, y), *rest in glyph(letter):
        strokes.append(" ".join([f"{x:g} {y:g} m", *(f"{x:g} {y:g} l" for x, y in rest), "S"]))
    return file.add_stream("\n".join(strokes).encode("ascii"))


def _to_unicode(codes: dict[str, int]) -> str:
    rows = [f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for letter, code in codes.items()]
    # At most 100 rows stand in one block (Adobe technical note 5014 §1.4.1).
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{body}\nendcmap end end"
    )


def _text_string(text: str) -> str:
    return f"<feff{text.encode('utf-16-be').hex()}>"

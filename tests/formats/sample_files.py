"""One sound small file of each kind that Kho validates, made here; a test breaks one thing of it."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pikepdf
from PIL import Image, ImageDraw

from policies.findings import Puid

__all__ = ["SAMPLES", "have", "make"]

Maker = Callable[[Path], None]


def have(*programs: str) -> bool:
    return all(shutil.which(program) for program in programs)


def picture(size: tuple[int, int] = (320, 200)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number in range(0, size[0], 7):
        draw.line((number, 0, size[0] - number, size[1]), fill=(number % 256, 90, 200 - number % 200), width=2)
    return image


def pdf(path: Path) -> None:
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(595, 842))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font)))
        page.obj.Contents = document.make_stream(b"BT /F1 24 Tf 72 720 Td (Ho so so 01) Tj ET " + b"0 0 m 10 10 l S " * 400)
        document.save(path, compress_streams=False)


def sound(path: Path, seconds: float = 1.0) -> None:
    frames = bytes((number * number // 7) % 256 for number in range(int(16_000 * seconds)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(frames)


def film(path: Path, *options: str) -> None:
    source = ["-f", "lavfi", "-i", "testsrc=d=1:s=160x120:r=10", "-f", "lavfi", "-i", "sine=d=1"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, str(path)], check=True, stdin=subprocess.DEVNULL)


def zipped(path: Path, members: Mapping[str, bytes | str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)


MAIN_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MAIN_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"

OOXML = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{MAIN_TYPE}"/>'
    "</Types>",
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    f'Type="{MAIN_RELATION}" Target="word/document.xml"/></Relationships>',
    "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    + "<w:t>Quyết định</w:t>" * 50
    + "</w:r></w:p></w:body></w:document>",
}

ODF = {
    "mimetype": "application/vnd.oasis.opendocument.text",
    "content.xml": '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.2"/>',
    "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{MANIFEST}" manifest:version="1.2">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.text"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>',
}

EPUB = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
    '<item id="a" href="ch%E1%BA%B7ng%201.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="b" href="https://example.vn/a.mp3" media-type="audio/mpeg"/></manifest><spine><itemref idref="a"/></spine></package>',
    "OPS/chặng 1.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Chặng một</p></body></html>',
}

SIARD = {
    "header/metadata.xml": '<siardArchive xmlns="http://www.bar.admin.ch/xmlns/siard/2/metadata.xsd" version="2.1"><dbname>ho-so</dbname>'
    "<schemas><schema><name>S</name><folder>schema0</folder><tables><table><name>T</name><folder>table0</folder><rows>2</rows></table>"
    "</tables></schema></schemas></siardArchive>",
    "content/schema0/table0/table0.xml": '<table xmlns="urn:t"><row><c1>1</c1></row><row><c1>2</c1></row></table>',
    "content/schema0/table0/table0.xsd": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>',
}

MESSAGE = (
    "From: van-thu@example.vn\nTo: luu-tru@example.vn\nDate: Mon, 02 Nov 2026 08:00:00 +0700\nSubject: Cong van\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="b1"\n\n--b1\nContent-Type: text/plain\n\nKinh gui\n--b1\n'
    "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
    + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w\n" * 20
    + "\n--b1--\n"
)


def saved(form: str, **options: object) -> Maker:
    def write(path: Path) -> None:
        picture().save(path, form, **options)

    return write


def written(data: str | bytes) -> Maker:
    return lambda path: path.write_bytes(data.encode() if isinstance(data, str) else data) and None


SAMPLES: Mapping[str, tuple[Puid, tuple[str, ...], Maker]] = {
    "a.pdf": (Puid("fmt/20"), (), pdf),
    "a.jp2": (Puid("x-fmt/392"), (), saved("JPEG2000")),
    "a.tif": (Puid("fmt/353"), (), saved("TIFF", compression="tiff_lzw", dpi=(300, 300))),
    "a.jpg": (Puid("fmt/43"), (), saved("JPEG", quality=90, dpi=(200, 200))),
    "a.png": (Puid("fmt/11"), (), saved("PNG", dpi=(300, 300))),
    "a.gif": (Puid("fmt/4"), (), saved("GIF")),
    "a.xml": (Puid("fmt/101"), (), written("<a>" + "<b>văn bản</b>" * 100 + "</a>")),
    "a.zip": (Puid("x-fmt/263"), (), lambda path: zipped(path, {"a.txt": "một" * 1000, "b/c.txt": "hai" * 1000})),
    "a.docx": (Puid("fmt/412"), (), lambda path: zipped(path, OOXML)),
    "a.odt": (Puid("fmt/291"), (), lambda path: zipped(path, ODF)),
    "a.epub": (Puid("fmt/483"), (), lambda path: zipped(path, EPUB)),
    "a.siard": (Puid("fmt/1196"), (), lambda path: zipped(path, SIARD)),
    "a.eml": (Puid("fmt/278"), (), written(MESSAGE)),
    "a.mbox": (
        Puid("fmt/720"),
        (),
        written(f"From a@b Mon Nov 02 08:00:00 2026\n{MESSAGE}\nFrom a@b Mon Nov 02 08:00:00 2026\n{MESSAGE}"),
    ),
    "a.wav": (Puid("fmt/141"), ("ffmpeg",), sound),
    "a.flac": (Puid("fmt/279"), ("ffmpeg", "flac"), lambda path: film(path, "-map", "1:a", "-c:a", "flac")),
    "a.mp4": (Puid("fmt/199"), ("ffmpeg",), lambda path: film(path, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")),
    "a.mkv": (
        Puid("fmt/569"),
        ("ffmpeg", "mediaconch"),
        lambda path: film(path, "-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1", "-c:a", "flac"),
    ),
}
"""Name → (format, programs that its validation takes, how it is made)."""


def make(name: str, folder: Path) -> tuple[Path, Puid]:
    puid, _, maker = SAMPLES[name]
    path = folder / name
    maker(path)
    return path, puid


def locked_pdf(path: Path) -> None:
    whole = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(whole, encryption=pikepdf.Encryption(owner="o", user="u"))
    path.write_bytes(whole.getvalue())

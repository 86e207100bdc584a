"""Documents in ZIP packages, tables, messages: what can be counted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from formats.characterise.properties import Properties
from formats.validate.archives import Archive, opened, tree
from formats.validate.mail import messages
from policies.phrases import phrase

__all__ = [
    "characterise_csv",
    "characterise_mail",
    "characterise_mbox",
    "characterise_odf",
    "characterise_ooxml",
    "characterise_siard",
]
__all__ += ["characterise_xml", "characterise_zip"]

STATISTICS = {"Pages": "pages", "Words": "words", "Paragraphs": "paragraphs", "Slides": "slides"}
ODF_STATISTICS = {"page-count": "pages", "word-count": "words", "paragraph-count": "paragraphs", "table-count": "tables"}
ODF_STATISTICS |= {"image-count": "pictures"}

MOST_CSV = 1 << 30
"""Bytes of a table that are counted."""


class NotReadable(ValueError):
    """There is no package that can be opened."""


def characterise_zip(path: Path) -> Properties:
    """Raises NotReadable, OSError; so do those below."""
    with opened(path) as archive:
        return _zip(_there(archive))


def _there(archive: Archive | None) -> Archive:
    if archive is None:
        raise NotReadable(phrase("directory-unreadable"))
    return archive


def _zip(archive: Archive) -> Properties:
    members = [member for member in archive.members.values() if not member.is_dir()]
    return {
        "members": len(members),
        "unpacked_bytes": sum(member.file_size for member in members),
        "encrypted": any(member.flag_bits & 1 for member in members),
    }


def characterise_ooxml(path: Path) -> Properties:
    with opened(path) as archive:
        found = _zip(_there(archive))
        assert archive is not None
        if "docProps/app.xml" in archive.members and (root := tree(archive, "docProps/app.xml")) is not None:
            found |= _counts((etree.QName(each).localname, each.text) for each in root if isinstance(each.tag, str))
        sheets = [name for name in archive.members if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        if sheets:
            found |= {"sheets": len(sheets), "rows": sum(_elements(archive, name, "row") for name in sheets)}
        slides = [name for name in archive.members if name.startswith("ppt/slides/slide") and name.endswith(".xml")]
        if slides:
            found["slides"] = len(slides)
        found["macros"] = any(name.endswith("vbaProject.bin") for name in archive.members)
        found["pictures"] = sum("/media/" in name for name in archive.members)
    return found


def _counts(pairs: Iterator[tuple[str, str | None]]) -> Properties:
    return {STATISTICS[key]: int(text) for key, text in pairs if key in STATISTICS and text and text.strip().isdecimal()}


def _elements(archive: Archive, name: str, local: str) -> int:
    """How many elements with this local name a part has, streamed."""
    parser = etree.XMLPullParser(events=("end",), load_dtd=False, no_network=True, resolve_entities=False, huge_tree=True)
    count = 0
    for chunk in archive.chunks(name):
        parser.feed(chunk)
        for _, element in parser.read_events():
            count += etree.QName(element).localname == local
            element.clear()
    return count


def characterise_odf(path: Path) -> Properties:
    with opened(path) as archive:
        found = _zip(_there(archive))
        assert archive is not None
        meta = tree(archive, "meta.xml") if "meta.xml" in archive.members else None
        for each in meta.iter("{*}document-statistic") if meta is not None else ():
            for key, value in each.attrib.items():
                local = etree.QName(key).localname
                if local in ODF_STATISTICS and value.isdigit():
                    found[ODF_STATISTICS[local]] = int(value)
        content = "content.xml"
        if content in archive.members and b"opendocument.spreadsheet" in archive.read("mimetype"):
            found |= {"sheets": _elements(archive, content, "table"), "rows": _elements(archive, content, "table-row")}
    return found


def characterise_siard(path: Path) -> Properties:
    with opened(path) as archive:
        found = _zip(_there(archive))
        assert archive is not None
        metadata = tree(archive, "header/metadata.xml")
        if metadata is not None:
            tables = list(metadata.iterfind(".//{*}tables/{*}table"))
            rows = [table.findtext("{*}rows") or "0" for table in tables]
            found |= {"siard_version": str(metadata.get("version") or ""), "schemas": len(list(metadata.iter("{*}schema")))}
            found |= {"tables": len(tables), "rows": sum(int(each) for each in rows if each.isdigit())}
    return found


def characterise_xml(path: Path) -> Properties:
    """Root element and namespace, from the first start tag."""
    with path.open("rb") as stream:
        events = etree.iterparse(stream, events=("start",), load_dtd=False, no_network=True, resolve_entities=False)
        _, root = next(iter(events))
        name = etree.QName(root)
        return {"root": name.localname, "namespace": name.namespace or "", "encoding": root.getroottree().docinfo.encoding or ""}


def characterise_csv(path: Path) -> Properties:
    """Rows and columns, when it is UTF-8 text with one of the usual separators."""
    with path.open("rb") as stream:
        text = stream.read(MOST_CSV).decode("utf-8-sig")
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:65_536], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    widths = [len(row) for row in csv.reader(io.StringIO(text), dialect) if row]
    return {"rows": len(widths), "columns": max(widths, default=0), "columns_least": min(widths, default=0)}


def characterise_mail(path: Path) -> Properties:
    with path.open("rb") as stream:
        return _mail(iter([stream.read(1 << 28)]))


def characterise_mbox(path: Path) -> Properties:
    return _mail(messages(path))


def _mail(texts: Iterator[bytes]) -> Properties:
    import email.parser

    count = attachments = 0
    for text in texts:
        message = email.parser.BytesParser().parsebytes(text)
        count += 1
        attachments += sum(part.get_content_disposition() == "attachment" for part in message.walk())
    return {"messages": count, "attachments": attachments}

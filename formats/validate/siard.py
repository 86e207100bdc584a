"""SIARD: the structure of an archived database (eCH-0165): metadata, every table there, and as many rows as it is said to have."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree  # type: ignore[import-untyped]

from formats.validate.archives import Archive, ZipTest, tree

__all__ = ["SiardStructure"]

METADATA = "header/metadata.xml"


class SiardStructure(ZipTest):
    name = "kho siard"

    def look(self, archive: Archive) -> None:
        super().look(archive)
        metadata = tree(archive, METADATA)
        if metadata is None:
            return
        if etree.QName(metadata).localname != "siardArchive":
            archive.defect("eCH-0165 5", f"{METADATA} is no siardArchive")
            return
        for schema in metadata.iterfind("{*}schemas/{*}schema"):
            for table in schema.iterfind("{*}tables/{*}table"):
                self._table(archive, _words(schema, "folder"), table)

    @staticmethod
    def _table(archive: Archive, schema: str, table: etree._Element) -> None:
        name, folder = _words(table, "name"), _words(table, "folder")
        place = f"content/{schema}/{folder}/{folder}"
        for suffix in (".xml", ".xsd"):
            if f"{place}{suffix}" not in archive.members:
                archive.defect("eCH-0165 4", f"the table {name} is missing: {place}{suffix}")
        said = _words(table, "rows")
        if f"{place}.xml" in archive.members and said.isdigit():
            found = _rows(archive, f"{place}.xml")
            if found >= 0 and found != int(said):
                archive.defect("eCH-0165 5", f"the table {name} should have {said} rows and has {found}")


def _words(element: etree._Element, name: str) -> str:
    return (element.findtext(f"{{*}}{name}") or "").strip()


def _rows(archive: Archive, name: str) -> int:
    """The rows of a table, streamed; -1 and a defect when it is not well-formed."""
    rows = 0
    parser = etree.XMLPullParser(events=("end",), load_dtd=False, no_network=True, resolve_entities=False, huge_tree=True)

    def count(events: Iterator[tuple[str, etree._Element]]) -> int:
        found = 0
        for _, element in events:
            if etree.QName(element).localname == "row":
                found += 1
                element.clear()
                while (parent := element.getparent()) is not None and element.getprevious() is not None:
                    del parent[0]
        return found

    try:
        for chunk in archive.chunks(name):
            parser.feed(chunk)
            rows += count(parser.read_events())
        parser.close()
        return rows + count(parser.read_events())
    except etree.XMLSyntaxError as error:
        archive.defect("well-formed", f"{name}: {error.msg}")
        return -1

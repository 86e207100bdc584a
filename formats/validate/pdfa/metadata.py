"""Metadata: XMP there, well-formed, claiming rightly, saying what the information dictionary says (ISO 19005-1 6.7, -2 6.6)."""

from __future__ import annotations

import re
from typing import Any

import pikepdf
from lxml import etree  # type: ignore[import-untyped]

from formats.validate.pdfa.schemas import misfit, predefined
from formats.validate.pdfa.subject import PDFAID, RDF, Subject, claim_of

__all__ = ["check_metadata"]

DC, XMP, PDF = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/pdf/1.3/"
XML = "http://www.w3.org/XML/1998/namespace"
EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
SCHEMA, PROPERTY = "http://www.aiim.org/pdfa/ns/schema#", "http://www.aiim.org/pdfa/ns/property#"
CONFORMANCE = {1: {"A", "B"}, 2: {"A", "B", "U"}, 3: {"A", "B", "U"}}

OWN = {PDFAID, RDF, EXTENSION}
"""Namespaces of PDF/A itself and of RDF."""

PAIRS = (
    ("/Title", f"{{{DC}}}title"),
    ("/Author", f"{{{DC}}}creator"),
    ("/Subject", f"{{{DC}}}description"),
    ("/Keywords", f"{{{PDF}}}Keywords"),
    ("/Creator", f"{{{XMP}}}CreatorTool"),
    ("/Producer", f"{{{PDF}}}Producer"),
    ("/CreationDate", f"{{{XMP}}}CreateDate"),
    ("/ModDate", f"{{{XMP}}}ModifyDate"),
)
PDF_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")
XMP_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d))?)?")


def check_metadata(subject: Subject) -> None:
    stream = subject.pdf.Root.get("/Metadata")
    if not isinstance(stream, pikepdf.Stream):
        subject.add(("6.7.2", "6.6.2.1"), "the document has no metadata")
        return
    if subject.part == 1 and "/Filter" in stream:
        subject.add(("6.7.2", ""), "the metadata are compressed")
    written = stream.read_bytes()
    packet = re.search(rb"<\?xpacket([^?]*)\?>", written)
    if packet is not None and re.search(rb"\b(bytes|encoding)\s*=", packet[1]):
        subject.add(("6.7.5", "6.6.2.1"), "the header of the metadata has bytes or encoding")
    if subject.xmp is None:
        subject.add(("6.7.9", "6.6.2.1"), "the metadata are not well-formed")
        return
    if subject.xmp.find(f".//{{{RDF}}}RDF") is None and etree.QName(subject.xmp).localname != "RDF":
        subject.add(("6.7.9", "6.6.2.1"), "the metadata are no RDF")
        return
    _claim(subject, subject.xmp)
    _schemas(subject, subject.xmp)
    if subject.part == 1:
        _information(subject, subject.xmp)


def _claim(subject: Subject, xmp: etree._Element) -> None:
    clause = ("6.7.11", "6.6.4")
    claim = claim_of(xmp)
    if claim is None:
        subject.add(clause, "the metadata do not say that this is PDF/A")
        return
    if claim.part != subject.part:
        subject.add(clause, f"the metadata say that this is PDF/A-{claim.part}")
    if claim.conformance not in CONFORMANCE.get(claim.part, {claim.conformance}):
        subject.add(clause, f"there is no conformance {claim.conformance or 'none'}")
    prefixes = {p for e in xmp.iter() if isinstance(e.tag, str) for p, uri in e.nsmap.items() if uri == PDFAID}
    if prefixes - {"pdfaid"}:
        subject.add(clause, "the namespace of the claim has another prefix than pdfaid")


def _schemas(subject: Subject, xmp: etree._Element) -> None:
    """Every property is one of a predefined schema, or described in an extension schema."""
    described = _described(xmp)
    _extensions(subject, xmp)
    for description in xmp.iter(f"{{{RDF}}}Description"):
        if (description.getparent() is None) or etree.QName(description.getparent()).localname != "RDF":
            continue
        values: list[tuple[str, etree._Element | str]] = [
            (str(key), str(value))
            for key, value in description.attrib.items()
            if not str(key).startswith((f"{{{RDF}}}", f"{{{XML}}}"))
        ]
        values += [(child.tag, child) for child in description if isinstance(child.tag, str)]
        for key, value in values:
            _property(subject, etree.QName(key), value, described)


def _property(subject: Subject, key: etree.QName, value: etree._Element | str, described: dict[str, set[str]]) -> None:
    clause = ("6.7.8", "6.6.2.3.1")
    space, known = key.namespace or "", predefined().get(key.namespace or "")
    if space in OWN or key.localname in described.get(space, ()):
        return
    if known is None or key.localname not in known:
        subject.add(clause, f"the property {key.localname} is neither predefined nor described")
    elif misfit(known[key.localname], value):
        subject.add(clause, f"the property {key.localname} is not of the kind {known[key.localname]}")


def _described(xmp: etree._Element) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for schemas in xmp.iter(f"{{{EXTENSION}}}schemas"):
        for schema in schemas.iterfind(f"{{{RDF}}}Bag/{{{RDF}}}li"):
            names = {each.text or "" for each in schema.iter(f"{{{PROPERTY}}}name")}
            names |= {value for e in schema.iter() if (value := e.get(f"{{{PROPERTY}}}name"))}
            found.setdefault(_field(schema, SCHEMA, "namespaceURI"), set()).update(each.strip() for each in names)
    return found


def _extensions(subject: Subject, xmp: etree._Element) -> None:
    """What an extension schema has to say of itself and of each of its properties."""
    clause = ("6.7.8", "6.6.2.3.3")
    for schemas in xmp.iter(f"{{{EXTENSION}}}schemas"):
        if schemas.find(f"{{{RDF}}}Bag") is None:
            subject.add(clause, "the extension schemas are no Bag")
        for schema in schemas.iterfind(f"{{{RDF}}}Bag/{{{RDF}}}li"):
            for key in ("schema", "namespaceURI", "prefix"):
                if not _field(schema, SCHEMA, key):
                    subject.add(clause, f"an extension schema has no {key}")
            for each in schema.iterfind(f".//{{{SCHEMA}}}property/{{{RDF}}}Seq/{{{RDF}}}li"):
                for key in ("name", "valueType", "category", "description"):
                    if not _field(each, PROPERTY, key):
                        subject.add(clause, f"a property of an extension schema has no {key}")
                if _field(each, PROPERTY, "category") not in ("internal", "external", ""):
                    subject.add(clause, "the category of a property is neither internal nor external")


def _field(holder: etree._Element, space: str, key: str) -> str:
    inner = holder.find(f"{{{RDF}}}Description")
    for element in (holder, *([inner] if inner is not None else [])):
        if said := element.get(f"{{{space}}}{key}") or element.findtext(f"{{{space}}}{key}"):
            return str(said).strip()
    return ""


def _information(subject: Subject, xmp: etree._Element) -> None:
    """What the information dictionary says, the metadata say too (6.7.3)."""
    information = subject.pdf.trailer.get("/Info")
    if not isinstance(information, pikepdf.Dictionary):
        return
    for key, tag in PAIRS:
        said = information.get(key)
        if isinstance(said, pikepdf.String) and not _same(key, str(said), _value(xmp, tag)):
            subject.add(("6.7.3", ""), f"{key[1:]} of the information dictionary is not in the metadata, or is another")


def _value(xmp: etree._Element, tag: str) -> str | None:
    for description in xmp.iter(f"{{{RDF}}}Description"):
        if (attribute := description.get(tag)) is not None:
            return str(attribute)
        element = description.find(tag)
        if element is None:
            continue
        items = list(element.iter(f"{{{RDF}}}li"))
        if not items:
            return str(element.text or "")
        plain = [item for item in items if item.get(f"{{{XML}}}lang") in (None, "x-default")]
        if tag.endswith("creator") and len(items) != 1:
            return None
        return str((plain or items)[0].text or "")
    return None


def _same(key: str, said: str, found: Any) -> bool:
    if found is None:
        return False
    if key.endswith("Date"):
        ours, theirs = PDF_DATE.match(said), XMP_DATE.match(found)
        return bool(ours and theirs) and _numbers(ours) == _numbers(theirs)
    return bool(said.rstrip("\x00") == found)


def _numbers(match: re.Match[str] | None) -> list[int]:
    return [int(part) for part in match.groups() if part] if match else []

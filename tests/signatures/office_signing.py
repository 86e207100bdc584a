"""Office documents for tests, and a signer of OPC packages and OpenDocument files. Canonical forms are libxml2's own."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from lxml import etree

from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, EXCLUSIVE, Ref, Signing, stamp

PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
RELATIONSHIPS = "application/vnd.openxmlformats-package.relationships+xml"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

TYPES = (
    f'<Types xmlns="{PACKAGE}content-types"><Default Extension="rels" ContentType="{RELATIONSHIPS}"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="sigs" ContentType="application/vnd.openxmlformats-package.digital-signature-origin"/>'
    f'<Override PartName="/word/document.xml" ContentType="{WORD}document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{WORD}styles+xml"/>'
    '<Override PartName="/_xmlsignatures/sig1.xml" '
    'ContentType="application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"/>'
    "</Types>"
)


def links(*each: tuple[str, str, str]) -> bytes:
    """A part of relationships from (id, type, target); a target that is an address is external."""
    outside = ' TargetMode="External"'
    listed = "".join(
        f'<Relationship Id="{name}" Type="{kind}" Target="{target}"{outside if ":" in target else ""}/>'
        for name, kind, target in each
    )
    return f'<?xml version="1.0"?>\n<Relationships xmlns="{PACKAGE}relationships">{listed}</Relationships>'.encode()


DOCUMENT_LINK = ("rId1", OFFICE + "officeDocument", "word/document.xml")
PROPERTIES_LINK = ("rId2", PACKAGE + "relationships/metadata/core-properties", "docProps/core.xml")
ORIGIN_LINK = ("rId9", PACKAGE + "relationships/digital-signature/origin", "_xmlsignatures/origin.sigs")
STYLES_LINK = ("rId1", OFFICE + "styles", "styles.xml")
WEB_LINK = ("rId2", OFFICE + "hyperlink", "https://example.org/a")

DOCX: dict[str, bytes] = {
    "[Content_Types].xml": TYPES.encode(),
    "_rels/.rels": links(DOCUMENT_LINK, PROPERTIES_LINK),
    "word/document.xml": "<w:document xmlns:w='urn:w'><w:t>Công văn số 1</w:t></w:document>".encode(),
    "word/styles.xml": b"<w:styles xmlns:w='urn:w'/>",
    "word/_rels/document.xml.rels": links(WEB_LINK, STYLES_LINK),
    "docProps/core.xml": b"<core/>",
}

BARE: dict[str, bytes] = {name: data for name, data in DOCX.items() if name != "docProps/core.xml"} | {
    "_rels/.rels": links(DOCUMENT_LINK)
}
"""A document of which nothing stays unsigned."""

ODT: dict[str, bytes] = {
    "mimetype": b"application/vnd.oasis.opendocument.text",
    "content.xml": "<office:document-content xmlns:office='urn:o'>Công văn số 1</office:document-content>".encode(),
    "META-INF/manifest.xml": b"<manifest/>",
    "Pictures/dàu.png": b"\x89PNG picture",
}


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def related(data: bytes, ids: set[str]) -> bytes:
    """What the relationship transform and a canonical form make of a part of relationships (ECMA-376-2, 12.2.4.26)."""
    rows = [each.attrib for each in etree.fromstring(data) if each.get("Id") in ids]
    listed = "".join(
        f'<Relationship Id="{each["Id"]}" Target="{each["Target"]}" TargetMode="{each.get("TargetMode", "Internal")}" '
        f'Type="{each["Type"]}"></Relationship>'
        for each in sorted(rows, key=lambda each: each["Id"])
    )
    return f'<Relationships xmlns="{PACKAGE}relationships">{listed}</Relationships>'.encode()


def relationship_ref(name: str, data: bytes, ids: set[str]) -> Ref:
    named = "".join(f'<m:RelationshipReference xmlns:m="{PACKAGE}digital-signature" SourceId="{each}"/>' for each in sorted(ids))
    steps = f'<ds:Transform Algorithm="{PACKAGE}RelationshipTransform">{named}</ds:Transform><ds:Transform Algorithm="{C14N}"/>'
    return Ref(f"/{name}?ContentType={RELATIONSHIPS}", related(data, ids), steps)


def part_refs(parts: Mapping[str, bytes]) -> list[Ref]:
    """References to the parts that an office program signs."""
    return [
        relationship_ref("_rels/.rels", parts["_rels/.rels"], {"rId1"}),
        relationship_ref("word/_rels/document.xml.rels", parts["word/_rels/document.xml.rels"], {"rId1", "rId2"}),
        Ref(f"/word/document.xml?ContentType={WORD}document.main+xml", parts["word/document.xml"]),
        Ref(f"/word/styles.xml?ContentType={WORD}styles+xml", parts["word/styles.xml"]),
    ]


def sign_docx(
    pki: Pki, parts: Mapping[str, bytes] = DOCX, *, refs: list[Ref] | None = None, level: str = "B", xades: bool = True
) -> dict[str, bytes]:
    """The parts of a package with a signature as office programs make it: a manifest of parts inside a signed object."""
    listed = "".join(each.xml("sha256") for each in (part_refs(parts) if refs is None else refs))
    when = f'<m:SignatureTime xmlns:m="{PACKAGE}digital-signature"><m:Value>2026-02-28T12:00:00Z</m:Value></m:SignatureTime>'
    said = f'<ds:SignatureProperties><ds:SignatureProperty Target="#s">{when}</ds:SignatureProperty></ds:SignatureProperties>'
    package = f'<ds:Object xmlns:ds="{DS}" Id="idPackageObject"><ds:Manifest>{listed}</ds:Manifest>{said}</ds:Object>'
    data = etree.tostring(etree.fromstring(package), method="c14n")
    over = [Ref("#idPackageObject", data, "", f"{DS}Object")]
    making = Signing(pki, references=over, objects=package, name="idPackageSignature", xades=xades)
    signature = making.signature()
    if level == "T":
        stamp(pki, signature, day(2026, 3))
    folder = "_xmlsignatures"
    added = {
        "_rels/.rels": parts["_rels/.rels"].replace(b"</Relationships>", _link(ORIGIN_LINK) + b"</Relationships>"),
        f"{folder}/origin.sigs": b"",
        f"{folder}/_rels/origin.sigs.rels": links(("rId1", PACKAGE + "relationships/digital-signature/signature", "sig1.xml")),
        f"{folder}/sig1.xml": etree.tostring(signature, xml_declaration=True, encoding="UTF-8"),
    }
    return {**parts, **added}


def _link(link: tuple[str, str, str]) -> bytes:
    return links(link).partition(b'relationships">')[2].removesuffix(b"</Relationships>")


def sign_odt(pki: Pki, parts: Mapping[str, bytes] = ODT, *, level: str = "B") -> dict[str, bytes]:
    """The parts of an OpenDocument file with a signature over all of them."""
    refs = []
    for name, data in parts.items():
        uri = name.replace("à", "%C3%A0")
        if name.endswith(".xml"):
            refs.append(Ref(uri, etree.tostring(etree.fromstring(data), method="c14n", exclusive=True), EXCLUSIVE))
        else:
            refs.append(Ref(uri, data))
    signature = Signing(pki, references=refs).signature()
    if level == "T":
        stamp(pki, signature, day(2026, 3))
    root = etree.Element("{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures")
    root.append(signature)
    return {**parts, "META-INF/documentsignatures.xml": etree.tostring(root, xml_declaration=True, encoding="UTF-8")}

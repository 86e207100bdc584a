"""Office documents: OOXML (ECMA-376 part 2: Open Packaging Conventions) and ODF (part 3 of 1.2: packages)."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import etree  # type: ignore[import-untyped]

from formats.ole2 import stream_names
from formats.validate.archives import Archive, Locked, ZipTest, tree
from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["LockedOffice", "OdfPackage", "OoxmlPackage"]

CONTENT_TYPES = "[Content_Types].xml"
TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
MAIN = ("/officeDocument", "/document")

ENCRYPTED_STREAMS = frozenset({"EncryptionInfo", "EncryptedPackage"})

MANIFEST = "META-INF/manifest.xml"
MANIFEST_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
ODF_TYPE = "application/vnd.oasis.opendocument."


class OoxmlPackage(ZipTest):
    """All parts whole, each with a content type, all XML well-formed, every internal relationship leads somewhere."""

    name = "kho ooxml"

    def look(self, archive: Archive) -> None:
        super().look(archive)
        types = tree(archive, CONTENT_TYPES)
        if types is not None:
            self._typed(archive, types)
        if "_rels/.rels" not in archive.members:
            archive.defect("OPC 9.3", "_rels/.rels is missing")
        for name in archive.members:
            if name.endswith((".xml", ".rels")) and name != CONTENT_TYPES:
                root = tree(archive, name)
                if root is not None and name.endswith(".rels"):
                    self._related(archive, name, root)

    @staticmethod
    def _typed(archive: Archive, types: etree._Element) -> None:
        extensions = {(each.get("Extension") or "").lower() for each in types.iterfind(f"{TYPES}Default")}
        parts = {(each.get("PartName") or "").lstrip("/").lower() for each in types.iterfind(f"{TYPES}Override")}
        names = {name.lower() for name in archive.members}
        for missing in sorted(parts - names):
            archive.defect("OPC 10.1", f"the part {missing} that has a content type is missing")
        for name in archive.members:
            extension = posixpath.basename(name).rpartition(".")[2].lower()
            if name.lower() not in parts and extension not in extensions and name != CONTENT_TYPES and not name.endswith("/"):
                archive.defect("OPC 10.1", f"the part {name} has no content type")

    @staticmethod
    def _related(archive: Archive, name: str, root: etree._Element) -> None:
        folder = posixpath.dirname(posixpath.dirname(name))
        names = {member.lower() for member in archive.members}
        main = False
        for each in root.iterfind(f"{RELATIONSHIPS}Relationship"):
            main = main or (each.get("Type") or "").endswith(MAIN)
            target = unquote(urlsplit(each.get("Target") or "").path)
            if each.get("TargetMode") == "External" or not target or target == "NULL":
                continue
            part = posixpath.normpath(target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target))
            if part.lower() not in names:
                archive.defect("OPC 9.3", f"{name} refers to {part}, which is missing")
        if name == "_rels/.rels" and not main:
            archive.defect("OPC 9.3", "no relationship leads to a document")


class OdfPackage(ZipTest):
    """All members whole, ``mimetype`` first and plain, every entry of the manifest there, all XML well-formed."""

    name = "kho odf"

    def look(self, archive: Archive) -> None:
        manifest = tree(archive, MANIFEST)
        if manifest is not None and manifest.find(f".//{MANIFEST_NAMESPACE}encryption-data") is not None:
            raise Locked("the document")
        super().look(archive)
        self._mimetype(archive, manifest)
        if manifest is not None:
            self._entries(archive, manifest)
        if "content.xml" not in archive.members:
            archive.defect("ODF 1.2 part 3, 2.2", "content.xml is missing")
        for name in archive.members:
            if name.endswith(".xml") and name != MANIFEST:
                tree(archive, name)

    @staticmethod
    def _mimetype(archive: Archive, manifest: etree._Element | None) -> None:
        first = next(iter(archive.members), "")
        if first != "mimetype":
            archive.defect("ODF 1.2 part 3, 3.3", "the file mimetype is not the first")
            return
        if archive.members[first].compress_type or archive.members[first].extra:
            archive.defect("ODF 1.2 part 3, 3.3", "the file mimetype is compressed or has an extra field")
        said = archive.read(first).decode("ascii", "replace").strip()
        if not said.startswith(ODF_TYPE):
            archive.defect("ODF 1.2 part 3, 3.3", f"mimetype says {said[:80]}")
        whole = [] if manifest is None else [e for e in manifest if e.get(f"{MANIFEST_NAMESPACE}full-path") == "/"]
        if whole and whole[0].get(f"{MANIFEST_NAMESPACE}media-type") != said:
            archive.defect("ODF 1.2 part 3, 3.3", "manifest and mimetype say different things")

    @staticmethod
    def _entries(archive: Archive, manifest: etree._Element) -> None:
        for each in manifest.iterfind(f"{MANIFEST_NAMESPACE}file-entry"):
            name = each.get(f"{MANIFEST_NAMESPACE}full-path") or ""
            if not name.endswith("/") and name not in archive.members and unquote(name) not in archive.members:
                archive.defect("ODF 1.2 part 3, 3.2", f"the manifest names {name}, which is missing")


class LockedOffice:
    """An OOXML document under a password (MS-OFFCRYPTO, 2.3.4): an OLE2 file, in which nobody without it can look further."""

    name = "kho ole2"
    version = "1"

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        missing = sorted(ENCRYPTED_STREAMS - stream_names(path))
        if not missing:
            return could_not(Why.LOCKED, phrase("asks-password"), check=check)
        return defective(check, [Defect("MS-OFFCRYPTO 2.3.4", phrase("stream-missing", name=name)) for name in missing])

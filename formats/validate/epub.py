"""EPUB: the container (EPUB 3.3, 4; OCF) and what the package documents name, each whole and there."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit

from formats.validate.archives import Archive, Locked, ZipTest, tree

__all__ = ["EpubPackage"]

MIMETYPE = b"application/epub+zip"
CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
ALGORITHM = "{http://www.w3.org/2001/04/xmlenc#}EncryptionMethod"

FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""Algorithms that hide fonts only, and whose key stands in the package (EPUB 3.3, 4.3)."""


class EpubPackage(ZipTest):
    """``mimetype`` first and plain, a package document, every item of its manifest there, all XML of its own well-formed."""

    name = "kho epub"

    def look(self, archive: Archive) -> None:
        super().look(archive)
        first = next(iter(archive.members), "")
        if first != "mimetype" or archive.members[first].compress_type or archive.read(first) != MIMETYPE:
            archive.defect("EPUB 3.3, 4.2.1", f"the first file is not a plain mimetype that says {MIMETYPE.decode()}")
        self._locked(archive)
        container = tree(archive, CONTAINER)
        names = [] if container is None else [each.get("full-path") or "" for each in container.iterfind(".//{*}rootfile")]
        if container is not None and not names:
            archive.defect("EPUB 3.3, 4.2.6.3.1", "the container names no package document")
        for name in names:
            self._package(archive, name)

    @staticmethod
    def _locked(archive: Archive) -> None:
        said = tree(archive, ENCRYPTION) if ENCRYPTION in archive.members else None
        methods = [] if said is None else [each.get("Algorithm") for each in said.iter(ALGORITHM)]
        if not set(methods) <= FONTS:
            raise Locked("a part of the book")

    @staticmethod
    def _package(archive: Archive, name: str) -> None:
        package = tree(archive, name)
        if package is None:
            return
        items = list(package.iterfind("{*}manifest/{*}item"))
        if not items or package.find("{*}spine/{*}itemref") is None:
            archive.defect("EPUB 3.3, 5", f"{name} has no manifest or no spine")
        for each in items:
            address = urlsplit(each.get("href") or "")
            part = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(address.path)))
            if address.scheme:  # sound and films may lie elsewhere
                continue
            if part not in archive.members:
                archive.defect("EPUB 3.3, 5.6", f"{name} names {part}, which is missing")
            elif each.get("media-type") in ("application/xhtml+xml", "application/x-dtbncx+xml", "image/svg+xml"):
                tree(archive, part)

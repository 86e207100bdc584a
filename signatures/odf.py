"""Signatures of OpenDocument files (ODF 1.3 part 2, 4 and 5): META-INF/documentsignatures.xml and macrosignatures.xml."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import BinaryIO

from formats.package.zip_members import BadZip, ZipMembers
from signatures.cades import Collected
from signatures.certificates import Certificate
from signatures.report import Kind
from signatures.signed import SignedFile, Source
from signatures.xades.packaged import Parts, opened_zip, read_part
from signatures.xades.reader import Read
from signatures.xmldsig.c14n import Work

__all__ = ["OdfVerifier"]

DOCUMENT = "META-INF/documentsignatures.xml"
MACROS = "META-INF/macrosignatures.xml"

MACRO_FOLDERS = ("Basic/", "Dialogs/", "Scripts/")
"""What a signature of macros covers (5.4); it says nothing of the document."""


UNSIGNED = re.compile(r"(mimetype|layout-cache|META-INF/manifest\.xml)\Z|(Thumbnails|Configurations2)/")
"""What programs left unsigned before ODF 1.2, which was the first to say that everything is covered."""

COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
"""Comments are signed by nobody, so the version is not looked for in them."""

OLD = re.compile(rb"[^<]*(?:<\?[^<]*)*<[^<>?!][^<>]*\soffice:version=[\"']1\.[01][\"']")
HEAD = 8192
"""Bytes of content.xml in which its root begins, with all its declarations."""


class OdfVerifier:
    """`signatures.signed.Verifier` for OpenDocument."""

    kinds = frozenset({Kind.ODF})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        members = opened_zip(source, Kind.ODF)
        if isinstance(members, SignedFile):
            return members
        collected, work = Collected(), Work()
        for name in (DOCUMENT, MACROS):
            if members.find(name) is not None:
                resolve = _inside(members)
                read_part(
                    members, name, collected, work, kind=Kind.ODF, resolve=resolve, parts=_parts(members, name), known=self._known
                )
        return collected.file()


def _parts(members: ZipMembers, name: str) -> Parts:
    """A document's signature covers every file but the signatures themselves (5.3)."""
    files = [each for each in members.names if each not in (DOCUMENT, MACROS)]
    if name == MACROS:
        macros = frozenset(each for each in files if each.startswith(MACRO_FOLDERS))
        return Parts(macros, frozenset(files) - macros, _covers)
    beside = frozenset(each for each in files if UNSIGNED.match(each)) if _is_old(members) else frozenset()
    return Parts(frozenset(files) - beside, beside, _covers)


def _is_old(members: ZipMembers) -> bool:
    """Whether the document says that it is of ODF 1.0 or 1.1, in the part that every signature covers."""
    opened = members.find("content.xml")
    if opened is None:
        return False
    try:
        with opened() as stream:
            return OLD.match(COMMENT.sub(b"", stream.read(HEAD))) is not None
    except BadZip:
        return False


def _covers(read: Read) -> set[str]:
    return {each.removeprefix("./") for each in read.covered.files} if read.covered else set()


def _inside(members: ZipMembers) -> Callable[[str], Callable[[], BinaryIO] | None]:
    return lambda name: members.find(name.removeprefix("./"))

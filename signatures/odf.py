"""Signatures of OpenDocument files (ODF 1.3 part 2, 4 and 5): META-INF/documentsignatures.xml and macrosignatures.xml."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import BinaryIO

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed, exact
from signatures.certificates import Certificate
from signatures.collected import Collected
from signatures.report import Kind
from signatures.signed import SignedFile, Source
from signatures.xades.packaged import MOST_PART, Parts, holds_signatures_only, member_named, opened_zip, read_part, refused_file
from signatures.xmldsig.c14n import Refused, Work

__all__ = ["DOCUMENT", "MACROS", "OdfVerifier"]

DOCUMENT = "META-INF/documentsignatures.xml"
MACROS = "META-INF/macrosignatures.xml"

SIGNATURES = "{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures"

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
        collected, work = Collected(), source.work or Work()
        members = opened_zip(source, Kind.ODF, work)
        if isinstance(members, SignedFile):
            return members
        for name in (DOCUMENT, MACROS):
            if members.find(name) is not None:
                try:
                    parts = _parts(members, name, work)
                except Refused as error:
                    collected.objects += refused_file(Kind.ODF, error.reason, name).objects
                    continue
                read_part(members, name, collected, work, kind=Kind.ODF, resolve=_inside(members), parts=parts, known=self._known)
        return collected.file()


def _parts(members: ZipMembers, name: str, work: Work) -> Parts:
    """A document's signature covers every file but the signatures themselves (5.3)."""
    own = [each for each in (DOCUMENT, MACROS) if members.find(each) and _is_own(members, each, work)]
    files = [each for each in members.names if each not in own]
    if name == MACROS:
        macros = frozenset(each for each in files if each.startswith(MACRO_FOLDERS))
        return Parts(macros, frozenset(files) - macros)
    aside = {DOCUMENT, MACROS} - {*own}
    old = {each for each in files if UNSIGNED.match(each)} if _is_old(members) else set()
    beside = frozenset(old | aside.intersection(members.names))
    return Parts(frozenset(files) - beside, beside)


def _is_own(members: ZipMembers, name: str, work: Work) -> bool:
    """Whether a part that is called one of signatures is no more than that. Raises `Refused`."""
    try:
        data = members.read(name, MOST_PART)
        work.parse(data)
        return holds_signatures_only(exact(data), SIGNATURES)
    except (BadZip, NotWellFormed):
        return False


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


def _inside(members: ZipMembers) -> Callable[[str], Callable[[], BinaryIO] | None]:
    return lambda name: members.find(member_named(name))

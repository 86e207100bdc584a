"""Signed files inside a file: members of a container, and what XML holds as base64 (attachments of edXML, data of TR-ESOR packages).

A signature over a container says nothing of the signatures in its members: those are read as if the member lay there alone, and reported
under its name. How many, how deep and with how much work is bounded for the whole file; what is beyond is told.
"""

from __future__ import annotations

import base64
import binascii
import io
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree  # type: ignore[import-untyped]

from formats.package.names import told_name
from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import MAX_EXACT_BYTES, NotLookedAt, NotWellFormed, exact
from policies.findings import Finding
from policies.phrases import phrase
from signatures.asic.names import MIMETYPE
from signatures.ber import Beyond
from signatures.detect import by_root, covered_names, detected, named_beside
from signatures.evidence.xmlers import NAMESPACE as ERS
from signatures.inside_marks import BEGINS, may_hold
from signatures.report import Kind
from signatures.signed import SignedFile, Source
from signatures.unread import unread
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.document import path_of, text_of
from signatures.xmldsig.names import DS, ds

__all__ = ["Inside", "noted", "signed_inside"]

MOST_DEPTH = 3
"""Files in one another that are looked at."""

MOST_PART = 64 << 20
"""Bytes of a part that is looked at; it is held in memory."""

LOOK, READ = 12, 9
"""To look whether a part is signed takes a step of `Work` for every 2 ** LOOK bytes; to read its signatures one for every 2 ** READ."""

MOST_LEFT = 10
"""Parts that were not looked at and are named."""

PART, SIGNED = 10, 700
"""And at least so many."""

_MACHINERY = (f"{{{DS}}}", "{http://uri.etsi.org/01903/", f"{{{ERS}}}")
"""How the names of what signatures and evidence records are made of begin: it is read where it stands, with all that is in it."""

_HOLDERS = (ds("Signature"), ds("Object"))
"""Those of them in which something else may stand."""

_CREDENTIALS = ("}Base64Signature", "}RFC3161TimeStampToken", "}asn1EvidenceRecord")
"""And how those end that are read among the credentials of a package."""

Read = Callable[[Source, "Inside"], SignedFile | None]


@dataclass
class Inside:
    """What may still be looked at inside one file. ``left`` names what was not."""

    work: Work = field(default_factory=Work)
    depth: int = 0
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """A file in a file. ``beside`` is what lies there that it may be a signature over."""

    name: str
    read: Callable[[], bytes | None]
    size: int
    beside: Callable[[], Iterator[tuple[str, Callable[[], BinaryIO]]]] = field(default=lambda: iter(()))
    named: Callable[[str], Callable[[], BinaryIO] | None] = field(default=lambda _: None)


def signed_inside(source: Source, kinds: Collection[Kind], inside: Inside, read: Read) -> Iterator[SignedFile]:
    """What is signed in the parts of ``source``, by ``read``, under the names of the parts. What is signed and was not read is unread;
    what was not looked at is added to ``inside.left``. Raises OSError."""
    try:
        for part in _parts(source, kinds, inside):
            inside.work.visit(PART + (part.size >> LOOK))
            data = part.read() if part.size <= MOST_PART and inside.depth < MOST_DEPTH else None
            if data is None:
                inside.left.append(part.name)
            elif (found := next(detected(io.BytesIO(data)), None)) is not None or may_hold(io.BytesIO(data)):
                yield _read(part, data, found.kind if found else Kind.XADES, inside, read)
    except Refused:
        inside.left.append("…")


def _read(part: _Part, data: bytes, kind: Kind, inside: Inside, read: Read) -> SignedFile:
    deeper = Inside(inside.work, inside.depth + 1, inside.left)
    try:
        inside.work.visit(SIGNED + (len(data) >> READ))
        with tempfile.TemporaryDirectory(prefix="kho-inside-") as folder:
            path = Path(folder) / "part"
            path.write_bytes(data)
            file = read(Source(path, part.name, part.beside, part.named, work=inside.work), deeper) or SignedFile()
    except Refused as error:
        return SignedFile((unread(Beyond(error.reason), kind, part.name),))
    named = (replace(each, name=f"{part.name}: {each.name}" if each.name else part.name) for each in file.objects)
    return replace(file, objects=tuple(named))


def noted(file: SignedFile, inside: Inside) -> SignedFile:
    """The same, and that something in it was not looked at."""
    if not inside.left:
        return file
    if not file.objects:
        why = Beyond(phrase("ins-left", parts=", ".join(inside.left[:MOST_LEFT])))
        return SignedFile((unread(why, Kind.XADES, inside.left[0]),))
    note = Finding("SIG-INSIDE-LEFT", "", {"parts": ", ".join(inside.left[:MOST_LEFT])})
    first = replace(file.objects[0], notes=(*file.objects[0].notes, note))
    return replace(file, objects=(first, *file.objects[1:]))


def _parts(source: Source, kinds: Collection[Kind], inside: Inside) -> Iterator[_Part]:
    """Raises Refused."""
    if Kind.ASIC in kinds:
        yield from _members(source, inside.work)
    with source.path.open("rb") as stream:
        if not may_hold(stream):
            return
        stream.seek(0)
        data = stream.read(MAX_EXACT_BYTES + 1)
    inside.work.parse(data)
    try:
        root = exact(data)
    except NotLookedAt:
        inside.left.append(told_name(source.name))
    except NotWellFormed:
        return
    else:
        yield from _texts(root, _CREDENTIALS if by_root(root.tag) is not None else ())


def _members(source: Source, work: Work) -> Iterator[_Part]:
    try:
        members = ZipMembers(source.path)
    except BadZip:
        return

    def read(name: str) -> bytes | None:
        try:
            return members.read(name, MOST_PART)
        except BadZip:
            return None

    def find(name: bytes | None) -> Callable[[], BinaryIO] | None:
        """What opens a member beside, in memory: members cannot be read from anywhere."""
        called = "" if name is None else name.decode("utf-8", "replace")
        if members.find(called) is None:
            return None
        work.visit(PART + (members.size(called) >> LOOK))
        data = read(called)
        return None if data is None else partial(io.BytesIO, data)

    def beside(name: str) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        for each in covered_names(name.encode()):
            if (found := find(each)) is not None:
                yield told_name(each.decode()), found

    def named(name: str, wanted: str) -> Callable[[], BinaryIO] | None:
        return find(named_beside(name.encode(), wanted))

    for name in members.names:
        if name != MIMETYPE and not name.upper().startswith("META-INF/"):
            yield _Part(told_name(name), partial(read, name), members.size(name), partial(beside, name), partial(named, name))


def _texts(root: Any, aside: tuple[str, ...]) -> Iterator[_Part]:
    """The elements that hold a text that may be a file; not those of signatures, but for what they enclose."""
    open_ = [iter((root,))]
    while open_:
        element = next(open_[-1], None)
        if element is None:
            open_.pop()
        elif element.tag.endswith(aside) or (element.tag.startswith(_MACHINERY) and element.tag not in _HOLDERS):
            continue
        elif next(element.iterchildren(etree.Element), None) is not None:
            open_.append(element.iterchildren(etree.Element))
        elif BEGINS.match(text := text_of(element)):
            yield _Part(path_of(element), partial(_decoded, text), len(text))


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""  # it is no file

"""XML signatures over the parts of a zip that is one document: what office documents have in common.

Such a signature lists the parts that it covers. So two questions come on top of every other: is every part covered that a reader would
show, and is every part that is covered the one that a reader would show.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree  # type: ignore[import-untyped]

from formats.package.names import told_name
from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed
from policies.findings import Finding
from policies.phrases import phrase
from signatures.certificates import Certificate
from signatures.collected import Collected
from signatures.left_words import EXTRA_FIELD, ZIP_COMMENT, told
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from signatures.xades.left import MOST_NAMED, inside
from signatures.xades.reader import Read, read_document
from signatures.xades.verifier import unreadable
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.document import Document
from signatures.xmldsig.names import ds
from signatures.xmldsig.references import Resolver, Transforms

__all__ = [
    "MOST_PART",
    "Members",
    "Parts",
    "holds_signatures_only",
    "member_named",
    "opened_zip",
    "read_part",
    "refused_file",
    "said_aside",
]

SHOWN = 3
"""Covered parts that are named in a sentence; the report has more of them."""

MOST_PART = 16 << 20
"""Bytes of a part that holds signatures; real ones have some 10 kB for each."""


FREE, PACKED = 4, 16
"""A member is read for nothing as many times as it is long, or as its packed bytes are: a zip of some MB can make GB."""

STEP = 9
"""Beyond that a step is taken for every 2 ** STEP bytes: they are unpacked, and digested."""

OPEN = 8
"""Steps that opening a member costs: there may be twenty thousand of a few bytes."""

OFFICE_FOLDERS = re.compile(
    "Configurations2/((accelerator|floater|images(/Bitmaps)?|menubar|popupmenu|progressbar|statusbar|toolbar|toolpanel)/)?"
)
"""Empty folders that LibreOffice puts into every document, for what nobody has changed."""

TYPED = re.compile(rb"(mimetype=[\w.+/-]{1,200})?\Z")
"""What a zip may say of itself as a whole (EN 319 162-1, A.1)."""


@dataclass(frozen=True)
class Parts:
    """What of a document must be covered. ``needed`` are the names of what a reader shows; ``harmless`` of what it shows nobody or only
    beside (properties, a preview): not covered they are named, and no more. ``covers`` says which names a signature covers."""

    needed: frozenset[str]
    harmless: frozenset[str] = frozenset()
    covers: Callable[[Read], set[str]] = lambda read: covered_members(read)


def covered_members(read: Read) -> set[str]:
    return {member_named(each) for each in read.covered.files} if read.covered else set()


class Members(ZipMembers):
    """Members of which every reading is accounted for, whoever reads them. Their streams raise `Refused`: nothing more is read."""

    def __init__(self, path: Path, work: Work) -> None:
        super().__init__(path)
        self._work = work
        self._free = {name: min(FREE * self.size(name), PACKED * self.packed(name)) for name in self.names}

    def opened(self, name: str) -> BinaryIO:
        self._work.visit(OPEN)
        return io.BufferedReader(_Accounted(super().opened(name), partial(self._account, name)))

    def _account(self, name: str, count: int) -> None:
        self._free[name] -= count
        if (over := -self._free[name]) > 0:
            self._work.visit(1 + (over >> STEP))
            self._free[name] = 0


class _Accounted(io.RawIOBase):
    """A stream of which every byte is told to ``account``."""

    def __init__(self, stream: BinaryIO, account: Callable[[int], None]) -> None:
        super().__init__()
        self._stream, self._account = stream, account

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._account(count)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def member_named(path: str) -> str:
    """The member that a reference means by ``path`` (percent-decoded): as it resolves in the root of the zip (RFC 3986, 5.2.4). What leads
    out of it, or is an address, stays as it is: no member is called so."""
    if ":" in path.partition("/")[0]:
        return path
    found: list[str] = []
    for each in path.removeprefix("/").split("/"):
        if each == "..":
            if not found:
                return path
            found.pop()
        elif each != ".":
            found.append(each)
    return "/".join(found)


def opened_zip(source: Source, kind: Kind, work: Work) -> Members | SignedFile:
    """The members of a document, or what is to be said of a zip that is not read. ``work`` is what may be done for all of it."""
    try:
        return Members(source.path, work)
    except BadZip as error:
        return refused_file(kind, str(error))


def refused_file(kind: Kind, reason: str, name: str = "") -> SignedFile:
    """A file of which nothing is known, because its container is not read."""
    why = Finding("SIG-XML-REFUSED", "", {"reason": reason})
    lost = SignedObject(kind, Role.SIGNATURE, name, b"", Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE, why)
    return SignedFile((lost,))


def said_aside(members: ZipMembers) -> list[str]:
    """What stands in the zip beside its members, and so under no signature: a comment of the zip that says more than its type, or of a
    member; fields of members that say more than what zips are made of; folders without members."""
    comments = [ZIP_COMMENT] if members.commented or not TYPED.match(members.comment) else []
    folders = [each for each in members.bare_folders if not OFFICE_FOLDERS.fullmatch(each)]
    return comments + [EXTRA_FIELD] * members.extra + folders


def holds_signatures_only(root: Any, holder: str) -> bool:
    """Whether a document is the element ``holder`` with XML signatures, or one such signature, and nothing else: what stands beside them is
    under none of them."""
    if root.getprevious() is not None or root.getnext() is not None:
        return False
    spaces = [root.text, *(each.tail for each in root)]
    only = all(each.tag == ds("Signature") for each in root) and not "".join(filter(None, spaces)).strip()
    formal = all(_FORMAL.fullmatch(f"{etree.QName(name).localname}={value}") for name, value in root.attrib.items())
    return root.tag == ds("Signature") or (root.tag == holder and len(root) > 0 and only and formal)


_FORMAL = re.compile(r"(Id|ID|id)=[^\s]{1,200}|version=[0-9.]{1,10}")
"""Attributes that an element around signatures may have: an id; in ODF the version (ODF 1.3 part 2, 5.2)."""


def read_part(
    members: ZipMembers,
    name: str,
    collected: Collected,
    work: Work,
    *,
    kind: Kind,
    resolve: Resolver,
    parts: Parts,
    known: Sequence[Certificate] = (),
    transforms: Transforms | None = None,
) -> list[Read]:
    """Read the signatures in the part ``name``, and say of each which parts it covers and which not. ``work`` is what may be done for the
    whole document."""
    try:
        document = Document(members.read(name, MOST_PART), work)
    except Refused as error:
        collected.objects += refused_file(kind, error.reason, name).objects
        return []
    except BadZip as error:
        collected.objects += refused_file(kind, str(error), name).objects
        return []
    except NotWellFormed as error:
        collected.objects.append(unreadable(error, kind, name))
        return []

    def own(read: Read) -> list[str]:
        """What is left of the signature itself, and what canonical forms leave of parts."""
        assert read.covered is not None
        within = [f"{name}: {each}" for each in islice(inside(document, read.covered), MOST_NAMED + 1)]
        return within + list(read.covered.bare)

    def dress(read: Read) -> SignedObject:
        return _dressed(read, members, parts, own)

    return read_document(document, resolve, collected, kind=kind, known=known, transforms=transforms, dress=dress)


def _dressed(read: Read, members: ZipMembers, parts: Parts, own: Callable[[Read], list[str]]) -> SignedObject:
    if read.covered is None or read.object.role is not Role.SIGNATURE:
        return read.object
    try:
        covered, more = parts.covers(read), own(read)
    except Refused as error:
        why = Finding("SIG-XML-REFUSED", "", {"reason": error.reason})
        return replace(read.object, integrity=Integrity.UNKNOWN, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    lacking = sorted(parts.needed - covered)
    mine = frozenset(members.names)  # which are called as they are: what looks like a word behind a name is none in them
    first = islice(chain(lacking, sorted(parts.harmless - covered)), MOST_NAMED + 1)  # there may be thousands, for each signature
    plain = [told_name(each) if each in mine else each for each in first]
    left = plain + more + said_aside(members)
    coverage = Coverage(
        "part" if left else "file",
        sum(members.size(each) for each in covered if members.find(each) is not None),
        members.total,
        files=_named(sorted(covered)),
        left=_named(left),
    )
    notes = tuple(each for each in read.object.notes if each.code != "SIG-PART-ONLY")  # which is told of the whole below
    if left:
        within = coverage.files or read.object.coverage.elements  # of the part of the signature itself
        shown = ", ".join(within[:SHOWN]) + (", …" if len(within) > SHOWN else "") or "-"
        notes = (*notes, Finding("SIG-PART-ONLY", "", {"covered": shown, "left": ", ".join(coverage.left)}))
    dressed = replace(read.object, coverage=coverage, notes=notes)
    if not covered and dressed.failure is None:
        why = Finding("SIG-XML-REFUSED", "", {"reason": phrase("asic-nothing")})
        return replace(dressed, integrity=Integrity.UNKNOWN, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    if lacking and dressed.failure is None:
        why = Finding("SIG-PARTS-UNSIGNED", "", {"parts": ", ".join(_named(plain[: len(lacking)]))})
        return replace(dressed, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    return dressed


def _named(names: Sequence[str]) -> tuple[str, ...]:
    return (*map(told, names[:MOST_NAMED]), *(("…",) if len(names) > MOST_NAMED else ()))

"""XML signatures over the parts of a zip that is one document: what office documents have in common.

Such a signature lists the parts that it covers. So two questions come on top of every other: is every part covered that a reader would
show, and is every part that is covered the one that a reader would show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed
from policies.findings import Finding
from policies.phrases import phrase
from signatures.cades import Collected
from signatures.certificates import Certificate
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from signatures.xades.coverage import MOST_NAMED
from signatures.xades.reader import Read, read_document
from signatures.xades.verifier import unreadable
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.document import Document
from signatures.xmldsig.references import Resolver, Transforms

__all__ = ["MOST_PART", "Parts", "opened_zip", "read_part", "refused_file"]

SHOWN = 3
"""Covered parts that are named in a sentence; the report has more of them."""

MOST_PART = 16 << 20
"""Bytes of a part that holds signatures; real ones have some 10 kB for each."""


@dataclass(frozen=True)
class Parts:
    """What of a document must be covered. ``needed`` are the names of what a reader shows; ``harmless`` of what it shows nobody or only
    beside (properties, a preview): not covered they are named, and no more. ``covers`` says which names a signature covers."""

    needed: frozenset[str]
    harmless: frozenset[str] = frozenset()
    covers: Callable[[Read], set[str]] = lambda read: set(read.covered.files) if read.covered else set()


def opened_zip(source: Source, kind: Kind) -> ZipMembers | SignedFile:
    """The members of a document, or what is to be said of a zip that is not read."""
    try:
        return ZipMembers(source.path)
    except BadZip as error:
        return refused_file(kind, str(error))


def refused_file(kind: Kind, reason: str, name: str = "") -> SignedFile:
    """A file of which nothing is known, because its container is not read."""
    why = Finding("SIG-XML-REFUSED", "", {"reason": reason})
    lost = SignedObject(kind, Role.SIGNATURE, name, b"", Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE, why)
    return SignedFile((lost,))


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

    def dress(read: Read) -> SignedObject:
        return _dressed(read, members, parts)

    return read_document(document, resolve, collected, kind=kind, known=known, transforms=transforms, dress=dress)


def _dressed(read: Read, members: ZipMembers, parts: Parts) -> SignedObject:
    if read.covered is None or read.object.role is not Role.SIGNATURE:
        return read.object
    try:
        covered = parts.covers(read)
    except Refused as error:
        why = Finding("SIG-XML-REFUSED", "", {"reason": error.reason})
        return replace(read.object, integrity=Integrity.UNKNOWN, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    lacking = sorted(parts.needed - covered)
    left = lacking + sorted(parts.harmless - covered)
    coverage = Coverage(
        "part" if left else "file",
        sum(members.size(each) for each in covered if members.find(each) is not None),
        members.total,
        files=_named(sorted(covered)),
        left=_named(left),
    )
    notes = read.object.notes
    if left:
        shown = ", ".join(coverage.files[:SHOWN]) + (", …" if len(covered) > SHOWN else "")
        notes = (*notes, Finding("SIG-PART-ONLY", "", {"covered": shown, "left": ", ".join(coverage.left)}))
    dressed = replace(read.object, coverage=coverage, notes=notes)
    if not covered and dressed.failure is None:
        why = Finding("SIG-XML-REFUSED", "", {"reason": phrase("asic-nothing")})
        return replace(dressed, integrity=Integrity.UNKNOWN, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    if lacking and dressed.failure is None:
        why = Finding("SIG-PARTS-UNSIGNED", "", {"parts": ", ".join(_named(lacking))})
        return replace(dressed, failure=SubIndication.SIG_CONSTRAINTS_FAILURE, why=why)
    return dressed


def _named(names: Sequence[str]) -> tuple[str, ...]:
    return (*names[:MOST_NAMED], *(("…",) if len(names) > MOST_NAMED else ()))

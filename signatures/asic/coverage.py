"""What seals of a container leave: whatever is neither covered nor told as a seal of its own is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed, exact
from policies.findings import Finding
from signatures.asic.names import SIGNATURES
from signatures.collected import Collected
from signatures.left_words import told
from signatures.report import Coverage
from signatures.signed import SignedObject
from signatures.xades.packaged import MOST_PART, holds_signatures_only
from signatures.xmldsig.c14n import Work

__all__ = ["MOST_LEFT", "first_of", "is_pure", "leave", "part_only"]

MOST_LEFT = 20
"""Members that are not covered and named."""


def first_of(names: Sequence[str]) -> tuple[str, ...]:
    """As many names as a report has."""
    return (*map(told, names[:MOST_LEFT]), *(("…",) if len(names) > MOST_LEFT else ()))


def part_only(coverage: Coverage) -> Finding:
    return Finding("SIG-PART-ONLY", "", {"covered": ", ".join(coverage.files) or "-", "left": ", ".join(coverage.left)})


def leave(mine: Collected, names: Sequence[str]) -> None:
    """Name ``names``, too, as what everything that was read of one seal leaves."""
    if not names:
        return
    dressed = {id(each): _leaving(each, names) for each in mine.objects}
    mine.objects[:] = [dressed[id(each)] for each in mine.objects]
    mine.stamps[:] = [replace(each, token=dressed.get(id(each.token), each.token)) for each in mine.stamps]
    mine.records[:] = [replace(each, object=dressed.get(id(each.object), each.object)) for each in mine.records]


def _leaving(read: SignedObject, names: Sequence[str]) -> SignedObject:
    if not read.coverage.files:
        return read
    coverage = replace(read.coverage, scope="part", left=first_of([*read.coverage.left, *names]))
    notes = [each for each in read.notes if each.code != "SIG-PART-ONLY"]
    return replace(read, coverage=coverage, notes=(*notes, part_only(coverage)))


def is_pure(members: ZipMembers, name: str, work: Work) -> bool:
    """Whether nothing stands beside the XAdES signatures in a member. Raises `Refused`."""
    try:
        data = members.read(name, MOST_PART)
        work.parse(data)
        return holds_signatures_only(exact(data), SIGNATURES)
    except (BadZip, NotWellFormed):
        return False

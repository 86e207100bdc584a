"""What is told of a structure that was taken for a signature and could not be read: that it is broken, or (where it is beyond what is
looked at) that nothing is known of it."""

from __future__ import annotations

from policies.findings import Finding
from signatures.ber import Beyond
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import SignedObject

__all__ = ["too_many", "unread"]


def unread(
    why: ValueError | str,
    kind: Kind,
    name: str = "",
    *,
    place: str = "",
    coverage: Coverage | None = None,
    role: Role = Role.SIGNATURE,
    sure: bool = True,
) -> SignedObject:
    """``why`` is what the reader raised, or its words; ``place`` stands before them. Where only marks or a name say what it is (not
    ``sure``), it is neither good nor bad."""
    reason = f"{place}: {why}" if place else str(why)
    integrity, failure, code = Integrity.BROKEN, SubIndication.FORMAT_FAILURE, "SIG-FORMAT"
    if isinstance(why, Beyond):
        integrity, failure, code = Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE, "SIG-XML-REFUSED"
    if not sure:
        integrity, failure = Integrity.UNKNOWN, SubIndication.GENERIC
    found = Finding(code, "", {"reason": reason})
    return SignedObject(kind, role, name, b"", integrity, failure, found, coverage=coverage or Coverage("part"))


def too_many(kind: Kind, count: int, most: int) -> SignedObject:
    """What is told of the signatures beyond the first ``most`` of ``count``: they were not read."""
    why = Finding("SIG-TOO-MANY", "", {"count": count, "read": most})
    return SignedObject(kind, Role.SIGNATURE, "…", b"", Integrity.UNKNOWN, SubIndication.GENERIC, why)

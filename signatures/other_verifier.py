"""What is told of signatures of kinds that Kho does not judge (`signatures.other_kinds`): that they are there."""

from __future__ import annotations

from policies.findings import Finding
from signatures.other_kinds import other_kinds
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source

__all__ = ["OtherVerifier"]


class OtherVerifier:
    """`signatures.signed.Verifier` for these kinds: what it reads is never good or bad."""

    kinds = frozenset({Kind.OTHER})

    def __init__(self, known: object = ()) -> None:
        del known  # nothing is verified

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            return SignedFile(tuple(map(_not_judged, other_kinds(stream))))


def _not_judged(name: str) -> SignedObject:
    why = Finding("SIG-KIND-NOT-JUDGED", "", {"kind": name})
    return SignedObject(
        Kind.OTHER, Role.SIGNATURE, "", b"", Integrity.UNKNOWN, SubIndication.GENERIC, why, level=name, coverage=Coverage("part")
    )

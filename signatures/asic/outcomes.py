"""What becomes of a seal that says less than it seems to."""

from __future__ import annotations

from dataclasses import replace

from policies.findings import Finding
from signatures.collected import Collected
from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject

__all__ = ["Wrong", "alone", "failed"]

Wrong = tuple[SubIndication, Finding]


def failed(read: SignedObject, wrong: Wrong) -> SignedObject:
    lost = wrong[0] in (SubIndication.SIGNED_DATA_NOT_FOUND, SubIndication.SIG_CONSTRAINTS_FAILURE)
    integrity = Integrity.UNKNOWN if lost else Integrity.BROKEN
    if read.failure is not None and lost:
        return read
    return replace(read, integrity=integrity, failure=wrong[0], why=wrong[1])


def alone(*objects: SignedObject) -> Collected:
    found = Collected()
    found.objects += objects
    return found

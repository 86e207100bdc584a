"""What has been found so far in one file that is signed."""

from __future__ import annotations

from signatures.certificates import Certificate
from signatures.signed import EmbeddedRecord, SignedFile, SignedObject, Stamp

__all__ = ["Collected"]


class Collected:
    """What has been found so far in one file; a million repeated certificates stay one."""

    def __init__(self) -> None:
        self.objects: list[SignedObject] = []
        self.stamps: list[Stamp] = []
        self.certificates: dict[Certificate, None] = {}
        self.crls: dict[bytes, None] = {}
        self.ocsps: dict[bytes, None] = {}
        self.records: list[EmbeddedRecord] = []

    def record(self, found: EmbeddedRecord) -> None:
        self.records.append(found)
        self.objects.append(found.object)

    def take(self, other: Collected) -> None:
        """What was found in a part of the file is found in the file."""
        self.objects += other.objects
        self.stamps += other.stamps
        self.certificates.update(other.certificates)
        self.crls.update(other.crls)
        self.ocsps.update(other.ocsps)
        self.records += other.records

    def data(self, kind: str, der: bytes) -> None:
        (self.crls if kind == "crl" else self.ocsps).setdefault(der)

    def file(self) -> SignedFile:
        data = tuple(self.certificates), tuple(self.crls), tuple(self.ocsps)
        return SignedFile(tuple(self.objects), tuple(self.stamps), *data, tuple(self.records))

"""The names of an S3 tier: what stands where below its prefix (docs/on-disk.md)."""

from __future__ import annotations

from dataclasses import dataclass

from storage.beneath import check_path
from storage.ocfl.layout import object_path
from storage.s3.bucket import Bucket
from storage.s3.lanes import Lanes

__all__ = ["MARKER", "OCFL", "QUARANTINE", "RECORDS", "SELF_TEST", "UNMADE", "Root"]

MARKER = "kho-tier.json"
OCFL = "ocfl"
RECORDS = "versions"
QUARANTINE = "quarantine"
SELF_TEST = "self-test"
UNMADE = "unmade"


@dataclass(frozen=True, slots=True)
class Root:
    """A tier's bucket and the threads that call it."""

    name: str
    bucket: Bucket
    lanes: Lanes

    def folder(self, object_id: str) -> str:
        """The prefix of an object's keys, with its slash."""
        return f"{OCFL}/{object_path(object_id)}/"

    def key(self, object_id: str, path: str) -> str:
        """The key of a path inside an object. Raises Refused for what is no path."""
        return self.folder(object_id) + check_path(path)

    def records(self, object_id: str) -> str:
        """The prefix of the records of an object's version ids."""
        return f"{RECORDS}/{object_path(object_id)}/"

"""Where an S3 tier is, as kho.toml says it. No secrets: credentials are found by the name of a profile."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies.phrases import phrase

__all__ = ["COLD", "LONGEST_PREFIX", "S3Place", "check_prefix", "parse_url"]

LONGEST_PREFIX = 60
"""Bytes. A key has at most 1,024 (S3): storage root and layout take 83, the longest path in an object 860, the rest is this and
the names of what stands beside the root."""

COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that have to be asked for. (GLACIER_IR answers at once.)"""

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")


@dataclass(frozen=True, slots=True)
class S3Place:
    """One bucket, or a folder in it. ``profile`` names credentials in the AWS configuration files ("" is the default ones);
    ``endpoint`` "" is Amazon's; ``storage_class`` is that of content ("" is the store's default); ``worm`` asks for a bucket
    whose versions can be locked."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    profile: str = ""
    storage_class: str = ""
    worm: bool = True

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``, for people and for notes."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def cold(self) -> bool:
        """Whether content has to be asked for, hours before it can be read. What the store's own rules move later is not known here."""
        return self.storage_class in COLD


def parse_url(text: str) -> tuple[str, str]:
    """(bucket, prefix) of ``s3://bucket/prefix``. Raises ValueError, saying what is wrong."""
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError(phrase("s3-place"))
    return found[1], check_prefix(found[2] or "")


def check_prefix(text: str) -> str:
    """A folder in a bucket, without slashes around it. Raises ValueError, saying what is wrong."""
    prefix = text.strip("/")
    if len(prefix.encode()) > LONGEST_PREFIX or (prefix and any(part in ("", ".", "..") for part in prefix.split("/"))):
        raise ValueError(phrase("s3-place-folder", longest=LONGEST_PREFIX))
    return prefix

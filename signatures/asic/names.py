"""What the members of a container are called (EN 319 162-1, 4.3.3, 4.4.3 and A.1)."""

from __future__ import annotations

import re

from formats.package.containers import CADES, EVIDENCE, STAMP, XADES, Named
from formats.package.zip_members import BadZip, ZipMembers

__all__ = [
    "CADES",
    "EVIDENCE",
    "EXTENDED",
    "MEDIA_TYPE",
    "MIMETYPE",
    "SIGNATURES",
    "STAMP",
    "XADES",
    "is_manifest",
    "is_simple",
]

MIMETYPE = "mimetype"
SIMPLE, EXTENDED = "application/vnd.etsi.asic-s+zip", "application/vnd.etsi.asic-e+zip"
EXTENDED_NAMES, SIMPLE_NAMES = (".asice", ".sce"), (".asics", ".scs")

_MANIFESTS = tuple(Named((word,), (".xml",)) for word in ("asicmanifest", "asicevidencerecordmanifest", "asicarchivemanifest"))

MEDIA_TYPE = re.compile(rb"[\w.+-]+/[\w.+-]+\r?\n?\Z")
"""What stands in `MIMETYPE`, and nothing beside it (EN 319 162-1, A.1), but for the end of a line that editors put there."""

SIGNATURES = "{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures"
"""The element in which XAdES signatures stand (EN 319 162-1, A.2)."""


def is_manifest(name: str) -> bool:
    return any(each.match(name) for each in _MANIFESTS)


def is_simple(members: ZipMembers, name: str, objects: int) -> bool:
    """By the media type that the container says; else by its name; else by having one object."""
    try:
        said = members.read(MIMETYPE, 1024).decode("ascii", "replace").strip() if members.find(MIMETYPE) is not None else ""
    except BadZip:
        said = ""
    if said:
        return said == SIMPLE
    lower = name.lower()
    if lower.endswith((*EXTENDED_NAMES, *SIMPLE_NAMES)):
        return lower.endswith(SIMPLE_NAMES)
    return objects == 1

"""What the members of a container are called (EN 319 162-1, 4.3.3, 4.4.3 and A.1)."""

from __future__ import annotations

import re

__all__ = [
    "CADES",
    "EVIDENCE",
    "EXTENDED_NAMES",
    "MANIFEST",
    "MEDIA_TYPE",
    "MIMETYPE",
    "SIGNATURES",
    "SIMPLE",
    "SIMPLE_NAMES",
    "STAMP",
    "XADES",
]

MIMETYPE = "mimetype"
SIMPLE = "application/vnd.etsi.asic-s+zip"
EXTENDED_NAMES, SIMPLE_NAMES = (".asice", ".sce"), (".asics", ".scs")

MANIFEST = re.compile(r"META-INF/(.*/)?[^/]*ASiC(EvidenceRecord|Archive)?Manifest[^/]*\.xml\Z", re.IGNORECASE)
CADES = re.compile(r"META-INF/(.*/)?[^/]*signature[^/]*\.(p7s|p7m)\Z", re.IGNORECASE)
XADES = re.compile(r"META-INF/(.*/)?[^/]*signatures[^/]*\.xml\Z", re.IGNORECASE)
STAMP = re.compile(r"META-INF/(.*/)?[^/]*timestamp[^/]*\.tst\Z", re.IGNORECASE)
EVIDENCE = re.compile(r"META-INF/(.*/)?[^/]*evidencerecord[^/]*\.(ers|xml)\Z", re.IGNORECASE)

MEDIA_TYPE = re.compile(rb"[\w.+-]+/[\w.+-]+\r?\n?\Z")
"""What stands in `MIMETYPE`, and nothing beside it (EN 319 162-1, A.1), but for the end of a line that editors put there."""

SIGNATURES = "{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures"
"""The element in which XAdES signatures stand (EN 319 162-1, A.2)."""

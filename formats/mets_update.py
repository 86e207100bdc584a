"""Change what a METS file says of one metadata file, and nothing else: for exports, which merge later events into PREMIS."""

from __future__ import annotations

import io
from datetime import datetime

from formats.hrefs import encode_href
from formats.mets import METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import parse, to_bytes
from formats.xml_writer import date_time

__all__ = ["update_metadata_reference"]


def update_metadata_reference(mets: bytes, path: str, *, size: int, sha256: bytes, now: datetime) -> bytes:
    """``mets`` with the size, checksum and date of the mdRef to ``path`` renewed, and LASTMODDATE set.

    Raises:
        NotWellFormed: ``mets`` is no XML that Kho reads.
        KeyError: it does not refer to ``path``.
    """
    root = parse(io.BytesIO(mets))
    href = f"{{{XLINK_NAMESPACE}}}href"
    for reference in root.iter():
        if reference.tag == f"{{{METS_NAMESPACE}}}mdRef" and reference.get(href) == encode_href(path):
            reference.set("SIZE", str(size))
            reference.set("CHECKSUM", sha256.hex())
            reference.set("CHECKSUMTYPE", "SHA-256")
            reference.set("CREATED", date_time(now))
            break
    else:
        raise KeyError(path)
    header = root.find(f"{{{METS_NAMESPACE}}}metsHdr")
    if header is not None:
        header.set("LASTMODDATE", date_time(now))
    return to_bytes(root)

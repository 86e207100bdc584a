"""What a METS file of ours vouches for: the files that it refers to, their digests and their lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from formats.hrefs import decode_href
from formats.mets import METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import subtrees

__all__ = ["Reference", "read_references"]

_HREF = f"{{{XLINK_NAMESPACE}}}href"
_FILE = f"{{{METS_NAMESPACE}}}file"
_LOCATION = f"{{{METS_NAMESPACE}}}FLocat"
_REFERRING = (f"{{{METS_NAMESPACE}}}mdRef", _FILE)


class Reference(NamedTuple):
    """One file, by its path from the folder of the METS file. ``size`` in bytes; None where it is not said."""

    path: str
    sha256: bytes
    size: int | None


def read_references(stream: BinaryIO) -> Iterator[Reference]:
    """Everything a METS file refers to with a digest, streaming. Raises NotWellFormed; ValueError for a digest that is none."""
    for element in subtrees(stream, _REFERRING):
        place = element if element.tag != _FILE else next((each for each in element if each.tag == _LOCATION), None)
        reference, checksum, size = (
            (place.get(_HREF) if place is not None else None),
            element.get("CHECKSUM"),
            element.get("SIZE"),
        )
        if reference and checksum:
            yield Reference(decode_href(reference), bytes.fromhex(checksum), int(size) if size and size.isdecimal() else None)

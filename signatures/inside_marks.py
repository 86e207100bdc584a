"""Whether an XML file may hold whole files that are signed, told in one pass: it is base64 of what signed files begin with."""

from __future__ import annotations

import re
from typing import BinaryIO

from formats.xml_errors import UnknownEncoding
from formats.xml_prolog import HEAD, as_ascii, encoding_of
from signatures.marks import holds

__all__ = ["BEGINS", "may_hold"]

_FILE = r"(?:JVBERi|UEsDB|MI|P[A-P]|77u/P|LS0tLS1CRUdJTi)[A-Za-z0-9+/]{40}"
"""A PDF, a zip, DER, XML with or without a mark, PEM, in base64."""

_HELD = re.compile(rb"[>\[]\s{0,40}" + _FILE.encode())

BEGINS = re.compile(r"\s*" + _FILE)
"""A text that may be such a file."""


def may_hold(stream: BinaryIO) -> bool:
    """Whether what stands in an XML file may be a file of its own that is signed. OSError and CouldNotRead come through."""
    stream.seek(0)
    try:
        if encoding_of(stream.read(HEAD)) is None:
            return False
        text = as_ascii(stream)
        return text is not None and holds(text, _HELD)
    except UnknownEncoding:
        return False  # detection says so

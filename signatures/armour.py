"""Structures in text: PEM (RFC 7468), of which several may stand in one file with words around them, and bare base64."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from formats.xml_prolog import HEAD, text_of
from policies.phrases import phrase
from signatures.ber import Beyond, Malformed
from signatures.marks import CHUNK, OVERLAP

__all__ = ["MOST_BLOCKS", "Armoured", "armoured", "begins"]

MOST_BLOCKS = 100
"""PEM structures of one file that are looked at."""

BEGIN = b"-----BEGIN "
PEM = re.compile(rb"-----BEGIN (PKCS ?7|CMS|PKCS #7 SIGNED DATA)-----\s")
END = re.compile(rb"-----END[^\r\n]{0,60}")
NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Armoured:
    """The structures of a text, in order, or why one could not be decoded. ``beside``: whether anything but blanks stands around them."""

    bodies: Sequence[bytes | Malformed]
    beside: bool = False


def begins(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    """The first bytes of each structure in a text; none when it is neither PEM nor base64. Text may stand before PEM (RFC 7468, 2)."""
    begin = text_of(stream, head).read(HEAD).lstrip()
    if begin.startswith(b"MI"):
        yield _begin(begin)
    elif b"\0" not in begin:
        yield from map(_begin, _begun(text_of(stream, head)))


def _begin(text: bytes) -> bytes:
    text = NO_BASE64.sub(b"A", b"".join(text.split(b"-", 1)[0].split()))  # damage hides nothing that stands around it
    return base64.b64decode(text[: len(text) // 4 * 4])


def _begun(stream: BinaryIO) -> Iterator[bytes]:
    """What follows the first line of each PEM structure of ours in a text, as much as a head, in bounded memory."""
    window, more = b"", True
    while more:
        chunk = stream.read(CHUNK)
        more = bool(chunk)
        window += chunk
        if BEGIN not in window:
            window = window[-OVERLAP:]
            continue
        known, at = len(window) - HEAD if more else len(window), 0
        for match in PEM.finditer(window):
            if match.end() > known:
                break
            at = match.end()
            yield window[at : at + HEAD]
        window = window[max(at, known - OVERLAP) :]


def armoured(data: bytes) -> Armoured:
    """What stands in a PEM or base64 text."""
    text = text_of(io.BytesIO(data), data[:HEAD]).read()
    bodies: list[bytes | Malformed] = []
    at, beside, ended = 0, False, True
    for match in islice(PEM.finditer(text), MOST_BLOCKS + 1):
        if len(bodies) == MOST_BLOCKS:
            bodies.append(Beyond(phrase("det-many-blocks", most=MOST_BLOCKS)))
            break
        end = END.search(text, match.end()) if ended else None
        ended = end is not None
        stop = end.start() if end else len(text)
        following = PEM.search(text, match.end(), stop)  # where the end of this one was lost
        stop = following.start() if following else stop
        beside = beside or bool(text[at : match.start()].strip())
        bodies.append(_decoded(text[match.end() : stop]))
        at = end.end() if end and not following else stop
    if not bodies:
        return Armoured([_decoded(text)])
    return Armoured(bodies, beside or bool(text[at:].strip()))


def _decoded(text: bytes) -> bytes | Malformed:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        return Malformed(phrase("det-base64", why=str(error)))

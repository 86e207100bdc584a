"""Structures in files that people and authorities hand over as revocation data: DER, several behind one another, PEM, or base64; what is
damaged as far as it goes, for what is lost in it may matter.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from contextlib import suppress

from asn1crypto import cms  # type: ignore[import-untyped]

from signatures.ber import Malformed, element, guard
from signatures.cms import revocation_in
from signatures.odd import ODD

__all__ = ["structures"]

BEGIN = re.compile(rb"-----BEGIN ([^\r\n-]{0,60})-----")
END = re.compile(rb"-----")
BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
MOST = 10_000
"""Structures of one file."""


def structures(data: bytes) -> Iterator[bytes]:
    """All in ``data``, in order; of a bag of certificates (PKCS #7) the lists and answers in it, too."""
    for number, each in enumerate(_ders(data)):
        if number >= MOST:
            yield data
            return
        yield each
        if SIGNED_DATA in each[:32]:
            try:
                yield from (found for _, found in revocation_in(cms.ContentInfo.load(each)["content"]))
            except ODD:
                continue


def _ders(data: bytes) -> Iterator[bytes]:
    begun = [] if _is_element(data) else list(BEGIN.finditer(data))
    for each in begun:
        end = END.search(data, each.end())
        yield from _behind(_decoded(data[each.end() : end.start() if end else len(data)]))
    if begun:
        return
    text = not _is_element(data) and BASE64.fullmatch(data)
    yield from _behind(_decoded(data) if text else data)


def _is_element(data: bytes) -> bool:
    """Whether it begins with one in binary; a text may begin with the same octet."""
    with suppress(Malformed):
        return data[:1] == b"\x30" and bool(guard(data[: element(data).end]))
    return False


def _decoded(text: bytes) -> bytes:
    """Base64 as far as it goes; fields of a header (RFC 1421) stand before an empty line."""
    head, empty, body = text.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body if empty and b":" in head else text)
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _rest(letters))


def _rest(letters: bytes) -> bytes:
    rest = letters[len(letters) // 4 * 4 :]
    return rest.ljust(4, b"=") if len(rest) > 1 else b""


def _behind(data: bytes) -> Iterator[bytes]:
    """One behind another, as long as each is one; zeros and blanks behind belong to the last."""
    at = 0
    while True:
        try:
            end = element(data, at).end
        except Malformed:
            break
        if not data[end:].strip(b"\0\t\r\n "):
            break
        yield data[at:end]
        at = end
    yield data[at:] if at else data

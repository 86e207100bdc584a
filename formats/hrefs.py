"""References inside packages: RFC 3986 relative references, percent-encoded by segment, decoded once.

METS hrefs are where other tools lost names: '+' for a space, '%2F' for '/', double decoding, raw '#' and '%'. Here a path is
bytes (or their surrogate-escaped str), every byte outside the unreserved set is encoded, and '/' stays '/'.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

__all__ = ["BadReference", "decode_href", "encode_href", "resolve"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(//|$)|(urn|data|mailto):", re.IGNORECASE)
"""Not every colon: tools that do not encode write "a: b.txt" for a file of that name."""

_ABSOLUTE: Final = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_LOCAL_FILE: Final = re.compile(r"file:(//)?(?!/)", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~/-]*")


class BadReference(Exception):
    """An href that names no file of the package: ``reason`` is "absolute", "outside", "scheme" or "empty"."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def encode_href(path: str) -> str:
    """The href of a path: exact for every name, bytes that are no UTF-8 (surrogate escapes) too."""
    if _PLAIN.fullmatch(path):
        return path
    try:
        return quote(path, safe="/~")
    except UnicodeEncodeError:
        return quote(path.encode("utf-8", "surrogatepass" if _lone(path) else "surrogateescape"), safe="/~")


def _lone(path: str) -> bool:
    """Whether a surrogate stands there that is no escaped byte (PEP 383): it can come from no file system, but must not raise."""
    return any("\ud800" <= character <= "\udfff" and not "\udc80" <= character <= "\udcff" for character in path)


def decode_href(href: str) -> str:
    """The path an href means, decoded exactly once; bytes that are no UTF-8 as surrogate escapes."""
    return unquote_to_bytes(href).decode("utf-8", "surrogateescape") if "%" in href else href


def resolve(href: str, base: bytes = b"") -> bytes:
    """The name in the package that ``href`` means, seen from the folder ``base`` ("" for the root).

    "./" and "../" are followed as RFC 3986 §5.2.4 says, but never above the root; ``file:`` with a relative path (CSIP76
    speaks of "the file protocol") is read as that path.

    Raises:
        BadReference: it leaves the package, is absolute, has another scheme, or names nothing.
    """
    text = _LOCAL_FILE.sub("", href.strip(), count=1) if href.strip()[:5].lower() == "file:" else href.strip()
    if _ABSOLUTE.match(text) or text[:6].lower() == "file:/":
        raise BadReference("absolute")
    if _SCHEME.match(text):
        raise BadReference("scheme")
    kept: list[bytes] = [segment for segment in base.split(b"/") if segment]
    for segment in unquote_to_bytes(text).split(b"/"):
        if segment == b"..":
            if not kept:
                raise BadReference("outside")
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    if not kept:
        raise BadReference("empty")
    return b"/".join(kept)

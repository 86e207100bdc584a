"""Whether a text beside a key says whose it is, as a certificate says it, and no more: names of keys, subjects and issuers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property

from signatures.certificates import Certificate

__all__ = ["Names", "is_distinguished"]

MOST_NAME = 2000
"""Characters of a name that is looked at."""

MOST_VALUES = 500
"""Values of the names of certificates against which one is held."""

_TYPE = (
    "cn|c|o|ou|l|st|s|street|streetaddress|e|email|emailaddress|sn|serialnumber|surname|gn|g|givenname|t|title|dc|uid|userid|postalcode|"
    "pseudonym|dnqualifier|organizationidentifier|businesscategory|description|initials|generationqualifier|generation|name|telephonenumber|"
    "unstructuredname|unstructuredaddress|jurisdiction[a-z]{0,20}|(?:oid\\.)?[0-9]+(?:\\.[0-9]+)+"
)
_TYPES = re.compile(rf"(?:[\s,;+/]*(?:{_TYPE})\s*=)*[\s,;+/]*")
"""What is left of a distinguished name when its values are taken out (RFC 4514; RFC 1779; the one line of OpenSSL)."""
_DISTINGUISHED = re.compile(rf'(?:byname:)?(?:[\s,;+/]*(?:{_TYPE})\s*=\s*(?:"[^"]*"|(?:[^,;+="\\]|\\.)*))+')
"""A distinguished name in any of the ways in which one is written; DigiDoc puts a word before it."""

_HEXADECIMAL = re.compile(r"=\s*#((?:[0-9a-f]{2}){2,500})")
_ESCAPED = re.compile(r"(?:\\x?[0-9a-f]{2})+|\\(.)", re.DOTALL)


def is_distinguished(text: str) -> bool:
    """Whether a text has the form of a distinguished name."""
    return len(text) <= MOST_NAME and _DISTINGUISHED.fullmatch(_folded(text)) is not None


class Names:
    """What ``certificates`` say of their subjects and issuers."""

    def __init__(self, certificates: Sequence[Certificate]) -> None:
        self._certificates = certificates

    def say(self, text: str) -> bool:
        """Whether every value of ``text``, a distinguished name or one value of such a name, is one that they have."""
        if len(text) > MOST_NAME:
            return False
        left = _unescaped(_folded(text))
        if left.strip() in self._alone:
            return True
        for value in self._values:
            if value in left:
                left = re.sub(rf'=\s*"?{re.escape(value)}"?\s*(?=[,;+/]|\Z)', "=", left)
        return _TYPES.fullmatch(left) is not None

    @cached_property
    def _values(self) -> list[str]:
        """The longest first: one may be within another."""
        return sorted(dict.fromkeys(_values(self._certificates)), key=len, reverse=True)[:MOST_VALUES]

    @cached_property
    def _alone(self) -> frozenset[str]:
        """What a key is called by one value: a part of a name, a serial number, a fingerprint."""
        numbers = (each.serial for each in self._certificates)
        prints = (each.sha256.hex() for each in self._certificates)
        return frozenset((*self._values, *(one for each in numbers for one in (f"{each}", f"{each:x}")), *prints))


def _values(certificates: Sequence[Certificate]) -> Iterator[str]:
    for each in certificates:
        try:
            names = (each.x509.subject, each.x509.issuer)
            found = [str(one.value) for name in names for one in name]
        except (ValueError, TypeError):
            continue
        yield from filter(None, map(_folded, found))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _unescaped(text: str) -> str:
    """A distinguished name without the marks that its values need: ``\\,``, ``\\c3\\b4``, ``=#0c0561…``."""
    text = _HEXADECIMAL.sub(lambda found: "=" + _string(bytes.fromhex(found[1])), text)
    text = text.replace('""', '"')  # as .NET writes a quotation mark between quotation marks
    return _ESCAPED.sub(lambda found: found[1] or _text(bytes.fromhex(found[0].replace("\\x", "").replace("\\", ""))), text)


def _string(der: bytes) -> str:
    """The text of a short DER string."""
    size = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return _text(der[size:])


def _text(data: bytes) -> str:
    return _folded(data.decode("utf-8", "replace"))

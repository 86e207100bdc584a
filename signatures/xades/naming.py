"""Whether a text beside a key says whose it is, as a certificate says it, and no more: names of keys, subjects and issuers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property

from signatures.certificates import Certificate
from signatures.xmldsig.c14n import Work
from signatures.xmldsig.key_info import long_certificate

__all__ = ["Names"]

MOST_NAME = 2000
"""Characters of a name that is looked at."""

MOST_VALUES = 500
"""Values of the names of certificates against which one is held."""

LONGEST_NUMBER = 1024
"""Bits of a serial number that is written in decimal: RFC 5280 lets it have 160, and Python writes no number of thousands of digits."""

_ENDS = ("", ",", ";", "+", "/")
"""What ends a value; the end of the text among it."""

_TYPE = (
    "cn|c|o|ou|l|st|s|street|streetaddress|e|email|emailaddress|sn|serialnumber|surname|gn|g|givenname|t|title|dc|uid|userid|postalcode|"
    "pseudonym|dnqualifier|organizationidentifier|businesscategory|description|initials|generationqualifier|generation|name|telephonenumber|"
    "unstructuredname|unstructuredaddress|jurisdiction[a-z]{0,20}|(?:oid\\.)?[0-9]+(?:\\.[0-9]+)+"
)
_TYPES = re.compile(rf"(?>(?:[\s,;+/]*+(?:{_TYPE})\s*+=)*)[\s,;+/]*+")
"""What is left of a distinguished name when its values are taken out (RFC 4514; RFC 1779; the one line of OpenSSL)."""
_FIRST = re.compile(rf"(?:byname:)?[\s,;+/]*+(?:{_TYPE})\s*+")
_NEXT = re.compile(rf"[\s,;+/](?:{_TYPE})\s*+\Z")
"""The type before the first "=" of a distinguished name, before which DigiDoc puts a word; and what follows a value: the next type."""
_VALUE = re.compile(r'\\.|(=\s*+)"[^"]*"')
"""What in a value is no mark: a letter with a mark before it, a value between quotation marks."""
_MARKS = frozenset(',;+"\\')

_HEXADECIMAL = re.compile(r"=\s*#((?:[0-9a-f]{2}){2,500})")
_ESCAPED = re.compile(r"(?:\\x?[0-9a-f]{2})+|\\(.)", re.DOTALL)


def _is_distinguished(text: str) -> bool:
    """Whether a folded text has the form of a distinguished name, in any of the ways in which one is written.

    It is cut at each "=", for a pattern would have to try what of "a/b c=" is the value and what the type behind it."""
    first, *others = _VALUE.sub(lambda found: (found[1] or "") + "x", text).split("=")
    if not others or _FIRST.fullmatch(first) is None:
        return False
    types = [_NEXT.search(each) for each in others[:-1]]
    values = [each[: found.start()].rstrip(" ,;+/") for each, found in zip(others, types, strict=False) if found]
    return all(types) and not any(_MARKS & set(each) for each in (*values, others[-1]))


class Names:
    """What ``certificates`` say of their subjects and issuers. What it takes to hold texts against it is on the account of ``work``."""

    def __init__(self, certificates: Sequence[Certificate], work: Work) -> None:
        self._certificates, self._work = certificates, work

    def refer(self, text: str) -> bool:
        """Whether ``text`` has the form of a distinguished name, or says what they say. Raises `Refused`."""
        return len(text) <= MOST_NAME and (_is_distinguished(self._read(text)) or self.say(text))

    def say(self, text: str) -> bool:
        """Whether every value of ``text``, a distinguished name or one value of such a name, is one that they have. Raises `Refused`."""
        if len(text) > MOST_NAME:
            return False
        left = _unescaped(self._read(text))
        if left.strip() in self._alone:
            return True
        self._work.visit(1 + (len(self._values) >> 4))
        for value in self._values:
            if value in left:
                left = self._without(left, value)
        return _TYPES.fullmatch(left) is not None

    def _read(self, text: str) -> str:
        self._work.visit(1 + (len(text) >> 5))
        return _folded(text)

    def _without(self, text: str, value: str) -> str:
        """A distinguished name without the values that are ``value``, with the quotation marks around them."""
        kept, done, at, seen = [], 0, text.find(value), 0
        while at >= 0:
            seen += 1
            begin, end = at, at + len(value)
            begin -= text[begin - 1 : begin] == '"'
            end += text[end : end + 1] == '"'
            while text[begin - 1 : begin] == " ":
                begin -= 1
            while text[end : end + 1] == " ":
                end += 1
            whole = text[begin - 1 : begin] == "=" and text[end : end + 1] in _ENDS
            if whole:
                kept.append(text[done:begin])
                done = end
            at = text.find(value, end if whole else at + 1)
        self._work.visit(1 + (seen >> 2))
        return "".join((*kept, text[done:]))

    @cached_property
    def _values(self) -> list[str]:
        """The longest first: one may be within another."""
        found: dict[str, None] = {}
        for each in self._certificates:
            self._work.visit(1 + long_certificate(each.der))
            found.update(dict.fromkeys(_values(each)))
        return sorted(found, key=len, reverse=True)[:MOST_VALUES]

    @cached_property
    def _alone(self) -> frozenset[str]:
        """What a key is called by one value: a part of a name, a serial number, a fingerprint."""
        numbers = (each.serial for each in self._certificates if each.serial.bit_length() <= LONGEST_NUMBER)
        prints = (each.sha256.hex() for each in self._certificates)
        return frozenset((*self._values, *(one for each in numbers for one in (f"{each}", f"{each:x}")), *prints))


def _values(certificate: Certificate) -> Iterator[str]:
    try:
        names = (certificate.x509.subject, certificate.x509.issuer)
        found = [str(one.value) for name in names for one in name]
    except (ValueError, TypeError):
        return
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

"""One extension of a certificate, read without the others: where the library cannot read one of them, it is silent on all."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

from cryptography import x509

from signatures import der
from signatures.ber import element
from signatures.mended import inside, read_as
from signatures.odd import ODD

__all__ = ["is_critical", "read_alone", "said"]

_ALGORITHM = der.sequence(der.write_oid("1.2.840.10045.4.3.2"))
_NO_BITS = der.encode(der.BIT_STRING, b"\0")
_NAME = der.sequence()
_TIMES = der.sequence(*(2 * (der.encode(der.UTC_TIME, b"500101000000Z"),)))
_VERSION = der.encode(0xA0, der.write_integer(2))
_FIELDS = (_VERSION, der.write_integer(1), _ALGORITHM, _NAME, _TIMES, _NAME, der.sequence(_ALGORITHM, _NO_BITS))
"""Those of a certificate that says nothing: the library reads no extension that stands by itself, and long fields are not read again."""


def said(oid: bytes) -> bytes:
    """What an OBJECT IDENTIFIER says, in however long a form its length is written. Raises `Malformed`."""
    part = element(oid)
    return oid[part.body : part.body_end]


def is_critical(row: bytes) -> bool:
    """Whether the extension in ``row`` is, however its truth is written. Raises `Malformed`."""
    truths = [each for each in inside(row) if each[:1] == b"\x01"]
    return bool(truths) and truths[0][-1:] != b"\0"


def read_alone(row: bytes, oid: x509.ObjectIdentifier) -> Any:
    """What the extension in ``row`` says, mended where it is odd; None where it cannot be read."""
    with suppress(x509.ExtensionNotFound, *ODD), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = der.sequence(*_FIELDS, der.encode(0xA3, der.sequence(read_as(row))))
        alone = x509.load_der_x509_certificate(der.sequence(body, _ALGORITHM, _NO_BITS))
        return alone.extensions.get_extension_for_oid(oid).value
    return None

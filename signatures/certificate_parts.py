"""What the library reads of a certificate, and how its names are shown."""

from __future__ import annotations

import warnings
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from signatures.algorithms import ODD

__all__ = ["extensions_read", "key_of", "loaded", "one_of", "text_of"]


def loaded(data: bytes) -> x509.Certificate:
    """More lenient than what is asked of a time-stamp authority: records are signed with certificates whose extensions are broken, and
    their signatures can be checked all the same. Raises ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = x509.load_der_x509_certificate(data)
            _ = (found.subject, found.issuer, found.serial_number, found.not_valid_after_utc, found.not_valid_before_utc)
        except ODD as error:
            raise ValueError(str(error)) from error
        return found


def key_of(certificate: x509.Certificate) -> PublicKeyTypes | None:
    with suppress(ValueError, *ODD):
        return certificate.public_key()
    return None


def extensions_read(certificate: x509.Certificate) -> bool:
    with suppress(ValueError, *ODD), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _ = certificate.extensions
        return True
    return False


def one_of(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next((str(each.value) for each in name.get_attributes_for_oid(oid)), "")


def text_of(name: x509.Name) -> str:
    """The name as RFC 4514 writes it, from the most general part to the person."""
    try:
        return name.rfc4514_string()
    except (ValueError, TypeError):
        return ""

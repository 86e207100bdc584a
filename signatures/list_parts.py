"""Parts of revocation lists (RFC 5280, 5.2.5 and 5.3): whose an entry is and what it says, and which distribution point a list is of."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509

from signatures.algorithms import ODD

__all__ = ["NOBODY", "directory_names", "of_entry", "rows_of", "same_point", "whose"]


NOBODY = b""
"""The issuer of whom an entry cannot be read that names one: whose certificate it is, is not known."""


def directory_names(names: Iterable[x509.GeneralName] | None) -> frozenset[bytes]:
    """The distinguished names among ``names``, encoded."""
    return frozenset(each.value.public_bytes() for each in names or () if isinstance(each, x509.DirectoryName))


def whose(row: x509.RevokedCertificate) -> frozenset[bytes] | None:
    """The issuer of a listed certificate as its entry names it; None when it names none. Of what cannot be read nobody is the issuer."""
    try:
        return directory_names(row.extensions.get_extension_for_class(x509.CertificateIssuer).value)
    except x509.ExtensionNotFound:
        return None
    except (ValueError, *ODD):
        return frozenset()


def rows_of(listed: x509.CertificateRevocationList, owner: bytes) -> Mapping[tuple[bytes, int], list[x509.RevokedCertificate]]:
    """The entries of an indirect list by issuer and number: an entry that names no issuer has that of the one before, the first one that
    of the list (5.3.3)."""
    found: dict[tuple[bytes, int], list[x509.RevokedCertificate]] = {}
    issuers = frozenset((owner,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in listed:
            named = whose(row)
            issuers = issuers if named is None else named
            for each in issuers or (NOBODY,):
                found.setdefault((each, row.serial_number), []).append(row)
    return found


def of_entry(row: x509.RevokedCertificate, kind: Any) -> Any:
    """An extension of an entry; None when it has none that is understood."""
    try:
        return row.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError, *ODD):
        return None


def same_point(names: list[x509.GeneralName] | None, addresses: Iterable[tuple[str, str]]) -> bool:
    """Whether a list for one distribution point is the one that a certificate with these ``addresses`` names."""
    if not names:
        return True
    mine = {url for kind, url in addresses if kind == "crl"}
    theirs = {each.value for each in names if isinstance(each, x509.UniformResourceIdentifier)}
    return not mine or not theirs or bool(mine & theirs)

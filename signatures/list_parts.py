"""Parts of revocation lists (RFC 5280, 5.2.5 and 5.3): whose an entry is and what it says, and which distribution point a list is of."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from cryptography import x509

from signatures.algorithms import ODD
from signatures.alike import alike

__all__ = ["NOBODY", "directory_names", "of_entry", "point_names", "points_of", "rows_of", "whose"]


NOBODY: Hashable = b""
"""The issuer of whom an entry cannot be read that names one: whose certificate it is, is not known."""


def directory_names(names: Iterable[x509.GeneralName] | None) -> frozenset[bytes]:
    """The distinguished names among ``names``, encoded."""
    return frozenset(each.value.public_bytes() for each in names or () if isinstance(each, x509.DirectoryName))


def whose(row: x509.RevokedCertificate) -> frozenset[Hashable] | None:
    """The issuer of a listed certificate as its entry names it; None when it names none. Of what cannot be read nobody is the issuer."""
    try:
        return frozenset(map(alike, directory_names(row.extensions.get_extension_for_class(x509.CertificateIssuer).value)))
    except x509.ExtensionNotFound:
        return None
    except (ValueError, *ODD):
        return frozenset()


def rows_of(listed: x509.CertificateRevocationList, owner: bytes) -> Mapping[tuple[Hashable, int], list[x509.RevokedCertificate]]:
    """The entries of an indirect list by issuer (`alike`) and number: an entry that names no issuer has that of the one before, the first
    that of the list (5.3.3)."""
    found: dict[tuple[Hashable, int], list[x509.RevokedCertificate]] = {}
    issuers = frozenset((alike(owner),))
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


def point_names(point: Any) -> frozenset[Hashable]:
    """The names of a distribution point, of a list or of a certificate, as they are compared."""
    relative = (point.relative_name,) if point.relative_name else ()
    return frozenset((*relative, *map(_compared, point.full_name or ())))


def points_of(points: Iterable[Any] | None, issuer: bytes) -> frozenset[Hashable]:
    """The names of the lists that tell of a certificate with these distribution points; without any it is the one that its issuer's name
    stands for (6.3.3)."""
    if points is None:
        return frozenset((alike(issuer),))
    return frozenset(name for each in points for name in point_names(each) or map(_compared, each.crl_issuer or ()))


def _compared(name: x509.GeneralName) -> Hashable:
    return alike(name.value.public_bytes()) if isinstance(name, x509.DirectoryName) else name

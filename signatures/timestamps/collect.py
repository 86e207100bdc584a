"""Collecting revocation lists of a time-stamp authority, while they can still be had."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signatures.algorithms import load_certificate
from signatures.errors import FetchFailed
from signatures.fetch import Fetcher
from signatures.timestamps.authority import Authority, HttpAuthority
from signatures.timestamps.token import Token

__all__ = ["revocations_for"]

MOST = 8
"""Addresses asked for one token: a path has three certificates, each with one or two."""


def revocations_for(token: Token, authority: Authority | None) -> list[bytes]:
    """Revocation lists (DER) of every certificate that the token brings along, from the addresses in the certificates.

    What cannot be had is left out: a renewal must not wait for a web server. The authority's own settings (proxy, private addresses)
    hold for its lists, too.
    """
    fetcher = authority.client.fetcher if authority is not None and isinstance(authority.client, HttpAuthority) else Fetcher()
    found: list[bytes] = []
    for url in _addresses(token)[:MOST]:
        try:
            data = fetcher.get(url)
            parsed = x509.load_pem_x509_crl(data) if data.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl(data)
        except (FetchFailed, ValueError):
            continue
        encoded = parsed.public_bytes(Encoding.DER)
        if encoded not in found:
            found.append(encoded)
    return found


def _addresses(token: Token) -> list[str]:
    found: list[str] = []
    for encoded in (token.certificate_der, *token.certificates):
        try:
            points = load_certificate(encoded).extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        except (ValueError, x509.ExtensionNotFound):
            continue
        for point in points:
            for name in point.full_name or ():
                if isinstance(name, x509.UniformResourceIdentifier) and name.value not in found:
                    found.append(name.value)
    return [each for each in found if each.startswith(("http://", "https://"))]

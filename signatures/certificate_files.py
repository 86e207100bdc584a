"""Certificates in files, as people and authorities hand them over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asn1crypto import pem  # type: ignore[import-untyped]

from signatures.ber import guard
from signatures.certificates import Certificate, certificates_of
from signatures.cms import encoded_certificates
from signatures.mended import cut

__all__ = ["parse_certificates"]

PEM_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.DOTALL
)


def parse_certificates(data: bytes) -> Iterator[Certificate]:
    """Every certificate in a file: DER, PEM (several), or a PKCS #7 bag of certificates; what is none is passed over."""
    yield from certificates_of(_ders(data))


def _ders(data: bytes) -> Iterator[bytes]:
    if b"-----BEGIN" in data:
        for match in PEM_CERTIFICATE.finditer(data):
            try:
                yield pem.unarmor(match[0])[2]
            except ValueError:
                continue
        return
    from asn1crypto import cms

    try:
        data = cut(data)
        guard(data)
        if b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" in data[:32]:
            yield from encoded_certificates(cms.ContentInfo.load(data)["content"])
            return
    except (ValueError, TypeError, KeyError):
        return
    yield data

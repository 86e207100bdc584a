"""The SignerInfo of a time-stamp (RFC 5652 §5.3), with the signed attributes that RFC 3161 and RFC 5816 ask for."""

from __future__ import annotations

import functools
import hmac

from cryptography import x509

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import digest, hash_in, load_certificate, scheme_of
from signatures.der import DerError, Tlv

__all__ = ["TST_INFO", "NotUnderstood", "Signer", "issuer_and_serial"]

TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


_PARTS = (bytes((0xA0, der.SEQUENCE, der.OCTET_STRING)), bytes((0xA0, der.SEQUENCE, der.OCTET_STRING, 0xA1)))
"""Tags of what stands behind the digest's algorithm: signed attributes, signature algorithm and value, unsigned attributes."""


class NotUnderstood(ValueError):
    """An algorithm or a key of a kind that is not understood: nothing is known of what was made with it."""


class Signer:
    """Read from ``element``. ``scheme`` and ``value`` are the signature, ``signed`` what it is over, ``message_digest`` what it says of
    the content; ``kept`` are the elements whose inside was not read. Raises ValueError."""

    def __init__(self, data: bytes, element: Tlv, *, lenient: bool) -> None:
        self._data, self._lenient = data, lenient
        parts = der.children(data, element, lenient=lenient)
        if der.tags(parts[3:]) not in _PARTS:
            raise ValueError(phrase("tst-signer-parts"))
        version, self._identifier, hashed, attributes, algorithm, value = parts[:6]
        if (der.integer(data, version), self._identifier.tag) not in ((1, der.SEQUENCE), (3, 0x80)):
            raise ValueError(phrase("tst-signer-version"))
        try:
            self.digest = hash_in(data, hashed, lenient=lenient)
            self.scheme = scheme_of(*der.algorithm(data, algorithm, lenient=lenient), self.digest)
        except DerError:
            raise
        except ValueError as error:
            raise NotUnderstood(str(error)) from error
        self.value = der.octets(data, value)
        members = der.children(data, attributes, lenient=lenient)
        self.signed = der.set_of([data[start:end] for _, start, _, end in members])
        self.kept = [self._identifier, *parts[6:]]
        self._attributes = self._named(members)
        if self._one(_CONTENT_TYPE) != der.write_oid(TST_INFO):
            raise ValueError(phrase("tst-content-type"))
        digest_value = self._one(_MESSAGE_DIGEST)
        self.message_digest = der.octets(digest_value, der.whole(digest_value, der.OCTET_STRING))

    def _named(self, members: list[Tlv]) -> dict[str, list[bytes]]:
        named: dict[str, list[bytes]] = {}
        data, lenient = self._data, self._lenient
        for member in members:
            parts = der.children(data, der.expect(member, der.SEQUENCE), lenient=lenient)
            if len(parts) != 2 or parts[1].tag != der.SET:
                raise ValueError(phrase("tst-attribute-none"))
            oid = der.oid(data, parts[0])
            if oid in named:
                raise ValueError(phrase("tst-attribute-twice", oid=oid))
            values = der.children(data, parts[1], lenient=lenient)
            named[oid] = [data[start:end] for _, start, _, end in values]
            if oid not in (_CONTENT_TYPE, _MESSAGE_DIGEST):
                self.kept += values
        return named

    def _one(self, oid: str) -> bytes:
        values = self._attributes.get(oid, [])
        if len(values) != 1:
            raise ValueError(phrase("tst-attribute-one", oid=oid))
        return values[0]

    def certificate_in(self, certificates: list[bytes]) -> bytes:
        """The signer's certificate among those brought along. Raises ValueError when it is not there (certReq was not asked)."""
        for each in certificates:
            if self._is(each):
                return each
        raise ValueError(phrase("tst-no-signer-certificate"))

    def _is(self, encoded: bytes) -> bool:
        tag, _, body, end = self._identifier
        if tag == der.SEQUENCE:
            named = issuer_and_serial(encoded)
            if not self._lenient:  # two elements, one behind the other, are the same two when their bytes are
                return self._data[body:end] == b"".join(named)
            names = der.children(self._data, self._identifier, lenient=True)
            return tuple(self._data[each.start : each.end] for each in names) == named
        wanted_key = self._data[body:end]
        if wanted_key not in encoded:
            return False
        try:
            extension = load_certificate(encoded).extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except (ValueError, x509.ExtensionNotFound):
            return False
        return extension.value.digest == wanted_key

    def check_reference(self, encoded: bytes) -> None:
        """The signed reference to the certificate (ESSCertID, ESSCertIDv2): so that no other with the same key can be put in its
        place. Raises ValueError."""
        found = False
        for oid, default in ((_SIGNING_CERTIFICATE_V2, "sha256"), (_SIGNING_CERTIFICATE, "sha1")):
            if oid in self._attributes:
                found = True
                _check_reference(self._one(oid), default, encoded, dated=oid == _SIGNING_CERTIFICATE_V2)
        if not found:
            raise ValueError(phrase("tst-no-reference"))


@functools.lru_cache(maxsize=256)
def _check_reference(value: bytes, algorithm: str, certificate: bytes, *, dated: bool) -> None:
    """The first reference in a SigningCertificate or SigningCertificateV2 (RFC 5035 §3 to 5) must be to ``certificate``: by its digest,
    and by issuer and number where it has them. Raises ValueError. What was right is remembered by all the bytes that it depends on: an
    authority writes the same in each of its tokens."""
    outer = der.children(value, der.whole(value))
    certificates = der.children(value, der.expect(outer[0], der.SEQUENCE)) if outer else []
    parts = der.children(value, der.expect(certificates[0], der.SEQUENCE)) if certificates else []
    if dated and parts and parts[0].tag == der.SEQUENCE:
        algorithm = hash_in(value, parts[0])
        parts = parts[1:]
    if not parts:
        raise ValueError(phrase("tst-reference-empty"))
    if not hmac.compare_digest(digest(algorithm, certificate), der.octets(value, parts[0])):
        raise ValueError(phrase("tst-reference-other"))
    if len(parts) > 2 or (len(parts) == 2 and not _names(value, parts[1], certificate)):
        raise ValueError(phrase("tst-reference-other"))


def _names(value: bytes, element: Tlv, certificate: bytes) -> bool:
    """Whether an IssuerSerial (RFC 5035 §5) is that of ``certificate``. Raises DerError."""
    parts = der.children(value, der.expect(element, der.SEQUENCE))
    issuer, serial = issuer_and_serial(certificate)
    if len(parts) != 2 or value[parts[1].start : parts[1].end] != serial:
        return False
    names = der.children(value, der.expect(parts[0], der.SEQUENCE))
    found = [value[each.body : each.end] for each in names if each.tag == 0xA4]
    return len(found) == len(names) == 1 and (found[0] == issuer or _same_name(found[0], issuer))


def _same_name(one: bytes, other: bytes) -> bool:
    """Whether two encoded names are one (RFC 5280 §7.1): producers write the same characters as strings of other types."""
    from asn1crypto import x509 as asn1  # type: ignore[import-untyped]

    try:
        return bool(asn1.Name.load(one) == asn1.Name.load(other))
    except (ValueError, TypeError, KeyError):
        return False


@functools.lru_cache(maxsize=256)
def issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    """The encodings of issuer and serial number of a certificate: many tokens bring the same one along. Raises DerError."""
    whole = der.whole(certificate)
    body = der.children(certificate, whole)[:1]
    parts = [one for each in body for one in der.children(certificate, der.expect(each, der.SEQUENCE)) if one.tag != 0xA0]
    if len(parts) < 3:
        raise DerError(phrase("tst-certificate-none"), whole.start)
    serial, _, issuer = parts[:3]
    return certificate[issuer.start : issuer.end], certificate[serial.start : serial.end]

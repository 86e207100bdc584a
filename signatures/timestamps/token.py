"""A time-stamp token (RFC 3161, RFC 5816) as it was received: reading it, and whether its signature is sound.

Trust is another question (`signatures.timestamps.trust`): a sound token says that *this certificate's key* signed this digest and
this time; whose key it is, and whether it is to be believed at a given date, depends on anchors.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from policies.phrases import foreign, phrase
from signatures import der
from signatures.algorithms import SIZES, Scheme, digest, hash_in, load_certificate, signed_by
from signatures.cms import other_answer
from signatures.der import DerBeyond, DerError, Tlv
from signatures.errors import InvalidToken
from signatures.remembered import remembered
from signatures.timestamps.signer_info import TST_INFO, NotUnderstood, Signer

__all__ = ["CLOCKS_APART", "Token", "known_token", "read_token"]

_SIGNED_DATA = "1.2.840.113549.1.7.2"

CLOCKS_APART = timedelta(minutes=10)
"""How far an authority's clock and ours may differ. A larger difference means that one of them is wrong, and evidence with a
wrong time cannot be mended later."""

LARGEST = 4 << 20
"""Bytes of a token that is read: revocation lists inside have been seen with a megabyte."""


@dataclass(frozen=True, slots=True)
class Token:
    """One sound token. ``imprint`` is the digest in ``imprint_hash`` that is stamped, ``time`` when; ``scheme`` and ``key_bits``
    how it is signed (``curve`` for ECDSA). ``certificates`` and ``revocations`` are what it brings along, as DER; ``strict`` is False
    when it is encoded as BER only."""

    encoded: bytes
    imprint_hash: str
    imprint: bytes
    time: datetime
    policy: str
    serial: int
    nonce: int | None
    scheme: Scheme
    key_bits: int
    curve: str
    certificate: x509.Certificate
    certificate_der: bytes
    certificates: tuple[bytes, ...]
    revocations: tuple[bytes, ...]
    strict: bool

    @property
    def authority(self) -> str:
        """The subject of the signing certificate (RFC 4514)."""
        return _subject(self.certificate_der)


@remembered(256)
def _subject(certificate: bytes) -> str:
    return load_certificate(certificate).subject.rfc4514_string()


def read_token(data: bytes) -> Token:
    """Read a token and check that it is sound: structure, digest, certificate reference, key usage and signature.

    Raises:
        InvalidToken: it is not; the reason says where.
    """
    if len(data) > LARGEST:
        raise InvalidToken(phrase("too-large"), beyond=True)
    try:
        return _Reader(data).token()
    except DerError as error:
        raise InvalidToken(str(error), beyond=isinstance(error, DerBeyond)) from error
    except ValueError as error:
        raise InvalidToken(foreign(error), beyond=isinstance(error, NotUnderstood)) from error


REMEMBERED = 64
REMEMBERED_BYTES = 64 << 10
"""Tokens that `known_token` holds, and how large one of them may be: four megabytes at most."""


@remembered(REMEMBERED, longest=REMEMBERED_BYTES)
def known_token(data: bytes) -> Token:
    """`read_token`, which remembers the last few: all records of a batch stand on one token, and whether it is sound depends on its bytes
    and on nothing else. Raises InvalidToken."""
    return read_token(data)


class _Reader:
    """Reads one token. Parts are attributes in the order in which they are met."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.lenient = False
        try:
            self._read()
            for part in self._signer.kept:
                der.check(data, part)
        except DerError:
            self.lenient = True
            self._read()

    def _read(self) -> None:
        """All but what a token merely brings along (certificates, revocations), which need not be DER. Raises DerError, ValueError."""
        version, digests, encapsulated, *rest = self._content()
        if der.tags(rest) not in _BROUGHT:
            raise ValueError(phrase("tst-parts-order"))
        *self._brought, signers = rest
        self._version = der.integer(self._data, version)
        self._info = self._encapsulated(encapsulated)
        self._signer = self._signed(signers)
        self._digests(digests)

    def _content(self) -> list[Tlv]:
        """The parts of the SignedData. Raises DerError, ValueError."""
        data = self._data
        parts = self._children(der.whole(data, lenient=self.lenient))
        if len(parts) != 2 or der.oid(data, parts[0]) != _SIGNED_DATA or parts[1].tag != 0xA0:
            raise ValueError(phrase("tst-no-message"))
        (content,) = self._only(parts[1], 1)
        return self._only(der.expect(content, der.SEQUENCE))

    def _children(self, element: Tlv) -> list[Tlv]:
        return der.children(self._data, element, lenient=self.lenient)

    def _bytes(self, element: Tlv) -> bytes:
        return self._data[element.start : element.end]

    def token(self) -> Token:
        self._certificates()
        self._check_version()
        return self._checked(self._info, _TstInfo(self._info), self._signer)

    def _only(self, element: Tlv, count: int | None = None) -> list[Tlv]:
        parts = self._children(element)
        if (count is not None and len(parts) != count) or (count is None and len(parts) < 3):
            raise ValueError(phrase("tst-part-at", at=element.start))
        return parts

    def _certificates(self) -> None:
        self.certificates: list[bytes] = []
        self.revocations: list[bytes] = []
        self._kinds = set()
        for each in self._brought:
            for member in self._children(each):
                self._kinds.add((each.tag, member.tag))
                if member.tag == der.SEQUENCE:
                    (self.certificates if each.tag == 0xA0 else self.revocations).append(self._bytes(member))
                elif (each.tag, member.tag) == (0xA1, 0xA1):
                    parts = self._children(member)
                    if len(parts) == 2 and (answer := other_answer(der.oid(self._data, parts[0]), self._bytes(parts[1]))):
                        self.revocations.append(answer)

    def _check_version(self) -> None:
        """RFC 5652 §5.1. Many producers write 3 where embedded OCSP answers or attribute certificates ask for more: 3 passes."""
        if self._version == 3:
            return
        other = {(0xA0, 0xA3), (0xA1, 0xA1)} & self._kinds
        wanted = 5 if other else 4 if (0xA0, 0xA2) in self._kinds else 3
        if self._version != wanted:
            raise ValueError(phrase("tst-message-version", found=self._version, expected=wanted))

    def _encapsulated(self, element: Tlv) -> bytes:
        parts = self._only(der.expect(element, der.SEQUENCE), 2)
        if der.oid(self._data, parts[0]) != TST_INFO:
            raise ValueError(phrase("tst-not-stamp"))
        (content,) = self._only(der.expect(parts[1], 0xA0), 1)
        return der.octets(self._data, content, lenient=self.lenient)

    def _signed(self, element: Tlv) -> Signer:
        signers = self._children(der.expect(element, der.SET))
        if len(signers) != 1:
            raise ValueError(phrase("tst-one-signer"))
        return Signer(self._data, der.expect(signers[0], der.SEQUENCE), lenient=self.lenient)

    def _digests(self, element: Tlv) -> None:
        members = self._children(der.expect(element, der.SET))
        named = [hash_in(self._data, each, lenient=self.lenient) for each in members]
        if self._signer.digest not in named:
            raise ValueError(phrase("tst-not-announced", oid=self._signer.digest))

    def _checked(self, info: bytes, stamped: _TstInfo, signer: Signer) -> Token:
        found = signer.certificate_in(self.certificates)
        signer.check_reference(found)
        authority = _authority(found)
        if not hmac.compare_digest(digest(signer.digest, info), signer.message_digest):
            raise ValueError(phrase("tst-digest"))
        if not signed_by(authority.certificate.public_key(), signer.scheme, signer.value, signer.signed):
            raise ValueError(phrase("tst-signature"))
        return Token(
            encoded=self._data,
            imprint_hash=stamped.hash,
            imprint=stamped.imprint,
            time=stamped.time,
            policy=stamped.policy,
            serial=stamped.serial,
            nonce=stamped.nonce,
            scheme=signer.scheme,
            key_bits=authority.key_bits,
            curve=authority.curve,
            certificate=authority.certificate,
            certificate_der=found,
            certificates=tuple(self.certificates),
            revocations=tuple(self.revocations),
            strict=not self.lenient,
        )


class _Authority(NamedTuple):
    """A certificate that may stamp; `Token` says what the others are."""

    certificate: x509.Certificate
    key_bits: int
    curve: str


@remembered(256)
def _authority(data: bytes) -> _Authority:
    """RFC 3161 §2.3: the extended key usage is time-stamping, alone and critical; the key may sign. Remembered by its bytes, as what
    `load_certificate` gives: many tokens bring the same one along. Raises ValueError."""
    try:
        certificate = load_certificate(data)
    except ValueError as error:  # a key of another kind, say
        raise NotUnderstood(str(error)) from error
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise ValueError(phrase("tst-purpose")) from None
    if list(extended.value) != [ExtendedKeyUsageOID.TIME_STAMPING] or not extended.critical:
        raise ValueError(phrase("tst-not-alone"))
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError(phrase("tst-key-use"))
    key = certificate.public_key()
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    bits = getattr(key, "key_size", 0) if curve or isinstance(key, rsa.RSAPublicKey) else 256
    return _Authority(certificate, bits, curve)


_BROUGHT = frozenset(each + bytes((der.SET,)) for each in der.subsequences((0xA0, 0xA1)))
"""What may stand behind the content of a SignedData: certificates, revocations, and always the signers."""

_OPTIONAL = der.subsequences((der.SEQUENCE, der.BOOLEAN, der.INTEGER, 0xA0, 0xA1))
"""What may stand behind the time in a TSTInfo."""


class _TstInfo:
    """TSTInfo (RFC 3161 §2.4.2)."""

    def __init__(self, data: bytes) -> None:
        parts = der.children(data, der.whole(data))
        if len(parts) < 5:
            raise ValueError(phrase("tst-lacks"))
        if der.integer(data, parts[0]) != 1:
            raise ValueError(phrase("tst-version"))
        self.policy = der.oid(data, parts[1])
        imprint = der.children(data, der.expect(parts[2], der.SEQUENCE))
        if len(imprint) != 2:
            raise ValueError(phrase("tst-imprint"))
        self.hash = hash_in(data, imprint[0])
        self.imprint = der.octets(data, imprint[1])
        if len(self.imprint) != SIZES[self.hash]:
            raise ValueError(phrase("tst-imprint-length"))
        self.serial = der.integer(data, parts[3])
        self.time = der.moment(data, parts[4])
        self.nonce: int | None = None
        optional = parts[5:]
        if der.tags(optional) not in _OPTIONAL:
            raise ValueError(phrase("tst-part-unknown"))
        for part in optional:
            if part.tag == der.INTEGER:
                self.nonce = der.integer(data, part)
            elif part.tag == der.SEQUENCE:
                _check_accuracy(data, part)
            elif part.tag == 0xA1:
                _check_extensions(data, part)


def _check_accuracy(data: bytes, element: Tlv) -> None:
    """Seconds, thousandths and millionths, each at most once. Raises ValueError."""
    tags = [each.tag for each in der.children(data, element)]
    if tags != [tag for tag in (der.INTEGER, 0x80, 0x81) if tag in tags]:
        raise ValueError(phrase("tst-accuracy"))


def _check_extensions(data: bytes, element: Tlv) -> None:
    """None is understood here, so none may be critical (RFC 5280 §4.2). Raises ValueError."""
    for each in der.children(data, element):
        parts = der.children(data, der.expect(each, der.SEQUENCE))
        if [part.tag for part in parts] not in ([der.OID, der.OCTET_STRING], [der.OID, der.BOOLEAN, der.OCTET_STRING]):
            raise ValueError(phrase("tst-extension"))
        if len(parts) == 3 and data[parts[1].body : parts[1].end] != b"\0":
            raise ValueError(phrase("tst-critical", oid=der.oid(data, parts[0])))

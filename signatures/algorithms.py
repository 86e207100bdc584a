"""Algorithms by their object identifiers, and checking a signature value with a certificate's key.

Names are those of `policies.trust`: hashes "sha256" …, signature schemes "rsa-pkcs1v15", "rsa-pss", "ecdsa", "eddsa".
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from policies.phrases import phrase
from signatures import der
from signatures.ber import Beyond
from signatures.der import DerError, Tlv
from signatures.mended import mended
from signatures.odd_account import MOST_ODD, at_hand
from signatures.remembered import remembered

__all__ = [
    "HASHES",
    "HASH_OIDS",
    "NULL",
    "SIZES",
    "Scheme",
    "digest",
    "hash_in",
    "hash_named",
    "hash_of",
    "hasher",
    "load_certificate",
    "pure",
    "scheme_of",
    "signed_by",
    "strength",
    "weakest",
]

NULL = b"\x05\x00"

HASH_OIDS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.6": "sha512_256",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}
"""Hash algorithms that are understood, by object identifier; the names are those of hashlib."""

HASHES = {name: oid for oid, name in HASH_OIDS.items()}

SIZES = {name: hashlib.new(name).digest_size for name in HASHES}
"""Bytes of a hash value by algorithm."""

_STRENGTH = ("sha1", "sha224", "sha3_224", "sha256", "sha512_256", "sha3_256", "sha384", "sha3_384", "sha512", "sha3_512")
"""Hash algorithms, the weakest first."""

_OBJECTS: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha512_256": hashes.SHA512_256,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
}

_RSA = "1.2.840.113549.1.1.1"
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_RSA_WITH = {
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "2.16.840.1.101.3.4.3.13": "sha3_224",
    "2.16.840.1.101.3.4.3.14": "sha3_256",
    "2.16.840.1.101.3.4.3.15": "sha3_384",
    "2.16.840.1.101.3.4.3.16": "sha3_512",
}
_ECDSA_WITH = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "2.16.840.1.101.3.4.3.9": "sha3_224",
    "2.16.840.1.101.3.4.3.10": "sha3_256",
    "2.16.840.1.101.3.4.3.11": "sha3_384",
    "2.16.840.1.101.3.4.3.12": "sha3_512",
}
_ECDSA_PLAIN_WITH = {
    f"0.4.0.127.0.7.1.1.4.1.{number}": name
    for number, name in (
        *((1, "sha1"), (2, "sha224"), (3, "sha256"), (4, "sha384"), (5, "sha512")),
        *((8, "sha3_224"), (9, "sha3_256"), (10, "sha3_384"), (11, "sha3_512")),
    )
}
"""ecdsa-plain-signatures of BSI TR-03111, which German cards make; that with RIPEMD-160 is not understood."""
_DSA_WITH = {
    "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
}
_EDDSA = {"1.3.101.112": "ed25519", "1.3.101.113": "ed448"}


def weakest(hashes: Collection[str]) -> str:
    """Of hash algorithms by name the one on which all that uses them stands; "" of none."""
    return min(hashes, key=strength, default="")


def strength(name: str) -> int:
    """The place of a hash algorithm among all, the weakest first; before all of them what is in no list."""
    return _STRENGTH.index(name) if name in _STRENGTH else -1


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a signature was made: scheme, its hash, and for RSA-PSS the hash of the mask and the length of the salt. ``plain``: r and s of
    ECDSA stand side by side, each as long as the order of the curve, and not in DER."""

    name: str
    hash: str
    mask_hash: str = ""
    salt: int = 0
    plain: bool = False


def hasher(name: str) -> Callable[[bytes], Any]:
    """What hashes bytes: the constructor itself where hashlib has one, since looking it up by name each time costs as much as hashing
    64 bytes."""
    found: Callable[[bytes], Any] | None = getattr(hashlib, name, None)
    return found if found is not None else lambda data: hashlib.new(name, data)


def digest(name: str, data: bytes) -> bytes:
    """The hash value of bytes."""
    value: bytes = hasher(name)(data).digest()
    return value


def hash_named(oid: str, parameters: bytes) -> str:
    """The name of a hash algorithm. Raises ValueError for one that is not understood, or parameters that mean nothing."""
    if oid not in HASH_OIDS:
        raise ValueError(phrase("alg-hash", oid=oid))
    if parameters not in (b"", NULL):
        raise ValueError(phrase("alg-hash-parameters", oid=oid))
    return HASH_OIDS[oid]


_ENCODED = {der.write_oid(oid) + parameters: name for oid, name in HASH_OIDS.items() for parameters in (b"", NULL)}
"""What stands in an AlgorithmIdentifier of a hash, in both ways in which it may (RFC 5754 §2)."""


def hash_in(data: bytes, element: Tlv, tag: int = der.SEQUENCE, *, lenient: bool = False) -> str:
    """The name of the hash algorithm in an AlgorithmIdentifier. Raises ValueError as `hash_named`; DerError when it is none."""
    name = _ENCODED.get(data[der.expect(element, tag).body : element.end])
    return name or hash_named(*der.algorithm(data, element, tag, lenient=lenient))


@functools.lru_cache(maxsize=64)
def scheme_of(oid: str, parameters: bytes, digest: str) -> Scheme:
    """The scheme of a SignerInfo whose digest algorithm is ``digest``. Raises ValueError when it is not understood or disagrees."""
    if oid == _PSS:
        scheme = _pss(parameters)
    elif oid == _RSA or oid in _RSA_WITH:
        if parameters not in (b"", NULL):
            raise ValueError(phrase("alg-rsa-parameters"))
        scheme = Scheme("rsa-pkcs1v15", _RSA_WITH.get(oid, digest))
    elif oid in _ECDSA_WITH:
        if parameters not in (b"", NULL):
            raise ValueError(phrase("alg-ecdsa-parameters"))
        scheme = Scheme("ecdsa", _ECDSA_WITH[oid])
    elif oid in _ECDSA_PLAIN_WITH:
        if parameters not in (b"", NULL):
            raise ValueError(phrase("alg-ecdsa-parameters"))
        scheme = Scheme("ecdsa", _ECDSA_PLAIN_WITH[oid], plain=True)
    elif oid in _DSA_WITH:
        scheme = Scheme("dsa", _DSA_WITH[oid])
    elif oid in _EDDSA and not parameters:
        return Scheme("eddsa", digest)
    else:
        raise ValueError(phrase("alg-signature", oid=oid))
    if scheme.hash != digest:
        raise ValueError(phrase("alg-two-hashes", one=scheme.hash, other=digest))
    return scheme


def hash_of(oid: str) -> str:
    """The hash that the identifier of a signature algorithm names by itself; "" for one that names none, or is not understood."""
    return next((table[oid] for table in (_RSA_WITH, _ECDSA_WITH, _ECDSA_PLAIN_WITH, _DSA_WITH) if oid in table), "")


def pure(oid: str) -> bool:
    """Whether a signature of this algorithm is made over the message itself, so that it cannot be checked by a digest."""
    return oid in _EDDSA


def _pss(parameters: bytes) -> Scheme:
    """RSASSA-PSS-params (RFC 4055 §3.1), with its defaults."""
    found, mask, salt = "sha1", "sha1", 20
    try:
        parts = der.children(parameters, der.whole(parameters)) if parameters else []
        for part in parts:
            inner = der.whole(parameters[part.body : part.end], parameters[part.body] if part.end > part.body else 0)
            data = parameters[part.body : part.end]
            if part.tag == 0xA0:
                found = hash_in(data, inner)
            elif part.tag == 0xA1:
                oid, below = der.algorithm(data, inner)
                if oid != _MGF1:
                    raise ValueError(phrase("alg-mask", oid=oid))
                mask = hash_in(below, der.whole(below))
            elif part.tag == 0xA2:
                salt = der.integer(data, inner)
            elif part.tag != 0xA3 or der.integer(data, inner) != 1:
                raise ValueError(phrase("alg-pss"))
    except DerError as error:
        raise ValueError(phrase("alg-pss-why", why=str(error))) from error
    if not 0 <= salt <= 512:
        raise ValueError(phrase("alg-pss-salt"))
    return Scheme("rsa-pss", found, mask, salt)


ODD = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm, TypeError)
"""What cryptography raises over odd structures, and which is no ValueError; TypeError for a name whose value is of a kind that it cannot
have, and only when the name is asked for."""


@remembered(256)
def load_certificate(data: bytes) -> x509.Certificate:
    """Raises ValueError for what is no certificate. Oddities that OpenSSL would merely warn of pass, and those of `signatures.mended`, for
    old ones have them. What was signed, names and numbers are then to be taken from ``data``."""
    try:
        return _certificate(data)
    except ValueError as error:
        try:
            if not at_hand().take(data):
                raise Beyond(phrase("ber-odd", most=MOST_ODD >> 10)) from error
            return _certificate(mended(data).data)
        except Beyond:
            raise
        except ValueError:
            raise error from None


def _certificate(data: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = x509.load_der_x509_certificate(data)
            found.public_key()
            # What is read late must be readable, or it would fail where nobody expects it.
            _ = (found.subject.rfc4514_string(), found.issuer, found.serial_number, found.not_valid_after_utc, found.extensions)
        except ODD as error:
            raise ValueError(phrase("alg-certificate", why=str(error))) from error
        return found


def effort(key: PublicKeyTypes | None) -> int:
    """How much longer checking with this key takes than with ordinary ones, at least 1: RSA keys may be chosen to take a hundred times as
    long, by a public exponent of thousands of bits."""
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e.bit_length()
        return 1 + exponent * key.key_size**2 // _ORDINARY
    return 1 + key.key_size // 512 if isinstance(key, dsa.DSAPublicKey | ec.EllipticCurvePublicKey) else 1


_ORDINARY = 17 * 4096**2
"""Bits of the exponent times bits of the modulus squared, of an ordinary key."""


def signed_by(key: PublicKeyTypes | None, scheme: Scheme, value: bytes, message: bytes, *, prehashed: bool = False) -> bool:
    """Whether ``value`` is this key's signature of ``message``. A key of another kind, or of a kind not understood, signed nothing.

    ``prehashed``: ``message`` is the digest of it (by which EdDSA cannot be checked)."""
    try:
        if scheme.name == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_side_by_side(value, key) if scheme.plain else value, message, _ecdsa(scheme.hash, prehashed))
            return True
        plain = _OBJECTS[scheme.hash]()
        hasher = utils.Prehashed(plain) if prehashed else plain
        if scheme.name == "rsa-pkcs1v15" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, message, padding.PKCS1v15(), hasher)
        elif scheme.name == "rsa-pss" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, message, padding.PSS(padding.MGF1(_OBJECTS[scheme.mask_hash]()), scheme.salt), hasher)
        elif scheme.name == "dsa" and isinstance(key, dsa.DSAPublicKey):
            key.verify(value, message, hasher)
        elif scheme.name == "eddsa" and not prehashed and isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(value, message)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


@functools.cache
def _ecdsa(hash_name: str, prehashed: bool) -> ec.ECDSA:
    """How ECDSA is told its hash; each is made once. Raises KeyError."""
    plain = _OBJECTS[hash_name]()
    return ec.ECDSA(utils.Prehashed(plain) if prehashed else plain)


def _side_by_side(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """The DER of r and s that stand side by side. Raises ValueError: they are not as long as the order of the curve."""
    length = (key.curve.group_order.bit_length() + 7) // 8
    if len(value) != 2 * length:
        raise ValueError(phrase("alg-plain", found=len(value), wanted=2 * length))
    return utils.encode_dss_signature(int.from_bytes(value[:length]), int.from_bytes(value[length:]))

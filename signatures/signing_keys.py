"""Keys that sign statements of the archive itself (heads of the ledger): Ed25519, or RSA-PSS with SHA-256.

A key is described in plain numbers (``description``), so that whoever checks a signature needs no certificate and no library.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.findings import KhoError
from policies.phrases import os_phrase

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["SigningKey", "SigningKeyError", "key_id"]

LEAST_RSA_BITS = 3072
"""Shorter keys are not made for what has to hold for decades (BSI TR-02102-1, from 2024)."""


class SigningKeyError(KhoError):
    """A private key cannot be used: its code says why."""


def key_id(description: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) over the canonical JSON of a key's description."""
    said = {"algorithm": description["algorithm"], "public": description["public"]}
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


@dataclass(frozen=True)
class SigningKey:
    """One private key that is held in memory while it signs."""

    _private: Ed25519PrivateKey | RSAPrivateKey

    @classmethod
    def generate(cls) -> SigningKey:
        """A new Ed25519 key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, password: str = "") -> SigningKey:
        """A key from a PEM file (PKCS#8). Raises SigningKeyError."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            found = load_pem_private_key(path.read_bytes(), password.encode() or None)
        except OSError as error:
            raise SigningKeyError("LED-KEY-UNREADABLE", str(path), reason=os_phrase(error)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SigningKeyError("LED-KEY-UNREADABLE", str(path), reason=str(error)) from error
        if isinstance(found, Ed25519PrivateKey) or (isinstance(found, RSAPrivateKey) and found.key_size >= LEAST_RSA_BITS):
            return cls(found)
        raise SigningKeyError("LED-KEY-KIND", str(path))

    def save(self, path: Path) -> None:
        """Write it as PEM, readable for its owner only, durably; the file must not be there, and is there whole or not at all: an
        interruption must not leave half of a key by which days are to be signed. Raises SigningKeyError."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        data = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            os.rename(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise SigningKeyError("LED-KEY-UNREADABLE", str(path), reason=os_phrase(error)) from error

    @property
    def description(self) -> dict[str, Any]:
        """Algorithm and public numbers: ``public`` is the 32 bytes of an Ed25519 key, or modulus and exponent, in hexadecimal."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if isinstance(self._private, RSAPrivateKey):
            numbers = self._private.public_key().public_numbers()
            return {"algorithm": "rsa-pss-sha256", "public": {"n": f"{numbers.n:x}", "e": numbers.e}}
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"algorithm": "ed25519", "public": raw.hex()}

    @property
    def id(self) -> str:
        return key_id(self.description)

    def sign(self, message: bytes) -> bytes:
        """The signature of these bytes."""
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._private, RSAPrivateKey):
            return self._private.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        return self._private.sign(message)

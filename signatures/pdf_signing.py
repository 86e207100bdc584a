"""Signing the archive's own PDF documents (PAdES, ETSI EN 319 142) with a key from PKCS#12 or PKCS#11, and a time stamp."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.phrases import os_phrase, phrase
from signatures.errors import NotStamped, SigningFailed
from signatures.timestamps import Authority

if TYPE_CHECKING:
    from pyhanko.sign import Signer

__all__ = ["Pkcs11Key", "Pkcs12Key", "refusal", "sign_pdf", "stamper_of"]

FIELD = "Kho"
"""The name of the signature's field."""


@dataclass(frozen=True, slots=True)
class Pkcs12Key:
    """A key and its certificates in one file."""

    path: Path
    password: str = field(default="", repr=False)

    @property
    def place(self) -> Path:
        """Where the key is, for those who are told of it."""
        return self.path

    @contextlib.contextmanager
    def signer(self) -> Iterator[Signer]:
        """Raises SigningFailed."""
        from pyhanko.sign import SimpleSigner

        try:
            self.path.open("rb").close()  # pyHanko says the same of a file that is not there as of a wrong password
            load: Callable[..., Signer | None] = SimpleSigner.load_pkcs12  # pyHanko leaves its types out here
            loaded = load(str(self.path), passphrase=self.password.encode() or None)
        except OSError as error:
            raise SigningFailed(str(self.path), os_phrase(error)) from error
        except ValueError as error:
            raise SigningFailed(str(self.path), str(error)) from error
        if loaded is None:
            raise SigningFailed(str(self.path), phrase("key-password"))
        yield loaded

    def ends(self) -> datetime:
        """When the signing certificate ends. Raises SigningFailed."""
        with self.signer() as signer:
            return _end(signer, self.path)


_TOKEN = threading.Lock()
"""Whoever logs in to a token does it for the whole process, and a second time is an error: one after the other."""


@dataclass(frozen=True, slots=True)
class Pkcs11Key:
    """A key on a token or HSM: the library (module), the token's label, its PIN, and the labels of key and certificate."""

    module: Path
    token: str
    pin: str = field(repr=False)
    label: str

    @property
    def place(self) -> Path:
        """Where the key is, for those who are told of it."""
        return self.module

    @contextlib.contextmanager
    def signer(self) -> Iterator[Signer]:
        """Logged in to the token for so long. Raises SigningFailed, also when the package python-pkcs11 is not installed."""
        with _TOKEN, contextlib.ExitStack() as stack:
            try:
                from pyhanko.config.pkcs11 import TokenCriteria
                from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

                criteria = TokenCriteria(label=self.token)
                session = open_pkcs11_session(str(self.module), token_criteria=criteria, user_pin=self.pin)
                stack.callback(session.close)
                signer = PKCS11Signer(session, cert_label=self.label, key_label=self.label)
                _ = signer.signing_cert  # read now, so that a wrong label is said as such
            except Exception as error:  # the library's own errors have no common base
                raise SigningFailed(str(self.module), str(error) or type(error).__name__) from error
            yield signer

    def ends(self) -> datetime:
        """When the signing certificate ends. Raises SigningFailed."""
        with self.signer() as signer:
            return _end(signer, self.module)


def _end(signer: Signer, place: Path) -> datetime:
    return _period(signer, place)[1]


def _period(signer: Signer, place: Path) -> tuple[datetime, datetime]:
    """From when until when the signing certificate holds."""
    if signer.signing_cert is None:
        raise SigningFailed(str(place), phrase("key-no-certificate"))
    return signer.signing_cert.not_valid_before, signer.signing_cert.not_valid_after


def sign_pdf(data: bytes, key: Pkcs12Key | Pkcs11Key, *, reason: str, authorities: list[Authority], now: datetime) -> bytes:
    """The document with an invisible PAdES signature; time-stamped by the first of ``authorities`` that gives a stamp which can be
    accepted, when there are any.

    Raises:
        SigningFailed: the key cannot be used, its certificate is not in force ``now``, or no authority gives such a stamp.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, fields, signers

    meta = PdfSignatureMetadata(field_name=FIELD, reason=reason, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
    failures: list[str] = []
    asked: Sequence[Authority | None] = authorities or [None]
    with key.signer() as signer:
        _in_force(signer, key.place, now)
        for authority in asked:
            out = io.BytesIO()
            stamper = None if authority is None else stamper_of(authority, now)
            try:
                signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), meta, signer=signer, timestamper=stamper, output=out)
            except Exception as error:  # whatever pyHanko or an authority does wrong
                failures.append(refusal(authority.name if authority else str(key.place), error))
                continue
            return out.getvalue()
    raise SigningFailed("", "; ".join(failures))


def _in_force(signer: Signer, place: Path, now: datetime) -> None:
    """Raises SigningFailed: the signing certificate has ended or not begun, and whoever checks the document would refuse it."""
    first, last = _period(signer, place)
    if not first <= now <= last:
        raise SigningFailed(str(place), phrase("key-not-in-force", first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}"))


def refusal(name: str, error: Exception) -> str:
    """Who failed, and why: what an authority said wrong names it already."""
    return str(error.finding.args["reason"]) if isinstance(error, NotStamped) else f"{name}: {error}"


def stamper_of(authority: Authority, now: datetime) -> Any:
    """One of our authorities, as pyHanko asks for time stamps, ``now`` or a little later. What it gives must be a stamp that can be
    accepted: pyHanko looks at the nonce alone."""
    from asn1crypto import cms  # type: ignore[import-untyped]
    from pyhanko.sign.timestamps import TimeStamper

    from signatures.timestamps import stamp

    begun = time.monotonic()

    class Ours(TimeStamper):  # type: ignore[misc, unused-ignore]
        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
            asked = now + timedelta(seconds=time.monotonic() - begun)
            # In a thread: paths of certificates are validated in a loop of their own.
            stamped = await asyncio.to_thread(stamp, [authority], md_algorithm, message_digest, now=asked)
            return cms.ContentInfo.load(stamped.token.encoded)

    return Ours()  # type: ignore[no-untyped-call]

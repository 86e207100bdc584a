"""Signing the archive's own PDF documents (PAdES, ETSI EN 319 142) with a key from PKCS#12 or PKCS#11, and a time stamp."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.phrases import phrase
from signatures.errors import SigningFailed
from signatures.timestamps import Authority

if TYPE_CHECKING:
    from pyhanko.sign import Signer

__all__ = ["Pkcs11Key", "Pkcs12Key", "sign_pdf", "stamper_of"]

FIELD = "Kho"
"""The name of the signature's field."""


@dataclass(frozen=True, slots=True)
class Pkcs12Key:
    """A key and its certificates in one file."""

    path: Path
    password: str = field(default="", repr=False)

    @contextlib.contextmanager
    def signer(self) -> Iterator[Signer]:
        """Raises SigningFailed."""
        from pyhanko.sign import SimpleSigner

        try:
            load: Callable[..., Signer | None] = SimpleSigner.load_pkcs12  # pyHanko leaves its types out here
            loaded = load(str(self.path), passphrase=self.password.encode() or None)
        except (OSError, ValueError) as error:
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
    if signer.signing_cert is None:
        raise SigningFailed(str(place), phrase("key-no-certificate"))
    end: datetime = signer.signing_cert.not_valid_after
    return end


def sign_pdf(data: bytes, key: Pkcs12Key | Pkcs11Key, *, reason: str, authorities: list[Authority]) -> bytes:
    """The document with an invisible PAdES signature; time-stamped by the first of ``authorities`` that answers, when there are any.

    Raises:
        SigningFailed: the key cannot be used, or no authority answers.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, fields, signers

    meta = PdfSignatureMetadata(field_name=FIELD, reason=reason, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
    failures: list[str] = []
    asked: Sequence[Authority | None] = authorities or [None]
    with key.signer() as signer:
        for authority in asked:
            out = io.BytesIO()
            stamper = None if authority is None else stamper_of(authority)
            try:
                signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), meta, signer=signer, timestamper=stamper, output=out)
            except Exception as error:  # whatever pyHanko or an authority does wrong
                failures.append(f"{authority.name if authority else key}: {error}")
                continue
            return out.getvalue()
    raise SigningFailed("", "; ".join(failures))


def stamper_of(authority: Authority) -> Any:
    """One of our authorities, as pyHanko asks for time stamps."""
    from asn1crypto import tsp  # type: ignore[import-untyped]
    from pyhanko.sign.timestamps import TimeStamper

    class Ours(TimeStamper):  # type: ignore[misc, unused-ignore]
        async def async_request_tsa_response(self, req: Any) -> Any:
            return tsp.TimeStampResp.load(authority.client.answer(req.dump()))

    return Ours()  # type: ignore[no-untyped-call]

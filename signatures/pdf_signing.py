"""Signing the archive's own PDF documents (PAdES, ETSI EN 319 142) with a key from PKCS#12 or PKCS#11, and a time stamp."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    password: str = ""

    def signer(self) -> Signer:
        """Raises SigningFailed."""
        from pyhanko.sign import SimpleSigner

        try:
            load: Callable[..., Signer | None] = SimpleSigner.load_pkcs12  # pyHanko leaves its types out here
            loaded = load(str(self.path), passphrase=self.password.encode() or None)
        except (OSError, ValueError) as error:
            raise SigningFailed(str(self.path), str(error)) from error
        if loaded is None:
            raise SigningFailed(str(self.path), phrase("key-password"))
        return loaded

    def ends(self) -> datetime:
        """When the signing certificate ends. Raises SigningFailed."""
        certificate = self.signer().signing_cert
        if certificate is None:
            raise SigningFailed(str(self.path), phrase("key-no-certificate"))
        end: datetime = certificate.not_valid_after
        return end


@dataclass(frozen=True, slots=True)
class Pkcs11Key:
    """A key on a token or HSM: the library (module), the token's label, its PIN, and the labels of key and certificate."""

    module: Path
    token: str
    pin: str
    label: str

    def ends(self) -> datetime:
        """When the signing certificate ends. Raises SigningFailed."""
        certificate = self.signer().signing_cert
        if certificate is None:
            raise SigningFailed(str(self.module), phrase("key-no-certificate"))
        end: datetime = certificate.not_valid_after
        return end

    def signer(self) -> Signer:
        """Raises SigningFailed, also when the package python-pkcs11 is not installed."""
        try:
            from pyhanko.config.pkcs11 import TokenCriteria
            from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

            session = open_pkcs11_session(str(self.module), token_criteria=TokenCriteria(label=self.token), user_pin=self.pin)
            return PKCS11Signer(session, cert_label=self.label, key_label=self.label)
        except Exception as error:  # the library's own errors have no common base
            raise SigningFailed(str(self.module), str(error) or type(error).__name__) from error


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
    for authority in asked:
        out = io.BytesIO()
        stamper = None if authority is None else stamper_of(authority)
        try:
            signers.sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(data)), meta, signer=key.signer(), timestamper=stamper, output=out
            )
        except SigningFailed:
            raise
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

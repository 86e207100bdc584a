"""A copy of a signed PDF that ordinary readers can go on validating: PAdES B-LTA (ETSI EN 319 142-1, 6.3), made of an original and of the
validation data that was collected for it.

The copy is the original with a document security store and a document time-stamp appended: not a byte of what was signed is changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from signatures.errors import SigningFailed
from signatures.judgement import ValidationData
from signatures.pdf_signing import refusal, stamper_of
from signatures.revocation import load_crl, load_ocsp
from signatures.timestamps import Authority

__all__ = ["LEVEL", "lasting_copy"]

LEVEL = "PAdES-LTA"
"""The level of a signature in a copy, in the words of the reports."""


def lasting_copy(
    original: bytes, kept: Iterable[ValidationData], authorities: Sequence[Authority], now: datetime
) -> tuple[bytes, str]:
    """(the copy, the name of the authority that stamped it). ``kept`` is what the paths of the signatures in ``original`` need: of it
    the copy gets what can be read. The first of ``authorities`` whose stamp can be accepted ``now`` gives it.

    Raises:
        SigningFailed: the document cannot be added to, or no authority gives a stamp that can be accepted.
    """
    data = list(kept)
    failures = []
    for authority in authorities:
        try:
            return asyncio.run(_copied(original, data, authority, now)), authority.name
        except Exception as error:  # whatever pyHanko or an authority does wrong
            failures.append(refusal(authority.name, error))
    raise SigningFailed("", "; ".join(failures))


async def _copied(original: bytes, kept: Iterable[ValidationData], authority: Authority, now: datetime) -> bytes:
    from asn1crypto import crl, ocsp, x509  # type: ignore[import-untyped]
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    certificates = {each.sha256: x509.Certificate.load(each.der) for data in kept for each in data.certificates}
    lists = {each: crl.CertificateList.load(each) for data in kept for each in data.crls if load_crl(each)}
    answers = {each: ocsp.OCSPResponse.load(each) for data in kept for each in data.ocsps if load_ocsp(each)}
    writer = IncrementalPdfFileWriter(io.BytesIO(original), strict=False)
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, certs=certificates.values(), ocsps=answers.values(), crls=lists.values()
    )
    out = io.BytesIO()
    # One name for one original: a field of this name is there already only when the same bytes were copied before.
    field = f"Kho-{hashlib.sha256(original).hexdigest()[:16]}"
    await PdfTimeStamper(stamper_of(authority, now), field_name=field).async_timestamp_pdf(writer, "sha256", output=out)
    return out.getvalue()

"""When the certificates end on which the archive's own signatures and time stamps stand."""

from __future__ import annotations

from datetime import datetime

from repository.archive import Archive
from repository.settings.signing import key_of

__all__ = ["ends_of"]


def ends_of(archive: Archive) -> dict[str, datetime]:
    """Name → end: the signing certificate of ``[sign]`` (PKCS#12), and that of the newest time stamp in the ledger.

    Raises KhoError when one is there and cannot be read.
    """
    ends: dict[str, datetime] = {}
    if archive.settings.sign is not None and archive.settings.sign.pkcs12:
        ends["[sign]"] = key_of(archive.settings.sign).ends()
    last = archive.catalog.days.last()
    if last is not None and last.token:
        from signatures.timestamps import read_token

        token = read_token(last.token)
        ends[token.authority] = token.certificate.not_valid_after_utc
    return ends

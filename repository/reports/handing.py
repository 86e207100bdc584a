"""Handing a report out: a new folder with the report as data and as a PDF, both signed when asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from policies.findings import spoken_all
from repository.archive import Archive
from repository.errors import NoSigningKey
from repository.handed import new_folder
from repository.ledger.keys import sign_document
from repository.reports.printing import pdf
from repository.settings.authorities import authorities_of
from repository.settings.signing import key_of

__all__ = ["hand_out"]

Document = dict[str, Any]


def hand_out(
    archive: Archive,
    target: Path,
    kind: str,
    *,
    gather: Callable[[Path], Document],
    page: Callable[[Document, str], str],
    language: str,
    sign: bool,
) -> Document:
    """Make the folder ``target`` (gone again, when anything fails), let ``gather`` put into it what belongs to the report and answer the
    report itself; then write that as report.json and, as ``page`` shows it, report.pdf, both in ``language``. With ``sign`` the JSON is
    signed by the ledger's key (report.json.sig, and keys.ndjson, which tells of that key), the PDF with the key of kho.toml and a time
    stamp.

    Raises:
        ExportFailed: the folder is there already, or cannot be written. NoSigningKey, SigningFailed: the PDF cannot be signed.
    """
    if sign and archive.settings.sign is None:
        raise NoSigningKey(str(archive.settings.home / "kho.toml"))
    with new_folder(target):
        document: Document = spoken_all(gather(target), language)
        _write_json(archive, {"kho": 1, "kind": kind, **document}, target, sign=sign)
        printed = pdf(page(document, language))
        (target / "report.pdf").write_bytes(_signed(archive, printed) if sign else printed)
    return document


def _write_json(archive: Archive, document: Mapping[str, Any], target: Path, *, sign: bool) -> None:
    data = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogateescape")
    (target / "report.json").write_bytes(data)
    if sign:
        sign_document(archive, target / "report.json")


def _signed(archive: Archive, printed: bytes) -> bytes:
    from signatures.pdf_signing import sign_pdf

    settings = archive.settings
    assert settings.sign is not None
    authorities = authorities_of(settings.home, settings.authorities, archive.clock.now)
    return sign_pdf(printed, key_of(settings.sign), reason="Kho", authorities=authorities, now=archive.clock.now())

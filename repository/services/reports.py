"""Reports as services of the engine: of the whole as it is now, and of periods, written with their proof, printed and signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from policies.phrases import os_phrase
from repository.archive import Archive
from repository.errors import ExportFailed, NoSigningKey
from repository.reports.fixity import FixitySummary, fixity_summary
from repository.reports.period import PeriodScope, gather, write_files
from repository.settings.authorities import authorities_of
from repository.settings.signing import key_of

__all__ = ["PeriodReports", "Reports"]


class Reports:
    """What can be said of the whole."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fixity(self) -> FixitySummary:
        """Population, copies by state and tier, damages, what is overdue and what was never checked."""
        return fixity_summary(self._archive)


class PeriodReports:
    """What can be said, and proven, of the checks of a period."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def gather(self, scope: PeriodScope) -> dict[str, Any]:
        """The report as a document, nothing written."""
        return gather(self._archive, scope)

    def write(self, scope: PeriodScope, target: Path, *, language: str, sign: bool) -> dict[str, Any]:
        """Write the report into a new folder: report.json, report.pdf, figures.csv, faulty.csv, the days of the ledger that it is made of
        and their verifier. With ``sign`` JSON and PDF are signed, the PDF with the key of kho.toml and a time stamp.

        Raises:
            ExportFailed: the folder is there already, or cannot be written. NoSigningKey, SigningFailed: the PDF cannot be signed.
        """
        place = self._archive.settings.sign
        if sign and place is None:
            raise NoSigningKey(str(self._archive.settings.home / "kho.toml"))
        try:
            target.mkdir(parents=True)
            document = gather(self._archive, scope, target)
            write_files(self._archive, {"kho": 1, "kind": "fixity_report", **document}, target, sign=sign)
            (target / "report.pdf").write_bytes(self._pdf(document, language, sign=sign))
        except OSError as error:
            raise ExportFailed(str(target), os_phrase(error)) from error
        return document

    def _pdf(self, document: dict[str, Any], language: str, *, sign: bool) -> bytes:
        from repository.reports.pages import pdf

        printed = pdf(document, language)
        place = self._archive.settings.sign
        if not sign or place is None:
            return printed
        from signatures.pdf_signing import sign_pdf

        settings = self._archive.settings
        authorities = authorities_of(settings.home, settings.authorities, self._archive.clock.now)
        return sign_pdf(printed, key_of(place), reason="Kho", authorities=authorities)

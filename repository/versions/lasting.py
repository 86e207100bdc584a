"""Copies for readers: a signed PDF once more, with everything that proves its signatures inside and stamped (PAdES B-LTA), in a
representation of its own. The original is never rewritten, and the archive's own proof stays the evidence over it.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from formats.package.spool import Spool
from policies.findings import Finding, Findings, KhoError
from policies.phrases import phrase
from repository.aip.enclosures import Enclosures
from repository.archive import Archive
from repository.deposits.ingest import AIP_NAMESPACE
from repository.evidence.proving import Proving
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from repository.model import Aip, AipFile, DepositState
from repository.progress import Silent
from repository.settings.authorities import authorities_of
from repository.signed.files import validate_file
from repository.signed.holdings import data_of, signed_files, taken, validate_aip
from repository.signed.records import FileReport
from repository.signed.trust import context_of
from repository.versions.batches import sealed_deposit
from repository.versions.campaigns import KeepAndRegister
from repository.versions.derivation import add_result
from signatures.report import Role

if TYPE_CHECKING:
    from signatures.judgement import Context, ValidationData

__all__ = ["LastingCopies"]

NAME: Final = "pades-lta"
"""What the representations of such copies are named after (docs/on-disk.md)."""

COPY: Final = re.compile(rf"representations/([^/]+)\.{re.escape(NAME)}\.v\d+/(.+)")


class LastingCopies:
    """make → keep on each tier → register, for one AIP. The argument: {"aip", "tiers", "actor"}. Returns {"copies": how many were made,
    "there": how many have one or need none, "findings": [[code, path, args]…]: the signed PDFs of which none could be made}."""

    def __init__(self, archive: Archive, keep_and_register: KeepAndRegister) -> None:
        self._archive = archive
        self._keep_and_register = keep_and_register

    def __call__(self, steps: Steps, argument: Json) -> Json:
        done: dict[str, Any] = steps.run("make", self._make, steps.job_id, argument["aip"])
        self._keep_and_register(steps, done.pop("deposits"), argument["tiers"])
        return done

    def _make(self, step: Step, job_id: str, aip_id: str) -> dict[str, Any]:
        archive = self._archive
        deposit_id = str(uuid.uuid5(AIP_NAMESPACE, f"{NAME}:{job_id}:{aip_id}"))
        known = archive.catalog.deposits.find(deposit_id)
        if known is not None:  # sealed when this step was run before
            there = [known.id] if known.state is DepositState.ACCEPTED else []
            return {"copies": len(there), "there": 0, "findings": [], "deposits": there}
        aip = archive.catalog.holdings.get(aip_id)
        archive.spools.remove(deposit_id)
        work = _Work(archive, aip, archive.spools.get(deposit_id))
        work.copy()
        deposits = [self._sealed(work, deposit_id)] if work.made else []
        if not work.made:
            archive.spools.remove(deposit_id)
        rows = [[each.code, each.path, dict(each.args)] for each in work.findings]
        found = [each for each in deposits if each]
        return {"copies": work.made if found else 0, "there": work.there, "findings": rows, "deposits": found}

    def _sealed(self, work: _Work, deposit_id: str) -> str:
        """The deposit of the version that brings the copies; "" when another version came first."""
        detail: dict[str, str | int] = {
            "path": NAME,
            "files": work.made,
            "tool": "pyHanko",
            "authority": ", ".join(work.authorities),
        }
        event = replace(
            ledger_of(self._archive).event("migration", "success", detail=detail),
            aip_id=work.aip.id,
            aip_version=work.aip.version + 1,
            deposit_id=deposit_id,
        )
        deposit = sealed_deposit(
            self._archive,
            work.aip,
            deposit_id=deposit_id,
            source=NAME,
            key=f"{NAME}:{deposit_id}",
            reason="copies of signed PDF files for readers (PAdES B-LTA)",
            events=[event],
            findings=Findings(),
        )
        return deposit.id if deposit is not None else ""


@dataclass
class _Work:
    """The copies of one AIP, put into the spool of the version that is to hold them. What could not be copied is a finding."""

    archive: Archive
    aip: Aip
    spool: Spool
    made: int = 0
    there: int = 0
    findings: list[Finding] = field(default_factory=list)
    authorities: Counter[str] = field(default_factory=Counter)

    def copy(self) -> None:
        """Raises `UnknownAip`, `AipUnreadable`."""
        context = context_of(self.archive, self.archive.clock.now())
        prove = Proving(self.archive, self.aip.id, context)
        reports = validate_aip(self.archive, self.aip.id, context, Silent(), prove=prove)
        files = signed_files(self.archive, self.aip.id, {each.path for each in reports})
        copied = set(self._copied())
        kept = [data for _, data in data_of(self.archive, self.aip.id)]
        for report in reports:
            signatures = [each for each in report.signatures if each.role is not Role.TIMESTAMP]
            if not signatures or any(each.kind.value != "PAdES" for each in signatures) or COPY.fullmatch(report.path):
                continue
            if report.path in copied or all(each.level == "PAdES-LTA" for each in signatures):
                self.there += 1
            elif not all(each.verdict.passed for each in signatures):
                verdict = next(str(each.verdict) for each in signatures if not each.verdict.passed)
                self._not(report.path, verdict)
            else:
                self._copy(report, files[report.path], kept, context)

    def _copied(self) -> Iterator[str]:
        """The originals of which there is a copy."""
        for file in self.archive.catalog.holdings.files(self.aip.id):
            match = COPY.fullmatch(file.path)
            if match:
                yield f"representations/{match[1]}/{match[2]}"

    def _not(self, path: str, reason: str) -> None:
        self.findings.append(Finding("SIG-NO-COPY", path, {"reason": reason}))

    def _copy(self, report: FileReport, file: AipFile, kept: list[ValidationData], context: Context) -> None:
        from signatures.lasting import LEVEL, lasting_copy

        authorities = authorities_of(self.archive.settings.home, self.archive.settings.authorities, self.archive.clock.now)
        real = [each for each in authorities if each.evidence]
        if not real:
            self._not(report.path, phrase("no-authority-for-copy"))
            return
        _, representation, rest = report.path.split("/", 2)
        stored = f"representations/{representation}.{NAME}.v{self.aip.version + 1}/{rest}"
        with tempfile.TemporaryDirectory(prefix="kho-lasting-") as folder:
            original = taken(self.archive, self.aip.id, file, Path(folder) / "original.pdf")
            try:
                data, authority = lasting_copy(original.read_bytes(), kept, real, self.archive.clock.now())
            except KhoError as error:
                self._not(report.path, str(error.finding.args.get("reason", error)))
                return
            target = Path(folder) / "copy.pdf"
            target.write_bytes(data)
            judged = validate_file(target, context, name=stored, beside=kept)
            wrong = [each for each in judged.signatures if each.role is not Role.TIMESTAMP]
            wrong = [each for each in wrong if not (each.verdict.passed and each.level == LEVEL)]
            if wrong or not judged.signatures:  # what is handed to readers must be what it says
                self._not(report.path, str(wrong[0].verdict) if wrong else phrase("no-signature-to-report"))
                return
            known = next(answer for _, answer in self.archive.identifier.identify([target]))
        add_result(self.spool, stored, BytesIO(data), source=report.path, tool="pyHanko", known=known)
        enclosures = Enclosures(self.spool)
        for path, content in judged.files():
            enclosures.add(path, content)
        self.spool.commit()
        self.made += 1
        self.authorities[authority] += 1

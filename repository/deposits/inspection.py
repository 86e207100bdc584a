"""Inspect: validate and characterise every file of a deposit by its format, and remember what was found beside the items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from formats.characterise.intake import intake_facts
from formats.inspection import Inspection, InspectionReport
from formats.package.names import shown_name
from formats.package.source import Spooled
from formats.package.spool import Spool
from formats.report import FormatReport
from formats.validate import ValidationFacts
from policies.findings import Findings, Puid
from repository.aip.sealing import SPOOLED, received
from repository.archive import Archive
from repository.deposits.schemas import schemas_of
from repository.progress import Progress

__all__ = ["each_file", "inspect"]


def inspect(archive: Archive, spool: Spool, findings: Findings, progress: Progress) -> None:
    """Let the inspectors look at every identified file. What the policy turns off is a finding: nothing is then known to be valid."""
    policy = archive.policy.inspection
    if not (archive.policy.identify and policy.validate):
        findings.add("VAL-OFF")  # without a format there is nothing to be valid as
    if not archive.policy.identify or not (policy.validate or policy.characterise):
        return
    progress.start("validate", spool.files, "files")
    spool.commit()
    report = InspectionReport(spool.database)
    spool.database.execute("BEGIN")
    with schemas_of(archive, spool, findings) as schemas:
        report.add(_found(archive, spool, schemas, findings, progress))
    spool.commit()
    progress.finish()


def _found(
    archive: Archive, spool: Spool, schemas: Path | None, findings: Findings, progress: Progress
) -> Iterator[tuple[str, Inspection]]:
    """(spooled file, what was found); the findings are told on the way."""
    policy = archive.policy.inspection
    facts = ValidationFacts()
    formats = FormatReport(spool.database)
    start = len(str(spool.folder / "files")) + 1
    files = _identified(spool, formats, progress)
    asked = archive.inspectors.inspect(files, validate=policy.validate, characterise=policy.characterise, schemas=schemas)
    for path, found in asked:
        file = str(path)[start:]
        known = formats.get(file)
        puid = known.puid if known else Puid("")
        name = shown_name(received(spool, f"{SPOOLED}{file}")[0])
        if found.validation is not None:
            for finding in facts.of(name, puid, found.validation):
                findings.append(finding)
        if policy.intake is not None:
            for finding in intake_facts(name, puid, found.properties, policy.intake, drawings=policy.drawings):
                findings.append(finding)
        progress.advance(1)
        yield file, found
    for finding in facts.summary():
        findings.append(finding)


def _identified(spool: Spool, formats: FormatReport, progress: Progress) -> Iterator[tuple[Path, Puid]]:
    """Files with their formats. An empty one has none and is sound as it is; one that nobody could identify is looked at too, so
    that it is said of it that it was not validated."""
    for each in each_file(spool):
        if each.item.size:
            known = formats.get(each.file)
            yield spool.path(each), known.puid if known else Puid("")
        else:
            progress.advance(1)


def each_file(spool: Spool) -> Iterator[Spooled]:
    """Every received file once (an alias is a second place in the AIP, not a second file)."""
    last = ""
    for spooled in spool.spooled(order="name"):
        if spooled.file and spooled.file != last:
            last = spooled.file
            yield spooled

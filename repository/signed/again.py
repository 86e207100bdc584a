"""Looking at the signatures of a kept AIP again: what can be had now that could not be had before."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from repository.archive import Archive
from repository.signed.examiner import told
from repository.signed.files import opened
from repository.signed.holdings import Others, covered_path, data_of, kept_reports, signed_files, taken
from repository.signed.received import Received, in_order
from repository.signed.records import DATA, FileReport

if TYPE_CHECKING:
    from signatures.judgement import Context, ValidationData
    from signatures.poe import Proof
    from signatures.signed import SignedFile, Source
    from signatures.validation_data import Collector

__all__ = ["Again", "look_again"]


@dataclass
class Again:
    """What came of it: reports by file, ``data`` that is new (logical path → content), and counts by code."""

    reports: list[FileReport] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(logical path, content) of what a new version is to bring."""
        yield from self.data.items()
        for report in self.reports:
            yield from report.files()


def look_again(archive: Archive, aip_id: str, context: Context, collector: Collector) -> Again:
    """Collect for every signed file of an AIP, and judge it anew with all that is there then.

    Raises `UnknownAip`, `AipUnreadable`.
    """
    reports = list(kept_reports(archive, aip_id))
    known = {str(report["path"]) for report in reports}
    files = signed_files(archive, aip_id, known)
    before = [each for _, each in data_of(archive, aip_id)]
    names = {path for path, _ in data_of(archive, aip_id)}
    again, received = Again(), Received()
    with tempfile.TemporaryDirectory(prefix="kho-signatures-") as work:
        for path in in_order([each for each in reports if each["path"] in files]):
            signed = taken(archive, aip_id, files[path], Path(work) / "signed")
            content = None
            if covered_path(path) in files:
                content = taken(archive, aip_id, files[covered_path(path)], Path(work) / "content")
            found = _source(signed, path, content, Others(archive, aip_id, path, Path(work)))
            report = _looked(found, files[path].sha256, context, collector, before, received.proofs.get(path))
            received.take(report[0])
            fresh = {f"{DATA}/{name}": der for name, der in report[1].items() if f"{DATA}/{name}" not in names}
            again.data |= fresh
            again.reports.append(report[0])
            again.counts.update(finding.code for finding in told(report[0], path))
    return again


def _source(signed: Path, path: str, content: Path | None, others: Others) -> Source:
    from signatures.signed import Source

    beside = [(content.name, partial(opened, content))] if content else []
    return Source(signed, path, lambda: beside, others.named, others.holding)


def _looked(
    source: Source,
    sha256: str,
    context: Context,
    collector: Collector,
    before: list[ValidationData],
    existed: Proof | None,
) -> tuple[FileReport, Mapping[str, bytes]]:
    from signatures.judgement import judge
    from signatures.reading import read_signatures
    from signatures.signed import SignedFile

    file = read_signatures(source, context.anchors.known) or SignedFile()
    kept = collector.collect(_with(file, before), context.at)
    reports = judge(file, context, existed=existed, beside=[*before, kept.data()])
    data = dict(kept.files())
    return FileReport.of(source.name, sha256, reports, context, data=list(data), missing=kept.failures), data


def _with(file: SignedFile, before: list[ValidationData]) -> SignedFile:
    """The file as if the data kept for it were inside: what is there already is not asked for again."""
    return replace(
        file,
        certificates=(*file.certificates, *(c for each in before for c in each.certificates)),
        crls=(*file.crls, *(der for each in before for der in each.crls)),
        ocsps=(*file.ocsps, *(der for each in before for der in each.ocsps)),
    )

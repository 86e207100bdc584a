"""Judging any evidence record over files: needs no archive, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from formats.xml import NotLookedAt, NotWellFormed
from policies.trust import Algorithms, default_algorithms, parse_algorithms
from repository.errors import SourceMissing
from repository.signed.files import Folder, opened

if TYPE_CHECKING:
    from signatures.evidence import EvidenceReport
    from signatures.timestamps import Trust
    from signatures.xaip import Xaip
    from signatures.xaip_credentials import Handed

__all__ = ["Judging", "algorithms_in", "judge", "judge_each"]


@dataclass(frozen=True, slots=True)
class Judging:
    """What a record is held against. ``digests`` are objects given by a digest only: name → algorithm → value; ``later`` files that came in
    with a later chain (from 0), a hash-tree renewal. ``at`` None asks for integrity alone. Without ``anchors`` nobody is
    held against any; where those that are given hold none, nobody is believed."""

    files: Sequence[Path]
    digests: Mapping[str, Mapping[str, bytes]]
    anchors: Sequence[Path] = ()
    at: datetime | None = None
    algorithms: Algorithms | None = None
    whole_group: bool = False
    later: Sequence[tuple[int, Path]] = ()


def judge(record: Path, judging: Judging) -> EvidenceReport:
    """What ``record`` proves; of several in one package, the first that proves nothing. Raises as `judge_each`."""
    reports = [each for _, each in judge_each(record, judging)]
    return next((each for each in reports if not each.valid), reports[0])


def judge_each(record: Path, judging: Judging) -> list[tuple[str, EvidenceReport]]:
    """(name, what it proves) of every record in the file: of one, without a name, but where a package of TR-ESOR holds several.

    Raises:
        SourceMissing: a file is not there. OSError comes through as it is. AnchorsUnusable.
    """
    from signatures.anchors import anchors_at
    from signatures.errors import InvalidRecord
    from signatures.evidence import EvidenceReport
    from signatures.evidence_files import handed_in
    from signatures.timestamps import Trust
    from signatures.xaip_verifier import opened_package

    for path in (record, *judging.files, *(path for _, path in judging.later)):
        if not path.is_file():
            raise SourceMissing(str(path))
    trust = Trust(anchors_at(judging.anchors)) if judging.at and judging.anchors else None
    package = opened_package(partial(opened, record))
    try:
        handed = [handed_in(partial(opened, record))] if package is None else list(package.records())
    except (InvalidRecord, NotWellFormed) as error:
        report = EvidenceReport()
        wrong = (
            error
            if isinstance(error, InvalidRecord)
            else InvalidRecord("record", error.reason, error.line, beyond=isinstance(error, NotLookedAt))
        )
        report.findings.append(wrong.finding)
        return [("", report)]
    if not handed:
        return [("", _verified(None, record, None, judging, trust))]
    return [(each.name, _verified(each, record, package, judging, trust)) for each in handed]


def _verified(handed: Handed | None, record: Path, package: Xaip | None, judging: Judging, trust: Trust | None) -> EvidenceReport:
    """One record over the objects given: files, digests, and what a package of TR-ESOR (given, or around the record) protects."""
    from signatures.evidence import DataObject, data_object, verify_record
    from signatures.xaip import Protected
    from signatures.xaip_verifier import opened_package

    encoded = handed.encoded if handed else b""
    objects = [DataObject(name, digests) for name, digests in judging.digests.items()]
    within = [(record, package)] if package is not None else []
    for path in judging.files:
        other = opened_package(partial(opened, path)) if handed else None
        plain = data_object(str(path), partial(opened, path))
        if other is None or verify_record(encoded, [plain]).covered:
            objects.append(plain)
        else:
            within.append((path, other))
    objects += [replace(data_object(str(path), partial(opened, path)), since=chain) for chain, path in judging.later]
    protected: list[Protected] = []
    for path, each in within:
        assert handed is not None, "a package is looked into for a record"
        protected.append(each.protected(handed, Folder(path).named))
        objects += protected[-1].objects
    report = verify_record(
        encoded,
        objects,
        at=judging.at,
        trust=trust,
        algorithms=judging.algorithms or default_algorithms() if judging.at else None,
        whole_group=judging.whole_group,
    )
    for (path, _), found in zip(within, protected, strict=True):
        if found.reason or found.refused:
            report.findings.add("EVD-PACKAGE", str(path), reason=found.reason or found.refused)
        if found.missing:
            report.findings.add("EVD-OBJECT-MISSING", str(path), object=found.missing[0], count=len(found.missing))
        if found.left:
            report.findings.add("EVD-PART-ONLY", str(path), left=", ".join(found.left))
    return report


def algorithms_in(home: Path, named: str) -> Algorithms:
    """The dated algorithm policy that an archive names, or the one shipped. Raises AlgorithmsError, OSError."""
    if not named:
        return default_algorithms()
    file = home / named
    return parse_algorithms(file.read_bytes(), name=str(file))

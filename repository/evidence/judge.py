"""Judging any evidence record over files: needs no archive, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fixity.digests import ALGORITHMS, hash_file
from policies.findings import Findings
from policies.trust import Algorithms, default_algorithms, parse_algorithms
from repository.errors import SourceMissing

if TYPE_CHECKING:
    from signatures.evidence import DataObject, EvidenceReport

__all__ = ["Judging", "algorithms_in", "judge"]


@dataclass(frozen=True, slots=True)
class Judging:
    """What a record is held against. ``digests`` are objects given by a digest only: name → algorithm → value. ``at`` None asks for
    integrity alone."""

    files: Sequence[Path]
    digests: Mapping[str, Mapping[str, bytes]]
    anchors: Sequence[Path] = ()
    at: datetime | None = None
    algorithms: Algorithms | None = None
    whole_group: bool = False


def judge(record: Path, judging: Judging) -> EvidenceReport:
    """What ``record`` proves.

    Raises:
        SourceMissing: a file is not there. OSError comes through as it is. AuthoritySettings: anchors cannot be read.
    """
    from signatures.errors import InvalidRecord
    from signatures.evidence import DataObject, EvidenceReport, read_record, verify_record
    from signatures.timestamps import Trust, load_anchors

    for path in (record, *judging.files):
        if not path.is_file():
            raise SourceMissing(str(path))
    data = record.read_bytes()
    try:
        names = read_record(data).hashes
    except InvalidRecord as error:
        findings = Findings()
        findings.append(error.finding)
        return EvidenceReport(findings)
    objects = [_object(path, names) for path in judging.files]
    objects += [DataObject(name, digests) for name, digests in judging.digests.items()]
    return verify_record(
        data,
        objects,
        at=judging.at,
        trust=Trust(load_anchors(str(record), judging.anchors)) if judging.at else None,
        algorithms=judging.algorithms or default_algorithms() if judging.at else None,
        whole_group=judging.whole_group,
    )


def _object(path: Path, names: Iterable[str]) -> DataObject:
    from signatures.evidence import DataObject

    own = {_OWN_NAMES[name]: name for name in names}
    _, digests = hash_file(path, own)
    return DataObject(str(path), {own[name]: digest.value for name, digest in digests.items()})


_OWN_NAMES = {theirs: ours for ours, theirs in ALGORITHMS.items()}
"""hashlib's names of algorithms → those of `fixity.digests`."""


def algorithms_in(home: Path, named: str) -> Algorithms:
    """The dated algorithm policy that an archive names, or the one shipped. Raises AlgorithmsError, OSError."""
    if not named:
        return default_algorithms()
    file = home / named
    return parse_algorithms(file.read_bytes(), name=str(file))

"""Judging any evidence record over files: needs no archive, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from policies.trust import Algorithms, default_algorithms, parse_algorithms
from repository.errors import SourceMissing
from repository.signed.files import opened

if TYPE_CHECKING:
    from signatures.evidence import EvidenceReport

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
    from signatures.evidence import DataObject, data_object, verify_record
    from signatures.timestamps import Trust, load_anchors

    for path in (record, *judging.files):
        if not path.is_file():
            raise SourceMissing(str(path))
    objects = [data_object(str(path), partial(opened, path)) for path in judging.files]
    objects += [DataObject(name, digests) for name, digests in judging.digests.items()]
    return verify_record(
        record.read_bytes(),
        objects,
        at=judging.at,
        trust=Trust(load_anchors(str(record), judging.anchors)) if judging.at else None,
        algorithms=judging.algorithms or default_algorithms() if judging.at else None,
        whole_group=judging.whole_group,
    )


def algorithms_in(home: Path, named: str) -> Algorithms:
    """The dated algorithm policy that an archive names, or the one shipped. Raises AlgorithmsError, OSError."""
    if not named:
        return default_algorithms()
    file = home / named
    return parse_algorithms(file.read_bytes(), name=str(file))

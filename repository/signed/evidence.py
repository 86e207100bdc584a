"""Evidence records as proofs for validation: which bytes existed since when, by records whose authorities are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from formats.xml import NotWellFormed
from policies.findings import Finding
from repository.errors import SourceMissing

if TYPE_CHECKING:
    from signatures.evidence import DataObject
    from signatures.judgement import Context, ValidationData
    from signatures.poe import Proof
    from signatures.timestamps import Trust

__all__ = ["Records", "read_records"]


@dataclass
class Records:
    """Records of evidence that were handed over, held against the anchors and the date of a ``context`` and what lies ``beside``."""

    records: Sequence[bytes]
    context: Context
    beside: Sequence[ValidationData] = ()
    findings: list[Finding] = field(default_factory=list)
    _trust: Trust | None = None

    def proof_of(self, item: DataObject) -> Proof | None:
        """The earliest proof that any of the records gives of one object; why a record gave none is in ``findings``."""
        from signatures.evidence_proof import proof_from, stamp_trust
        from signatures.judgement import heard_beside

        if self._trust is None:
            heard = heard_beside(self.context.anchors, self.beside)
            known = (certificate for each in self.beside for certificate in each.certificates)
            self._trust = stamp_trust(self.context.anchors, heard, known=known)
        found: list[Proof] = []
        for record in self.records:
            proven = proof_from(record, [item], trust=self._trust, algorithms=self.context.algorithms, at=self.context.at)
            if proven.proof is not None:
                found.append(proven.proof)
            else:
                self.findings += proven.findings
        return min(found, key=lambda each: each.time, default=None)


def read_records(paths: Sequence[Path]) -> list[bytes]:
    """The records in files, whatever they are wrapped in. Raises `SourceMissing`, `InvalidRecord`, OSError."""
    from repository.signed.files import opened
    from signatures.errors import InvalidRecord
    from signatures.evidence_files import handed_in

    found = []
    for path in paths:
        if not path.is_file():
            raise SourceMissing(str(path))
        try:
            found.append(handed_in(partial(opened, path)).encoded)
        except NotWellFormed as error:
            raise InvalidRecord(str(path), error.reason, error.line) from error
    return found

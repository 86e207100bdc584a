"""Evidence records as proofs for validation: which bytes existed since when, by records whose authorities are trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from policies.findings import Finding
from repository.errors import SourceMissing

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.poe import Proof
    from signatures.timestamps import Trust

__all__ = ["BytesDigests", "Records", "read_records"]

CHUNK = 1 << 20
LARGEST = 64 << 20
"""Bytes of one evidence record; renewed over centuries one has some hundred kilobytes."""


class BytesDigests(Mapping[str, bytes]):
    """The digests of a file or of bytes, each computed when it is first asked for. KeyError: an algorithm that is not known."""

    def __init__(self, source: Path | bytes) -> None:
        self._source = source
        self._known: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            try:
                hasher = hashlib.new(name)
            except ValueError as error:
                raise KeyError(name) from error
            for chunk in self._chunks():
                hasher.update(chunk)
            self._known[name] = hasher.digest()
        return self._known[name]

    def _chunks(self) -> Iterator[bytes]:
        if isinstance(self._source, bytes):
            yield self._source
            return
        with self._source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass
class Records:
    """Records of evidence that were handed over, held against the anchors and the date of a ``context``."""

    records: Sequence[bytes]
    context: Context
    crls: Sequence[bytes] = ()
    findings: list[Finding] = field(default_factory=list)
    _trust: Trust | None = None

    def proof_of(self, name: str, digests: Mapping[str, bytes]) -> Proof | None:
        """The earliest proof that any of the records gives of one object; why a record gave none is in ``findings``."""
        from signatures.evidence_proof import proof_from, stamp_trust

        if self._trust is None:
            self._trust = stamp_trust(self.context.anchors, self.crls)
        found: list[Proof] = []
        for record in self.records:
            proven = proof_from(
                record, {name: digests}, trust=self._trust, algorithms=self.context.algorithms, at=self.context.at
            )
            if proven.proof is not None:
                found.append(proven.proof)
            else:
                self.findings += proven.findings
        return min(found, key=lambda each: each.time, default=None)


def read_records(paths: Sequence[Path]) -> list[bytes]:
    """Raises `SourceMissing`, OSError."""
    found = []
    for path in paths:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise SourceMissing(str(path))
        found.append(path.read_bytes())
    return found

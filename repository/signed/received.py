"""What evidence records that came with files prove of those files: whoever judges their signatures judges the records first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repository.model import AipFile
from repository.signed.records import FileReport

if TYPE_CHECKING:
    from signatures.poe import Proof

__all__ = ["Received", "in_order"]


def in_order(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """The paths of signed files, evidence records first: what they cover is judged with what they prove."""
    evidence = {str(report["path"]) for report in reports if any(each.get("role") == "evidence" for each in report["signatures"])}
    return sorted((str(report["path"]) for report in reports), key=lambda path: (path not in evidence, path))


@dataclass
class Received:
    """What the evidence records that came with an AIP prove of its other files: path → the earliest proof."""

    proofs: dict[str, Proof] = field(default_factory=dict)

    def take(self, report: FileReport) -> None:
        """Remember what the records in one file prove, as far as they passed."""
        from signatures.poe import Proof

        for each in report.signatures:
            if each.role.value == "evidence" and each.verdict.passed and each.claimed is not None:
                for path in each.coverage.files if each.coverage.scope == "beside" else ():
                    known = self.proofs.get(path)
                    if known is None or each.claimed < known.time:
                        self.proofs[path] = Proof(each.claimed, "evidence")

    def with_ours(self, prove: Callable[[AipFile], Proof | None]) -> Callable[[AipFile], Proof | None]:
        """``prove``, or what the records prove where that is earlier."""

        def earliest(file: AipFile) -> Proof | None:
            both = [each for each in (prove(file), self.proofs.get(file.path)) if each is not None]
            return min(both, key=lambda each: each.time, default=None)

        return earliest

"""Judging a file as tests want it: bytes in, reports out, everything else by name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from policies.findings import spoken
from policies.trust import Algorithms, default_algorithms
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.reading import read_signatures
from signatures.report import Role, SignatureReport
from signatures.signed import SignedFile, Source
from tests.signatures.pki import Pki


def read(folder: Path, data: bytes, name: str = "file", beside: dict[str, bytes] | None = None) -> SignedFile:
    path = folder / name
    path.write_bytes(data)
    others = [(each, lambda content=content: io.BytesIO(content)) for each, content in (beside or {}).items()]
    found = read_signatures(Source(path, name, lambda: others))
    assert found is not None, "no signature was detected"
    return found


def signature(
    folder: Path,
    pki: Pki,
    data: bytes,
    at: datetime,
    *,
    anchors: Sequence[Certificate] | None = None,
    algorithms: Algorithms | None = None,
    existed: Proof | None = None,
    crls: Sequence[bytes] | None = None,
    beside: dict[str, bytes] | None = None,
    kept: Sequence[ValidationData] = (),
) -> SignatureReport:
    """The report of the first signature that is no time-stamp, in English. ``crls`` are what can be had at ``at`` (the authorities'
    lists)."""
    fresh = ValidationData(crls=tuple(pki.crls(at) if crls is None else crls))
    context = Context(Anchors.of(pki.anchors() if anchors is None else anchors), algorithms or default_algorithms(), at)
    reports = judge(read(folder, data, beside=beside), context, existed=existed, beside=[fresh, *kept])
    return in_english(next(each for each in reports if each.role is not Role.TIMESTAMP))


def in_english(report: SignatureReport) -> SignatureReport:
    """The report with the phrases in its coverage said as a reader in English finds them."""
    coverage = report.coverage
    said = replace(coverage, files=tuple(map(spoken, coverage.files)), left=tuple(map(spoken, coverage.left)))
    return replace(report, coverage=said)

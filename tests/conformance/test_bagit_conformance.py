"""The Library of Congress conformance suite for BagIt, under its own case names (test input, not part of the project)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from formats.package import recognise
from formats.package.directory import FolderSource
from policies.findings import Findings, Weight

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))
SUITE = CORPORA / "bagit-conformance"

CASES = sorted(case for case in SUITE.glob("v*/*/*") if case.is_dir())

pytestmark = pytest.mark.skipif(not CASES, reason=f"the BagIt conformance suite is not at {SUITE}")


def expected(case: Path) -> str:
    return {"linux-only": "invalid", "windows-only": "invalid"}.get(case.parent.name, case.parent.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(SUITE).as_posix())
def test_verdict(case: Path) -> None:
    findings = Findings()
    source = FolderSource(case, findings)
    form = recognise(source)
    assert form.name == "bagit"
    form.check(source, findings)
    found = {finding.code for finding in findings}
    if expected(case) == "invalid":
        assert not findings.ok, found
    elif expected(case) == "warning":
        assert findings.worst is Weight.WARNING, found
    else:
        assert findings.ok, found
        if "leading-dot-slash" not in case.name:  # the suite calls the same thing a warning in "relative-path"
            assert findings.worst is Weight.INFO, found


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 60

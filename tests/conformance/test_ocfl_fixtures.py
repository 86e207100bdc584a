"""The official OCFL fixtures, under their own case names (test input, not part of the project)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from policies.findings import Findings, Weight
from repository.progress import Silent
from repository.verify import verify_path
from storage.memory import MemoryBackend
from storage.ocfl.check import check_object, check_path

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))
SUITE = CORPORA / "ocfl-fixtures"

CASES = sorted(case for case in SUITE.glob("1.*/*-objects/*") if case.is_dir())

pytestmark = pytest.mark.skipif(not CASES, reason=f"the OCFL fixtures are not at {SUITE}")


def named(case: Path) -> set[str]:
    """The codes in a case's name."""
    return set(re.findall(r"(?:^|(?<=_))[EW]\d{3}(?=_)", case.name))


def judge(case: Path, findings: Findings) -> None:
    codes = set(findings.counts)
    assert named(case) <= codes, codes
    if case.parent.name == "bad-objects":
        assert not findings.ok
    elif case.parent.name == "warn-objects":
        assert findings.worst is Weight.WARNING
        assert codes == named(case)
    else:
        assert not codes


def test_the_suite_is_whole() -> None:
    assert len([case for case in CASES if case.parts[-3] == "1.1"]) == 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(SUITE).as_posix())
def test_on_disk(case: Path) -> None:
    findings = Findings()
    check_path(case, findings)
    judge(case, findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(SUITE).as_posix())
def test_in_a_store_without_folders(case: Path) -> None:
    backend = MemoryBackend()
    for path in sorted(case.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                backend.put(f"some/where/{path.relative_to(case).as_posix()}", stream)
    findings = Findings()
    check_object(backend, "some/where", findings)
    judge(case, findings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(SUITE).as_posix())
def test_by_the_command(case: Path) -> None:
    findings = Findings()
    verify_path(case, findings, Silent())
    judge(case, findings)


@pytest.mark.parametrize("kept", [[], [".keep"]])
def test_a_folder_that_holds_nothing_is_judged_as_an_object(tmp_path: Path, kept: list[str]) -> None:
    for name in kept:
        (tmp_path / name).touch()
    findings = Findings()
    assert verify_path(tmp_path, findings, Silent()) == "unrecognised"
    assert {"VER-UNRECOGNISED", "E003", "E063"} <= set(findings.counts)
    (tmp_path / "a.txt").touch()
    findings = Findings()
    verify_path(tmp_path, findings, Silent())
    assert set(findings.counts) == {"VER-UNRECOGNISED"}

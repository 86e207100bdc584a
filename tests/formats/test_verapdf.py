"""The adapter of veraPDF, by a stand-in for its command that gives reports in its two forms (before and since 1.25)."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from formats.validate import Validity, Why
from formats.validate.choice import Choice
from policies.findings import Puid
from tests.formats.sample_files import pdf

PDFA_2A = Puid("fmt/476")
RULE = {"specification": "ISO 19005-2:2011", "clause": "6.8.3.3", "description": "The catalog has no StructTreeRoot"}


def result(*, compliant: bool) -> dict[str, Any]:
    return {"compliant": compliant, "details": {"ruleSummaries": [] if compliant else [RULE]}}


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pdf(tmp_path / "a.pdf")
    return tmp_path / "a.pdf"


def command(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    program = folder / "verapdf"
    text = f"#!{sys.executable} -IS\nimport sys\nif '--version' in sys.argv: print('veraPDF 1.26.2'); sys.exit()\n"
    program.write_text(f"{text}assert sys.argv[1:5] == ['--format', 'json', '--flavour', '2a'], sys.argv\nprint({answer!r})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("listed", [False, True], ids=["one result", "a list of results"])
@pytest.mark.parametrize("compliant", [True, False])
def test_what_verapdf_says_counts(document: Path, monkeypatch: pytest.MonkeyPatch, compliant: bool, listed: bool) -> None:
    said = result(compliant=compliant)
    report = {"report": {"jobs": [{"validationResult": [said] if listed else said}]}}
    command(document.parent, monkeypatch, json.dumps(report))
    found = Choice().validate(document, PDFA_2A)
    assert found.validity is (Validity.VALID if compliant else Validity.INVALID)
    assert found.checks[-1] == "veraPDF 1.26.2"
    if not compliant:
        assert found.defects[0].rule == "ISO 19005-2:2011 6.8.3.3"


@pytest.mark.parametrize("answer", ["", "{}", '{"report": {"jobs": []}}', "java.lang.OutOfMemoryError"])
def test_a_report_that_is_none_is_no_pass(document: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    command(document.parent, monkeypatch, answer)
    found = Choice().validate(document, PDFA_2A)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)


def test_without_it_level_a_is_not_validated(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(document.parent))
    found = Choice().validate(document, PDFA_2A)
    assert found.validity is not Validity.VALID

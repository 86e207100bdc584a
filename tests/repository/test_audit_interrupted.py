"""The auditor, killed at random moments: no result is lost, none is counted twice, and what is covered is what was planned."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def interrupted(tmp_path: Path, kills: int, seconds: int) -> None:
    script = Path(__file__).with_name("interrupted_auditor.py")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{script.parent}"}
    command = [sys.executable, str(script), str(tmp_path / "archive"), str(kills), "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(f"killed {kills} times")


def test_an_auditor_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    interrupted(tmp_path, 8, 300)


@pytest.mark.proof
def test_an_auditor_that_is_killed_a_thousand_times(tmp_path: Path) -> None:
    interrupted(tmp_path, 1_000, 7_200)

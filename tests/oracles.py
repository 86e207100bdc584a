"""Other people's validators, run as processes in environments of their own, so that Kho is not its own judge."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

__all__ = ["ocfl_py_findings", "ocfl_py_report"]

_SCRIPT = Path(__file__).parents[1] / "scripts" / "oracle-env"

_VALIDATE = """
import json, os, sys
from ocfl.validator import Validator

def objects(top):
    for folder, folders, files in os.walk(top):
        if any(name.startswith("0=ocfl_object_") for name in files) or folder == top and not any(n.startswith("0=ocfl_") for n in files):
            folders.clear()
            yield folder

report = {}
for top in json.load(sys.stdin):
    codes = report.setdefault(top, [])
    for folder in objects(top):
        validator = Validator(log_warnings=True)
        try:
            good = validator.validate_object(folder)
        except Exception as error:  # it is not made for hostile input
            codes.append("CRASH " + type(error).__name__)
            continue
        codes += sorted({code[:4] for code in validator.log.codes})
        if not good and not any(code.startswith("E") for code in codes):
            codes.append("INVALID")
json.dump(report, sys.stdout)
"""


@functools.cache
def _python() -> str | None:
    made = subprocess.run([_SCRIPT], capture_output=True, text=True, timeout=600)
    return made.stdout.strip().splitlines()[-1] if made.returncode == 0 else None


def ocfl_py_report(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """What ocfl-py 2.1 finds in objects, or in all objects of storage roots: official codes, without its own letters.

    Skips the test when ocfl-py cannot be installed here. "CRASH …" stands for a traceback of the oracle, which says nothing.
    """
    python = _python()
    if python is None:
        pytest.skip("ocfl-py could not be installed (scripts/oracle-env says why)")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = json.dumps([str(path) for path in paths])
    ran = subprocess.run(
        [python, "-W", "ignore", "-c", _VALIDATE],
        input=asked,
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        cwd="/",
    )
    assert ran.returncode == 0, ran.stderr
    return {Path(path): codes for path, codes in json.loads(ran.stdout).items()}


def ocfl_py_findings(path: Path) -> list[str]:
    """`ocfl_py_report` of one object or storage root: [] when ocfl-py finds neither errors nor warnings."""
    return ocfl_py_report([path])[path]

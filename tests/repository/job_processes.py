"""Starting, watching and killing the processes of `job_flows`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("job_flows.py")
PATIENCE = 150.0
"""Seconds that anything may take on a loaded machine."""


def start(home: Path, *words: str, database: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KHO_TEST_DATABASE": database, "PYTHONFAULTHANDLER": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(PROGRAM), str(home), *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What it printed; its standard error must hold no traceback."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out.strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def end(process: subprocess.Popen[str]) -> str:
    """Tell it to stop, and give what it wrote to standard error. One that does not says where each of its threads stands."""
    process.send_signal(signal.SIGTERM)
    try:
        _, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        _, err = process.communicate()
    assert process.returncode == 0, err
    return err


def wait_for_words(process: subprocess.Popen[str], words: str) -> None:
    """Wait until it has written ``words`` to standard error; what was read so far is gone."""
    assert process.stderr is not None
    descriptor, heard = process.stderr.fileno(), b""
    os.set_blocking(descriptor, False)

    def has_said() -> bool:
        nonlocal heard
        with contextlib.suppress(BlockingIOError):
            heard += os.read(descriptor, 1 << 16)
        return words.encode() in heard

    until(has_said)


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.02)

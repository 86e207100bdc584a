"""moto server: the one store to be had here that refuses to read what is cold until it was asked for. It proves nothing else (it lets
locks be shortened and takes wrong checksums)."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["running_moto"]

_SCRIPT = Path(__file__).parents[1] / "scripts" / "moto-env"


@contextlib.contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    """Its address, while it runs; the test is skipped, with the reason, where it cannot be had."""
    made = subprocess.run([str(_SCRIPT)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no store with cold classes to test with: {made.stderr.strip()[-200:]}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([made.stdout.strip(), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        ends = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Folders of the moment: gone when they are done with, whoever ended first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from repository.rooms import room

KILLED = """
import os, signal, sys
from pathlib import Path
from repository.rooms import room
with room(Path(sys.argv[1]), "canaries") as folder:
    (folder / "much").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    """Each kill in the wrong moment left its copies of planted damage in the home for ever."""
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2]).returncode < 0
    assert len(list(tmp_path.iterdir())) == 1
    for name in ("canaries-mine", "canaries-of-mine", "report-1-x"):
        (tmp_path / name).mkdir()
    with room(tmp_path, "canaries") as first, room(tmp_path, "canaries") as second:
        assert len({first, second}) == 2
        assert len(list(tmp_path.iterdir())) == 5
    assert {each.name for each in tmp_path.iterdir()} == {"canaries-mine", "canaries-of-mine", "report-1-x"}

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
LIVING = """
import sys, time
from pathlib import Path
from repository.rooms import room
import os
os.getpid = lambda: 2**22 + 1  # as it is seen from another container: no process here has it
with room(Path(sys.argv[1]), "canaries") as folder:
    print("in", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    """Each kill in the wrong moment left its copies of planted damage in the home for ever."""
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2]).returncode < 0
    assert len(_folders(tmp_path)) == 1
    for name in ("canaries-mine", "canaries-1-x", "report-room-x"):
        (tmp_path / name).mkdir()
    with room(tmp_path, "canaries") as first, room(tmp_path, "canaries") as second:
        assert len({first, second}) == 2
        assert not list(first.iterdir())
        assert len(_folders(tmp_path)) == 5
    assert _folders(tmp_path) == {"canaries-mine", "canaries-1-x", "report-room-x"}


def test_a_process_in_another_container_keeps_its_room(tmp_path: Path) -> None:
    """Its number is that of nobody here: its folder was removed while it worked in it."""
    alive = subprocess.Popen([sys.executable, "-c", LIVING, str(tmp_path)], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    try:
        assert alive.stdout is not None
        assert alive.stdout.readline() == b"in\n"
        with room(tmp_path, "canaries"):
            assert len(_folders(tmp_path)) == 2
        assert len(_folders(tmp_path)) == 1
    finally:
        alive.kill()
        alive.communicate()
    with room(tmp_path, "canaries"):
        assert len(_folders(tmp_path)) == 1


def _folders(place: Path) -> set[str]:
    return {each.name for each in place.iterdir() if each.is_dir()}

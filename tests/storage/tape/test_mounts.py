"""How many cartridges a plan wants to mount, told from the register alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.tape.library import Library, Place
from storage.tape.rows import Volume, VolumeState
from storage.tape.tier import TapeTier

GB = 10**9


def volume(barcode: str, used: int, capacity: int, state: VolumeState = VolumeState.OPEN) -> Volume:
    return Volume(barcode, barcode, state, 1, used * GB, capacity * GB, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("volumes", "size", "mounts"),
    [
        ([], 1, None),  # nothing tells what a cartridge holds
        ([volume("A", 0, 100)], 0, 0),
        ([volume("A", 0, 100)], 100, 1),
        ([volume("A", 0, 100)], 101, 2),
        ([volume("A", 90, 100), volume("B", 0, 100)], 100, 1),  # the emptiest first
        ([volume("A", 90, 100), volume("B", 0, 100)], 110, 2),
        ([volume("A", 90, 100), volume("B", 0, 100)], 311, 5),
        (
            [volume("A", 0, 100, VolumeState.FULL), volume("B", 50, 50)],
            250,
            3,
        ),  # no room is left: new ones as large as the largest
        ([volume("A", 0, 0)], 1, None),
    ],
)
def test_mounts_are_told_from_the_room_that_is_left(tmp_path: Path, volumes: list[Volume], size: int, mounts: int | None) -> None:
    tier = TapeTier.create(tmp_path / "t", "t", Library(Place("iscsi://127.0.0.1:1/none/0", (), tmp_path / "lock")))
    try:
        with tier.shelf(library=False) as shelf:
            for each in volumes:
                shelf.register.put_volume(each)
        assert tier.mounts_for(size * GB) == mounts
    finally:
        tier.close()

"""Restoring, moving to quarantine and forgetting survive a loss of power and a kill: what was there is in its place or in quarantine."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixity.verify import Outcome
from storage.ocfl.tier import LocalTier
from tests.faults.calls import through, without_syncs
from tests.faults.power import Recorder, load, materialise, subsets, unsafe
from tests.faults.scene import Scene

PATH = "v1/content/w/sub/b.txt"
GOOD, BAD = b"bb", b"b?"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The object of the scene's base with one altered file and one extra."""
    scene = Scene(tmp_path, "syncfs")
    top = Path(scene.open(scene.base)._folder.object_root(scene.objects[0].object_id))
    (top / PATH).chmod(0o644)
    (top / PATH).write_bytes(BAD)
    (top / "stray").write_bytes(b"stray")
    return scene


def losses(scene: Scene, act: Callable[[LocalTier], object]) -> Iterator[tuple[LocalTier, bool]]:
    """The tier, opened, after a loss of power at each call of ``act``; and whether that was after its end."""
    recorded = scene.fresh("recorded")
    recorder = Recorder(recorded)
    tier = scene.open(recorded)
    with through(recorder):
        act(tier)
    disk, chance, target = load(scene.base), random.Random(1), scene.folder / "lost"
    for done in range(len(recorder.steps) + 1):
        if done:
            recorder.steps[done - 1](disk)
        for happened in subsets(unsafe(disk), chance, every=True):
            shutil.rmtree(target, ignore_errors=True)
            materialise(disk, happened, lambda file: file.data if file.safe == file.data else b"", target)
            with through(without_syncs):
                tier = scene.open(target)
                assert [left for left in scene.leftovers(tier) if not left.endswith("/content/w/sub/")] == []
                yield tier, done == len(recorder.steps)


def kept(tier: LocalTier, data: bytes) -> bool:
    """Whether these bytes are anywhere on the tier outside tmp."""
    return any(
        file.is_file() and file.read_bytes() == data for part in ("ocfl", "quarantine") for file in (tier.path / part).rglob("*")
    )


def problems(scene: Scene, tier: LocalTier) -> dict[str, Outcome]:
    report = tier.verify(scene.objects[0].object_id, scene.old[0], cold=False)
    return {problem.path: problem.outcome for problem in report.problems}


def test_restore(scene: Scene) -> None:
    object_id, seen = scene.objects[0].object_id, set()
    digest = hashlib.sha512(GOOD).digest()
    for tier, finished in losses(scene, lambda tier: tier.restore(object_id, PATH, io.BytesIO(GOOD), digest)):
        found = problems(scene, tier)
        assert found.pop("stray") is Outcome.EXTRA
        assert found in ({PATH: Outcome.ALTERED}, {PATH: Outcome.MISSING}, {})
        assert not (finished and found)
        assert kept(tier, BAD)
        seen.add(bool(found))
    assert seen == {True, False}


def test_quarantine(scene: Scene) -> None:
    object_id, seen = scene.objects[0].object_id, set()
    for tier, finished in losses(scene, lambda tier: tier.quarantine(object_id, "stray")):
        there = "stray" in problems(scene, tier)
        assert not (finished and there)
        assert kept(tier, b"stray")
        seen.add(there)
    assert seen == {True, False}


def test_forget(scene: Scene) -> None:
    object_id, seen = scene.objects[0].object_id, set()
    for tier, finished in losses(scene, lambda tier: tier.forget(object_id)):
        there = [found.object_id for found in tier.versions()] == [object_id]
        assert there or problems(scene, tier).keys() >= {"inventory.json"}
        assert set(problems(scene, tier)) == {PATH, "stray"} or not there
        assert not (finished and there)
        seen.add(there)
    assert seen == {True, False}

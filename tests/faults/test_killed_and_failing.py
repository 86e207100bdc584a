"""kill -9, a full disk and I/O errors at every call of a group commit: the old state or the new, and nothing counted too much."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from storage.tiers import keep_on
from tests.faults.calls import Counter, Dies, Fails, through, without_syncs
from tests.faults.scene import WAYS, Scene

SAMPLE = 12
"""Calls tried of each way in a normal run; `make proof` tries all."""


def places(count: int, seed: str, *, every: bool) -> list[int]:
    return list(range(count)) if every else sorted(random.Random(seed).sample(range(count), min(SAMPLE, count)))


def calls_of(scene: Scene) -> int:
    counter = Counter()
    with through(counter):
        written = scene.open(scene.fresh()).write(scene.batch)
    assert [each.error for each in written] == [None] * 3
    assert counter.count > 40
    return counter.count


def killed_at(scene: Scene, path: Path, n: int) -> int:
    """Keep the batch in a process of its own that dies at call ``n``; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            with through(Dies(n)):
                keep_on(scene.open(path), scene.batch)
        finally:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def survives_death(scene: Scene, n: int) -> list[str]:
    path = scene.fresh()
    assert killed_at(scene, path, n) == 9
    with through(without_syncs):
        tier = scene.open(path)
        states = scene.states(tier)
        assert set(states) <= {"old", "new"}, f"call {n}: {states}"
        assert scene.leftovers(tier) == [], f"call {n}"
        scene.check_listing(tier, states)
        assert all(kept.counts for kept in keep_on(tier, scene.batch)), f"call {n}: it cannot be done again"
        assert scene.states(tier) == ["new"] * 3
        assert scene.leftovers(tier) == []
    return states


def survives_failure(scene: Scene, n: int, number: int, *, lasting: bool) -> list[bool]:
    path = scene.fresh()
    failing = Fails(n, number, lasting=lasting)
    tier = scene.open(path)
    with through(failing):
        written = tier.write(scene.batch)
    assert [(each.object_id, each.number) for each in written] == [(each.object_id, each.number) for each in scene.batch]
    with through(without_syncs):
        if n % 2:
            tier = scene.open(path)  # both the same process and a new one must cope
        tier.recover()
        states = dict(zip((sealed.object_id for sealed in scene.objects), scene.states(tier), strict=True))
        assert set(states.values()) <= {"old", "new"}, f"call {n} ({failing.failed}): {states}"
        for each in written:
            assert each.error is not None or states[each.object_id] == "new", f"call {n}: reported, and not there"
        assert scene.leftovers(tier) == [], f"call {n} ({failing.failed})"
        scene.check_listing(tier, list(states.values()))
        assert all(kept.counts for kept in keep_on(tier, scene.batch)), f"call {n}: it cannot be done again"
        assert scene.leftovers(tier) == []
    return [each.error is None for each in written]


def run_deaths(scene: Scene, *, every: bool, seed: str) -> None:
    seen = [survives_death(scene, n) for n in places(calls_of(scene), seed, every=every)]
    if every:
        assert ["old"] * 3 in seen
        assert ["new"] * 3 in seen


def run_failures(scene: Scene, *, every: bool, seed: str) -> None:
    count = calls_of(scene)
    for number, lasting in ((errno.ENOSPC, True), (errno.ENOSPC, False), (errno.EIO, False)):
        seen = [
            survives_failure(scene, n, number, lasting=lasting) for n in places(count, f"{seed}{number}{lasting}", every=every)
        ]
        assert any(not all(written) for written in seen)


def recovery_killed_at(scene: Scene, path: Path, n: int) -> int:
    """Open the tier, which recovers, in a process that dies at call ``n`` of it; 7 when there are fewer."""
    child = os.fork()
    if child == 0:
        try:
            with through(Dies(n)):
                scene.open(path)
        finally:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def survives_death_while_recovering(scene: Scene, n: int) -> int:
    """Recovery dies at each of its calls in turn, always going on from what the last one left; how often that was."""
    path = scene.fresh()
    assert killed_at(scene, path, n) == 9
    deaths = 0
    while recovery_killed_at(scene, path, deaths) == 9:
        deaths += 1
        assert deaths < 500
    with through(without_syncs):
        tier = scene.open(path)
        states = scene.states(tier)
        assert set(states) <= {"old", "new"}, f"call {n}: {states}"
        assert scene.leftovers(tier) == [], f"call {n}"
        scene.check_listing(tier, states)
        assert all(kept.counts for kept in keep_on(tier, scene.batch)), f"call {n}: it cannot be done again"
    return deaths


@pytest.mark.parametrize("way", WAYS)
def test_recovery_is_killed_too(tmp_path: Path, way: str) -> None:
    scene = Scene(tmp_path, way)
    count = calls_of(scene)
    deaths = [survives_death_while_recovering(scene, n) for n in places(count, way + "again", every=False)[-8:]]
    assert max(deaths) > 3


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS)
def test_recovery_is_killed_everywhere(tmp_path: Path, way: str) -> None:
    scene = Scene(tmp_path, way)
    assert sum(survives_death_while_recovering(scene, n) for n in range(calls_of(scene))) > 100


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_a_call(tmp_path: Path, way: str) -> None:
    run_deaths(Scene(tmp_path, way), every=False, seed=way)


@pytest.mark.parametrize("way", WAYS)
def test_a_call_fails(tmp_path: Path, way: str) -> None:
    run_failures(Scene(tmp_path, way), every=False, seed=way)


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_every_call(tmp_path: Path, way: str) -> None:
    run_deaths(Scene(tmp_path, way), every=True, seed=way)


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS)
def test_every_call_fails(tmp_path: Path, way: str) -> None:
    run_failures(Scene(tmp_path, way), every=True, seed=way)


def test_one_versions_failure_is_its_own(tmp_path: Path) -> None:
    """A damaged spool file: nothing of its version becomes visible, the others are kept."""
    scene = Scene(tmp_path, "syncfs")
    victim = next(scene.batch[0].files()).source
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    tier = scene.open(scene.fresh())
    kept = keep_on(tier, scene.batch)
    assert [each.counts for each in kept] == [False, True, True]
    assert kept[0].error is not None
    assert kept[0].error.code == "STO-SPOOL"
    assert scene.states(tier) == ["new", "old", "new"]
    assert scene.leftovers(tier) == []


def test_a_linked_file_that_was_not_what_was_sealed_is_never_counted(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "link")
    victim = next(scene.batch[0].files()).source
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    kept = keep_on(scene.open(scene.fresh()), scene.batch)
    assert [each.counts for each in kept] == [False, True, True]

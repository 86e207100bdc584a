"""A group commit survives a loss of power at any moment: the old state or the new, whole; after its end only the new one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.calls import through, without_syncs
from tests.faults.power import UNSYNCED, File, Recorder, load, materialise, subsets, unsafe
from tests.faults.scene import WAYS, Scene

SAMPLE = 120
"""States tried of each way in a normal run, out of tens of thousands; `make proof` tries all that the model makes."""


class Loss:
    """One state after a loss of power: made at ``target``, described by ``what``; ``finished``: after the report."""

    def __init__(self, what: str, *, finished: bool) -> None:
        self.what = what
        self.finished = finished


def record(scene: Scene, *, blind: bool | int) -> Recorder:
    path = scene.fresh("recorded")
    recorder = Recorder(path, blind=blind)
    tier = scene.open(path)
    with through(recorder):
        from storage.ocfl import journal

        real = journal.Transaction.finish

        def finish(transaction: journal.Transaction) -> None:
            recorder.reported = recorder.reported or len(recorder.steps)
            real(transaction)

        journal.Transaction.finish = finish  # type: ignore[method-assign]
        try:
            written = tier.write(scene.batch)
        finally:
            journal.Transaction.finish = real  # type: ignore[method-assign]
    assert [each.error for each in written] == [None] * 3
    assert 0 < recorder.reported < len(recorder.steps)
    return recorder


def losses(scene: Scene, recorder: Recorder, target: Path, *, every: bool, seed: str, after: float = 0) -> Iterator[Loss]:
    """Each state is made at ``target``. ``after``: only the last part of the calls, from this share of them on."""
    chance = random.Random(seed)
    plan: list[tuple[int, list[bool], str]] = []
    disk = load(scene.base)
    for done in range(len(recorder.steps) + 1):
        if done:
            recorder.steps[done - 1](disk)
        if done < after * len(recorder.steps):
            continue
        for happened in subsets(unsafe(disk), chance, every=every):
            names = list(UNSYNCED) if every else [chance.choice(list(UNSYNCED))]
            plan += [(done, happened, name) for name in names]
    if not every:
        last = [item for item in plan if item[0] >= recorder.reported]
        plan = sorted(chance.sample(plan, min(SAMPLE, len(plan))) + chance.sample(last, min(SAMPLE // 4, len(last))))
    disk, done = load(scene.base), 0
    for at, happened, name in plan:
        while done < at:
            recorder.steps[done](disk)
            done += 1
        shutil.rmtree(target, ignore_errors=True)
        torn = UNSYNCED[name]
        mixed = chance.random() < 0.5  # all unsynced files alike, or each for itself

        def data(file: File, torn: object = torn, mixed: bool = mixed) -> bytes:
            if file.safe == file.data:
                return file.data
            way = UNSYNCED[chance.choice(list(UNSYNCED))] if mixed else torn
            return way(chance, file.data)  # type: ignore[operator,no-any-return]

        materialise(disk, happened, data, target)
        yield Loss(f"{at} of {len(recorder.steps)} calls, {name}, {happened}", finished=at >= recorder.reported)


def wrong_with(scene: Scene, target: Path, loss: Loss) -> str:
    """What is wrong after recovery; "" when nothing is."""
    tier = scene.open(target)
    states = scene.states(tier)
    if not set(states) <= ({"new"} if loss.finished else {"old", "new"}):
        return f"{states} after {loss.what}"
    if left := scene.leftovers(tier):
        return f"{left} left after {loss.what}"
    scene.check_listing(tier, states)
    if any(each.error for each in tier.write(scene.batch)) or scene.states(tier) != ["new"] * 3:
        return f"cannot be done again after {loss.what}"
    return ""


def faults(scene: Scene, *, every: bool, blind: bool | int, seed: str, after: float = 0) -> Iterator[str]:
    recorder = record(scene, blind=blind)
    target = scene.folder / "lost"
    with through(without_syncs):
        for loss in losses(scene, recorder, target, every=every, seed=seed, after=after):
            if wrong := wrong_with(scene, target, loss):
                yield wrong


@pytest.mark.parametrize("way", WAYS)
def test_power_is_lost(tmp_path: Path, way: str) -> None:
    assert list(faults(Scene(tmp_path, way), every=False, blind=False, seed=way)) == []


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS)
def test_power_is_lost_everywhere(tmp_path: Path, way: str) -> None:
    assert list(faults(Scene(tmp_path, way), every=True, blind=False, seed=way)) == []


@pytest.mark.proof
def test_every_single_sync_is_needed(tmp_path: Path) -> None:
    """Leaving out any one makes a state that is half, or a reported version that is not there."""
    scene = Scene(tmp_path, "syncfs")
    recorder = record(scene, blind=False)
    assert recorder.syncs == 5  # journal, its folder, tmp; two barriers
    for n in range(1, recorder.syncs + 1):
        assert next(faults(scene, every=True, blind=n, seed="x", after=0.75), ""), f"sync {n} could be left out"


@pytest.mark.parametrize("way", WAYS)
def test_a_writer_without_syncs_is_found_out(tmp_path: Path, way: str) -> None:
    assert next(faults(Scene(tmp_path, way), every=False, blind=True, seed=way), "") != ""

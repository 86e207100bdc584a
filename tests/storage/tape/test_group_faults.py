"""A group of several bundles that several threads brought together, hurt at every single SCSI command from the first to the last: what
is counted is there, what was told to be written is there, and nothing that was there before is lost.

Resets, deferred errors, early warnings and a medium that is full are canned answers before the real drive (the virtual one gives none by
itself); after a reset it really stands at the beginning of the tape, and after a crash nothing of the process is left.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import StorageError, Unavailable
from storage.tape.rows import VolumeState
from storage.tape.transport import Reply, ScsiTransport
from storage.tier import Ask, Tier
from tests.oracles import ocfl_py_findings
from tests.storage.sealed import SealedObject
from tests.storage.tape import faulty
from tests.storage.tape.faulty import Killed, Watch, is_write
from tests.storage.tape.tapes import Tapes, tapes, unpack
from tests.storage.tape.target import needs_target

pytestmark = needs_target

ONE, TWO = "LPD001L8", "LPD002L8"

THREADS = 3
SAID = 1_000
"""Bytes that each thread says it brings: a group is closed when those of all are together. Each makes a bundle of its own."""

Harm = Callable[[ScsiTransport, bytes], Reply | None]

HARMS: dict[str, tuple[Harm, bool, bool]] = {  # what is done, whether it is done after the command, and whether to writes only
    "killed before": (faulty.killed, False, False),
    "killed after": (faulty.killed, True, False),
    "reset": (faulty.reset, False, False),
    "deferred error": (faulty.deferred, False, False),
    "no answer, not done": (faulty.no_answer, False, False),
    "no answer, but done": (faulty.no_answer, True, False),
    "early warning": (faulty.early_warning, True, True),
    "medium full": (faulty.overflow, False, True),
}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Tapes]:
    with tapes(tmp_path / "tier", {ONE: 2048, TWO: 2048}) as made:
        made.create(ONE, TWO)
        yield made


def brought(folder: Path, round_: int) -> list[SealedObject]:
    """What the threads bring in one round."""
    made = []
    for number in range(THREADS):
        made.append(SealedObject(folder / f"spool{round_}-{number}", f"urn:uuid:{round_:06}-{number}"))
        made[-1].version({"METS.xml": b"<mets/>", "tệp.bin": random.Random(round_ * 10 + number).randbytes(3_000)})
    return made


def written(tier: Tier, made: Sequence[SealedObject]) -> list[BaseException | None]:
    """Each brought by a thread of its own: what went wrong with it."""

    def one(each: SealedObject) -> BaseException | None:
        try:
            return tier.write([replace(each.versions[0], bytes=SAID)])[0].error
        except (StorageError, Killed) as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, made))


def sound(tier: Tier, made: Sequence[SealedObject]) -> set[str]:
    """The ids of those that were read whole from the medium and are as they were sealed."""
    asks = [Ask(each.object_id, each.expected) for each in made]
    return {
        asks[number].object_id
        for number, found in tier.verify_together(asks)  # type: ignore[attr-defined]
        if not isinstance(found, StorageError) and found.ok
    }


def open_again(scene: Tapes) -> None:
    """The cartridges are not really full: they are written on."""
    with scene.tier().shelf() as shelf:
        for volume in (ONE, TWO):
            shelf.register.change_volume(volume, state=VolumeState.OPEN)


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.proof)], ids=["sample", "every"])
def test_whatever_happens_at_any_call_of_a_gathered_group_nothing_is_lost_nor_counted_that_is_not_there(
    scene: Tapes, tmp_path: Path, name: str, step: int
) -> None:
    harm, after, writes_only = HARMS[name]
    matches = is_write if writes_only else lambda cdb: True
    together = {"bundle": THREADS * SAID, "gather": 3600}
    plain = Watch(matches=matches)
    everything = brought(tmp_path, 0)
    tier = scene.tier(plain, **together)
    assert written(tier, everything) == [None] * THREADS
    tier.close()
    lost = counted = 0
    for number in range(1 + (step > 1) * 3, plain.seen + 1, step):
        made = brought(tmp_path, number)
        tier = scene.tier(Watch(harm, number, matches, after), **together)
        errors = written(tier, made)
        assert all(error is None or isinstance(error, (Unavailable, Killed)) for error in errors), errors
        tier.close()
        tier = scene.tier()  # as another process would find it
        listed = {each.object_id for each in tier.versions()} & {each.object_id for each in made}
        assert {each.object_id for each, error in zip(made, errors, strict=True) if error is None} <= listed
        assert sound(tier, [each for each in made if each.object_id in listed]) == listed
        before = everything[-THREADS:]
        assert sound(tier, before) == {each.object_id for each in before}
        lost, counted = lost + THREADS - len(listed), counted + len(listed)
        open_again(scene)
        assert [each.error for each in tier.write([each.versions[0] for each in made])] == [None] * THREADS
        everything += made
        tier.close()
    tier = scene.tier()
    assert sound(tier, everything) == {each.object_id for each in everything}
    assert {each.object_id for each in tier.versions()} == {each.object_id for each in everything}
    assert ocfl_py_findings(unpack(scene.library(), [ONE, TWO], tmp_path / "plain")) == []
    print(f"{name}: {plain.seen} calls, every {step}: {counted} copies stood, {lost} were void and written again, none lost")

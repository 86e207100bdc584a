"""Copying a cartridge to another: what counts afterwards is the copy, and a cartridge that can be read in part gives that part."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.findings import spoken
from storage.tape.drive import BLOCK
from storage.tape.recovery import recover
from storage.tape.refreshing import begin, refresh_some
from storage.tape.rows import VolumeState
from storage.tape.transport import Reply, ScsiTransport, open_transport
from tests.storage.sealed import SealedObject
from tests.storage.tape import faulty
from tests.storage.tape.canned import check
from tests.storage.tape.faulty import READ, Killed, Watch, is_write
from tests.storage.tape.tapes import Tapes, tapes
from tests.storage.tape.target import needs_target
from tests.storage.tape.test_tape_faults import flip, kept, sealed, sound

pytestmark = needs_target

ONE, TWO, THREE = "LPD001L8", "LPD002L8", "LPD003L8"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Tapes]:
    with tapes(tmp_path / "tier", {ONE: 256, TWO: 256, THREE: 256}) as made:
        made.create(ONE)
        yield made


def together(scene: Tapes, *objects: SealedObject) -> None:
    """Objects in one bundle."""
    tier = scene.tier()
    assert [each.error for each in tier.write([each.versions[0] for each in objects])] == [None] * len(objects)
    tier.close()


def test_what_was_copied_counts_wherever_it_lies_in_its_new_bundle(scene: Tapes, tmp_path: Path) -> None:
    """What was disposed of stays behind, so a copy may lie nearer to the beginning of its bundle than what it was copied from."""
    gone, stays = sealed(tmp_path, 1), sealed(tmp_path, 2)
    together(scene, gone, stays)
    tier = scene.tier()
    tier.forget(gone.object_id)
    with tier.shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
        begin(shelf, ONE)
        assert refresh_some(shelf, ONE, 0, 1 << 40, lambda count: None).bundles == 1
    assert tier.locality(stays.object_id)[0] == TWO
    with tier.shelf() as shelf:
        assert set(shelf.register.volumes_of(stays.object_id)) == {TWO}
        assert refresh_some(shelf, ONE, 0, 1 << 40, lambda count: None).bundles == 0, "what was copied is not copied again"
    assert sound(tier, stays)


def unreadable(needle: bytes) -> Callable[[str], ScsiTransport]:
    """Blocks with these bytes cannot be read (canned): all else is the real drive."""

    class Failing:
        def __init__(self, address: str) -> None:
            self._inner = open_transport(address)
            self.name = address

        def execute(self, cdb: bytes, **more: Any) -> Reply:
            reply = self._inner.execute(cdb, **more)
            return check(3, 0x1100) if cdb[0] == READ and needle in more["receive"] else reply

        def close(self) -> None:
            self._inner.close()

    return Failing


def large(folder: Path, number: int) -> SealedObject:
    made = SealedObject(folder / f"spool{number}", f"urn:uuid:{number:08}")
    made.version({f"{name}.bin": random.Random(10 * number + name).randbytes(2 * BLOCK) for name in range(3)})
    return made


def test_canned_a_block_that_cannot_be_read_keeps_only_its_own_record_from_being_copied(scene: Tapes, tmp_path: Path) -> None:
    """A cartridge is copied above all when it begins to fail: what can be read of it goes over, and is not held up by what cannot."""
    objects = [large(tmp_path, number) for number in range(3)]
    together(scene, *objects)
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    tier = scene.tier(unreadable(random.Random(11).randbytes(2 * BLOCK)[BLOCK : BLOCK + 64]))
    with tier.shelf() as shelf:
        begin(shelf, ONE)
        done = refresh_some(shelf, ONE, 0, 1 << 40, lambda count: None)
    assert (done.after, done.bundles, set(done.unread)) == (None, 1, {objects[1].object_id})
    assert [tier.locality(each.object_id)[0] for each in objects] == [TWO, ONE, TWO]
    tier.close()
    assert [sound(scene.tier(), each) for each in objects] == [True] * 3
    with scene.tier().shelf() as shelf:  # another drive can read it
        assert refresh_some(shelf, ONE, 0, 1 << 40, lambda count: None).unread == {}
    assert scene.tier().locality(objects[1].object_id)[0] == TWO


def test_a_label_that_cannot_be_believed_keeps_no_other_bundle_from_being_copied(scene: Tapes, tmp_path: Path) -> None:
    objects = [sealed(tmp_path, number) for number in range(3)]
    for each in objects:
        together(scene, each)
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    scene.close()
    flip(scene.target.tapes / ONE, b"UHL1KHO10000000003", 17)
    tier = scene.tier()
    with tier.shelf() as shelf:
        begin(shelf, ONE)
        done = refresh_some(shelf, ONE, 0, 1 << 40, lambda count: None)
    assert (done.bundles, set(done.unread)) == (2, {objects[1].object_id})


def test_canned_a_block_that_cannot_be_read_keeps_nothing_else_from_being_recovered(scene: Tapes, tmp_path: Path) -> None:
    """Register and folder are lost, and the cartridge is failing: all that lies before the block in its bundle, and all other bundles."""
    first, bad, behind, later = (large(tmp_path, number) for number in range(4))
    together(scene, first, bad, behind)
    together(scene, later)
    tier = scene.tier(unreadable(random.Random(11).randbytes(2 * BLOCK)[BLOCK : BLOCK + 64]))
    with tier.shelf() as shelf:
        shelf.library.take_out(ONE)
        report = recover(shelf, ONE, lambda count: None)
    assert {each.object_id for each in tier.versions()} == {first.object_id, later.object_id}
    assert [("tape file 2" in each and "could not be read" in each) for each in map(spoken, report.problems)] == [True]
    assert [sound(tier, each) for each in (first, later)] == [True, True]
    with tier.shelf() as shelf:
        assert [(each.sequence, each.counted) for each in shelf.register.bundles(ONE)] == [(1, True), (2, True), (3, True)]
    tier.close()
    more = sealed(tmp_path, 9)
    kept(scene.tier(), more)
    with scene.tier().shelf() as shelf:  # and by a better drive
        assert recover(shelf, ONE, lambda count: None).problems == []
    assert [sound(scene.tier(), each) for each in (first, bad, behind, later, more)] == [True] * 5


@pytest.mark.parametrize("number", range(1, 13))
def test_what_a_killed_writer_left_does_not_make_a_recovered_cartridge_suspect(scene: Tapes, tmp_path: Path, number: int) -> None:
    """Killed at each block and mark of a bundle; then register and folder are lost. The next writer closes what was left."""
    first, killed, next_one = (sealed(tmp_path, each) for each in range(3))
    kept(scene.tier(), first)
    dying = scene.tier(Watch(faulty.killed, number, is_write, after=True))
    with pytest.raises(Killed):
        dying.write(killed.versions)
    dying.close()
    tier = scene.tier()
    with tier.shelf() as shelf:
        recover(shelf, ONE, lambda count: None)
    kept(tier, next_one)
    with tier.shelf() as shelf:
        assert shelf.register.volume(ONE).state is VolumeState.OPEN
    assert sound(tier, first)
    assert sound(tier, next_one)


def test_a_read_back_does_not_answer_for_what_was_read_anew_since(scene: Tapes, tmp_path: Path) -> None:
    """A part that was just written needs no second reading to count; one that is entered by a recovery is another."""
    made = sealed(tmp_path, 1)
    tier = scene.tier()
    kept(tier, made)
    with tier.shelf() as shelf:
        shelf.library.take_out(ONE)
    flip(scene.target.tapes / ONE, next(iter(made.versions[0].files())).source.read_bytes(), 3)
    with tier.shelf() as shelf:
        recover(shelf, ONE, lambda count: None)
    assert not sound(tier, made)

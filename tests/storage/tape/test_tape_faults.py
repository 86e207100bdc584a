"""What may happen to a tape tier, on the virtual library: nothing that was counted is lost, nothing is counted that is not there."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixity.verify import Outcome
from policies.findings import spoken
from storage.errors import Refused, SpoolDamaged, StorageError, Unavailable
from storage.tape.drive import BLOCK
from storage.tape.rows import VolumeState
from storage.tape.shelf import ALERTS
from storage.tape.tier import TapeTier
from storage.tape.transport import Reply, ScsiTransport, open_transport
from storage.tier import Ask, Tier
from tests.oracles import ocfl_py_findings
from tests.storage.sealed import SealedObject, two_versions
from tests.storage.tape import faulty
from tests.storage.tape.canned import check
from tests.storage.tape.faulty import MOVE, REWIND, Killed, Watch, is_write
from tests.storage.tape.tapes import Tapes, tape_files, tapes, unpack
from tests.storage.tape.target import FIRST_DRIVE, needs_target

pytestmark = needs_target

ONE, TWO, THREE = "LPD001L8", "LPD002L8", "LPD003L8"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Tapes]:
    with tapes(tmp_path / "tier", {ONE: 256, TWO: 256}) as made:
        made.create(ONE)
        yield made


def sealed(folder: Path, number: int, *, size: int = 3000) -> SealedObject:
    """A small object of its own."""
    made = SealedObject(folder / f"spool{number}", f"urn:uuid:{number:08}")
    made.version({"METS.xml": b"<mets/>", "data/t\u1ec7p.bin": random.Random(number).randbytes(size), "empty": b""})
    return made


def kept(tier: Tier, made: SealedObject) -> None:
    assert [each.error for each in tier.write(made.versions)] == [None] * len(made.versions)


def sound(tier: Tier, made: SealedObject) -> bool:
    return tier.verify(made.object_id, made.expected).ok


def calls_of_a_write(scene: Tapes, tmp_path: Path) -> int:
    watch = Watch()
    kept(scene.tier(watch), sealed(tmp_path, 9000))
    return sum(watch.counts.values())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.proof)], ids=["sample", "every"])
def test_a_writer_that_dies_at_any_call_loses_only_what_was_not_counted(
    scene: Tapes, tmp_path: Path, after: bool, step: int
) -> None:
    first = sealed(tmp_path, 0)
    kept(scene.tier(), first)
    total = calls_of_a_write(scene, tmp_path)
    assert total > 60
    everything = [first]
    for number in range(1, total + 1, step):
        made = sealed(tmp_path, number)
        watch = Watch(faulty.killed, number, after=after)
        dying = scene.tier(watch)
        with pytest.raises(Killed):
            dying.write(made.versions)
        dying.close()
        tier = scene.tier()
        listed = {each.object_id for each in tier.versions()}
        if made.object_id in listed:
            assert sound(tier, made)
        assert {each.object_id for each in everything} <= listed
        assert sound(tier, everything[-1])
        kept(tier, made)
        everything.append(made)
        tier.close()
    tier = scene.tier()
    asks = [Ask(each.object_id, each.expected) for each in everything]
    assert all(not isinstance(found, StorageError) and found.ok for _, found in tier.verify_together(asks))
    assert ocfl_py_findings(unpack(scene.library(), [ONE], tmp_path / "plain")) == []


LABEL_WRITES = 13
"""VOL1, four labels, a file mark, one block, a file mark, four labels, a file mark."""


def labelled(tier: TapeTier, barcode: str, **more: Any) -> None:
    with tier.shelf() as shelf:
        shelf.label(barcode, **{"capacity": 1000, "made": "2026-01-31", "rated_years": 30, **more})


@pytest.mark.parametrize("first", [1, 8])
def test_a_label_that_dies_at_any_write_is_gone_on_with(tmp_path: Path, first: int) -> None:
    """Whatever of it is on the cartridge is the beginning of what has to be there: the rest is written behind it, and nothing over it."""
    barcodes = [f"LPD{number:03}L8" for number in range(first, first + 7)]
    with tapes(tmp_path / "tier", dict.fromkeys(barcodes, 16)) as scene:
        scene.create()
        for number, barcode in enumerate(barcodes, first):
            after = number > LABEL_WRITES
            watch = Watch(faulty.killed, min(number, LABEL_WRITES), is_write, after=after)
            with pytest.raises(Killed):
                labelled(scene.tier(watch), barcode)
            before = tape_files(scene.library(), barcode)
            labelled(scene.tier(), barcode)
            now = tape_files(scene.library(), barcode)
            assert [len(each) for each in now] == [5, 1, 4]
            blocks = [block for each in before for block in each]
            assert [block for each in now for block in each][: len(blocks)] == blocks
            with pytest.raises(Refused, match="already"):
                labelled(scene.tier(), barcode)
        tier = scene.tier()
        with tier.shelf() as shelf:
            assert {(each.capacity, each.made, each.rated_years) for each in shelf.register.volumes()} == {
                (1000, "2026-01-31", 30)
            }
        made = sealed(tmp_path, 1)
        kept(tier, made)
        assert sound(tier, made)


@pytest.mark.parametrize("behind", ["a block", "a file mark"])
def test_a_label_is_not_gone_on_with_where_anything_stands_behind_it(tmp_path: Path, behind: str) -> None:
    with tapes(tmp_path / "tier", {ONE: 16}) as scene:
        scene.create()
        with pytest.raises(Killed):
            labelled(scene.tier(Watch(faulty.killed, LABEL_WRITES, is_write, after=True)), ONE)
        library = scene.library()
        with library.held():
            drive, _ = library.mount(ONE)
            drive.rewind()
            drive.space_to_end()
            end = drive.confirm_end()
            if behind == "a block":
                drive.write(b"x" * 80, end)
            drive.write_filemarks(1, end, wait=True)
        before = tape_files(scene.library(), ONE)
        with pytest.raises(Refused, match="not blank"):
            labelled(scene.tier(), ONE)
        assert tape_files(scene.library(), ONE) == before


def test_only_the_label_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    """Not that of another tier with the same name, nor one of which this tier knows nothing."""
    with tapes(tmp_path / "tier", {ONE: 16, TWO: 16}) as scene:
        scene.create()
        other = Tapes(scene.target, tmp_path / "other")
        other.create()
        with pytest.raises(Killed):
            labelled(scene.tier(Watch(faulty.killed, 7, is_write)), ONE)
        before = tape_files(scene.library(), ONE)
        with pytest.raises(Killed):  # it began one of its own, on a cartridge that was taken out and bears this barcode, too
            labelled(other.tier(Watch(faulty.killed, 1, is_write)), TWO)
        for barcode in (ONE, ONE):
            with pytest.raises(Refused, match="not blank"):
                labelled(other.tier(), barcode)
        assert tape_files(scene.library(), ONE) == before
        assert not (tmp_path / "other/labelling" / f"{ONE}.json").exists()
        labelled(other.tier(), TWO, capacity=5)
        with other.tier().shelf() as shelf:
            assert shelf.register.volume(TWO).capacity == 5, "nothing had been written: what is said now holds"
        other.close()


@pytest.mark.parametrize("harm", [faulty.reset, faulty.deferred, faulty.no_answer], ids=["reset", "deferred", "silence"])
def test_any_event_in_a_group_voids_it_and_harms_nothing(scene: Tapes, tmp_path: Path, harm: object) -> None:
    """Deferred errors and resets are canned answers before the real drive; after a reset it really stands at the beginning."""
    first = sealed(tmp_path, 0)
    kept(scene.tier(), first)
    plain = Watch(matches=is_write)
    kept(scene.tier(plain), sealed(tmp_path, 999))
    everything = [first]
    for number in range(1, plain.seen + 1):
        made = sealed(tmp_path, number)
        tier = scene.tier(Watch(harm, number, is_write))  # type: ignore[arg-type]
        (written,) = tier.write(made.versions)
        assert isinstance(written.error, Unavailable)
        assert made.object_id not in {each.object_id for each in tier.versions()}
        kept(tier, made)  # the very same process goes on
        everything.append(made)
        tier.close()
    tier = scene.tier()
    assert all(sound(tier, each) for each in everything)
    with tier.shelf() as shelf:
        assert shelf.register.volume(ONE).state is VolumeState.OPEN


def test_canned_volume_overflow_goes_on_on_the_next_cartridge(scene: Tapes, tmp_path: Path) -> None:
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    first, made = sealed(tmp_path, 0), sealed(tmp_path, 1)
    kept(scene.tier(), first)
    tier = scene.tier(Watch(faulty.overflow, 7, is_write))
    kept(tier, made)
    assert tier.locality(made.object_id)[0] == TWO
    assert sound(tier, first)
    assert sound(tier, made)


def test_canned_tape_alerts_end_the_writing_of_a_cartridge(scene: Tapes, tmp_path: Path) -> None:
    """LOG SENSE is answered by the test: "media at risk", and counters; all else is the real drive."""
    pages = {0x2E: bytes([0x2E, 0, 0, 5, 0, 4, 0, 1, 1]), 0x02: bytes([2, 0, 0, 6, 0, 3, 0, 2, 0, 9])}

    class Telling:
        def __init__(self, address: str) -> None:
            self._inner = open_transport(address)
            self.name = address

        def execute(self, cdb: bytes, **more: Any) -> Reply:
            page = pages.get(cdb[2] & 0x3F) if cdb[0] == 0x4D else None
            if page is None:
                return self._inner.execute(cdb, **more)
            more["receive"][: len(page)] = page
            return Reply(0, b"", len(page))

        def close(self) -> None:
            self._inner.close()

    made = sealed(tmp_path, 1)
    tier = scene.tier(Telling)
    kept(tier, made)
    assert sound(tier, made)
    with tier.shelf() as shelf:
        volume = shelf.register.volume(ONE)
    assert (volume.state, volume.note) == (VolumeState.SUSPECT, ALERTS[4])
    (late,) = tier.write(sealed(tmp_path, 2).versions)
    assert late.error is not None
    assert late.error.code == "TAPE-NO-ROOM"
    assert sound(tier, made)


def test_a_read_back_stands_for_one_check_and_not_for_long(scene: Tapes, tmp_path: Path) -> None:
    made = sealed(tmp_path, 1)
    watch = Watch()
    tier = scene.tier(watch)
    kept(tier, made)
    reads = watch.counts[faulty.READ]
    assert sound(tier, made)
    assert watch.counts[faulty.READ] == reads
    assert sound(tier, made)
    assert watch.counts[faulty.READ] > reads
    again = sealed(tmp_path, 2)
    kept(tier, again)
    reads = watch.counts[faulty.READ]
    tier._fresh = dict.fromkeys(tier._fresh, 0.0)
    assert sound(tier, again)
    assert watch.counts[faulty.READ] > reads


def test_the_library_dies_in_the_middle_of_a_write(scene: Tapes, tmp_path: Path) -> None:
    first, made = sealed(tmp_path, 0), sealed(tmp_path, 1, size=5 << 20)
    kept(scene.tier(), first)

    def die(inner: object, cdb: bytes) -> None:
        scene.target.kill()

    tier = scene.tier(Watch(die, 10, is_write))  # type: ignore[arg-type]
    (written,) = tier.write(made.versions)
    assert isinstance(written.error, Unavailable)
    for ask in (lambda: tier.check(), lambda: sound(tier, first)):
        with pytest.raises(Unavailable):
            ask()
    assert {each.object_id for each in tier.versions()} == {first.object_id}
    scene.target.start()
    assert sound(tier, first)
    kept(tier, made)
    assert sound(tier, made)


def test_a_flipped_bit_is_found_named_and_put_right(scene: Tapes, tmp_path: Path) -> None:
    others = [sealed(tmp_path, number) for number in (1, 2)]
    made = two_versions(tmp_path / "spool")
    tier = scene.tier()
    assert all(each.error is None for each in tier.write([*others[0].versions, *made.versions, *others[1].versions]))
    tier.close()
    victim = next(file for file in made.versions[0].files() if file.size > 1000)
    cartridge = scene.target.tapes / ONE
    flip(cartridge, victim.source.read_bytes()[:600], 300)
    tier = scene.tier()
    report = tier.verify(made.object_id, made.expected)
    assert [(each.path, each.outcome) for each in report.problems] == [(victim.content_path, Outcome.ALTERED)]
    assert all(sound(tier, each) for each in others)
    with open(victim.source, "rb") as good:
        tier.restore(made.object_id, victim.content_path, good, victim.sha512)
    assert sound(tier, made)
    again = scene.tier()
    assert sound(again, made)  # from the tape, not from what was read back
    assert ocfl_py_findings(unpack(scene.library(), [ONE], tmp_path / "plain")) == []


def test_a_repair_that_finds_no_room_waits_and_hides_nothing(scene: Tapes, tmp_path: Path) -> None:
    """Where nothing can be written any more, what is there is read as before; only of what waits to be mended nothing is said."""
    whole, hurt = sealed(tmp_path, 1), sealed(tmp_path, 2)
    tier = scene.tier()
    kept(tier, whole)
    kept(tier, hurt)
    with tier.shelf() as shelf:
        shelf.register.change_volume(ONE, state=VolumeState.FULL)
    file = next(each for each in hurt.versions[0].files() if each.size)
    with open(file.source, "rb") as good:
        tier.restore(hurt.object_id, file.content_path, good, file.sha512)
    tier = scene.tier()
    found = dict(tier.verify_together([Ask(each.object_id, each.expected) for each in (whole, hurt)]))
    assert not isinstance(found[0], StorageError)
    assert found[0].ok
    assert isinstance(found[1], StorageError)
    assert found[1].code == "TAPE-NO-ROOM"
    with tier.open(hurt.object_id, file.content_path) as stream:
        assert stream.read() == file.source.read_bytes()
    with tier.shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    assert sound(tier, hurt)
    with tier.shelf() as shelf:
        found_at = shelf.register.find_file(hurt.object_id, file.content_path)
    assert found_at is not None
    assert found_at[0].volume == TWO


def test_a_repair_whose_bytes_spoiled_while_it_waited_is_given_up_and_made_again(scene: Tapes, tmp_path: Path) -> None:
    hurt = sealed(tmp_path, 1)
    tier = scene.tier()
    kept(tier, hurt)
    file = next(each for each in hurt.versions[0].files() if each.size)
    with open(file.source, "rb") as good:
        tier.restore(hurt.object_id, file.content_path, good, file.sha512)
    (put_aside,) = (scene.folder / "mending").glob("*.bytes")
    put_aside.chmod(0o600)
    put_aside.write_bytes(bytes(file.size))
    tier = scene.tier()
    with pytest.raises(SpoolDamaged):
        tier.verify(hurt.object_id, hurt.expected)
    assert list((scene.folder / "mending").iterdir()) == []
    assert sound(tier, hurt)


def test_a_flipped_bit_in_a_tar_header_is_found_too(scene: Tapes, tmp_path: Path) -> None:
    made = sealed(tmp_path, 1)
    tier = scene.tier()
    kept(tier, made)
    tier.close()
    flip(scene.target.tapes / ONE, b"v1/content/w/METS.xml\0", 3)
    report = scene.tier().verify(made.object_id, made.expected)
    assert [(each.path, each.outcome) for each in report.problems] == [("v1/content/w/METS.xml", Outcome.ALTERED)]


def test_a_flipped_bit_in_a_label_is_not_read_past(scene: Tapes, tmp_path: Path) -> None:
    made = sealed(tmp_path, 1)
    tier = scene.tier()
    kept(tier, made)
    tier.close()
    flip(scene.target.tapes / ONE, b"UHL1KHO10000000002", 17)
    tier = scene.tier()
    report = tier.verify(made.object_id, made.expected)
    assert set(report.counts) == {Outcome.UNREADABLE}
    for file in ("v1/content/w/METS.xml",):
        sealed_file = next(each for each in made.versions[0].files() if each.content_path == file)
        with open(sealed_file.source, "rb") as good:
            tier.restore(made.object_id, file, good, sealed_file.sha512)
    assert file not in {each.path for each in tier.verify(made.object_id, made.expected).problems}


def test_a_cartridge_that_is_not_there_is_no_damage(scene: Tapes, tmp_path: Path) -> None:
    made = sealed(tmp_path, 1)
    tier = scene.tier()
    kept(tier, made)
    scene.target.kill()
    scene.target.take_out(ONE)
    scene.target.start()
    with pytest.raises(Unavailable, match="not in the library"):
        scene.tier().verify(made.object_id, made.expected)
    (written,) = scene.tier().write(sealed(tmp_path, 2).versions)
    assert isinstance(written.error, Unavailable)
    assert written.error.code == "TAPE-NO-ROOM"
    scene.target.kill()
    scene.target.put_back(ONE)
    scene.target.start()
    assert sound(scene.tier(), made)


def test_another_cartridge_under_this_barcode_is_not_believed(scene: Tapes, tmp_path: Path) -> None:
    made = sealed(tmp_path, 1)
    kept(scene.tier(), made)
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
        shelf.library.take_out(TWO)
        shelf.library.take_out(ONE)
    for opened in (ONE, TWO):
        assert (scene.target.tapes / opened).is_file()
    scene.target.kill()
    (scene.target.tapes / ONE).rename(scene.target.folder / "x")
    (scene.target.tapes / TWO).rename(scene.target.tapes / ONE)
    (scene.target.folder / "x").rename(scene.target.tapes / TWO)
    scene.target.start()
    with pytest.raises(Unavailable, match="VOL1 says LPD002"):
        scene.tier().verify(made.object_id, made.expected)
    (written,) = scene.tier().write(sealed(tmp_path, 2).versions)
    assert isinstance(written.error, Unavailable)
    with scene.tier().shelf() as shelf:
        assert {each.state for each in shelf.register.volumes()} == {VolumeState.SUSPECT}


def test_a_busy_drive_is_passed_over(scene: Tapes, tmp_path: Path) -> None:
    """Busy is a canned answer of the first drive to everything."""
    watch = Watch()
    made = sealed(tmp_path, 1)
    library = scene.library()
    with library.held():
        library.take_out(ONE)
    library.close()

    def opener(address: str) -> object:
        return Busy() if address == scene.target.drives[0] else watch(address)

    tier = scene.tier(opener)  # type: ignore[arg-type]
    tier._library._sleep = lambda seconds: None
    kept(tier, made)
    moves = scene.library()
    with moves.held():
        assert moves.changer.find(ONE).address == FIRST_DRIVE + 1
    tier.close()
    nothing = scene.tier(lambda address: Busy() if "vtl/3" not in address else watch(address))  # type: ignore[arg-type, return-value]
    nothing._library._sleep = lambda seconds: None
    with pytest.raises(Unavailable, match="busy"):
        nothing.verify(made.object_id, made.expected)


class Busy:
    """A drive that always answers busy."""

    name = "busy"

    def execute(self, cdb: bytes, **more: object) -> object:
        return Reply(0x08)

    def close(self) -> None:
        pass


def test_a_bundle_that_does_not_fit_goes_whole_to_the_next_cartridge(tmp_path: Path) -> None:
    with tapes(tmp_path / "tier", {ONE: 8, TWO: 8, THREE: 8}) as scene:
        scene.create(ONE, TWO, THREE)
        objects = [sealed(tmp_path, number, size=5 << 19) for number in range(5)]
        tier = scene.tier(bundle=3 << 20)
        for made in objects[:3]:
            kept(tier, made)
        written = tier.write([version for made in objects[3:] for version in made.versions])
        assert [each.error for each in written] == [None, None]
        volumes = [tier.locality(made.object_id)[0] for made in objects]
        assert volumes == [ONE, ONE, TWO, THREE, THREE]  # the last two are one bundle
        with tier.shelf() as shelf:
            states = {each.barcode: each.state for each in shelf.register.volumes()}
            assert states == {ONE: VolumeState.FULL, TWO: VolumeState.FULL, THREE: VolumeState.OPEN}
        assert all(sound(tier, made) for made in objects)
        (late,) = tier.write(sealed(tmp_path, 7, size=7 << 20).versions)
        assert isinstance(late.error, StorageError)
        assert all(sound(scene.tier(), made) for made in objects)
        assert ocfl_py_findings(unpack(scene.library(), [ONE, TWO, THREE], tmp_path / "plain")) == []


def test_versions_split_over_cartridges_unpack_in_order_with_tar(tmp_path: Path) -> None:
    with tapes(tmp_path / "tier", {ONE: 7, TWO: 64}) as scene:
        scene.create(ONE, TWO)
        tier = scene.tier(bundle=2 << 20)
        made = SealedObject(tmp_path / "spool")
        noise = random.Random(1)
        files = {f"data/{n}.bin": noise.randbytes(700_000) for n in range(9)}
        made.version(files)
        made.version({**files, "data/new": noise.randbytes(900_000)})
        made.version({**files, "data/newer": b"three"})
        kept(tier, made)
        with tier.shelf() as shelf:
            parts = shelf.register.parts_of(made.object_id)
        assert len(parts) >= 5
        assert {part.volume for part in parts} == {ONE, TWO}
        assert sound(tier, made)
        assert sound(scene.tier(), made)
        root = unpack(scene.library(), [ONE, TWO], tmp_path / "plain")
        assert ocfl_py_findings(root) == []
        (top,) = [each.parent for each in root.rglob("0=ocfl_object_1.1")]
        for version in made.versions:
            for file in version.files():
                assert (top / file.content_path).read_bytes() == file.source.read_bytes()


def test_a_whole_cartridge_is_audited_with_one_mount_and_no_backward_seek(scene: Tapes, tmp_path: Path) -> None:
    objects = [sealed(tmp_path, number) for number in range(30)]
    tier = scene.tier()
    for start in range(0, 30, 6):
        written = tier.write([version for made in objects[start : start + 6] for version in made.versions])
        assert all(each.error is None for each in written)
    with tier.shelf() as shelf:
        shelf.library.take_out(ONE)
    tier.close()
    watch = Watch()
    asks = [Ask(made.object_id, made.expected) for made in objects]
    asks.append(asks[7])  # a copy that is asked for twice is read once
    random.Random(3).shuffle(asks)
    found = dict(scene.tier(watch).verify_together(asks))
    assert len(found) == 31
    assert all(not isinstance(each, StorageError) and each.ok for each in found.values())
    assert watch.counts[MOVE] == 1
    assert watch.counts[REWIND] == 1  # to read VOL1, after the load
    assert watch.counts[0x92] == 0


def test_what_was_disposed_of_is_known_to_be_still_on_the_volume(scene: Tapes, tmp_path: Path) -> None:
    made, other = sealed(tmp_path, 1), sealed(tmp_path, 2)
    tier = scene.tier()
    kept(tier, made)
    kept(tier, other)
    tier.forget(made.object_id)
    assert {each.object_id for each in tier.versions()} == {other.object_id}
    with scene.tier().shelf() as shelf:
        assert shelf.register.disposed() == {made.object_id: [ONE]}


def test_canned_a_block_that_cannot_be_read_hides_no_more_than_itself(scene: Tapes, tmp_path: Path) -> None:
    """A medium error (canned) at one block: the files in it are unreadable, all others of the object are read."""
    made = SealedObject(tmp_path / "spool")
    made.version({f"{n}.bin": random.Random(n).randbytes(BLOCK) for n in range(8)})
    tier = scene.tier()
    kept(tier, made)
    tier.close()
    bad = Watch(lambda inner, cdb: check(3, 0x1100), 1, lambda cdb: False)

    def matches(cdb: bytes) -> bool:
        return cdb[0] == 0x08 and int.from_bytes(cdb[2:5], "big") == BLOCK and bad.counts[0x08] > 12

    bad.matches = matches
    report = scene.tier(bad).verify(made.object_id, made.expected)
    assert bad.seen >= 1
    assert {each.outcome for each in report.problems} == {Outcome.UNREADABLE}
    assert 1 <= len(report.problems) <= 3
    assert report.counts[Outcome.GOOD] >= 10


@pytest.mark.parametrize("then", [faulty.SPACE, faulty.READ], ids=["spacing", "reading the label"])
def test_canned_after_a_block_that_cannot_be_passed_the_others_are_found_anew(scene: Tapes, tmp_path: Path, then: int) -> None:
    """A medium error at a block, and another (once) on the way behind it: where the tape stands then is not where it was thought to, and
    what is read there is no damage of the others in the bundle."""
    made = [sealed(tmp_path, number, size=3 * BLOCK) for number in range(4)]
    tier = scene.tier()
    assert [each.error for each in tier.write([version for each in made for version in each.versions])] == [None] * 4
    tier.close()
    harms = [(faulty.READ, 0), (then, 0)]

    def matches(cdb: bytes) -> bool:
        long = cdb[0] != faulty.READ or watch.counts[faulty.READ] > 9
        if harms and long and cdb[0] == harms[0][0]:
            harms.pop(0)
            watch.number = watch.seen + 1
            return True
        return False

    watch = Watch(lambda inner, cdb: check(3, 0x1100), matches=matches)
    asks = [Ask(each.object_id, each.expected) for each in made]
    found = dict(scene.tier(watch).verify_together(asks))
    assert not harms
    outcomes = [{problem.outcome for problem in report.problems} for report in found.values()]  # type: ignore[union-attr]
    assert set().union(*outcomes) == {Outcome.UNREADABLE}
    assert sum(not each for each in outcomes) >= 2
    assert all(sound(scene.tier(), each) for each in made)


def test_canned_a_block_that_two_objects_share_is_unreadable_in_both(scene: Tapes, tmp_path: Path) -> None:
    """Objects of a bundle stand behind one another, and the block that cannot be read may hold the end of one and the beginning of the
    next: whichever it is, each is told of, and the pass goes on."""
    made = [sealed(tmp_path, number, size=BLOCK) for number in range(3)]
    tier = scene.tier()
    assert [each.error for each in tier.write([version for each in made for version in each.versions])] == [None] * 3
    tier.close()
    number, together = 0, 0
    while True:
        number += 1
        bad = Watch(lambda inner, cdb: check(3, 0x1100), number, lambda cdb: cdb[0] == faulty.READ)
        tier = scene.tier(bad)
        found = dict(tier.verify_together([Ask(each.object_id, each.expected) for each in made]))
        tier.close()
        if bad.seen < number:
            break
        reports = [each for each in found.values() if not isinstance(each, StorageError)]
        assert {problem.outcome for each in reports for problem in each.problems} <= {Outcome.UNREADABLE}
        together += 1 < sum(not each.ok for each in reports) < 3
    assert together


def test_canned_data_that_ends_early_is_altered_and_nothing_hangs(scene: Tapes, tmp_path: Path) -> None:
    """READ answers "file mark" (canned) in the middle of the data, as after blocks were lost."""
    made = SealedObject(tmp_path / "spool")
    made.version({f"{n}.bin": random.Random(n).randbytes(BLOCK) for n in range(6)})
    tier = scene.tier()
    kept(tier, made)
    tier.close()
    early = Watch(lambda inner, cdb: check(0, 0x0001, flags=0x80), 2)
    early.matches = lambda cdb: cdb[0] == faulty.READ and early.counts[faulty.READ] > 7
    report = scene.tier(early).verify(made.object_id, made.expected)
    assert {each.outcome for each in report.problems} == {Outcome.ALTERED}
    assert sound(scene.tier(), made)


def flip(cartridge: Path, pattern: bytes, offset: int) -> None:
    """Flip a bit ``offset`` bytes into the only place of ``pattern``."""
    data = cartridge.read_bytes()
    at = data.index(pattern) + offset
    descriptor = os.open(cartridge, os.O_RDWR)
    os.pwrite(descriptor, bytes([data[at] ^ 0x10]), at)
    os.close(descriptor)


class FailingCartridge:
    """Blocks cannot be written while a certain cartridge is in the drive (canned); all else is the real library."""

    def __init__(self, barcode: str) -> None:
        self._volume = barcode[:6].encode()
        self._failing = False

    def __call__(self, address: str) -> ScsiTransport:
        failing, inner = self, open_transport(address)

        class Watched:
            name = address

            def execute(self, cdb: bytes, **more: Any) -> Reply:
                if is_write(cdb) and failing._failing:
                    return check(3, 0x0C00)
                reply = inner.execute(cdb, **more)
                if cdb[0] == faulty.READ and more["receive"][:4] == b"VOL1":
                    failing._failing = failing._volume in bytes(more["receive"][4:10])
                return reply

            def close(self) -> None:
                inner.close()

        return Watched()


def test_canned_a_cartridge_that_cannot_be_written_does_not_hold_up_the_pool(scene: Tapes, tmp_path: Path) -> None:
    """Deposits go to the next cartridge, and the one that another could be written in its stead is left alone from then on."""
    first, second = sealed(tmp_path, 1), sealed(tmp_path, 2)
    kept(scene.tier(), first)
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    tier = scene.tier(FailingCartridge(ONE))
    kept(tier, second)
    assert tier.locality(second.object_id)[0] == TWO
    with tier.shelf() as shelf:
        volume = shelf.register.volume(ONE)
        assert volume.state is VolumeState.SUSPECT
        assert "could not be written" in spoken(volume.note)
    assert sound(tier, first)
    assert sound(tier, second)


def test_canned_a_drive_that_writes_nothing_makes_no_cartridge_suspect(scene: Tapes, tmp_path: Path) -> None:
    """Where no cartridge can be written it is the drive: they all stay as they are."""
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    tier = scene.tier(FailingCartridge(""))
    (written,) = tier.write(sealed(tmp_path, 1).versions)
    assert isinstance(written.error, Unavailable)
    with tier.shelf() as shelf:
        assert [each.state for each in shelf.register.volumes()] == [VolumeState.OPEN, VolumeState.OPEN]


def test_canned_a_label_that_cannot_be_read_does_not_hold_up_the_pool(scene: Tapes, tmp_path: Path) -> None:
    kept(scene.tier(), sealed(tmp_path, 1))
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)

    class Blind:
        def __init__(self, address: str) -> None:
            self._inner = open_transport(address)
            self.name = address

        def execute(self, cdb: bytes, **more: Any) -> Reply:
            reply = self._inner.execute(cdb, **more)
            bad = cdb[0] == faulty.READ and more["receive"][:10] == b"VOL1" + ONE[:6].encode()
            return check(3, 0x1100) if bad else reply

        def close(self) -> None:
            self._inner.close()

    made = sealed(tmp_path, 2)
    tier = scene.tier(Blind)
    kept(tier, made)
    assert tier.locality(made.object_id)[0] == TWO


def test_what_is_larger_than_a_cartridge_uses_up_one_and_not_all_of_them(tmp_path: Path) -> None:
    """Where nobody said how much a cartridge takes, that is seen once; whoever tries again every hour must not fill one after another."""
    with tapes(tmp_path / "tier", {ONE: 8, TWO: 8, THREE: 8}) as scene:
        scene.create(ONE, TWO, THREE)
        large = SealedObject(tmp_path / "large", "urn:uuid:large")
        large.version({"film.bin": random.Random(1).randbytes(12 << 20)})
        for _ in range(3):
            (written,) = scene.tier().write(large.versions)
            assert isinstance(written.error, Refused)
            assert "cartridge" in str(written.error)
        with scene.tier().shelf() as shelf:
            states = [each.state for each in shelf.register.volumes()]
        assert sorted(each.value for each in states) == ["full", "open", "open"]
        small = sealed(tmp_path, 1)  # what is brought together with it is not held up
        written = scene.tier().write([*large.versions, *small.versions])
        assert [type(each.error) for each in written] == [Refused, type(None)]
        assert sound(scene.tier(), small)

"""The recall queue, on the virtual library: one mount, in the order of positions, for everybody who asks."""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import Unavailable
from storage.tape.drive import BLOCK
from storage.tape.tier import TapeTier
from storage.tape.transport import Reply, ScsiTransport, open_transport
from storage.tier import Ask
from tests.storage.sealed import SealedObject
from tests.storage.tape.canned import check
from tests.storage.tape.faulty import MOVE, READ, REWIND, Watch
from tests.storage.tape.tapes import Tapes, tapes
from tests.storage.tape.target import needs_target

pytestmark = needs_target

ONE, TWO = "LPD001L8", "LPD002L8"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Tapes]:
    with tapes(tmp_path / "tier", {ONE: 128, TWO: 128}) as made:
        made.create(ONE)
        yield made


def objects(scene: Tapes, tmp_path: Path, count: int) -> list[SealedObject]:
    tier, made = scene.tier(), []
    for number in range(count):
        made.append(SealedObject(tmp_path / f"s{number}", f"urn:uuid:{number:08}"))
        made[-1].version({f"{n}.bin": random.Random(number * 100 + n).randbytes(9_000) for n in range(12)})
        assert tier.write(made[-1].versions)[0].error is None
    with tier.shelf() as shelf:
        shelf.library.take_out(ONE)
    tier.close()
    return made


def test_files_of_one_aip_cost_one_positioning(scene: Tapes, tmp_path: Path) -> None:
    (made, *_) = objects(scene, tmp_path, 3)
    watch = Watch()
    tier = scene.tier(watch)
    files = list(made.versions[0].files())
    random.Random(1).shuffle(files)
    for file in files:
        with tier.open(made.object_id, file.content_path) as stream:
            assert stream.read() == file.source.read_bytes()
    assert (watch.counts[MOVE], watch.counts[REWIND]) == (1, 1)


def test_what_is_recalled_never_answers_for_the_tape(scene: Tapes, tmp_path: Path) -> None:
    (made,) = objects(scene, tmp_path, 1)
    tier = scene.tier()
    file = next(made.versions[0].files())
    tier.open(made.object_id, file.content_path).close()
    tier.close()
    data = (scene.target.tapes / ONE).read_bytes()
    at = data.index(file.source.read_bytes()[:500])
    with open(scene.target.tapes / ONE, "r+b") as cartridge:
        cartridge.seek(at)
        cartridge.write(bytes([data[at] ^ 1]))
    report = scene.tier().verify(made.object_id, made.expected)
    assert [each.path for each in report.problems] == [file.content_path]


@pytest.mark.parametrize("wanted", range(5))
def test_canned_a_block_that_cannot_be_read_keeps_no_other_file_from_being_recalled(
    scene: Tapes, tmp_path: Path, wanted: int
) -> None:
    """What lies beside a file is brought along where that can be: it may not keep the file itself from whoever needs it."""
    made = SealedObject(tmp_path / "spool")
    contents = [random.Random(number).randbytes(2 * BLOCK) for number in range(5)]
    made.version({f"{number}.bin": data for number, data in enumerate(contents)})
    tier = scene.tier()
    assert tier.write(made.versions)[0].error is None
    tier.close()
    bad = BadBlock(contents[2][BLOCK + 1_000 : BLOCK + 1_064])
    tier = scene.tier(bad)
    path = next(file.content_path for file in made.versions[0].files() if file.source.read_bytes() == contents[wanted])
    if wanted == 2:
        with pytest.raises(Unavailable):
            tier.open(made.object_id, path).close()
    else:
        for file in made.versions[0].files():
            data = file.source.read_bytes()
            if file.content_path == path or data in (contents[0], contents[4]):
                with tier.open(made.object_id, file.content_path) as stream:
                    assert stream.read() == data
    assert bad.met == 1


class BadBlock:
    """The block that holds these bytes cannot be read (canned), however often it is tried; the tape stands behind it afterwards."""

    def __init__(self, inside: bytes) -> None:
        self._inside = inside
        self.met = 0

    def __call__(self, address: str) -> ScsiTransport:
        bad, inner = self, open_transport(address)

        class Watched:
            name = address

            def execute(self, cdb: bytes, **more: Any) -> Reply:
                reply = inner.execute(cdb, **more)
                if cdb[0] == READ and bad._inside in bytes(more["receive"]):
                    bad.met += 1
                    return check(3, 0x1100)
                return reply

            def close(self) -> None:
                inner.close()

        return Watched()


def test_an_audit_serves_on_its_way_what_others_ask_of_the_cartridge(scene: Tapes, tmp_path: Path) -> None:
    made = objects(scene, tmp_path, 6)
    watch = Watch()
    tier = scene.tier(watch)
    wanted = next(made[4].versions[0].files())
    got: list[bytes] = []

    def read() -> None:
        with tier.open(made[4].object_id, wanted.content_path) as stream:
            got.append(stream.read())

    reader = threading.Thread(target=read)
    passed = tier.verify_together([Ask(each.object_id, each.expected) for each in made])
    next(passed)  # the audit holds the library now, until it has ended
    reader.start()
    until = time.monotonic() + 20
    while not tier._recall.volumes() and time.monotonic() < until:
        time.sleep(0.01)
    assert all(getattr(found, "ok", False) for _, found in passed)
    reader.join(20)
    assert got == [wanted.source.read_bytes()]
    assert watch.counts[MOVE] == 1


def test_an_audit_serves_what_other_processes_ask_of_the_cartridge(scene: Tapes, tmp_path: Path) -> None:
    """Another tier on the same folder and library is to this one what another process is: the lock is of the opened file."""
    made = objects(scene, tmp_path, 6)
    audits, reads = Watch(), Watch()
    auditor, reader = scene.tier(audits), scene.tier(reads)
    wanted = next(made[0].versions[0].files())  # where the audit has been already
    got: list[bytes] = []

    def read() -> None:
        with reader.open(made[0].object_id, wanted.content_path) as stream:
            got.append(stream.read())

    asking = threading.Thread(target=read)
    passed = auditor.verify_together([Ask(each.object_id, each.expected) for each in made])
    next(passed)  # the audit holds the library now, until it has ended
    asking.start()
    until = time.monotonic() + 20
    while not notes(scene) and time.monotonic() < until:
        time.sleep(0.01)
    found = [next(passed)[1]]
    asking.join(20)
    assert got == [wanted.source.read_bytes()], "while the audit goes on"
    assert all(getattr(each, "ok", False) for each in [*found, *(each for _, each in passed)])
    assert (audits.counts[MOVE], reads.counts.total()) == (1, 0), "whoever asks does not touch the library"
    assert notes(scene) == []


def test_two_processes_that_want_one_cartridge_mount_it_once(scene: Tapes, tmp_path: Path) -> None:
    made = objects(scene, tmp_path, 6)
    watches = Watch(), Watch()
    errors: list[BaseException] = []
    begin = threading.Barrier(2)

    def read(watch: Watch, mine: list[SealedObject]) -> None:
        tier = scene.tier(watch)
        try:
            begin.wait(20)
            for each in mine:
                for file in each.versions[0].files():
                    with tier.open(each.object_id, file.content_path) as stream:
                        assert stream.read() == file.source.read_bytes()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=each) for each in zip(watches, (made[::2], made[1::2]), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sum(watch.counts[MOVE] for watch in watches) == 1
    assert notes(scene) == []


def test_notes_of_killed_processes_do_no_harm(scene: Tapes, tmp_path: Path) -> None:
    (made,) = objects(scene, tmp_path, 1)
    folder = scene.folder / "recalled"
    for number, text in enumerate(("", "{", "[1]", '{"volume": "LPD001L8"}', '{"volume": "LPD001L8", "part": 99, "offset": 0}')):
        (folder / f".wanted-{number}").write_text(text)
        os.utime(folder / f".wanted-{number}", (1, 1) if number < 3 else None)
    file = next(made.versions[0].files())
    with scene.tier().open(made.object_id, file.content_path) as stream:
        assert stream.read() == file.source.read_bytes()
    assert notes(scene) == [".wanted-3", ".wanted-4"]


def notes(scene: Tapes) -> list[str]:
    return sorted(each.name for each in (scene.folder / "recalled").glob(".wanted-*"))


def test_requests_of_many_threads_are_read_by_volume_and_position(scene: Tapes, tmp_path: Path) -> None:
    made = objects(scene, tmp_path, 5)
    with scene.tier().shelf() as shelf:
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    tier = scene.tier()
    errors: list[BaseException] = []

    def read(each: SealedObject) -> None:
        try:
            for file in each.versions[0].files():
                with tier.open(each.object_id, file.content_path) as stream:
                    assert stream.read() == file.source.read_bytes()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(each,)) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_a_library_that_is_off_is_told_to_whoever_waits(scene: Tapes, tmp_path: Path) -> None:
    (made,) = objects(scene, tmp_path, 1)
    scene.target.kill()
    tier: TapeTier = scene.tier()
    with pytest.raises(Unavailable):
        tier.open(made.object_id, next(made.versions[0].files()).content_path)
    assert tier._recall.volumes() == []


def full(*arguments: object, **named: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_cannot_be_kept_is_given_all_the_same(scene: Tapes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk with the tier's folder is full: what was read is small enough for memory."""
    (made,) = objects(scene, tmp_path, 1)
    monkeypatch.setattr("storage.tape.recall.Recall._keep", full)
    tier = scene.tier()
    for file in made.versions[0].files():
        with tier.open(made.object_id, file.content_path) as stream:
            assert stream.read() == file.source.read_bytes()


def test_a_full_disk_is_told_to_everybody_who_waits(scene: Tapes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves the others must not leave them without an answer."""
    made = objects(scene, tmp_path, 4)
    monkeypatch.setattr("storage.tape.recall.tempfile.SpooledTemporaryFile", full)
    tier = scene.tier()
    told: list[BaseException] = []

    def read(each: SealedObject) -> None:
        try:
            tier.open(each.object_id, next(each.versions[0].files()).content_path)
        except BaseException as error:
            told.append(error)

    threads = [threading.Thread(target=read, args=(each,), daemon=True) for each in made]
    with tier.shelf():  # so that all of them wait, and one serves all
        for thread in threads:
            thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join(20)
    assert [type(each) for each in told] == [Unavailable] * 4
    assert tier._recall.volumes() == notes(scene) == []


def test_a_folder_that_takes_nothing_says_so_and_nothing_is_written(scene: Tapes, tmp_path: Path) -> None:
    made = SealedObject(tmp_path / "s")
    made.version({"a": b"a"})
    (scene.folder / "inventories").rmdir()
    (scene.folder / "inventories").write_bytes(b"")
    with pytest.raises(Unavailable, match="inventories"):
        scene.tier().write(made.versions)

"""The spool: what goes in comes out, in any order, also after closing, and nothing half stays behind."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fixity import CouldNotRead
from formats.errors import NameTaken, SpoolFull
from formats.package import copying
from formats.package.source import Kind, Role
from formats.package.spool import FAN_OUT, Spool
from formats.package.spool_database import COMMIT_EVERY, HELD_ITEMS


def put(spool: Spool, name: bytes, data: bytes) -> None:
    spool.add_file(name, io.BytesIO(data), 7)


def test_bytes_digests_and_names_come_back_after_reopening(tmp_path: Path) -> None:
    contents = {
        b"b/x.PDF": b"one",
        b"a": b"",
        b"b-c": b"one",
        "b/Quyết định".encode(): os.urandom(5_000_000),
        b"\xff\xfe": b"raw",
    }
    with Spool(tmp_path / "s") as spool:
        for name, data in contents.items():
            put(spool, name, data)
        spool.add_folder(b"empty/inner", 5)
        spool.label = "hồ sơ"
        spool.finish()
    with Spool(tmp_path / "s") as spool:
        assert spool.complete
        assert spool.label == "hồ sơ"
        assert (spool.files, spool.bytes, spool.count) == (5, sum(map(len, contents.values())), 8)
        items = list(spool.items())
        assert [item.name for item in items] == sorted([*contents, b"b", b"empty", b"empty/inner"])
        for spooled in spool.spooled():
            if spooled.item.kind is Kind.FOLDER:
                assert spooled.file == ""
                continue
            data = contents[spooled.item.name]
            assert spool.path(spooled).read_bytes() == data
            assert spooled.sha256 == hashlib.sha256(data).digest()
            assert spooled.sha512 == hashlib.sha512(data).digest()
            assert spool.digest(spooled.item.name, "md5").value == hashlib.md5(data).digest()
            assert spooled.file.isascii()
            with spool.open(spooled.item.name) as stream:
                assert stream.read() == data
        alike = [each.item.name for each in spool.spooled(order="sha512") if each.sha512 == hashlib.sha512(b"one").digest()]
        assert alike == [b"b-c", b"b/x.PDF"]
        put(spool, b"later", b"new")  # numbering goes on, nothing is overwritten
        assert {spooled.item.name for spooled in spool.spooled()} > set(contents)
        assert all(spool.path(s).stat().st_size == s.item.size for s in spool.spooled() if s.file)


def test_what_is_small_is_remembered_as_complete_by_the_next_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then a killed process leaves what is read again; what is large is remembered as soon as it is there."""
    with Spool(tmp_path / "small") as spool:
        put(spool, b"a", b"one")
        spool.finish()
        with Spool(tmp_path / "small") as seen_after_a_kill:
            assert not seen_after_a_kill.complete
        spool.commit()
        with Spool(tmp_path / "small") as seen_after_a_kill:
            assert seen_after_a_kill.complete
    monkeypatch.setattr("formats.package.spool.READ_AGAIN", 2)
    with Spool(tmp_path / "large") as spool:
        put(spool, b"a", b"one")
        spool.finish()
        with Spool(tmp_path / "large") as seen_after_a_kill:
            assert seen_after_a_kill.complete


def test_a_database_that_lost_all_its_bytes_knows_nothing(tmp_path: Path) -> None:
    """What a machine that lost its power may leave: the spool is never synced."""
    with Spool(tmp_path / "s") as spool:
        put(spool, b"a", b"one")
        spool.finish()
    (tmp_path / "s" / "spool.db").write_bytes(b"")
    with Spool(tmp_path / "s") as spool:
        assert (spool.complete, spool.count) == (False, 0)
        put(spool, b"b", b"two")
    with Spool(tmp_path / "s") as spool:
        assert [item.name for item in spool.items()] == [b"b"]


def test_many_files_fan_out_and_keep_their_numbers(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        for number in range(2 * FAN_OUT + 5):
            put(spool, b"d/%05d.txt" % number, b"%d" % number)
    with Spool(tmp_path / "s") as spool:
        put(spool, b"z.tar.gz", b"last")
        assert [s.file for s in spool.spooled() if s.item.name == b"z.tar.gz"] == ["0002/0002006.gz"]
        assert len(list((tmp_path / "s" / "files").iterdir())) <= FAN_OUT + 3
        for spooled in spool.spooled("sha512"):
            assert hashlib.sha512(spool.path(spooled).read_bytes()).digest() == spooled.sha512


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        (b"a.pdf", ".pdf"),
        (b"a.TIFF", ".TIFF"),
        (b"x.", ""),
        (b"x", ""),
        ("x.bản".encode(), ""),
        (b"a.b/c", ""),
        (b"x.a;b", ""),
        (b"x." + b"a" * 17, ""),
    ],
)
def test_the_extension_is_kept_only_when_it_is_harmless(tmp_path: Path, name: bytes, extension: str) -> None:
    with Spool(tmp_path / "s") as spool:
        put(spool, name, b"")
        assert [s.file for s in spool.spooled() if s.file] == ["0000001" + extension]


def test_names_that_are_taken_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        put(spool, b"a", b"1")
        put(spool, b"d/e", b"2")
        for name, code in ((b"a", "PKG-DUPLICATE"), (b"d", "PKG-FILE-AND-FOLDER"), (b"a/b", "PKG-FILE-AND-FOLDER")):
            with pytest.raises(NameTaken) as caught:
                put(spool, name, b"3")
            assert caught.value.code == code
        with pytest.raises(NameTaken):
            spool.add_folder(b"a")
        assert spool.get(b"a") is not None
        with spool.open(b"a") as stream:
            assert stream.read() == b"1"
        assert spool.files == 2


class Failing(io.RawIOBase):
    """Gives some bytes, then an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._given = False

    def read(self, size: int = -1) -> bytes:
        if self._given:
            raise self._error
        self._given = True
        return b"some bytes"


def test_a_source_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        with pytest.raises(CouldNotRead):
            spool.add_file(b"a", Failing(OSError(5, "Input/output error")))
        with pytest.raises(ZeroDivisionError):
            spool.add_file(b"a", Failing(ZeroDivisionError()))
        assert spool.get(b"a") is None
        assert list((tmp_path / "s" / "files").iterdir()) == []
        put(spool, b"a", b"whole")
        assert spool.files == 1


def test_a_full_disk_is_our_error_and_not_the_depositors(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with Spool(tmp_path / "s") as spool:
        os.symlink("/dev/full", tmp_path / "s" / "files" / "0000001.bin")
        with pytest.raises(SpoolFull):
            put(spool, b"a.bin", b"x")
        assert spool.get(b"a.bin") is None


def test_large_files_are_hashed_in_threads_in_the_right_order(tmp_path: Path) -> None:
    data = os.urandom(3 * copying.CHUNK + 17)
    for cut in (0, 1, 16, 17, 18, copying.CHUNK + 17):
        with Spool(tmp_path / f"s{cut}") as spool:
            part = data[: len(data) - cut]
            assert spool.add_file(b"x", io.BytesIO(part), size=5).sha512 == hashlib.sha512(part).digest()
            assert spool.add_file(b"y", io.BytesIO(part)).sha256 == hashlib.sha256(part).digest()


def test_arranging_aliases_and_their_orders(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        for number in range(2_500):
            put(spool, b"%04d" % number, b"%d" % (number // 2))
        spool.add_folder(b"zz")
        spool.arrange((item.name, "r/" + item.name.decode(), Role.CONTENT) for item in spool.items())
        spool.alias(b"0007", "a/first", Role.DESCRIPTIVE)
        spool.alias(b"0007", "z/last", Role.DESCRIPTIVE)
        with pytest.raises(NameTaken):
            spool.alias(b"0001", "r/0002", Role.OTHER)
        with pytest.raises(NameTaken):
            spool.alias(b"0001", "a/first", Role.OTHER)
        stored = list(spool.spooled("stored"))
        assert [s.stored for s in stored] == sorted(s.stored for s in stored)
        assert len(stored) == 2_503
        assert [s.stored for s in spool.spooled("name") if s.item.name == b"0007"] == ["r/0007", "a/first", "z/last"]
        by_digest = list(spool.spooled("sha512"))
        assert [s.sha512 for s in by_digest] == sorted(s.sha512 for s in by_digest)
        assert len(by_digest) == 2_502
        assert sum(s.alias for s in by_digest) == 2
        assert {s.role for s in by_digest if s.alias} == {Role.DESCRIPTIVE}
        third = next(s for s in by_digest if s.item.name == b"0003")
        assert spool.of_file(third.file) == third.item
        with pytest.raises(NameTaken):
            spool.arrange([(b"0001", "same", Role.CONTENT), (b"0002", "same", Role.CONTENT)])
        spool.clear_arrangement()
        assert list(spool.spooled("stored")) == []


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_of_few_items_is_what_the_database_says(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    few, many = Spool(tmp_path / "few"), Spool(tmp_path / "many")
    monkeypatch.setattr(many, "_few", lambda: None)  # as if there were more of them

    def changed(spool: Spool, way: int, seed: int) -> object:
        chance = random.Random(seed)
        names = [b"top/%x" % chance.randrange(30), b"top/d/%x" % chance.randrange(30)]
        try:
            if way < 4:
                put(spool, chance.choice(names), b"%d" % chance.randrange(5))
            elif way < 6:
                spool.add_folder(chance.choice(names), chance.choice([None, 7]))
            elif way == 6:
                spool.arrange([(i.name, f"r/{chance.choice('é-z')}{chance.randrange(99)}", Role.OTHER) for i in spool.items()])
            elif way == 7:
                spool.arrange((item.name, "a/" + item.name.decode(), Role.CONTENT) for item in spool.items())
            elif way == 8:
                spool.alias(
                    chance.choice([i.name for i in spool.items()]), f"{chance.choice('az')}/{chance.random()}", Role.SCHEMA
                )
            elif way == 9:
                spool.clear_arrangement()
            elif spool.only_top():
                spool.unwrap(spool.only_top() or b"")
        except (NameTaken, IndexError) as error:
            spool.end()
            return type(error), str(error).replace("/many/", "/few/")
        return None

    def said(spool: Spool) -> list[object]:
        orders = [list(spool.spooled(order)) for order in ("name", "sha512", "stored")]
        each = [(spool.find(item.name), spool.get(item.name)) for item in spool.items()]
        files = [spool.of_file(one.file) for one in orders[1]]
        return [orders, each, files, spool.find(b"none"), spool.of_file("none"), spool.fingerprint(), list(spool.items())]

    with few, many:
        for _ in range(60):
            way, seed = chance.randrange(11), chance.randrange(10**6)
            assert changed(few, way, seed) == changed(many, way, seed)
            if chance.random() < 0.7:
                assert said(few) == said(many)


def test_unwrapping_takes_the_top_folder_from_every_name(tmp_path: Path) -> None:
    names = [b"a/a/a/a", b"a/a/b", b"a/b", b"a/\xff"]
    with Spool(tmp_path / "s") as spool, Spool(tmp_path / "plain") as plain:
        spool.add_folder(b"a", 99)
        for name in names:
            put(spool, name, name[2:])
            put(plain, name[2:], name[2:])
        spool.add_folder(b"a/empty")
        plain.add_folder(b"empty")
        spool.unwrap(b"a")
        assert [i.name for i in spool.items()] == [i.name for i in plain.items()]
        assert spool.count == plain.count
        assert spool.fingerprint() == plain.fingerprint()
        assert (spool.meta("top"), spool.meta("top_modified")) == (b"a", b"99")
        with spool.open(b"a/b") as stream:
            assert stream.read() == b"a/b"


def test_the_fingerprint_sees_every_name_kind_and_byte(tmp_path: Path) -> None:
    def fingerprint(folder: str, *parts: tuple[bytes, bytes | None]) -> str:
        with Spool(tmp_path / folder) as spool:
            for name, data in parts:
                spool.add_folder(name) if data is None else put(spool, name, data)
            return spool.fingerprint()

    one = fingerprint("1", (b"a", b"x"), (b"b", b"y"))
    assert one == fingerprint("2", (b"b", b"y"), (b"a", b"x"))
    others = [
        fingerprint("3", (b"a", b"y"), (b"b", b"x")),
        fingerprint("4", (b"a", b"x")),
        fingerprint("5", (b"a", b"x"), (b"b", b"y"), (b"c", None)),
        fingerprint("6", (b"a", b"x"), (b"b", b"y"), (b"c", b"")),
        fingerprint("7", (b"a", b"x"), (b"B", b"y")),
    ]
    assert len({one, *others}) == 6


KILLED = """
import io, os, sys
from pathlib import Path
from formats.package.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    spool.add_file(b"%d" % number, io.BytesIO(b"%d" % number))
os._exit(9)
"""


@pytest.mark.parametrize(
    ("files", "kept"), [(5, 0), (HELD_ITEMS + 5, HELD_ITEMS), (HELD_ITEMS + COMMIT_EVERY + 5, HELD_ITEMS + COMMIT_EVERY)]
)
def test_a_killed_process_leaves_a_spool_that_is_whole_and_not_complete(tmp_path: Path, files: int, kept: int) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "s"), str(files)]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == 9
    with Spool(tmp_path / "s") as spool:
        assert not spool.complete
        assert spool.files == kept
        put(spool, b"new", b"another")
        for spooled in spool.spooled():
            expected = b"another" if spooled.item.name == b"new" else spooled.item.name
            assert spool.path(spooled).read_bytes() == expected

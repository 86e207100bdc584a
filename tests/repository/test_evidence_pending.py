"""Evidence that was stamped and is not yet kept, when power or a disk fails; and versions that are in no batch for too long."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policies.findings import Finding
from repository.attention.entries import attention
from repository.evidence import keeping
from repository.evidence.judge import Judging, judge
from repository.evidence.making import authorities_by_tree, is_due, make_batch
from repository.evidence.pending import pending
from repository.evidence.renewing import renew_due
from repository.ledger import keeper
from repository.progress import Silent
from repository.signed.evidence import read_records
from signatures.errors import InvalidRecord
from signatures.evidence import verify_record
from storage import durable
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved, judged_record


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    made.authority("one", "sha256")
    made.authority("two", "sha512")
    yield made
    made.end()


def told(archive: Proved, code: str) -> list[Finding]:
    return [each for each in attention(archive.engine.archive) if each.code == code]


def left_pending(archive: Proved) -> Path:
    """A batch that was made by a process that ended before it could keep it."""
    kept = archive.engine.archive
    assert make_batch(kept, authorities_by_tree(kept), Silent()).leaves
    (folder,) = pending(kept)
    return folder


def empty(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_bytes(b"")


def missing(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def flipped(folder: Path) -> None:
    """A change that only the list of digests tells."""
    file = folder / "files" / "sha256" / "1" / "1.tst"
    file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1]))


def renamed(folder: Path) -> None:
    folder.rename(folder.with_suffix(".2"))


DAMAGE = {
    "facts empty": empty("pending.json"),
    "facts missing": missing("pending.json"),
    "batch empty": empty("files/batch.json"),
    "token empty": empty("files/sha256/1/1.tst"),
    "token missing": missing("files/sha512/1/1.tst"),
    "token flipped": flipped,
    "leaves empty": empty("files/leaves.ndjson"),
    "one file more": lambda folder: (folder / "files" / "more").write_bytes(b"x") and None,
    "another name": renamed,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_was_lost_before_it_was_kept_holds_up_nothing_and_is_told(archive: Proved, damage: Callable[[Path], None]) -> None:
    first = archive.give("a")
    damage(left_pending(archive))
    second = archive.give("b")
    done = archive.engine.evidence.batch()
    assert (done["leaves"], done["pending"], done["failures"]) == (2, 0, [])  # the lost batch's version is in the new one
    (finding,) = told(archive, "EVD-PENDING-UNREADABLE")
    aside = Path(finding.path)
    assert aside.parent == archive.home / "evidence" / "unreadable"
    assert finding.text()
    for name, aip in (("x", first), ("y", second)):
        assert archive.proof(aip, name)[1].records == ["sha256.er", "sha512.er"]
    shutil.rmtree(aside)
    assert told(archive, "EVD-PENDING-UNREADABLE") == []
    archive.whole()


def test_a_folder_that_is_none_of_ours_is_left_and_told(archive: Proved) -> None:
    archive.give("a")
    stray = archive.home / "evidence" / "pending" / "README"
    stray.mkdir(parents=True)
    assert archive.engine.evidence.batch()["leaves"] == 1
    assert [each.path for each in told(archive, "EVD-PENDING-UNREADABLE")] == [str(stray)]


def test_a_version_that_could_not_be_looked_at_stays_where_it_is(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.give("a")
    folder = left_pending(archive)
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "pending.json":
            raise PermissionError(13, "no")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refused)
        assert archive.engine.evidence.batch()["pending"] == 1
        assert [each.path for each in told(archive, "EVD-PENDING-UNREADABLE")] == [str(folder)]
    assert archive.engine.evidence.batch()["pending"] == 0
    assert told(archive, "EVD-PENDING-UNREADABLE") == []
    assert archive.engine.evidence.plan().waiting == 0


def test_one_whose_tiers_are_away_is_told_after_a_day(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.give("a")
    left_pending(archive)
    assert told(archive, "EVD-PENDING") == []
    archive.clock.pass_days(2)
    assert [each.args["count"] for each in told(archive, "EVD-PENDING")] == [1]
    assert archive.engine.evidence.batch()["pending"] == 0
    assert told(archive, "EVD-PENDING") == []


class Killed(BaseException):
    """The end of a process."""


def killed(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("ends", ["killed before the catalog was told", "a lock was refused once"])
def test_a_renewal_that_is_on_the_tiers_and_not_in_the_catalog_is_registered(
    archive: Proved, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.authority("three", "sha256", years=30)
    archive.authority("four", "sha512", years=30)
    archive.clock.pass_days(9.8 * 365)
    kept = archive.engine.archive
    renew_due(kept, authorities_by_tree(kept), Silent())
    with monkeypatch.context() as patch:
        if ends.startswith("killed"):
            patch.setattr(keeping, "_register", killed)
            with pytest.raises(Killed):
                keeping.settle(kept, {})
        else:
            patch.setattr(keeper, "promise", lambda *_: "no lock now")
            assert keeping.settle(kept, {}) == []
    assert archive.proof(aip, "between")[1].records == ["sha256.er", "sha512.er"]
    assert len(pending(kept)) == 1
    done = archive.engine.evidence.renew()
    assert (done["pending"], done["tokens"]) == (0, 0)
    assert [each.version for each in archive.catalog.evidence.batches()] == [2]
    assert archive.engine.evidence.renew()["tokens"] == 0
    assert not {each.code for each in attention(kept) if each.code.startswith("EVD-")}
    folder, _ = archive.proof(aip, "after")
    assert [len(judged_record(folder, f"{tree}.er", archive.clock.now()).stamps) for tree in ("sha256", "sha512")] == [2, 2]
    archive.whole()


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_on_the_tiers_and_not_in_the_catalog_is_neither_damage_nor_a_stranger(
    archive: Proved, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    archive.give("a")
    if number == 2:
        archive.engine.evidence.batch()
        archive.authority("three", "sha256", years=30)
        archive.authority("four", "sha512", years=30)
        archive.clock.pass_days(9.8 * 365)
        renew_due(archive.engine.archive, authorities_by_tree(archive.engine.archive), Silent())
    else:
        left_pending(archive)
    kept = archive.engine.archive
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "_register", killed)
        with pytest.raises(Killed):
            keeping.settle(kept, {})
    archive.clock.pass_days(1)
    report = archive.audit()
    assert (set(report.copies), report.strangers, report.damages) == ({"good"}, [], [])
    mended = archive.repair()
    assert (mended.repaired, mended.quarantined) == (0, 0)
    assert archive.engine.evidence.renew()["pending"] == 0
    assert [each.version for each in archive.catalog.evidence.batches()] == [number]
    archive.whole()


def test_every_byte_and_name_is_on_the_medium_before_the_folder_has_its_name(
    archive: Proved, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.give("a")
    calls: list[tuple[str, str]] = []
    rename, sync, folder = durable.rename, durable.fsync, durable.fsync_folder

    def noted_rename(source: str, target: str) -> None:
        calls.append(("rename", target))
        rename(source, target)

    def noted_sync(descriptor: int) -> None:
        calls.append(("file", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    def noted_folder(path: str) -> None:
        calls.append(("folder", path))
        folder(path)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "barrier_for", lambda path: durable.FileByFile)
        patch.setattr(durable, "rename", noted_rename)
        patch.setattr(durable, "fsync", noted_sync)
        patch.setattr(durable, "fsync_folder", noted_folder)
        made = left_pending(archive)
    renamed_at = calls.index(("rename", str(made)))
    before, after = calls[:renamed_at], calls[renamed_at:]
    written = [each for each in made.rglob("*") if each.is_file()]
    assert {name for kind, name in before if kind == "file"} >= {each.name for each in written}
    folders = {each.parent.relative_to(made).parts for each in written}
    synced = [Path(path) for kind, path in before if kind == "folder"]
    temporary = next(each for each in synced if each.suffix == ".new")
    assert {each.relative_to(temporary).parts for each in synced if each.is_relative_to(temporary)} >= folders
    assert ("folder", str(made.parent)) in after
    assert set(json.loads((made / "pending.json").read_bytes())["files"]) == {
        str(each.relative_to(made / "files")) for each in written if each.name != "pending.json"
    }


# -- versions in no batch ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
def test_versions_that_nothing_proves_are_told_of(tmp_path: Path, identifier: SharedIdentifier, named: bool) -> None:
    archive = Proved(tmp_path, identifier)
    try:
        if named:  # and does not answer
            archive.authority("one", "sha256")
            file = archive.home / "kho.toml"
            file.write_text(
                file.read_text().replace("/tsa", "/tsa").replace('url = "http://127.0.0.1', 'url = "http://127.0.0.2')
            )
            archive.reopen()
        aip = archive.give("a")
        archive.clock.pass_days(1.9)
        assert told(archive, "EVD-UNPROVED") == []
        archive.clock.pass_days(0.2)
        (finding,) = told(archive, "EVD-UNPROVED")
        assert (finding.args["count"], finding.args["id"]) == ("1", aip)
        assert ("no time-stamp authority is named" in finding.text()) is not named
        assert finding.code in {each.code for each in archive.engine.evidence.plan().findings}
        archive.authority("two", "sha512")
        assert archive.engine.evidence.batch()["leaves"] == 1
        assert told(archive, "EVD-UNPROVED") == []
    finally:
        archive.end()


def test_versions_that_cannot_be_proved_stay_told_of(archive: Proved) -> None:
    aip = archive.give("a")
    for tier in archive.engine.archive.settings.tiers:
        for file in Path(tier.path).rglob("inventory.json"):
            if aip.rpartition(":")[2] in str(file) or aip in file.read_text():
                file.chmod(0o644)
                file.write_bytes(b"{}")
    archive.clock.pass_days(3)
    assert archive.engine.evidence.batch()["unprovable"]
    assert [each.args["id"] for each in told(archive, "EVD-UNPROVED")] == [aip]


def test_the_plan_says_when_the_next_batch_is_due(archive: Proved) -> None:
    assert archive.engine.evidence.plan().next_batch is None
    archive.give("a")
    plan = archive.engine.evidence.plan()
    assert plan.next_batch == plan.now  # there was none before
    archive.engine.evidence.batch()
    made = archive.clock.now()
    archive.give("b")
    assert archive.engine.evidence.plan().next_batch == made.replace(microsecond=0) + archive.engine.archive.policy.evidence.every


def test_the_first_batch_of_an_archive_is_due_by_a_clock_that_goes(archive: Proved) -> None:
    """The moment of the question was held against a later one, at which nothing was left to wait: no worker ever made a first batch."""
    archive.give("a")
    assert is_due(archive.engine.archive)
    archive.engine.evidence.batch()
    assert not is_due(archive.engine.archive)
    archive.clock.pass_days(2)
    assert is_due(archive.engine.archive)


# -- size ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begins", [b"", b"0\x84\xff\xff\xff\xff", b"MI", b"<a>"])
def test_no_more_of_a_record_is_read_than_any_may_have(tmp_path: Path, begins: bytes) -> None:
    huge = tmp_path / "huge.er"
    with huge.open("wb") as stream:
        stream.write(begins)
        stream.truncate(2 << 30)
    (tmp_path / "x").write_bytes(b"x")
    tracemalloc.start()
    try:
        assert not judge(huge, Judging([tmp_path / "x"], {})).valid
        try:
            encoded = read_records([huge])
        except InvalidRecord:
            encoded = []
        assert all(not verify_record(each, []).valid for each in encoded)
        assert tracemalloc.get_traced_memory()[1] < 512 << 20
    finally:
        tracemalloc.stop()

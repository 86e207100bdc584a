"""What every `Tier` promises. One suite, run by all of them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixity.verify import Outcome
from storage.durable import FileByFile
from storage.errors import Conflict, NotFound, Refused, SpoolDamaged, Unavailable
from storage.ocfl import journal
from storage.ocfl.tier import LocalTier
from storage.s3.bucket import Bucket
from storage.s3.calls import BotoCalls
from storage.s3.tier import S3Tier
from storage.tape.tier import TapeTier
from storage.tier import ObjectId, SealedVersion, Tier
from tests.oracles import ocfl_py_findings
from tests.seaweed import Seaweed
from tests.storage.sealed import SealedObject, two_versions
from tests.storage.strays import strays_of
from tests.storage.tape.tapes import Tapes, tapes, unpack
from tests.storage.tape.target import have_target

Opened = Callable[[], Tier]


VOLUME = "LPD001L8"


@pytest.fixture
def tape(tmp_path: Path) -> Iterator[Tapes]:
    """A tape tier with one volume in a virtual library."""
    if not have_target():
        pytest.skip("tgt and libiscsi7 are not installed (scripts/install-tools)")
    with tapes(tmp_path / "tier", {VOLUME: 256}) as made:
        made.create(VOLUME)
        yield made


@pytest.fixture(params=["copy", "link", "fsync", "tape", "s3"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens the same tier anew, as another process would."""
    if request.param == "tape":
        made: Tapes = request.getfixturevalue("tape")
        return made.tier
    if request.param == "s3":
        seaweed: Seaweed = request.getfixturevalue("seaweed")
        place = seaweed.place()
        S3Tier.create(place, "a").close()
        return lambda: S3Tier(place, "a", settled_after=0)
    LocalTier.create(tmp_path / "tier", "a")
    barrier = FileByFile if request.param == "fsync" else None
    return lambda: LocalTier(tmp_path / "tier", "a", link_from_spool=request.param == "link", barrier=barrier)


@pytest.fixture
def tier(reopen: Opened) -> Tier:
    return reopen()


def read_back(tier: Tier, moved: str, target: Path) -> bytes:
    """What lies where a tier says that it moved something to."""
    if isinstance(tier, TapeTier):
        volume, _, path = moved.split("/", 2)
        with tier.shelf() as shelf:
            return (unpack(shelf.library, [volume], target) / path).read_bytes()
    if isinstance(tier, S3Tier):
        key, _, version = moved.removeprefix(f"s3://{tier.place.bucket}/").partition("?versionId=")
        return bytes(BotoCalls(tier.place).call("get_object", key, {"Key": key, "VersionId": version})["Body"])
    return Path(moved).read_bytes()


def downloaded(tier: Tier, target: Path) -> Path:
    """The storage root as files."""
    if isinstance(tier, TapeTier):
        with tier.shelf() as shelf:
            return unpack(shelf.library, [VOLUME], target)
    if isinstance(tier, S3Tier):
        bucket = Bucket(tier.place, BotoCalls(tier.place))
        for key, _, _ in bucket.current("ocfl/"):
            file = target / key.removeprefix("ocfl/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bucket.block(key).data)
        return target
    assert isinstance(tier, LocalTier)
    return tier.path / "ocfl"


@pytest.fixture
def sealed(tmp_path: Path) -> SealedObject:
    return two_versions(tmp_path / "spool")


def write(tier: Tier, *versions: SealedVersion) -> None:
    assert [written.error for written in tier.write(versions)] == [None] * len(versions)


def listed(tier: Tier) -> dict[str, tuple[int, bytes]]:
    found = list(tier.versions())
    assert [each.problem for each in found] == [None] * len(found)
    return {each.object_id: (each.number, each.inventory_sha512) for each in found}


def test_an_empty_tier_holds_nothing(tier: Tier, sealed: SealedObject) -> None:
    assert list(tier.versions()) == []
    assert tier.write([]) == []
    with pytest.raises(NotFound):
        tier.inventory(sealed.object_id)
    with pytest.raises(NotFound):
        tier.forget(sealed.object_id)


def test_what_was_written_is_there_for_everyone(tier: Tier, reopen: Opened, sealed: SealedObject) -> None:
    write(tier, *sealed.versions)
    for opened in (tier, reopen()):
        assert opened.verify(sealed.object_id, sealed.expected).ok
        assert listed(opened) == {sealed.object_id: (2, sealed.versions[1].inventory_sha512)}
        assert opened.inventory(sealed.object_id) == sealed.versions[1].inventory.read_bytes()
        for version in sealed.versions:
            for file in version.files():
                with opened.open(sealed.object_id, file.content_path) as stream:
                    assert hashlib.sha512(stream.read()).digest() == file.sha512
    for path in ("v1/content/none", "v9/inventory.json", "v1"):
        with pytest.raises(NotFound):
            tier.open(sealed.object_id, path)
    for path in ("../x", "/etc/passwd", "v1/../../x"):
        with pytest.raises(Refused):
            tier.open(sealed.object_id, path)


def test_versions_may_come_one_by_one_or_together(tier: Tier, tmp_path: Path) -> None:
    together = two_versions(tmp_path / "spool2", "urn:uuid:1")
    alone = two_versions(tmp_path / "spool3", "urn:uuid:2")
    write(tier, alone.versions[0], *together.versions)
    write(tier, alone.versions[1])
    for sealed in (together, alone):
        assert tier.verify(sealed.object_id, sealed.expected).ok


def test_writing_again_changes_nothing(tier: Tier, sealed: SealedObject) -> None:
    write(tier, *sealed.versions)
    before = listed(tier)
    for file in sealed.versions[1].files():
        file.source.unlink()  # it need not even be there any more
    write(tier, sealed.versions[1])
    write(tier, sealed.versions[0])
    assert listed(tier) == before
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_a_version_on_another_ground_is_a_conflict(tier: Tier, sealed: SealedObject, tmp_path: Path) -> None:
    (missing,) = tier.write([sealed.versions[1]])
    assert isinstance(missing.error, Conflict)
    rival = SealedObject(tmp_path / "rival", sealed.object_id)
    rival.version({"METS.xml": b"<rival/>"}, token="r")
    write(tier, sealed.versions[0])
    (first,) = tier.write([rival.versions[0]])
    assert isinstance(first.error, Conflict)
    rival.versions[0] = sealed.versions[0]
    branch = rival.version({"METS.xml": b"<rival>2</rival>"}, token="r")
    write(tier, sealed.versions[1])
    (late,) = tier.write([branch])
    assert isinstance(late.error, Conflict)
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_racing_writers_have_one_winner(reopen: Opened, tmp_path: Path) -> None:
    sealed = SealedObject(tmp_path / "spool")
    write(reopen(), sealed.version({"a": b"a"}))
    rivals = []
    for n in range(6):
        rivals.append(sealed.branch(tmp_path / f"rival{n}").version({"x": b"rival %d" % n}, token=f"r{n}"))
    results: dict[int, object] = {}

    def race(n: int) -> None:
        results[n] = reopen().write([rivals[n]])[0].error

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [n for n, error in results.items() if error is None]
    assert all(isinstance(error, Conflict) for n, error in results.items() if n != winner)
    expected = {**sealed.expected, 2: rivals[winner].inventory_sha512}
    assert reopen().verify(sealed.object_id, expected).ok


def test_the_same_version_from_many_writers_is_there_once(reopen: Opened, sealed: SealedObject) -> None:
    errors: list[object] = []

    def run() -> None:
        errors.extend(written.error for written in reopen().write(sealed.versions))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [None] * 12
    assert reopen().verify(sealed.object_id, sealed.expected).ok


@pytest.mark.parametrize("damage", ["altered", "shorter", "gone", "inventory"])
def test_a_damaged_spool_is_no_version(tier: Tier, sealed: SealedObject, damage: str, request: pytest.FixtureRequest) -> None:
    if damage == "altered" and "link" in request.node.name:
        pytest.skip("links are not read while writing; that re-reading finds it is tested in tests/faults")
    victim = next(sealed.versions[0].files()).source
    match damage:
        case "altered":
            victim.write_bytes(b"!" + victim.read_bytes()[1:])
        case "shorter":
            victim.write_bytes(victim.read_bytes()[:-1])
        case "gone":
            victim.unlink()
        case _:
            sealed.versions[0].inventory.write_bytes(sealed.versions[0].inventory.read_bytes() + b" ")
    (written,) = tier.write([sealed.versions[0]])
    assert isinstance(written.error, SpoolDamaged)
    assert list(tier.versions()) == []


def test_restore_quarantine_and_forget(tier: Tier, sealed: SealedObject, tmp_path: Path) -> None:
    write(tier, *sealed.versions)
    good = next(sealed.versions[0].files())
    with tier.open(sealed.object_id, good.content_path) as stream:
        data = stream.read()
    moved = tier.quarantine(sealed.object_id, good.content_path)
    assert read_back(tier, moved, tmp_path / "moved") == data
    report = tier.verify(sealed.object_id, sealed.expected)
    assert [(problem.path, problem.outcome) for problem in report.problems] == [(good.content_path, Outcome.MISSING)]
    with pytest.raises(Refused):
        tier.restore(sealed.object_id, good.content_path, io.BytesIO(data + b"!"), good.sha512)
    tier.restore(sealed.object_id, good.content_path, io.BytesIO(data), good.sha512)
    assert tier.verify(sealed.object_id, sealed.expected).ok
    with pytest.raises(NotFound):
        tier.quarantine(sealed.object_id, "v1/content/none")
    tier.forget(sealed.object_id)
    assert list(tier.versions()) == []
    write(tier, *sealed.versions)
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_progress_tells_every_byte_once(tier: Tier, tmp_path: Path) -> None:
    sealed = SealedObject(tmp_path / "large")
    sealed.version({"large": bytes(20 << 20), "small": b"x"})
    write(tier, *sealed.versions)
    told: list[int] = []
    report = tier.verify(sealed.object_id, sealed.expected, progress=told.append)
    assert report.ok
    assert sum(told) == report.bytes_read
    assert len(told) > 1


def test_nothing_expected_is_no_question(tier: Tier, sealed: SealedObject) -> None:
    write(tier, *sealed.versions)
    with pytest.raises(ValueError, match="nothing is expected"):
        tier.verify(sealed.object_id, {})
    with pytest.raises(ValueError, match="md5"):
        tier.verify(sealed.object_id, sealed.expected, algorithm="md5")


def test_another_validator_finds_nothing_to_say(tier: Tier, sealed: SealedObject, tmp_path: Path) -> None:
    write(tier, *sealed.versions)
    single = SealedObject(tmp_path / "single", "urn:uuid:9")
    single.version({"a": b"a", "b/ü.txt": b"", "same": b"a"})
    write(tier, *single.versions)
    root = downloaded(tier, tmp_path / "downloaded")
    assert ocfl_py_findings(root) == []
    assert len(list(root.rglob("0=ocfl_object_1.1"))) == 2


def test_an_unknown_object_is_missing(tier: Tier, sealed: SealedObject) -> None:
    report = tier.verify(ObjectId("urn:uuid:never"), sealed.expected)
    assert not report.ok
    assert set(report.counts) == {Outcome.MISSING}


def test_what_is_passed_over_is_neither_told_of_nor_a_stray(tier: Tier, sealed: SealedObject) -> None:
    write(tier, *sealed.versions)
    asked: list[str] = []
    strays: list[str] = []
    found = tier.versions(lambda place: not asked.append(place), strays.append)  # type: ignore[func-returns-value]
    assert (list(found), strays) == ([], [])
    assert asked == [tier.place_of(sealed.object_id)]


def test_what_belongs_to_no_object_is_a_stray(tier: Tier, sealed: SealedObject) -> None:
    if not isinstance(tier, LocalTier):
        pytest.skip("folders are a local disk's")
        pytest.skip("folders are a local disk's; strays of a bucket: tests/storage/test_s3.py")
    assert strays_of(tier) == []
    write(tier, *sealed.versions)
    assert strays_of(tier) == []
    assert [each.place for each in tier.versions()] == [tier.place_of(sealed.object_id)]
    root = tier.path / "ocfl"
    top = root / tier.place_of(sealed.object_id)
    assert (top / "inventory.json").is_file()
    (top / "v1" / "stranger").write_bytes(b"inside: verify tells of it")
    for name in ("x", f"{top.parent.relative_to(root)}/y"):
        (root / name).write_bytes(b"?")
    (root / "empty").mkdir()
    (root / "0ab").mkdir()
    (root / "fff" / "fff" / "fff").mkdir(parents=True)
    wanted = {"x", "empty", f"{top.parent.relative_to(root)}/y"}
    assert set(strays_of(tier)) == {*wanted, "0ab", "fff/fff/fff"}
    batch = journal.begin(tier._folder)
    try:
        assert set(strays_of(tier)) == wanted  # a writer may be about to fill the others
        os.utime(root / "0ab", (1, 1))
        assert set(strays_of(tier)) == {*wanted, "0ab"}
    finally:
        batch.finish()
        batch.release()
    assert set(strays_of(tier)) == {*wanted, "0ab", "fff/fff/fff"}


def test_a_folder_that_goes_while_a_tier_is_walked_is_nothing(tier: Tier, sealed: SealedObject) -> None:
    if not isinstance(tier, LocalTier):
        pytest.skip("folders are a local disk's")
    write(tier, *sealed.versions)
    root = tier.path / "ocfl"
    (root / "fff" / "odd").mkdir(parents=True)
    (root / "fff" / "x").write_bytes(b"?")
    (root / "stray").write_bytes(b"?")
    told: list[str] = []

    def gone(path: str) -> None:
        told.append(path)
        shutil.rmtree(root / "fff")

    assert [(each.object_id, each.problem) for each in tier.versions(strays=gone)] == [(sealed.object_id, None)]
    assert told == ["stray"]


def test_a_tier_that_went_away_says_so(tier: Tier) -> None:
    if not isinstance(tier, LocalTier):
        pytest.skip("a folder that is moved; libraries that are off: tests/storage/tape")
        pytest.skip("a bucket cannot be moved; a store that went away: tests/storage/test_s3_outages.py")
    tier.check()
    tier.path.rename(tier.path.with_name("away"))
    for ask in (tier.check, lambda: list(tier.versions())):
        with pytest.raises(Unavailable):
            ask()

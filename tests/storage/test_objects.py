"""Every kind of damage to every file of an object is reported as what it is, and mended."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from pathlib import Path

import pytest

from fixity.verify import FixityReport, Outcome
from storage.errors import NotFound, Refused
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.tier import LocalTier
from tests.storage.sealed import SealedObject, files_below, two_versions

ALGORITHMS = ("sha512", "sha256")


@pytest.fixture
def sealed(tmp_path: Path) -> SealedObject:
    return two_versions(tmp_path / "spool")


@pytest.fixture
def tier(tmp_path: Path, sealed: SealedObject) -> LocalTier:
    tier = LocalTier.create(tmp_path / "tier", "a")
    assert [written.error for written in tier.write(sealed.versions)] == [None, None]
    return tier


def top_of(tier: LocalTier, sealed: SealedObject) -> Path:
    return Path(tier._folder.object_root(sealed.object_id))


def problems(report: FixityReport) -> dict[str, Outcome]:
    assert len(report.problems) == report.counts.total() - report.counts[Outcome.GOOD]
    return {problem.path: problem.outcome for problem in report.problems}


def paths(tier: LocalTier, sealed: SealedObject) -> list[str]:
    return sorted(files_below(top_of(tier, sealed)))


def test_a_sound_object_is_good_and_every_file_counted(tier: LocalTier, sealed: SealedObject) -> None:
    for algorithm in ALGORITHMS:
        for cold in (True, False):
            report = tier.verify(sealed.object_id, sealed.expected, algorithm=algorithm, cold=cold)
            assert report.ok
            assert report.counts == {Outcome.GOOD: len(paths(tier, sealed))}
            assert report.bytes_read == sum((top_of(tier, sealed) / path).stat().st_size for path in paths(tier, sealed))
            assert report.inventory_sha512 == sealed.versions[-1].inventory_sha512.hex()


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_flipped_bit_in_any_file_is_altered(tier: LocalTier, sealed: SealedObject, algorithm: str) -> None:
    for path in paths(tier, sealed):
        file = top_of(tier, sealed) / path
        good = file.read_bytes()
        for at in {0, len(good) // 2, len(good) - 1} if good else ():
            flip(file, at)
            assert file.read_bytes() != good
            report = tier.verify(sealed.object_id, sealed.expected, algorithm=algorithm)
            assert problems(report) == {path: Outcome.ALTERED}
            assert not report.ok
            assert report.unjudged == 0
            file.write_bytes(good)
    assert tier.verify(sealed.object_id, sealed.expected, algorithm=algorithm).ok


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_shortened_lengthened_or_emptied_file_is_altered(tier: LocalTier, sealed: SealedObject, algorithm: str) -> None:
    for path in paths(tier, sealed):
        file = top_of(tier, sealed) / path
        good = file.read_bytes()
        file.chmod(0o644)
        for bad in {good[:-1], good + b"\n", b""} - {good}:
            file.write_bytes(bad)
            assert problems(tier.verify(sealed.object_id, sealed.expected, algorithm=algorithm)) == {path: Outcome.ALTERED}
        file.write_bytes(good)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_removed_file_is_missing_and_its_empty_folder_no_second_fact(
    tier: LocalTier, sealed: SealedObject, algorithm: str
) -> None:
    for path in paths(tier, sealed):
        file = top_of(tier, sealed) / path
        good = file.read_bytes()
        file.unlink()
        assert problems(tier.verify(sealed.object_id, sealed.expected, algorithm=algorithm)) == {path: Outcome.MISSING}
        file.write_bytes(good)


@pytest.mark.parametrize(
    "place",
    [
        "stray",
        "v1/stray",
        "v1/content/stray",
        "v2/content/x/data/stray",
        "v1/content/w/data/a/stray",
        "v3/content/stray",
        "logs/x",
        "inventory.json.md5",
    ],
)
def test_an_extra_file_is_extra_and_goes_to_quarantine(tier: LocalTier, sealed: SealedObject, place: str) -> None:
    before = paths(tier, sealed)
    file = top_of(tier, sealed) / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"who put me here")
    assert problems(tier.verify(sealed.object_id, sealed.expected)) == {place: Outcome.EXTRA}
    moved = Path(tier.quarantine(sealed.object_id, place))
    assert moved.read_bytes() == b"who put me here"
    assert moved.is_relative_to(tier.path / "quarantine")
    assert (moved.parent.parent / "note.json").is_file()
    assert tier.verify(sealed.object_id, sealed.expected).ok
    assert paths(tier, sealed) == before


def test_a_name_that_is_not_utf8_is_extra_and_can_be_moved(tier: LocalTier, sealed: SealedObject) -> None:
    name = os.fsdecode(b"b\xe1o c\xe1o\n")
    (top_of(tier, sealed) / "v1/content" / name).write_bytes(b"latin")
    assert problems(tier.verify(sealed.object_id, sealed.expected)) == {f"v1/content/{name}": Outcome.EXTRA}
    assert Path(tier.quarantine(sealed.object_id, f"v1/content/{name}")).read_bytes() == b"latin"
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_links_devices_and_empty_folders_are_extra_and_never_followed(
    tier: LocalTier, sealed: SealedObject, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    top = top_of(tier, sealed)
    (top / "v1/content/link").symlink_to(outside)
    (top / "v1/content/dangling").symlink_to("nowhere")
    os.mkfifo(top / "v1/content/fifo")
    (top / "v1/content/empty").mkdir()
    (top / "v7").mkdir()
    report = tier.verify(sealed.object_id, sealed.expected)
    strange = ["v1/content/link", "v1/content/dangling", "v1/content/fifo", "v1/content/empty", "v7"]
    assert problems(report) == dict.fromkeys(strange, Outcome.EXTRA)
    with pytest.raises((Refused, NotFound)):
        tier.open(sealed.object_id, "v1/content/link/secret")
    for path in strange:
        tier.quarantine(sealed.object_id, path)
    assert tier.verify(sealed.object_id, sealed.expected).ok
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_link_or_folder_in_a_files_place_is_altered_even_with_the_right_bytes_behind_it(
    tier: LocalTier, sealed: SealedObject, tmp_path: Path
) -> None:
    for path in paths(tier, sealed):
        file = top_of(tier, sealed) / path
        copy = tmp_path / "copy"
        copy.write_bytes(file.read_bytes())
        file.unlink()
        file.symlink_to(copy)
        assert problems(tier.verify(sealed.object_id, sealed.expected)) == {path: Outcome.ALTERED}
        file.unlink()
        file.mkdir()
        (file / "inside").write_bytes(b"x")
        assert problems(tier.verify(sealed.object_id, sealed.expected)) == {path: Outcome.ALTERED}
        with copy.open("rb") as good:
            tier.restore(sealed.object_id, path, good, hashlib.sha512(copy.read_bytes()).digest())
        assert tier.verify(sealed.object_id, sealed.expected).ok


def test_a_self_consistent_but_altered_object_is_altered(tier: LocalTier, sealed: SealedObject, tmp_path: Path) -> None:
    forged = SealedObject(tmp_path / "forged", sealed.object_id)
    forged.version({"METS.xml": b"<mets>forged</mets>"})
    forged.version({"METS.xml": b"<mets>forged twice</mets>"})
    other = LocalTier.create(tmp_path / "other", "b")
    other.write(forged.versions)
    shutil.rmtree(top_of(tier, sealed))
    shutil.copytree(top_of(other, sealed), top_of(tier, sealed))
    assert other.verify(sealed.object_id, forged.expected).ok
    report = tier.verify(sealed.object_id, sealed.expected)
    found = problems(report)
    for path in ("inventory.json", "inventory.json.sha512", "v1/inventory.json", "v2/inventory.json"):
        assert found[path] is Outcome.ALTERED
    assert report.unjudged == 2
    assert not report.ok


def test_content_is_known_from_a_version_inventory_when_the_root_inventory_is_damaged(
    tier: LocalTier, sealed: SealedObject
) -> None:
    top = top_of(tier, sealed)
    flip(top / "inventory.json", 100)
    (top / "v1/content/w/METS.xml").unlink()
    assert problems(tier.verify(sealed.object_id, sealed.expected)) == {
        "inventory.json": Outcome.ALTERED,
        "v1/content/w/METS.xml": Outcome.MISSING,
    }


def test_content_that_no_believed_inventory_knows_is_unjudged_never_good(tier: LocalTier, sealed: SealedObject) -> None:
    top = top_of(tier, sealed)
    (top / "inventory.json").unlink()
    flip(top / "v2/inventory.json", 100)
    report = tier.verify(sealed.object_id, sealed.expected)
    assert problems(report) == {"inventory.json": Outcome.MISSING, "v2/inventory.json": Outcome.ALTERED}
    assert report.unjudged == 2  # those of v2; v1's own inventory still vouches for its content
    flip(top / "v1/inventory.json", 100)
    report = tier.verify(sealed.object_id, sealed.expected)
    assert report.unjudged == 6
    assert not report.ok


def test_a_missing_object_is_all_missing(tier: LocalTier, sealed: SealedObject) -> None:
    shutil.rmtree(top_of(tier, sealed))
    report = tier.verify(sealed.object_id, sealed.expected)
    assert set(problems(report).values()) == {Outcome.MISSING}
    assert report.counts.total() == 7
    assert not report.ok


def test_a_newer_version_than_the_catalog_knows_is_not_good(tier: LocalTier, sealed: SealedObject) -> None:
    report = tier.verify(sealed.object_id, {1: sealed.expected[1]})
    assert problems(report)["inventory.json"] is Outcome.ALTERED
    assert problems(report)["v2/inventory.json"] is Outcome.EXTRA


def test_every_file_can_be_restored_and_the_bad_one_is_kept(tier: LocalTier, sealed: SealedObject) -> None:
    for path in paths(tier, sealed):
        file = top_of(tier, sealed) / path
        good = file.read_bytes()
        for bad in (good[:-1] + b"?", None):
            file.unlink()
            if bad is not None:
                file.write_bytes(bad)
            before = set((tier.path / "quarantine").rglob("found/*"))
            tier.restore(sealed.object_id, path, io.BytesIO(good), hashlib.sha512(good).digest())
            assert file.read_bytes() == good
            assert tier.verify(sealed.object_id, sealed.expected).ok
            put_aside = set((tier.path / "quarantine").rglob("found/*")) - before
            assert [kept.read_bytes() for kept in put_aside] == ([] if bad is None else [bad])
    assert list((tier.path / "tmp").iterdir()) == []


def test_a_whole_object_can_be_restored_file_by_file(tier: LocalTier, sealed: SealedObject) -> None:
    top = top_of(tier, sealed)
    whole = {path: (top / path).read_bytes() for path in paths(tier, sealed)}
    shutil.rmtree(tier.path / "ocfl" / os.path.relpath(top, tier.path / "ocfl").split("/")[0])
    for path, good in whole.items():
        tier.restore(sealed.object_id, path, io.BytesIO(good), hashlib.sha512(good).digest())
    assert tier.verify(sealed.object_id, sealed.expected).ok


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("what", ["file", "link"])
def test_what_stands_in_the_place_of_an_objects_folder_is_never_followed_and_makes_room(
    tier: LocalTier, sealed: SealedObject, tmp_path: Path, level: int, what: str
) -> None:
    """Of the object's own folder, and of those of the layout above it."""
    top = top_of(tier, sealed)
    whole = {path: (top / path).read_bytes() for path in paths(tier, sealed)}
    root = tier.path / "ocfl"
    folder = root.joinpath(*top.relative_to(root).parts[:level])
    folder.rename(tmp_path / "away")
    if what == "link":
        folder.symlink_to(tmp_path / "away")
    else:
        folder.write_bytes(b"in the way")
    with pytest.raises(NotFound):
        tier.open(sealed.object_id, "inventory.json")
    assert tier.glance(sealed.object_id, sealed.expected).off
    assert set(problems(tier.verify(sealed.object_id, sealed.expected)).values()) == {Outcome.MISSING}
    for path, good in whole.items():
        tier.restore(sealed.object_id, path, io.BytesIO(good), hashlib.sha512(good).digest())
    assert tier.verify(sealed.object_id, sealed.expected).ok
    kept = list((tier.path / "quarantine").rglob("found/*"))
    assert [each.name for each in kept] == [folder.name]
    assert kept[0].is_symlink() if what == "link" else kept[0].read_bytes() == b"in the way"


def test_restore_takes_no_bad_bytes(tier: LocalTier, sealed: SealedObject) -> None:
    path = "v1/content/w/METS.xml"
    flip(top_of(tier, sealed) / path, 0)
    bad = (top_of(tier, sealed) / path).read_bytes()
    with pytest.raises(Refused):
        tier.restore(sealed.object_id, path, io.BytesIO(b"<mots/>"), hashlib.sha512(b"<mets/>").digest())
    assert (top_of(tier, sealed) / path).read_bytes() == bad
    assert list((tier.path / "quarantine").iterdir()) == []
    assert list((tier.path / "tmp").iterdir()) == []


def test_sidecars_say_what_ocfl_says(sealed: SealedObject) -> None:
    digest = sealed.versions[0].inventory_sha512
    assert sidecar_text(digest) == digest.hex().encode() + b" inventory.json\n"


def test_what_cannot_be_read_is_unreadable_not_missing(
    tier: LocalTier, sealed: SealedObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO in the middle of a file, EACCES on opening one, and on a whole folder."""
    import errno

    real_open, real_readv, real_scandir = os.open, os.readv, os.scandir
    top = top_of(tier, sealed)
    bad = {os.stat(top / "v1/content/w/data/a/b/c/deep.bin").st_ino}
    reads: list[int] = []

    def bad_sector(descriptor: int, buffers: tuple[memoryview]) -> int:
        if os.fstat(descriptor).st_ino in bad:
            reads.append(descriptor)
            if len(reads) > 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real_readv(descriptor, [buffers[0][:4096]])
        return real_readv(descriptor, buffers)

    monkeypatch.setattr(os, "readv", bad_sector)
    report = tier.verify(sealed.object_id, sealed.expected)
    assert problems(report) == {"v1/content/w/data/a/b/c/deep.bin": Outcome.UNREADABLE}
    assert len(reads) == 2
    monkeypatch.setattr(os, "readv", real_readv)

    def no_right(path: str, flags: int, *arguments: int, **keywords: int) -> int:
        if path == "METS.xml":
            raise PermissionError(errno.EACCES, "no")
        return real_open(path, flags, *arguments, **keywords)

    monkeypatch.setattr(os, "open", no_right)
    assert set(problems(tier.verify(sealed.object_id, sealed.expected)).values()) == {Outcome.UNREADABLE}
    monkeypatch.setattr(os, "open", real_open)

    folder = os.stat(top / "v1/content/w/data").st_ino

    def no_listing(path: int) -> object:
        if isinstance(path, int) and os.fstat(path).st_ino == folder:
            raise OSError(errno.EIO, "no")
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", no_listing)
    report = tier.verify(sealed.object_id, sealed.expected)
    assert set(problems(report).values()) == {Outcome.UNREADABLE}
    assert len(report.problems) == 3  # the three files below it, each


def test_folders_nested_without_end_are_walked_with_few_descriptors(tier: LocalTier, sealed: SealedObject) -> None:
    """Somebody's folders in folders: what lies in them is told of, and none stops the walk or keeps a descriptor."""
    descriptor = os.open(top_of(tier, sealed) / "v1" / "content", os.O_RDONLY)
    for _ in range(300):
        os.mkdir("x", dir_fd=descriptor)
        inner = os.open("x", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("stray", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    before = len(os.listdir("/proc/self/fd"))
    report = tier.verify(sealed.object_id, sealed.expected)
    assert len(os.listdir("/proc/self/fd")) == before
    assert problems(report) == {"v1/content/" + "x/" * 300 + "stray": Outcome.EXTRA}

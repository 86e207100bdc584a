"""Damage: whatever happens to any file of an AIP on a tier is found, called by its name, and put right from the other copy."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from repository.model import Event
from storage.ocfl.medium import Medium
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.rights import writable

FIRST = {
    "báo cáo.txt": "Nội dung".encode(),
    "thư mục/ảnh.bin": bytes(range(256)) * 300,
    "thư mục/rỗng": b"",
    "thư mục trống/": b"",
}
SECOND = {**FIRST, "báo cáo.txt": "Nội dung sửa".encode(), "mới.txt": b"new in two"}
THIRD = {**SECOND, "ba.txt": b"new in three"}


class Scene:
    """An archive with one AIP of three versions and one of one; nothing that a test does to it outlives the test."""

    def __init__(self, archive: ArchiveUnderTest, aip: str, other: str) -> None:
        self.archive, self.aip, self.other = archive, aip, other
        top = archive.object(aip, "a")
        self.files = [str(path.relative_to(top)) for path in sorted(top.rglob("*")) if path.is_file()]

    def path(self, relative: str, tier: str = "b") -> Path:
        return self.archive.object(self.aip, tier) / relative


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("damage")
    archive = ArchiveUnderTest(folder, identifier)
    source = write_tree(folder / "hồ sơ", FIRST)
    first = archive.deposit(source)
    other = archive.deposit(write_tree(folder / "khác", {"x.txt": b"another"}))
    for files in (SECOND, THIRD):
        shutil.rmtree(source)
        write_tree(source, files)
        updated = archive.deposit(source, update=first.aip_id)
        assert updated.state.value == "stored", updated
    archive.whole()
    yield Scene(archive, first.aip_id, other.aip_id)
    archive.close()


@pytest.fixture(autouse=True)
def good_before_and_after(scene: Scene) -> Iterator[None]:
    """Every test leaves the archive whole: that is what it is about."""
    yield
    scene.archive.whole()
    assert scene.archive.damages() == {}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    path.chmod(0o644)
    if not data:
        data = bytearray(b"\x01")
    else:
        data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def truncate(path: Path) -> None:
    writable(path)
    if not path.stat().st_size:
        path.write_bytes(b"longer")
        return
    os.truncate(path, path.stat().st_size - 1)


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped": (flip, "altered"),
    "truncated": (truncate, "altered"),
    "deleted": (Path.unlink, "missing"),
}

ROLES = (
    "0=ocfl_object_1.1",
    "inventory.json",
    "inventory.json.sha512",
    "v1/inventory.json",
    "v1/inventory.json.sha512",
    "v2/inventory.json",
    "v3/inventory.json",
    "v3/inventory.json.sha512",
)


def every_file(scene: Scene) -> list[str]:
    return sorted(scene.files)


def repaired_events(scene: Scene, since: int) -> list[Event]:
    return list(scene.archive.engine.holdings.events(scene.aip))[since:]


@pytest.mark.parametrize("harm", HARMS)
def test_files_of_the_object(scene: Scene, harm: str) -> None:
    """A seeded sample: one file of each kind, and some more."""
    names = every_file(scene)
    kinds = {name.rpartition("/")[2].replace("v1", "v*"): name for name in names}
    each_file(scene, harm, random.Random(harm).sample(sorted(kinds.values()), 8))


@pytest.mark.proof
@pytest.mark.parametrize("harm", HARMS)
def test_every_file_of_the_object(scene: Scene, harm: str) -> None:
    each_file(scene, harm, every_file(scene))


def each_file(scene: Scene, harm: str, chosen: list[str]) -> None:
    """One file after the other: content, METS, PREMIS, submission record, inventories, sidecars, declaration."""
    act, outcome = HARMS[harm]
    archive = scene.archive
    names = every_file(scene)
    assert set(ROLES) <= set(names)
    assert {"METS.xml", "premis.xml", "kho-submission.jsonl", "events-v2.xml"} <= {name.rpartition("/")[2] for name in names}
    before = snapshot(archive.object(scene.aip, "b"), times=False)
    for name in chosen:
        if not scene.path(name).stat().st_size and harm == "truncated":
            continue
        since = len(list(archive.engine.holdings.events(scene.aip)))
        act(scene.path(name))
        report = archive.audit(scene.aip)
        assert [(each.tier, each.path, each.outcome) for each in report.damages] == [("b", name, outcome)], name
        assert archive.states(scene.aip) == {"a": "good", "b": "damaged"}
        repaired = archive.repair(scene.aip)
        assert (repaired.repaired, repaired.quarantined, repaired.failed) == (1, 0, []), name
        assert archive.states(scene.aip) == {"a": "good", "b": "good"}
        report = archive.audit(scene.aip)
        assert (dict(report.copies), report.damages) == ({"good": 2}, []), name
        happened = [(each.type, each.outcome, each.tier) for each in repaired_events(scene, since)]
        assert happened == [
            ("fixity check", "success", "a"),
            ("fixity check", "fail", "b"),
            ("recovery", "success", "b"),
            ("fixity check", "success", "b"),
            ("fixity check", "success", "a"),
            ("fixity check", "success", "b"),
        ] or sorted(happened[:2]) == [("fixity check", "fail", "b"), ("fixity check", "success", "a")], happened
        assert all(each.agent for each in repaired_events(scene, since))
    assert snapshot(archive.object(scene.aip, "b"), times=False) == before


EXTRA_PLACES = (
    "stranger",
    "v1/stranger",
    "v2/content/stranger",
    "v3/content/x/y/stranger",
    "v4/content/stranger",
    "v9",
    "extensions",
)


STRANGERS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_bytes(b"kept all the same"),
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "dangling": lambda path: path.symlink_to("nowhere"),
    "folder": lambda path: path.mkdir(),
    "device": os.mkfifo,
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_strangers_go_to_quarantine(scene: Scene, kind: str) -> None:
    archive = scene.archive
    quarantine = archive.home / "tiers" / "b" / "quarantine"
    for place in EXTRA_PLACES:
        path = scene.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        STRANGERS[kind](path)
        before = {entry.name for entry in quarantine.iterdir()}
        report = archive.audit(scene.aip)
        assert [(each.tier, each.path, each.outcome) for each in report.damages] == [("b", place, "extra")]
        repaired = archive.repair(scene.aip)
        assert (repaired.repaired, repaired.quarantined, repaired.failed) == (0, 1, [])
        (new,) = {entry for entry in quarantine.iterdir() if entry.name not in before}
        note = json.loads((new / "note.json").read_text())
        assert (note["object"], note["path"]) == (scene.aip, place)
        (found,) = (new / "found").iterdir()
        if kind == "file":
            assert found.read_bytes() == b"kept all the same"
        event = [each for each in archive.engine.holdings.events(scene.aip) if each.type == "quarantine"][-1]
        assert (event.outcome, event.tier) == ("success", "b")


def test_a_folder_or_link_in_place_of_a_file(scene: Scene, tmp_path: Path) -> None:
    archive = scene.archive
    for name in (*ROLES, next(name for name in every_file(scene) if name.endswith("METS.xml"))):
        path = scene.path(name)
        (tmp_path / "same").write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(tmp_path / "same")
        assert archive.audit(scene.aip).copies == {"good": 1, "damaged": 1}, name
        assert archive.repair(scene.aip).failed == [], name
        path.unlink()
        path.mkdir()
        (path / "in it").write_bytes(b"x")
        assert archive.audit(scene.aip).copies == {"good": 1, "damaged": 1}, name
        assert archive.repair(scene.aip).failed == [], name


def test_a_whole_object_is_missing(scene: Scene) -> None:
    archive = scene.archive
    shutil.rmtree(archive.object(scene.aip, "b"))
    report = archive.audit(scene.aip)
    assert {each.outcome for each in report.damages} == {"missing"}
    assert sorted(each.path for each in report.damages) == sorted(scene.files)  # each once, content of all versions too
    assert archive.states(scene.aip) == {"a": "good", "b": "damaged"}
    repaired = archive.repair(scene.aip)
    assert repaired.failed == []
    assert archive.states(scene.aip) == {"a": "good", "b": "good"}


def test_a_whole_version_is_missing(scene: Scene) -> None:
    archive = scene.archive
    shutil.rmtree(scene.path("v2"))
    assert {each.outcome for each in archive.audit(scene.aip).damages} == {"missing"}
    assert archive.repair(scene.aip).failed == []


def test_a_tier_that_is_not_there_is_unavailable_and_no_damage(scene: Scene) -> None:
    archive = scene.archive
    tier, away = archive.home / "tiers" / "b", archive.home / "tiers" / "b.away"
    for mounted_over in (False, True):
        tier.rename(away)
        if mounted_over:
            tier.mkdir()
        report = archive.audit()
        assert list(report.unavailable) == ["b"]
        assert report.damages == []
        assert archive.damages() == {}
        assert archive.states(scene.aip) == {"a": "good", "b": "good"}  # what was known of it last; nothing new is
        assert list(archive.audit(tier="b").unavailable) == ["b"]
        if mounted_over:
            tier.rmdir()
        away.rename(tier)


def test_a_lost_disk_is_filled_again(scene: Scene) -> None:
    """The tier is there and empty: everything is missing, and comes back."""
    archive = scene.archive
    root = archive.home / "tiers" / "b" / "ocfl"
    for child in root.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
    assert archive.audit().copies == {"good": 2, "damaged": 2}
    assert archive.repair().failed == []
    assert archive.states(scene.other) == {"a": "good", "b": "good"}


def test_both_copies_damaged_in_different_files(scene: Scene) -> None:
    archive = scene.archive
    names = [name for name in every_file(scene) if scene.path(name).stat().st_size]
    chance = random.Random(7)
    chance.shuffle(names)
    for n, name in enumerate(names):
        (flip, Path.unlink)[n % 4 // 2](scene.path(name, "ab"[n % 2]))
    report = archive.audit(scene.aip)
    assert report.copies == {"damaged": 2}
    assert {(each.tier, each.path) for each in archive.catalog.copies.damages()} >= {
        ("ab"[n % 2], name) for n, name in enumerate(names) if "inventory" in name
    }
    for _ in range(2):  # a copy whose inventory was bad is known whole only after that was put right
        repaired = archive.repair(scene.aip)
    assert repaired.failed == []


def test_both_copies_damaged_in_one_file_stay_reported(scene: Scene) -> None:
    archive = scene.archive
    name = next(name for name in every_file(scene) if name.endswith("ảnh.bin"))
    good = scene.path(name).read_bytes()
    for tier in "ab":
        flip(scene.path(name, tier))
    archive.audit(scene.aip)
    wanted = {("a", name): "altered", ("b", name): "altered"}
    assert archive.damages() == wanted
    for _ in range(2):
        repaired = archive.repair(scene.aip)
        assert repaired.repaired == 0
        assert {(each.tier, each.path): each.outcome for each in repaired.failed} == wanted
        assert archive.damages() == wanted
    event = [each for each in archive.engine.holdings.events(scene.aip) if each.type == "recovery"][-1]
    assert event.outcome == "fail"
    assert archive.engine.reports.fixity().short == 1
    scene.path(name, "a").write_bytes(good)
    archive.audit(scene.aip)
    assert archive.repair(scene.aip).failed == []


def test_every_inventory_of_both_copies_is_lost(scene: Scene, tmp_path: Path) -> None:
    """Nothing can be believed: nothing is repaired, nothing is called good, nothing is thrown away."""
    archive = scene.archive
    saved = tmp_path / "saved"
    for tier in "ab":
        shutil.copytree(archive.object(scene.aip, tier), saved / tier)
    for tier in "ab":
        for name in ("inventory.json", "v3/inventory.json"):
            flip(scene.path(name, tier))
    report = archive.audit(scene.aip)
    assert report.copies == {"damaged": 2}
    repaired = archive.repair(scene.aip)
    assert (repaired.repaired, repaired.quarantined) == (0, 0)
    assert {each.path for each in repaired.failed} >= {"inventory.json", "v3/inventory.json"}
    for tier in "ab":
        for name in ("inventory.json", "v3/inventory.json"):
            shutil.copy(saved / tier / name, scene.path(name, tier))
    archive.audit(scene.aip)


def test_a_copy_that_agrees_with_itself_is_altered_all_the_same(scene: Scene) -> None:
    """Content, inventories and sidecars rewritten together on one tier: the catalog knows better."""
    archive = scene.archive
    forge(archive.object(scene.aip, "b"), "ảnh.bin", b"forged")
    report = archive.audit(scene.aip)
    outcomes = {each.path: each.outcome for each in report.damages}
    assert outcomes["inventory.json"] == "altered"
    assert archive.states(scene.aip) == {"a": "good", "b": "damaged"}
    while archive.states(scene.aip)["b"] != "good":
        assert archive.repair(scene.aip).repaired


def test_exports_have_the_events_of_ingest_audit_and_repair(scene: Scene) -> None:
    archive = scene.archive
    flip(scene.path("v1/inventory.json"))
    archive.audit(scene.aip)
    archive.repair(scene.aip)
    out = archive.export(scene.aip, form="folder")
    tree = etree.parse(str(out / "metadata/preservation/premis.xml"))
    ns = {"p": "http://www.loc.gov/premis/v3"}
    said = {
        (event.findtext("p:eventType", namespaces=ns), event.findtext(".//p:eventOutcome", namespaces=ns))
        for event in tree.iterfind(".//p:event", ns)
        if event.findtext(".//p:linkingAgentIdentifierValue", namespaces=ns)
    }
    wanted = {"ingestion", "message digest calculation", "virus check", "format identification", "replication", "fixity check"}
    assert {kind for kind, _ in said} >= {*wanted, "recovery"}
    assert {("fixity check", "success"), ("fixity check", "fail"), ("recovery", "success")} <= said


def test_what_cannot_be_read_is_neither_good_nor_altered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO from the medium: unreadable, never altered; nothing is repaired or moved because of it while the disk is like that."""
    archive = scene.archive
    name = next(name for name in every_file(scene) if name.endswith("ảnh.bin"))
    bad = os.stat(scene.path(name)).st_ino
    real = Medium.digest

    def digest(self: Medium, descriptor: int, algorithm: str) -> tuple[int, bytes]:
        if os.fstat(descriptor).st_ino == bad:
            os.close(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(self, descriptor, algorithm)

    monkeypatch.setattr(Medium, "digest", digest)
    report = archive.audit(scene.aip)
    assert report.copies == {"good": 1, "unreadable": 1}
    assert [(each.tier, each.path, each.outcome) for each in report.damages] == [("b", name, "unreadable")]
    assert archive.states(scene.aip) == {"a": "good", "b": "unreadable"}
    assert archive.engine.reports.fixity().short == 1
    event = [each for each in archive.engine.holdings.events(scene.aip) if each.type == "fixity check"][-1]
    assert event.outcome in ("success", "warning")
    # A repair writes the good bytes to a new place on the disk; what could not be read lies in quarantine.
    repaired = archive.repair(scene.aip)
    assert (repaired.repaired, repaired.failed) == (1, [])
    assert archive.states(scene.aip) == {"a": "good", "b": "good"}


def forge(top: Path, name: str, data: bytes) -> None:
    """Rewrite one content file of an object, and every inventory and sidecar, so that the object agrees with itself."""
    import hashlib

    (path,) = top.rglob(name)
    old = {each: hashlib.new(each, path.read_bytes()).hexdigest() for each in ("sha512", "sha256")}
    new = {each: hashlib.new(each, data).hexdigest() for each in ("sha512", "sha256")}
    path.chmod(0o644)
    path.write_bytes(data)
    for inventory in top.rglob("inventory.json"):
        text = inventory.read_text(encoding="utf-8")
        for each in old:
            text = text.replace(old[each], new[each])
        inventory.chmod(0o644)
        inventory.write_text(text, encoding="utf-8")
        sidecar = inventory.with_name("inventory.json.sha512")
        sidecar.chmod(0o644)
        sidecar.write_text(hashlib.sha512(text.encode()).hexdigest() + " inventory.json\n")

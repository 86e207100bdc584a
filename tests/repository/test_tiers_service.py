"""Tiers that are added to an archive, and tiers whose disk is gone for good."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.findings import KhoError
from repository.cli.run import run
from repository.errors import TierKept, UnknownTier
from repository.progress import Silent
from repository.settings.home import Settings, SettingsError, TierFile
from repository.views import copies as views_copies
from storage.ocfl.tier import LocalTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    opened = ArchiveUnderTest(tmp_path, identifier)
    yield opened
    opened.close()


def kho(archive: ArchiveUnderTest, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    archive.close()
    try:
        code = run(["--home", str(archive.home), "--json", *words])
    finally:
        archive.open()
    return code, json.loads(capsys.readouterr().out)


def promise(archive: ArchiveUnderTest, *tiers: str) -> None:
    archive.policy(tiers=json.dumps(tiers))


def tiers_of(archive: ArchiveUnderTest) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in tomllib.loads((archive.home / "kho.toml").read_text())["tiers"]}


def test_a_disk_that_is_gone_is_replaced_and_what_it_held_is_made_again(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aips = [
        each.aip_id
        for each in (
            archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})),
            archive.deposit(write_tree(tmp_path / "in2", {"b.txt": b"b"})),
        )
    ]
    archive.audit()  # canaries are planted, too
    before, disk = tiers_of(archive)["b"]["uuid"], archive.home / "tiers" / "b"
    disk.rename(tmp_path / "gone")
    (disk / "lost+found").mkdir(parents=True)  # a new disk, as it is mounted
    code, document = kho(archive, capsys, "tiers", "replace", "b")
    assert (code, document["copies"], document["place"]) == (0, 2, str(disk))
    assert [each["code"] for each in document["findings"]] == ["TIER-PROMISED"]  # type: ignore[attr-defined]
    assert before != document["uuid"] == tiers_of(archive)["b"]["uuid"]
    for aip in aips:
        assert archive.states(aip) == {"a": "good"}
    event = archive.catalog.events.latest("tier replaced", "b")
    assert event is not None
    assert (event.detail["copies"], event.detail["uuid"]) == (2, document["uuid"])
    assert kho(archive, capsys, "audit", "--all")[0] == 5  # fewer copies than promised, and nothing is damaged
    assert kho(archive, capsys, "copies", "apply")[0] == 0
    assert [archive.states(aip) for aip in aips] == [{"a": "good", "b": "good"}] * 2
    assert kho(archive, capsys, "audit", "--all")[0] == 0
    shutil.rmtree(disk)
    (tmp_path / "gone").rename(disk)
    archive.reopen()
    assert list(archive.audit().unavailable) == ["b"]  # the old disk is not this tier any more


def test_a_tier_that_answers_is_not_begun_anew(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    text, b = (archive.home / "kho.toml").read_text(), snapshot(archive.home / "tiers" / "b" / "ocfl")
    with pytest.raises(TierKept, match="answers"):
        archive.engine.tiers.replace("b")
    with pytest.raises(TierKept):
        archive.engine.tiers.replace("b", tmp_path / "other")
    with pytest.raises(UnknownTier):
        archive.engine.tiers.replace("c")
    assert (archive.home / "kho.toml").read_text() == text
    assert snapshot(archive.home / "tiers" / "b" / "ocfl") == b
    assert not (tmp_path / "other").exists()


def test_the_last_good_copies_are_not_given_up_unasked(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    archive.deposit(write_tree(tmp_path / "in2", {"b.txt": b"b"}))
    (file,) = archive.object(aip, "a").rglob("a.txt")
    file.chmod(0o644)
    file.write_bytes(b"A")
    archive.audit()
    (archive.home / "tiers" / "b").rename(tmp_path / "gone")
    text = (archive.home / "kho.toml").read_text()
    code, document = kho(archive, capsys, "tiers", "replace", "b")
    assert (code, document["findings"][0]["code"]) == (2, "TIER-KEPT")  # type: ignore[index]
    assert "1 objects have no other copy" in document["findings"][0]["text"]  # type: ignore[index]
    assert (archive.home / "kho.toml").read_text() == text
    assert not (archive.home / "tiers" / "b").exists()
    assert archive.states(aip) == {"a": "damaged", "b": "good"}
    assert kho(archive, capsys, "tiers", "replace", "b", "--give-up")[0] == 0
    assert archive.states(aip) == {"a": "damaged"}


def test_in_another_folder_and_its_media_are_new(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    file = archive.home / "kho.toml"
    text = file.read_text()
    assert text.count('name = "b"\n') == 1
    file.write_text(text.replace('name = "b"\n', 'name = "b"\n# ours since 2015\nin_service = "2015-01-01"\n'))
    archive.reopen()
    (archive.home / "tiers" / "b").rename(tmp_path / "gone")
    target = tmp_path / 'đĩa "mới" \\1'
    begun = archive.engine.tiers.replace("b", target)
    now = tiers_of(archive)["b"]
    assert (now["path"], now["uuid"]) == (str(target), begun.uuid)
    assert str(now["in_service"]) == archive.engine.archive.clock.now().date().isoformat()
    assert "# ours since 2015" in file.read_text()
    assert tiers_of(archive)["a"] == tomllib.loads(text)["tiers"][0]
    archive.reopen()
    assert archive.tier("b").path == target  # type: ignore[attr-defined]


@pytest.mark.parametrize("in_file", [True, False])
def test_a_tier_on_which_nothing_is_promised_is_forgotten(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_file: bool
) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    archive.engine.tiers.add("c", tmp_path / "c")
    archive.audit()
    with pytest.raises(TierKept, match="promises"):
        archive.engine.tiers.remove("b")
    promise(archive, "a", "c")
    code, document = kho(archive, capsys, "tiers", "remove", "a")
    assert (code, document["findings"][0]["code"]) == (2, "TIER-KEPT")  # type: ignore[index]
    file, b = archive.home / "kho.toml", snapshot(archive.home / "tiers" / "b" / "ocfl")
    if not in_file:
        TierFile.read(archive.home).removed("b").write()
    assert kho(archive, capsys, "copies", "apply")[0] == 0
    code, document = kho(archive, capsys, "tiers", "remove", "b")
    assert (code, document["copies"]) == (0, 1)
    assert list(tiers_of(archive)) == ["a", "c"]
    assert file.read_text().startswith("# Where this archive keeps things.")
    assert archive.states(aip) == {"a": "good", "c": "good"}
    assert snapshot(archive.home / "tiers" / "b" / "ocfl") == b
    assert kho(archive, capsys, "report", "fixity")[0] == 0
    assert kho(archive, capsys, "copies", "apply", "--release")[0] == 0
    with pytest.raises(UnknownTier):
        archive.engine.tiers.remove("b")


def test_the_last_good_copies_are_not_forgotten_unasked(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    archive.engine.tiers.add("c", tmp_path / "c")
    shutil.rmtree(archive.object(aip, "a"))
    archive.audit()
    promise(archive, "a", "c")
    with pytest.raises(TierKept, match="no other copy"):
        archive.engine.tiers.remove("b")
    assert archive.states(aip)["b"] == "good"
    archive.repair()
    archive.engine.copies.apply(release=False, progress=Silent())
    assert archive.engine.tiers.remove("b") == 1


def test_what_cannot_be_made_changes_nothing(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    disk, text = archive.home / "tiers" / "b", (archive.home / "kho.toml").read_text()
    disk.rename(tmp_path / "gone")
    disk.write_text("no folder")
    with pytest.raises(KhoError):
        archive.engine.tiers.replace("b")
    disk.unlink()
    LocalTier.create(disk, "b")  # of another archive
    with pytest.raises(SettingsError, match="tier already"):
        archive.engine.tiers.replace("b")
    with pytest.raises(SettingsError):  # in the other tier
        archive.engine.tiers.replace("b", archive.home / "tiers" / "a" / "inside")
    assert (archive.home / "kho.toml").read_text() == text
    assert archive.states(aip) == {"a": "good", "b": "good"}
    assert not (archive.home / "tiers" / "a" / "inside").exists()


def test_when_kho_toml_cannot_be_written_the_new_tier_is_taken_back(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: TierFile) -> None:
        raise SettingsError("SET-UNREADABLE", str(self.path), reason="No space left on device")

    monkeypatch.setattr(TierFile, "write", full)
    with pytest.raises(SettingsError, match="No space"):
        archive.engine.tiers.add("c", tmp_path / "c")
    assert not (tmp_path / "c").exists()
    monkeypatch.undo()
    archive.engine.tiers.add("c", tmp_path / "c")


def test_a_tier_is_added_and_filled(archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    code, document = kho(archive, capsys, "tiers", "add", f"c={tmp_path / 'c'}", "--site", "Hà Nội")
    assert (code, document["tier"], document["copies"]) == (0, "c", 0)
    assert [each["code"] for each in document["findings"]] == ["TIER-NOT-PROMISED"]  # type: ignore[attr-defined]
    (place,) = (each for each in Settings.load(archive.home).tiers if each.name == "c")
    assert (place.path, place.uuid, place.place.site) == (tmp_path / "c", document["uuid"], "Hà Nội")
    promise(archive, "a", "b", "c")
    assert kho(archive, capsys, "copies", "apply")[0] == 0
    assert archive.states(aip) == {"a": "good", "b": "good", "c": "good"}
    listed = views_copies.tiers(archive.engine.archive, archive.engine.reports.fixity())["tiers"]
    assert [(each["name"], each["reachable"], each["good"]) for each in listed] == [(name, True, 1) for name in "abc"]


def test_a_tier_that_was_entered_by_hand_is_made(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (archive.home / "kho.toml").open("a") as file:
        file.write(f"""
  [[tiers]]  # the new shelf
  kind = "local"
  path = "{tmp_path / "c"}"
  name = 'c'
""")
    archive.reopen()
    assert kho(archive, capsys, "audit")[0] == 0
    assert kho(archive, capsys, "tiers")[0] == 5
    assert kho(archive, capsys, "tiers", "add", "c")[0] == 0
    assert kho(archive, capsys, "tiers")[0] == 0
    code, document = kho(archive, capsys, "tiers", "add", "c")
    assert (code, document["findings"][0]["code"]) == (2, "SET-TIER-KNOWN")  # type: ignore[index]


def test_a_tier_that_held_copies_is_not_added_though_kho_toml_says_no_uuid(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """As older archives do not: its disk may only be away."""
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    file = archive.home / "kho.toml"
    file.write_text("".join(each for each in file.read_text().splitlines(keepends=True) if not each.startswith("uuid")))
    archive.reopen()
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    with pytest.raises(SettingsError) as caught:
        archive.engine.tiers.add("b")
    assert caught.value.code == "SET-TIER-KNOWN"
    assert archive.states(aip) == {"a": "good", "b": "good"}
    assert not (archive.home / "tiers" / "b").exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("a={}/x", "SET-TIER-KNOWN"),
        ("nowhere", "TIER-UNKNOWN"),
        ("=", "USE-VALUE"),
        ("c=", "USE-VALUE"),
        ("={}/x", "USE-VALUE"),
        ("default={}/x", "SET-VALUE"),
        ("c={}/archive/tiers/a/x", "SET-TIERS"),
        ("c={}/archive/tiers/a", "SET-TIERS"),
    ],
)
def test_what_cannot_be_added(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, code: str
) -> None:
    text = (archive.home / "kho.toml").read_text()
    exit_code, document = kho(archive, capsys, "tiers", "add", given.format(tmp_path))
    assert document["findings"][0]["code"] == code  # type: ignore[index]
    assert exit_code in (1, 2)
    assert (archive.home / "kho.toml").read_text() == text
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text",
    [
        'tiers = [{name = "a", path = "a"}, {name = "b", path = "b"}]\n',
        '[[tiers]]\nname = "a"\npath = "a"\n[[tiers]]\n"name" = "b"\npath = "b"\n',
    ],
)
def test_a_file_that_cannot_be_changed_line_by_line_is_left(tmp_path: Path, text: str) -> None:
    (tmp_path / "kho.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        TierFile.read(tmp_path).changed("b", {"uuid": "0b3cdead-96d9-4491-8b45-d53bff40036d"})
    assert caught.value.code == "SET-TIER-BY-HAND"


def test_other_sections_are_not_touched(tmp_path: Path) -> None:
    text = (
        '# top\n[[tiers]]\npath = "a" # here\nname = "a"\n\n[api]\n\n[[tiers]]\nname = "b" # second\npath = "b"\n'
        '[[api.tokens]]\nname = "b"\nsha256 = "' + "0" * 64 + '"\n'
    )
    (tmp_path / "kho.toml").write_text(text)
    one, two = "0b3cdead-96d9-4491-8b45-d53bff40036d", "5e1f0d56-769f-43db-bef2-12e1028f4956"
    file = TierFile.read(tmp_path).changed("b", {"uuid": one}).changed("b", {"uuid": two}).changed("a", {"uuid": one})
    expected = text.replace('name = "a"\n', f'name = "a"\nuuid = "{one}"\n').replace(
        'name = "b" # second\n', f'name = "b" # second\nuuid = "{two}"\n'
    )
    assert file.text == expected

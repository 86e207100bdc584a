"""A tier's folder: created once, recognised, never mistaken for an empty one; listing what it holds; keeping on it."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fixity.verify import Outcome
from storage.durable import FileByFile, WholeSystem, barrier_for
from storage.errors import AlreadyExists, Damaged, Refused, Unavailable
from storage.ocfl.objects import remove_tree
from storage.ocfl.tier import LocalTier
from storage.tiers import keep_on
from tests.rights import writable
from tests.storage.sealed import SealedObject, files_below, two_versions


@pytest.fixture
def sealed(tmp_path: Path) -> SealedObject:
    return two_versions(tmp_path / "spool")


@pytest.fixture
def tier(tmp_path: Path, sealed: SealedObject) -> LocalTier:
    tier = LocalTier.create(tmp_path / "tier", "a")
    assert all(kept.counts for kept in keep_on(tier, sealed.versions))
    return tier


def everything(tier: LocalTier, sealed: SealedObject) -> list[Callable[[], object]]:
    """Every method that asks the tier."""
    object_id = sealed.object_id
    return [
        lambda: tier.write(sealed.versions),
        lambda: tier.verify(object_id, sealed.expected),
        lambda: list(tier.versions()),
        lambda: tier.inventory(object_id),
        lambda: tier.open(object_id, "v1/inventory.json"),
        lambda: tier.restore(object_id, "x", io.BytesIO(), b""),
        lambda: tier.quarantine(object_id, "x"),
        lambda: tier.forget(object_id),
        tier.recover,
        lambda: tier.identifier,
    ]


def test_a_tier_is_created_once(tmp_path: Path) -> None:
    tier = LocalTier.create(tmp_path / "new" / "tier", "a")
    assert sorted(os.listdir(tier.path)) == ["canaries", "kho-tier.json", "ocfl", "quarantine", "tmp"]
    marker = json.loads((tier.path / "kho-tier.json").read_text())
    assert marker == {"kho_tier": 1, "name": "a", "uuid": tier.identifier}
    with pytest.raises(AlreadyExists):
        LocalTier.create(tier.path, "a")
    assert LocalTier(tier.path, "a").identifier == tier.identifier


def test_creation_that_was_killed_can_be_repeated(tmp_path: Path) -> None:
    tier = LocalTier.create(tmp_path / "tier", "a")
    (tier.path / "kho-tier.json").unlink()
    assert list(LocalTier.create(tmp_path / "tier", "a").versions()) == []


def test_a_folder_with_other_things_is_no_place_for_a_tier(tmp_path: Path) -> None:
    (tmp_path / "tier" / "ocfl").mkdir(parents=True)
    (tmp_path / "tier" / "ocfl" / "thesis.doc").write_bytes(b"x")
    with pytest.raises(Refused):
        LocalTier.create(tmp_path / "tier", "a")
    assert [*files_below(tmp_path / "tier" / "ocfl")] == ["thesis.doc"]


@pytest.mark.parametrize("loss", ["unmounted", "gone", "marker", "other", "renamed", "newer", "damaged", "ocfl"])
def test_a_tier_that_is_not_there_is_unavailable_and_never_written_to(tier: LocalTier, sealed: SealedObject, loss: str) -> None:
    path, marker = tier.path, tier.path / "kho-tier.json"
    match loss:
        case "unmounted":
            shutil.move(path, path.parent / "elsewhere")
            path.mkdir()
        case "gone":
            shutil.move(path, path.parent / "elsewhere")
        case "marker":
            marker.unlink()
        case "other":
            shutil.move(path, path.parent / "elsewhere")
            LocalTier.create(path, "a")
        case "renamed":
            writable(marker).write_text(marker.read_text().replace('"a"', '"b"'))
        case "newer":
            writable(marker).write_text(marker.read_text().replace('"kho_tier": 1', '"kho_tier": 2'))
        case "damaged":
            writable(marker).write_bytes(b"\0" * 60)
        case "ocfl":
            (path / "ocfl").rename(path / "elsewhere")
    before = sorted(files_below(path)) if path.is_dir() else None
    for opened in (tier, LocalTier(path, "a", identifier=tier._folder._identifier)):
        for ask in everything(opened, sealed):
            with pytest.raises(Unavailable):
                ask()
        kept = keep_on(opened, sealed.versions)
        assert [each.counts for each in kept] == [False, False]
        assert all(isinstance(each.error, Unavailable) for each in kept)
    assert (sorted(files_below(path)) if path.is_dir() else None) == before


def test_a_tier_that_comes_back_works_again(tier: LocalTier, sealed: SealedObject) -> None:
    shutil.move(tier.path, tier.path.parent / "elsewhere")
    with pytest.raises(Unavailable):
        tier.verify(sealed.object_id, sealed.expected)
    shutil.move(tier.path.parent / "elsewhere", tier.path)
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_a_tier_that_goes_away_while_it_is_read_is_no_damage(tier: LocalTier, sealed: SealedObject) -> None:
    top = tier._folder.object_root(sealed.object_id)

    def go(_: int) -> None:
        if os.path.exists(top):
            shutil.move(tier.path, tier.path.parent / "elsewhere")

    with pytest.raises(Unavailable):
        tier.verify(sealed.object_id, {**sealed.expected, 3: b"\0" * 64}, progress=go)


@pytest.mark.parametrize(
    ("damage", "number"),
    [
        ("inventory.json", 2),
        ("inventory.json gone", 2),
        ("0=ocfl_object_1.1 gone", 2),
        ("v2/inventory.json", 2),
        ("v2 gone", 2),
        ("moved", 2),
        ("both sidecars", 2),
    ],
)
def test_listing_shows_what_cannot_be_believed(tier: LocalTier, sealed: SealedObject, damage: str, number: int) -> None:
    top = Path(tier._folder.object_root(sealed.object_id))
    name = damage.removesuffix(" gone")
    if damage == "moved":
        target = tier.path / "ocfl" / "000" / "000" / "000" / ("0" * 64)
        target.parent.mkdir(parents=True)
        top.rename(target)
    elif damage == "v2 gone":
        remove_tree(str(top / "v2"))
    elif damage == "both sidecars":
        for sidecar in (top / "inventory.json.sha512", top / "v2" / "inventory.json.sha512"):
            sidecar.unlink()
    elif damage.endswith("gone"):
        (top / name).unlink()
    else:
        (top / name).chmod(0o644)
        (top / name).write_bytes(b"{" + (top / name).read_bytes())
    (found,) = tier.versions()
    assert isinstance(found.problem, Damaged)
    assert (found.object_id, found.number) == (sealed.object_id, number)


def test_a_lagging_sidecar_is_an_unfinished_commit_and_is_believed(tier: LocalTier, sealed: SealedObject) -> None:
    top = Path(tier._folder.object_root(sealed.object_id))
    shutil.copy(top / "v1/inventory.json.sha512", top / "lagging")
    os.replace(top / "lagging", top / "inventory.json.sha512")
    (found,) = tier.versions()
    assert found.problem is None
    assert found.number == 2
    assert [kept.counts for kept in keep_on(tier, sealed.versions)] == [True, True]
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_what_was_there_already_is_reread_before_it_counts(tier: LocalTier, sealed: SealedObject) -> None:
    top = Path(tier._folder.object_root(sealed.object_id))
    file = top / "v1/content/w/METS.xml"
    file.chmod(0o644)
    file.write_bytes(b"<mots/>")
    kept = keep_on(tier, [sealed.versions[0]])
    assert [each.counts for each in kept] == [False]
    assert kept[0].report is not None
    assert kept[0].report.counts[Outcome.ALTERED] == 1


def test_an_old_version_is_kept_again_beside_newer_ones(tier: LocalTier, sealed: SealedObject) -> None:
    assert [each.counts for each in keep_on(tier, [sealed.versions[0]])] == [True]


def test_a_version_folder_nobody_began_goes_to_quarantine_when_the_next_comes(tmp_path: Path, sealed: SealedObject) -> None:
    tier = LocalTier.create(tmp_path / "tier", "a")
    tier.write(sealed.versions[:1])
    stray = Path(tier._folder.object_root(sealed.object_id)) / "v2"
    stray.mkdir()
    (stray / "precious").write_bytes(b"x")
    LocalTier(tier.path, "a").recover()
    assert (stray / "precious").exists()  # not ours: opening sweeps only what a journal names
    assert all(kept.counts for kept in keep_on(tier, sealed.versions))
    (moved,) = (tier.path / "quarantine").rglob("precious")
    assert moved.read_bytes() == b"x"


def test_two_tiers_get_the_same_bytes(tmp_path: Path, sealed: SealedObject) -> None:
    one = LocalTier.create(tmp_path / "one", "one")
    one = LocalTier(one.path, "one", link_from_spool=True)
    two = LocalTier.create(tmp_path / "two", "two")
    for tier in (one, two):
        assert all(kept.counts for kept in keep_on(tier, sealed.versions))
    tops = [Path(tier._folder.object_root(sealed.object_id)) for tier in (one, two)]
    names = [sorted(files_below(top)) for top in tops]
    assert names[0] == names[1]
    for name in names[0]:
        assert (tops[0] / name).read_bytes() == (tops[1] / name).read_bytes()
        assert not (tops[0] / name).samefile(tops[1] / name)
        assert (tops[0] / name).stat().st_mode & 0o222 == 0


def test_linked_content_outlives_the_spool(tmp_path: Path, sealed: SealedObject) -> None:
    tier = LocalTier(LocalTier.create(tmp_path / "tier", "a").path, "a", link_from_spool=True)
    assert all(kept.counts for kept in keep_on(tier, sealed.versions))
    shutil.rmtree(sealed.spool)
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_rights_that_lack_are_unreadable(tier: LocalTier, sealed: SealedObject) -> None:
    """As a user who may not read, in a process of its own (root may read all)."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    top = Path(tier._folder.object_root(sealed.object_id))
    (top / "v1/content/w/METS.xml").chmod(0)
    (top / "v2/content").chmod(0)
    code = f"""
import os
from policies.phrases import phrases
from storage.ocfl.tier import LocalTier
phrases()  # the words for reasons are read when they are first needed, by somebody who may
tier = LocalTier({str(tier.path)!r}, "a")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
report = tier.verify({sealed.object_id!r}, {sealed.expected!r})
print(sorted((p.path, p.outcome.value) for p in report.problems))
"""
    temporary = Path(tempfile.gettempdir())
    for parent in tier.path.parents:
        if parent.is_relative_to(temporary) and parent != temporary:
            parent.chmod(0o755)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert ran.stderr == ""
    assert ast.literal_eval(ran.stdout) == [
        ("v1/content/w/METS.xml", "unreadable"),
        ("v2/content/x/METS.xml", "unreadable"),
        ("v2/content/x/data/new.txt", "unreadable"),
    ]


def test_the_kind_of_barrier_follows_the_file_system(tmp_path: Path) -> None:
    assert barrier_for(str(tmp_path)) in (WholeSystem, FileByFile)
    assert barrier_for("/proc") is FileByFile

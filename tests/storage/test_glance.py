"""Looking at a copy without reading it: what it sees, what it cannot see, and that it says nothing of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.errors import Unavailable
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files
from storage.ocfl.tier import LocalTier
from storage.tier import Glance, GlancingTier, ObjectId, SealedVersion

ID = "urn:uuid:00000000-0000-4000-8000-000000000001"


class Copy:
    def __init__(self, folder: Path) -> None:
        LocalTier.create(folder / "tier", "a").close()
        self.tier = LocalTier(folder / "tier", "a")
        files = {}
        for name in ("data/a.txt", "data/b.txt", "metadata/tên.xml"):
            files[name] = folder / name.rpartition("/")[2]
            files[name].write_bytes(f"bytes of {name}".encode() * 50)
        self.sealed: SealedVersion = seal_files(ID, files, VersionBlock(1, datetime(2026, 1, 1, tzinfo=UTC)), folder / "inv")
        assert self.tier.write([self.sealed])[0].error is None
        self.top = self.tier.root / self.tier.place_of(ObjectId(ID))
        self.content = self.top / "v1" / "content" / "k" / "data" / "a.txt"
        self.expected = {1: self.sealed.inventory_sha512}

    def glance(self) -> Glance:
        return self.tier.glance(ObjectId(ID), self.expected)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def test_a_sound_copy_looks_as_large_as_it_was_read(copy: Copy) -> None:
    assert isinstance(copy.tier, GlancingTier)
    read = copy.tier.verify(ObjectId(ID), copy.expected)
    assert copy.glance() == Glance(read.counts.total(), read.bytes_read)


OFF: dict[str, Callable[[Copy], object]] = {
    "content missing": lambda copy: copy.content.unlink(),
    "extra file": lambda copy: copy.content.with_name("c.txt").write_bytes(b""),
    "extra file at the top": lambda copy: (copy.top / "x").write_bytes(b"x"),
    "extra folder": lambda copy: (copy.top / "v1" / "content" / "empty").mkdir(),
    "extra version folder": lambda copy: (copy.top / "v2").mkdir(),
    "link in the place of content": lambda copy: (copy.content.unlink(), copy.content.symlink_to("b.txt")),
    "link in the place of a folder": lambda copy: (
        os.rename(copy.content.parent, copy.top.parent / "aside"),
        copy.content.parent.symlink_to(copy.top.parent / "aside"),
    ),
    "folder in the place of content": lambda copy: (copy.content.unlink(), copy.content.mkdir()),
    "pipe in the place of content": lambda copy: (copy.content.unlink(), os.mkfifo(copy.content)),
    "root inventory altered": lambda copy: rewrite(copy.top / "inventory.json", lambda data: data.replace(b"k", b"K", 1)),
    "root inventory of another date": lambda copy: rewrite(
        copy.top / "inventory.json", lambda data: data.replace(b'"2026-', b'"2025-', 1)
    ),
    "root inventory missing": lambda copy: (copy.top / "inventory.json").unlink(),
    "version inventory altered": lambda copy: rewrite(copy.top / "v1" / "inventory.json", lambda data: data[:-1] + b" "),
    "sidecar altered": lambda copy: rewrite(copy.top / "inventory.json.sha512", lambda data: b"0" + data[1:]),
    "sidecar missing": lambda copy: (copy.top / "v1" / "inventory.json.sha512").unlink(),
    "declaration altered": lambda copy: rewrite(copy.top / "0=ocfl_object_1.1", lambda data: data.replace(b"1", b"2")),
    "declaration missing": lambda copy: (copy.top / "0=ocfl_object_1.1").unlink(),
    "object gone": lambda copy: copy.tier.forget(ObjectId(ID)),
}


@pytest.mark.parametrize("damage", OFF)
def test_what_is_not_as_the_inventory_says_is_off(copy: Copy, damage: str) -> None:
    OFF[damage](copy)
    assert copy.glance().off


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b""])
def test_another_size_shows_in_the_sum(copy: Copy, change: Callable[[bytes], bytes]) -> None:
    before = copy.glance()
    rewrite(copy.content, change)
    after = copy.glance()
    assert (after.off, after.files) == ("", before.files)
    assert after.bytes != before.bytes


def test_bytes_that_changed_in_place_cannot_be_seen(copy: Copy) -> None:
    before = copy.glance()
    rewrite(copy.content, lambda data: b"B" + data[1:])
    assert copy.glance() == before
    assert not copy.tier.verify(ObjectId(ID), copy.expected).ok


def test_another_inventory_than_the_catalogs_is_off(copy: Copy) -> None:
    assert copy.tier.glance(ObjectId(ID), {1: bytes(64)}).off


def test_a_tier_that_is_away_says_nothing_of_its_copies(copy: Copy) -> None:
    (Path(copy.tier.path) / "kho-tier.json").unlink()
    with pytest.raises(Unavailable):
        copy.glance()

"""The scene of the fault tests: a tier with one object, and a batch of two new objects and one new version."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from storage.durable import Barrier, FileByFile, WholeSystem
from storage.ocfl.tier import LocalTier
from storage.tier import SealedVersion
from tests.faults.calls import through, without_syncs
from tests.storage.sealed import SealedObject, files_below

IDS = [f"urn:uuid:0b3c0d5e-7a44-4c57-9d36-00000000000{n}" for n in range(3)]

WAYS: dict[str, tuple[Callable[[str], Barrier], bool]] = {
    "syncfs": (WholeSystem, False),
    "fsync": (FileByFile, False),
    "link": (WholeSystem, True),
    "fsync-link": (FileByFile, True),
}
"""The ways a tier may write: kind of barrier, hard links from the spool."""


class Scene:
    """``base`` is a tier with version 1 of the first object; ``batch`` is to be written to copies of it."""

    def __init__(self, folder: Path, way: str) -> None:
        with through(without_syncs):
            self._make(folder, way)

    def _make(self, folder: Path, way: str) -> None:
        self.folder = folder
        self.barrier, self.link = WAYS[way]
        self.base = folder / "base"
        self.objects = [SealedObject(folder / "spool" / str(n), object_id) for n, object_id in enumerate(IDS)]
        first, second, third = self.objects
        old = first.version({"a.txt": b"a" * 5000, "sub/b.txt": b"bb"})
        tier = LocalTier.create(self.base, "t")
        assert [written.error for written in tier.write([old])] == [None]
        first.version({"a.txt": b"a" * 5000, "sub/b.txt": b"changed", "sub/c.txt": b"c" * 3000}, token="x")
        second.version({"one.bin": bytes(range(256)) * 20, "deep/er/two": b"2"})
        third.version({"empty": b"", "x": b"x"})
        self.batch: list[SealedVersion] = [second.versions[0], first.versions[1], third.versions[0]]
        self.old: list[dict[int, bytes]] = [{1: old.inventory_sha512}, {}, {}]
        self.new = [sealed.expected for sealed in self.objects]

    def fresh(self, name: str = "tier") -> Path:
        """A copy of the base, in place of the last one."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        for file in (self.folder / "spool").rglob("v*"):
            file.chmod(0o644)  # a linked file has lost its right to be written: every run begins with the same calls
        shutil.copytree(self.base, target, symlinks=True)
        return target

    def open(self, path: Path) -> LocalTier:
        return LocalTier(path, "t", barrier=self.barrier, link_from_spool=self.link)

    def states(self, tier: LocalTier) -> list[str]:
        """ "old" or "new" for each object, or what else it is: "half"."""
        return [self._state(tier, index) for index in range(len(self.objects))]

    def _state(self, tier: LocalTier, index: int) -> str:
        object_id = self.objects[index].object_id
        top = Path(tier._folder.object_root(object_id))
        if tier.verify(object_id, self.new[index], cold=False).ok:
            return "new"
        if self.old[index]:
            return "old" if tier.verify(object_id, self.old[index], cold=False).ok else "half"
        return "half" if os.path.lexists(top) else "old"

    def leftovers(self, tier: LocalTier) -> list[str]:
        """What should not be there once a tier was opened: anything in tmp, and empty folders in the root."""
        left = [f"tmp/{name}" for name in os.listdir(tier.path / "tmp")]
        return left + [name for name in files_below(tier.path / "ocfl") if name.endswith("/")]

    def check_listing(self, tier: LocalTier, states: list[str]) -> None:
        """`versions` sees exactly what the states say."""
        listed = {found.object_id: (found.number, found.problem) for found in tier.versions()}
        expected = {}
        for sealed, state, old, new in zip(self.objects, states, self.old, self.new, strict=True):
            versions = new if state == "new" else old
            if versions:
                expected[sealed.object_id] = (max(versions), None)
        assert listed == expected

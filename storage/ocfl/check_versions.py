"""Version against version: what earlier inventories say must not contradict the root inventory (OCFL 1.1 §3.7)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from storage.ocfl.blocks import Blocks, Report, State, shown
from storage.ocfl.check_content import Claims
from storage.ocfl.numbering import Numbering
from storage.ocfl.reader import InventoryReader, ReadVersion

__all__ = ["History"]

MOST_MISSING = 1000
"""Files that one earlier inventory does not name which are reported one by one: a hostile object could make it billions."""


class History:
    """Holds earlier inventories of an object, each at its ``path``, against the root inventory; adds what they say of content files
    to ``claims``."""

    def __init__(self, root: InventoryReader, claims: Claims, report: Report) -> None:
        self._root, self._claims, self._report = root, claims, report
        self._numbers = {name: Numbering.number(name) or 0 for name in root.versions}
        self._ranks: list[int] = []
        self._until: list[int] | None = None

    def compare(self, old: InventoryReader, name: str, path: str) -> None:
        """Compare the inventory of version ``name`` with the root inventory."""
        root, report = self._root, self._report
        if old.head and old.head != name:
            report("E040", path, value=shown(old.head))
        if old.object_id and root.object_id and old.object_id != root.object_id:
            report("E037", path, value=shown(old.object_id))
            if root.spec != "1.0":
                report("E110", path, value=shown(old.object_id))
        self._compare_content_directory(old, path)
        for version in old.versions.values():
            current = root.versions.get(version.name)
            if current is None:
                report("E066", path, value=shown(version.name))
            else:
                self._compare_version(old, (current, version), path)

    def _compare_content_directory(self, old: InventoryReader, path: str) -> None:
        root = self._root
        if root.content_directory != old.content_directory:
            self._report("E019", path, value=shown(old.content_directory))
            self._report("E020", path, value=shown(old.content_directory))
        elif root.content_directory_set and not old.content_directory_set:
            self._report("E019", path, value=shown(old.content_directory))

    def _compare_version(self, old: InventoryReader, versions: tuple[ReadVersion, ReadVersion], path: str) -> None:
        current, version = versions
        if current.metadata != version.metadata:
            self._report("W011", path, value=shown(version.name))
        if current.state is None or version.state is None:
            return
        if self._root.algorithm == old.algorithm:
            same = current.state.files == version.state.files
        else:
            same = _same_content(self._root.blocks, current.state, old.blocks, version.state)
        if not same:
            self._report("E066", path, value=shown(version.name))

    def gather_claims(self, old: InventoryReader, name: str, path: str) -> None:
        """Take over what an earlier inventory says of content files; report the files of its time that it does not name (E023)."""
        newest = Numbering.number(name) or 0
        known = 0
        for content, digest in old.blocks.contents.items():
            self._claims.add(content, old.algorithm, digest, "E092")
            known += content in self._root.blocks.contents and self._number_of(content, newest) <= newest
        for algorithm, block in old.fixity.items():
            for content, digest in block.items():
                self._claims.add(content, algorithm, digest, "E093")
        if known < self._files_until(newest):
            for content in itertools.islice(self._unnamed(old, newest), MOST_MISSING):
                self._report("E023", path, value=shown(content))

    def _unnamed(self, old: InventoryReader, newest: int) -> Iterator[str]:
        for content in self._root.blocks.contents:
            if content not in old.blocks.contents and self._number_of(content, newest) <= newest:
                yield content

    def _number_of(self, content: str, newest: int) -> int:
        """The version in whose folder a content path lies; one beyond ``newest`` when it lies in none."""
        return self._numbers.get(content.partition("/")[0], newest + 1)

    def _files_until(self, newest: int) -> int:
        """How many content files of the root inventory lie in versions up to ``newest``."""
        if self._until is None:
            highest = max(self._numbers.values(), default=0)
            counts = Counter(self._number_of(content, highest) for content in self._root.blocks.contents)
            # Numbers may be as large as a hostile name makes them: the list is by rank, not by number.
            self._ranks = sorted(counts)
            self._until = list(itertools.accumulate(counts[number] for number in self._ranks))
        return max((total for number, total in zip(self._ranks, self._until, strict=True) if number <= newest), default=0)


def _same_content(root: Blocks, current: State, old: Blocks, state: State) -> bool:
    """Whether two states in different algorithms show the same content files under the same names."""
    if current.files.keys() != state.files.keys():
        return False
    for logical, digest in state.files.items():
        before = _places(old.manifest, digest)
        if not before or not before <= _places(root.manifest, current.files[logical]):
            return False
    return True


def _places(manifest: Mapping[bytes, str | tuple[str, ...]], digest: bytes) -> set[str]:
    held = manifest.get(digest, ())
    return {held} if isinstance(held, str) else set(held)

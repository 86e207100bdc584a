"""Version against version: what earlier inventories say must not contradict the root inventory (OCFL 1.1 §3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.ocfl.blocks import Blocks, Report, State, shown
from storage.ocfl.check_content import Claims
from storage.ocfl.numbering import Numbering
from storage.ocfl.reader import InventoryReader, ReadVersion

__all__ = ["compare_inventories", "gather_claims"]


def compare_inventories(root: InventoryReader, old: InventoryReader, name: str, path: str, report: Report) -> None:
    """Compare the inventory of version ``name``, which lies at ``path``, with the root inventory."""
    if old.head and old.head != name:
        report("E040", path, value=shown(old.head))
    if old.object_id and root.object_id and old.object_id != root.object_id:
        report("E037", path, value=shown(old.object_id))
        if root.spec != "1.0":
            report("E110", path, value=shown(old.object_id))
    _compare_content_directory(root, old, path, report)
    for version in old.versions.values():
        current = root.versions.get(version.name)
        if current is None:
            report("E066", path, value=shown(version.name))
        else:
            _compare_version(root, old, (current, version), path, report)


def _compare_content_directory(root: InventoryReader, old: InventoryReader, path: str, report: Report) -> None:
    if root.content_directory != old.content_directory:
        report("E019", path, value=shown(old.content_directory))
        report("E020", path, value=shown(old.content_directory))
    elif root.content_directory_set and not old.content_directory_set:
        report("E019", path, value=shown(old.content_directory))


def _compare_version(
    root: InventoryReader, old: InventoryReader, versions: tuple[ReadVersion, ReadVersion], path: str, report: Report
) -> None:
    current, version = versions
    if not _same_metadata(current.metadata, version.metadata):
        report("W011", path, value=shown(version.name))
    if current.state is None or version.state is None:
        return
    if root.algorithm == old.algorithm:
        same = current.state.files == version.state.files
    else:
        same = _same_content(root.blocks, current.state, old.blocks, version.state)
    if not same:
        report("E066", path, value=shown(version.name))


def _same_metadata(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one == other


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


def gather_claims(root: InventoryReader, old: InventoryReader, name: str, path: str, claims: Claims, report: Report) -> None:
    """Take over what an earlier inventory says of content files; report the files of its time that it does not name (E023)."""
    newest = Numbering.number(name) or 0
    numbers = {version: Numbering.number(version) or 0 for version in root.versions}
    for content, digest in old.blocks.contents.items():
        claims.add(content, old.algorithm, digest, "E092")
    for algorithm, block in old.fixity.items():
        for content, digest in block.items():
            claims.add(content, algorithm, digest, "E093")
    for content in root.blocks.contents:
        if numbers.get(content.partition("/")[0], newest + 1) <= newest and content not in old.blocks.contents:
            report("E023", path, value=shown(content))

"""The rules for the two kinds of path in an inventory (OCFL 1.1 §3.5.2 and §3.5.3.1), told apart by their codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

__all__ = ["CONTENT", "LOGICAL", "PathRules", "conflicts", "is_safe"]

LONG_PATH = 4096
"""Characters (PATH_MAX of Linux). Ancestors of longer paths are not remembered: a hostile path of a megabyte has 500,000."""

_BAD_ELEMENTS = frozenset(("", ".", ".."))


@dataclass(frozen=True, slots=True)
class PathRules:
    """The codes of one kind of path: ``ends`` for a '/' at an end, ``elements`` for '.', '..' and empty ones, ``unique`` for
    paths that occur twice or lie inside one another."""

    ends: str
    elements: str
    unique: str

    def broken_by(self, path: str) -> Iterator[str]:
        """The codes of the rules that ``path`` breaks by itself."""
        if path.startswith("/") or path.endswith("/"):
            yield self.ends
        if not _BAD_ELEMENTS.isdisjoint(path.strip("/").split("/")) or path.startswith("//") or path.endswith("//"):
            yield self.elements


CONTENT = PathRules(ends="E100", elements="E099", unique="E101")
LOGICAL = PathRules(ends="E053", elements="E052", unique="E095")


def is_safe(path: str) -> bool:
    """Whether ``path`` has no empty, '.' or '..' element, so that it cannot leave the folder it is joined to."""
    if "/." in path or "//" in path or path[:1] in ("", ".", "/") or path[-1] == "/":
        return _BAD_ELEMENTS.isdisjoint(path.split("/"))
    return True


def conflicts(paths: Collection[str]) -> Iterator[str]:
    """Those of ``paths`` (which can answer ``in`` quickly) that are also a folder of another one."""
    folders: set[str] = set()
    lengths: set[int] | None = None
    for path in paths:
        if len(path) > LONG_PATH:
            lengths = {len(each) for each in paths} if lengths is None else lengths
            yield from _ancestors_among(path, paths, lengths)
            continue
        cut = path.rfind("/")
        while cut > 0:
            folder = path[:cut]
            if folder in folders:
                break
            folders.add(folder)
            if folder in paths:
                yield folder
            cut = path.rfind("/", 0, cut)


def _ancestors_among(path: str, paths: Collection[str], lengths: set[int]) -> Iterator[str]:
    cut = path.find("/")
    while cut >= 0:
        if cut in lengths and path[:cut] in paths:
            yield path[:cut]
        cut = path.find("/", cut + 1)

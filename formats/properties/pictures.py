"""Pictures: their pixels, how alike they look, and what is said beside the pixels. Decoded by Pillow, in the sandbox."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from formats.properties.facts import CannotTell, Which, ask, which
from policies.phrases import brief, phrase

__all__ = ["compare", "describe", "frame", "matches", "scores", "thumbnail"]


PIXELS = Path(__file__).with_name("pixels.py")
"""Run as a file: as a module it would import all readers of properties first, which costs as much again as the decoder's own start."""

REMEMBERED = 16
"""Descriptions of pictures that are remembered: those of the files that are under way."""


def _told(do: str, files: Sequence[Path], work: Path, **more: int) -> dict[str, Any]:
    order = json.dumps({"do": do, "files": [str(file) for file in files], **more})
    answer = ask([sys.executable, "-P", "-W", "ignore", str(PIXELS), order], work)
    try:
        told: dict[str, Any] = json.loads(answer)
    except ValueError as error:
        raise CannotTell(phrase("picture-not-decoded", words="")) from error
    if "undecided" in told:
        deep = told["undecided"] == "deep"
        raise CannotTell(phrase("picture-too-deep") if deep else phrase("picture-depth-unsaid"))
    if "error" in told:
        raise CannotTell(phrase("picture-not-decoded", words=brief(str(told["error"]))))
    return told


def describe(path: Path, work: Path) -> dict[str, Any]:
    """{"frames", "width", "height", "mode", "format", "dpi" and "profiles" (digests) frame by frame, "metadata": name → value}. The last
    answers are remembered: several comparisons ask for the same. Raises CannotTell."""
    return _described(path, work, which(path))


@functools.lru_cache(maxsize=REMEMBERED)
def _described(path: Path, work: Path, _: Which) -> dict[str, Any]:
    return _told("describe", [path], work)


def compare(one: Path, two: Path, work: Path) -> dict[str, Any]:
    """{"same", "frames", "detail"}: whether all pixels of all frames are equal. Raises CannotTell."""
    told = _told("compare", [one, two], work)
    return {**told, "detail": _differs(told["frames"], told["differs"])}


def _differs(frame: int, differs: list[Any]) -> str:
    """What `pixels.compare` said, in words."""
    match differs:
        case []:
            return ""
        case ["frames", count]:
            return phrase("pictures-fewer", count=count)
        case ["size", was, now]:
            where = phrase("shape-is", was=was, now=now)
        case ["mode", was, now]:
            where = phrase("mode-is", was=was, now=now)
        case ["place", x, y]:
            where = phrase("pixels-differ-at", x=x, y=y)
        case _:
            where = phrase("pixels-differ-near", line=differs[-1])
    return phrase("picture-differs", number=frame, where=where)


def scores(one: Path, two: Path, work: Path, **longest: int) -> list[tuple[float, float]]:
    """(SSIM, SSIM of the worst region) of each pair of frames, of which no side is longer than ``longest``; (0, 0) for one too many.
    Raises CannotTell."""
    return [(mean, worst) for mean, worst in _told("scores", [one, two], work, **longest)["scores"]]


def matches(order: Path, work: Path) -> list[list[int]]:
    """Which pictures of a list are those of another (`pixels.matches`). Raises CannotTell."""
    return [list(map(int, each)) for each in _told("matches", [order], work)["matches"]]


def frame(path: Path, number: int, target: Path, work: Path) -> Path:
    """One frame (from 1) written as a PNG to ``target``, which must lie in ``work``. Raises CannotTell."""
    _told("frame", [path, target], work, number=number)
    return target


def thumbnail(path: Path, target: Path, side: int, work: Path) -> None:
    """A picture at most ``side`` pixels wide and high, as a PNG in ``work``. Raises CannotTell."""
    _told("thumbnail", [path, target], work, side=side)

"""What a comparison is about: two files, a demand, and the fact that comes of it."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from formats.sandbox import GIB, SandboxLimits, run
from formats.tools import program
from policies.phrases import phrase

__all__ = ["CannotTell", "Compared", "Demand", "Kind", "Said", "Which", "ask", "read_told", "which"]

LOST = "lost-"
"""Before the name of what was lost, among the facts of a comparison."""

LIMITS = SandboxLimits(seconds=600.0, memory=2 * GIB, output=256 << 20)
"""Reading one property of one file: a film of an hour is decoded in minutes, a book's text is megabytes."""


class CannotTell(Exception):
    """A property could not be read from one of the files. That is no likeness: what is not known is never good."""


class Kind(enum.StrEnum):
    """How the properties of a file are read."""

    OOXML = "ooxml"
    ODF = "odf"
    OLE = "ole"  # Word, Excel and PowerPoint before 2007
    PDF = "pdf"
    PICTURE = "picture"
    MEDIA = "media"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Said:
    """One of the two files, and how it is read."""

    path: Path
    kind: Kind

    @property
    def extension(self) -> str:
        return self.path.suffix.lower().lstrip(".")


@dataclass(frozen=True, slots=True)
class Demand:
    """One property that must survive, by its ``name``. ``least`` is how much of it, where likeness has degrees (None: its default);
    ``loses`` names what the path may lose of it, which is told then."""

    name: str
    least: float | None = None
    loses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one demand. ``same`` None: it could not be told, for ``detail`` says which reason; it is not accepted then."""

    name: str
    same: bool | None
    measure: float | None = None
    detail: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict, hash=False)
    limit: str = ""  # what the measure was held against: ">= 0.9", "<= 0.5"; "" where likeness has no degrees

    @property
    def accepted(self) -> bool:
        return self.same is True

    @property
    def lost(self) -> Mapping[str, int]:
        """What was lost as the path may lose it, and how many."""
        return {name[len(LOST) :]: int(count) for name, count in self.facts.items() if name.startswith(LOST)}

    def told(self) -> str:
        """An accepted comparison in the words that stand in the PREMIS of the result (docs/on-disk.md): ``same``, or the measure and
        its limit; then what was counted."""
        first = "same" if self.measure is None else f"{self.measure:.6g} {self.limit}".rstrip()
        return "; ".join([first, *(f"{name} {value}" for name, value in self.facts.items())])


def read_told(name: str, words: str) -> Compared:
    """What `Compared.told` said; of words that are none of its, a comparison without a measure."""
    first, *counted = words.split("; ")
    number, _, limit = first.partition(" ")
    try:
        measure = None if first == "same" else float(number)
    except ValueError:
        return Compared(name, True, detail=words)
    facts = {fact: int(value) if value.isdecimal() else value for fact, _, value in (each.partition(" ") for each in counted)}
    return Compared(name, True, measure, facts=facts, limit=limit)


Which = tuple[int, int, int]
"""What tells one file from another: inode, size, time of its last change."""


def which(path: Path) -> Which:
    """Under which key an answer about a file is remembered. Raises CannotTell."""
    try:
        told = path.stat()
    except OSError as error:
        raise CannotTell(phrase("file-not-there")) from error
    return told.st_ino, told.st_size, told.st_mtime_ns


def ask(command: Sequence[str], work: Path, *, limits: SandboxLimits = LIMITS) -> bytes:
    """What a program says about a file. Its first word is the name of the program.

    Raises:
        CannotTell: it is not installed, failed, or did not end in time.
    """
    place = program(command[0]) if not os.path.isabs(command[0]) else command[0]
    if place is None:
        raise CannotTell(phrase("program-not-installed", name=command[0]))
    outcome = run([place, *command[1:]], folder=work, limits=limits)
    if not outcome.ok:
        raise CannotTell(f"{Path(command[0]).name} {outcome.words()}")
    return outcome.stdout

"""What is known of one file's format, and the seam that gives it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from policies.findings import Puid

__all__ = ["Basis", "Identification", "Identifier", "SecondOpinion", "Standing"]


class Basis(enum.StrEnum):
    """What an answer stands on, strongest first."""

    CONTAINER = "container"  # a PRONOM container signature (files inside a zip or OLE2 file)
    SIGNATURE = "signature"  # a byte, XML or RIFF signature
    TEXT = "text"  # the bytes are text of some encoding: it may be any format that is text
    EXTENSION = "extension"  # the name only: the bytes were never recognised
    EMPTY = "empty"  # zero bytes: no format, and no tool was asked
    UNKNOWN = "unknown"  # the tool looked and knew nothing
    FAILED = "failed"  # the tool could not look: nothing is known


class Standing(enum.StrEnum):
    """How a second opinion stands to the first answer."""

    AGREES = "agrees"
    CONFLICTS = "conflicts"
    NO_OPINION = "no opinion"  # it knew nothing, or only the extension, or its signatures are older than the format
    NOT_ASKED = "not asked"  # the budget of the deposit was spent, or the file is too large
    FAILED = "failed"  # it was asked, and could not answer


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another tool said of the same file. ``reason`` says in words why there is no opinion."""

    standing: Standing
    puids: tuple[Puid, ...] = ()
    basis: Basis = Basis.UNKNOWN
    tool: str = ""
    tool_version: str = ""
    signature_version: str = ""
    reason: str = ""

    @property
    def agrees(self) -> bool | None:
        """True or False where both tools recognised the bytes; None where the second does not weigh."""
        return {Standing.AGREES: True, Standing.CONFLICTS: False}.get(self.standing)


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer for one file.

    ``puid`` is "" when the format is not known. ``alternatives`` are further answers as strong as the first (the tool could not
    choose); ``hints`` what the extension alone would suggest when nothing was recognised. ``reason`` says why it FAILED, or what
    the tool stumbled over on its way to an answer ("zip: not a valid zip file").
    """

    puid: Puid
    name: str
    version: str
    mime: str
    basis: Basis
    tool: str
    tool_version: str
    signature_version: str
    alternatives: tuple[Puid, ...] = ()
    hints: tuple[Puid, ...] = ()
    extension_mismatch: bool = False
    reason: str = ""
    second: SecondOpinion | None = None

    @property
    def unsure(self) -> bool:
        """Whether a second tool should be asked: the extension alone spoke, or several formats match."""
        return self.basis is Basis.EXTENSION or bool(self.alternatives) or bool(self.hints)


class Identifier(Protocol):
    """Names the formats of files."""

    def identify(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Identification]]:
        """One answer for every path given, each with its path, in no promised order; memory does not grow with the number.

        One call is one deposit: budgets count anew. A file that cannot be read, or on which the tool dies, has the basis FAILED.
        Raises IdentifierUnavailable when the tool itself cannot be started.
        """
        ...

    def close(self) -> None:
        """Stop the tool. Closing twice does no harm."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

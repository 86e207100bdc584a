"""What is thought of formats, as frozen facts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from policies.findings import KhoError, Puid

__all__ = ["LOSABLE", "PARTS", "FormatPolicy", "FormatPolicyError", "FormatRule", "MigrationPath", "MustSurvive", "Standing"]


PARTS: Final = (
    *("comments", "notes", "changes", "formulas", "hidden"),
    *("bookmarks", "links", "fields"),
    *("subtitles", "chapters", "covers", "tags", "streams"),
)
"""What files hold beside what they are for, and a path may lose: documents (notes are those for the speaker, changes those that are
tracked), PDF, films and sound (``streams`` are those of data, and files attached to a film)."""

LOSABLE: Final = (*PARTS, "resolution", "metadata")
"""What a path may lose: these, and properties of pictures that are compared by their own names."""


class FormatPolicyError(KhoError):
    """A format policy cannot be used: its code says what is wrong, its text names the key and the line."""


class Standing(enum.StrEnum):
    """What is thought of a format, best first."""

    PREFERRED = "preferred"  # to be taken and migrated to
    ACCEPTABLE = "acceptable"  # fit for keeping; nothing has to be done
    AT_RISK = "at-risk"  # fewer and fewer programs open it: to be migrated
    UNKNOWN = "unknown"  # the policy says nothing of it: nobody has thought about it yet, which is a risk too


@dataclass(frozen=True, slots=True)
class MustSurvive:
    """One property that must survive a migration; ``least`` is how much of it, where likeness has degrees."""

    name: str
    least: float | None = None


@dataclass(frozen=True, slots=True)
class MigrationPath:
    """A way from formats to another: ``tool`` with its ``recipe``; the result must be identified as one of ``targets``, is read as
    ``kind``, and all of ``compare`` must survive. ``purpose`` is "preservation" (into the AIP) or "access" (beside it).
    ``loses`` is what its results may lack of what documents hold beside their text; it is told of each file that loses some."""

    name: str
    purpose: str
    tool: str
    recipe: str
    targets: tuple[Puid, ...]
    kind: str
    compare: tuple[MustSurvive, ...]
    loses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatRule:
    """What is thought of one format. ``kind`` is how its properties are read ("": they are not, and no path leads away); ``paths``
    the ways away from it, the usual one first; ``reason`` by language; ``sources`` where that is said."""

    puid: Puid
    name: str
    family: str
    kind: str
    standing: Standing
    reason: Mapping[str, str] = field(default_factory=dict, hash=False)
    sources: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatPolicy:
    """``digest`` is the SHA-256 (hexadecimal) of all it was read from; it stands in the events of a migration."""

    digest: str
    rules: Mapping[Puid, FormatRule] = field(hash=False)
    paths: Mapping[str, MigrationPath] = field(hash=False)

    def rule(self, puid: Puid) -> FormatRule:
        """What is thought of a format; `Standing.UNKNOWN` where nothing is."""
        return self.rules.get(puid) or FormatRule(puid, "", "", "", Standing.UNKNOWN)

    def sources_of(self, path: str) -> tuple[Puid, ...]:
        """The formats from which ``path`` is a way, in the order of their names."""
        return tuple(sorted(rule.puid for rule in self.rules.values() if path in rule.paths))

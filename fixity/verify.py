"""What a check of stored bytes found. Altered, missing, extra and unreadable are four different facts; unknown is never OK."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

__all__ = ["KEPT_PROBLEMS", "FixityReport", "Outcome", "Problem"]

KEPT_PROBLEMS = 10_000
"""Problems kept one by one in a report; beyond that they are only counted (a copy that lost a disk is repaired in rounds)."""


class Outcome(enum.Enum):
    """What was found about one file of one copy."""

    GOOD = "good"
    ALTERED = "altered"
    MISSING = "missing"
    EXTRA = "extra"
    UNREADABLE = "unreadable"

    # Members are there once; the hash of `Enum` is a call of Python, twice for every file that is counted.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Problem:
    """One file that is not good. ``path`` is relative to the object root ("inventory.json", "v1/content/…")."""

    path: str
    outcome: Outcome
    expected: str = ""
    found: str = ""


@dataclass(slots=True)
class FixityReport:
    """One check of one copy of one object: every file of the copy is counted under exactly one outcome.

    ``algorithm`` is what content was hashed with; ``inventory_sha512`` is the hexadecimal digest of the root inventory as found
    ("" when it could not be read). ``unjudged`` counts files that are there but of which nothing is known to expect, because no
    inventory of the copy could be believed: neither good nor bad, and never OK. A report with no file checked is not good.
    ``absent``: nothing was found where the object has to be, so content that no inventory here could name is missing, too.
    """

    algorithm: str
    inventory_sha512: str = ""
    bytes_read: int = 0
    unjudged: int = 0
    absent: bool = False
    counts: Counter[Outcome] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def good(self, size: int) -> None:
        self.counts[Outcome.GOOD] += 1
        self.bytes_read += size

    def problem(self, path: str, outcome: Outcome, expected: str = "", found: str = "") -> None:
        self.counts[outcome] += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(Problem(path, outcome, expected, found))

    @property
    def ok(self) -> bool:
        """At least one file was checked and every file was good."""
        return self.counts[Outcome.GOOD] > 0 and not self.unjudged and self.counts.total() == self.counts[Outcome.GOOD]

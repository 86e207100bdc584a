"""What validation found out about one file. Not knowing is an outcome of its own, and never a pass."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from policies.phrases import brief

__all__ = ["MOST_DEFECTS", "Defect", "Validation", "Validity", "Why", "could_not", "defective", "merged", "sound"]

MOST_DEFECTS = 20
"""Defects of one file that are kept with their words; the rest are counted."""

LONGEST_WORDS = 300


class Validity(enum.StrEnum):
    VALID = "valid"
    INVALID = "invalid"
    NOT_VALIDATED = "not validated"


class Why(enum.StrEnum):
    """Why a file was not validated."""

    NO_VALIDATOR = "no validator"  # Kho has none for this format
    TOOL_MISSING = "tool missing"  # it has one, and that is not installed here
    TOOL_DIED = "tool died"  # it crashed, ran out of what it may use, or could not make up its mind
    TIME_OUT = "time out"
    LOCKED = "locked"  # the file asks for a password


@dataclass(frozen=True, slots=True)
class Defect:
    """``rule`` is the clause of the standard or the tool's own code, ``words`` the tool's words (English)."""

    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Validation:
    """``checks`` names what looked, with versions; ``why`` and ``reason`` are set when the file was NOT_VALIDATED, and ``missing``
    names the tool that was not there. ``more`` counts the defects that are not kept. ``schema`` is the name of the schema that an XML
    document was held against; "" where none could be, and then ``reason`` says why; None where there is no question of one."""

    validity: Validity
    checks: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = field(default=())
    more: int = 0
    why: Why | None = None
    reason: str = ""
    missing: str = ""
    schema: str | None = None

    def document(self) -> dict[str, Any]:
        """For JSON; `of` reads it back."""
        rows = [[defect.rule, defect.words] for defect in self.defects]
        known = {"validity": self.validity.value, "checks": list(self.checks), "defects": rows, "more": self.more}
        why = self.why.value if self.why else ""
        return {**known, "why": why, "reason": self.reason, "missing": self.missing, "schema": self.schema}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Raises KeyError, ValueError for what `document` never writes."""
        return cls(
            Validity(document["validity"]),
            tuple(document["checks"]),
            tuple(Defect(rule, words) for rule, words in document["defects"]),
            document["more"],
            Why(document["why"]) if document["why"] else None,
            document["reason"],
            document["missing"],
            document["schema"],
        )


def sound(check: str) -> Validation:
    return Validation(Validity.VALID, (check,))


def defective(check: str, defects: Sequence[Defect]) -> Validation:
    """INVALID when there are defects, VALID when there are none."""
    if not defects:
        return sound(check)
    kept = tuple(Defect(defect.rule, brief(defect.words, LONGEST_WORDS)) for defect in defects[:MOST_DEFECTS])
    return Validation(Validity.INVALID, (check,), kept, len(defects) - len(kept))


def could_not(why: Why, reason: str, *, check: str = "", missing: str = "") -> Validation:
    checks = (check,) if check else ()
    return Validation(Validity.NOT_VALIDATED, checks, why=why, reason=brief(reason, LONGEST_WORDS), missing=missing)


def merged(parts: Sequence[Validation]) -> Validation:
    """The outcome of several checks of one file: one that found a defect decides; all must have looked for the file to be valid."""
    checks = tuple(dict.fromkeys(check for part in parts for check in part.checks))
    defects = [defect for part in parts for defect in part.defects]
    more = sum(part.more for part in parts)
    schema = next((part.schema for part in parts if part.schema is not None), None)
    if defects or any(part.validity is Validity.INVALID for part in parts):
        kept = tuple(defects[:MOST_DEFECTS])
        return Validation(Validity.INVALID, checks, kept, more + len(defects) - len(kept), schema=schema)
    for part in parts:
        if part.validity is Validity.NOT_VALIDATED:
            return Validation(Validity.NOT_VALIDATED, checks, why=part.why, reason=part.reason, missing=part.missing)
    without = next((part.reason for part in parts if part.schema == ""), "")
    return Validation(Validity.VALID, checks, reason=without, schema=schema)

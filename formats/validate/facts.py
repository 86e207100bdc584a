"""From validations to the findings of a deposit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from formats.validate.validation import Validation, Validity, Why
from policies.findings import Finding, Puid

__all__ = ["ValidationFacts"]

_CODES = {Why.TOOL_DIED: "VAL-TOOL-DIED", Why.TIME_OUT: "VAL-TIME-OUT", Why.LOCKED: "VAL-LOCKED"}


MOST_REASONS: Final = 100
"""Reasons why no schema was used that are counted apart: one a schema, of which a deposit may bring many."""


class ValidationFacts:
    """Says each thing once: what concerns a file by file, what concerns a format or a tool once a deposit, with a count."""

    def __init__(self) -> None:
        self._without: Counter[Puid] = Counter()
        self._missing: Counter[str] = Counter()
        self._schemas: Counter[str] = Counter()
        self._no_schema: Counter[str] = Counter()
        self.counts: Counter[Validity] = Counter()

    def of(self, path: str, puid: Puid, found: Validation) -> Iterator[Finding]:
        """What is to be said of one file at once; nothing when it is valid."""
        self.counts[found.validity] += 1
        tools = ", ".join(found.checks) or "-"
        if found.schema:
            self._schemas[found.schema] += 1
        elif found.schema is not None and (found.reason in self._no_schema or len(self._no_schema) < MOST_REASONS):
            self._no_schema[found.reason] += 1
        if found.validity is Validity.INVALID:
            first = found.defects[0] if found.defects else None
            words = f"{first.words} ({first.rule})" if first else "-"
            more = len(found.defects) + found.more - 1
            yield Finding("VAL-INVALID", path, {"puid": puid, "tools": tools, "reason": words, "more": max(more, 0)})
        elif found.why is Why.NO_VALIDATOR:
            self._without[puid] += 1
        elif found.why is Why.TOOL_MISSING:
            self._missing[found.missing] += 1
        elif found.why is not None:
            yield Finding(_CODES[found.why], path, {"puid": puid, "tools": tools, "reason": found.reason})

    def summary(self) -> Iterator[Finding]:
        """What is to be said once, after the last file."""
        for puid, files in sorted(self._without.items()):
            yield Finding("VAL-NO-VALIDATOR", args={"puid": puid or "-", "files": files})
        for tool, files in sorted(self._missing.items()):
            yield Finding("VAL-TOOL-MISSING", args={"tool": tool, "files": files})
        for schema, files in sorted(self._schemas.items()):
            yield Finding("VAL-SCHEMA", args={"schema": schema, "files": files})
        for reason, files in sorted(self._no_schema.items()):
            yield Finding("VAL-NO-SCHEMA", args={"reason": reason, "files": files})

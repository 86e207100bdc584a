"""From validations to the findings of a deposit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from formats.validate.validation import Validation, Validity, Why
from policies.findings import Finding, Puid

__all__ = ["ValidationFacts"]

_CODES = {Why.TOOL_DIED: "VAL-TOOL-DIED", Why.TIME_OUT: "VAL-TIME-OUT", Why.LOCKED: "VAL-LOCKED"}


class ValidationFacts:
    """Says each thing once: what concerns a file by file, what concerns a format or a tool once a deposit, with a count."""

    def __init__(self) -> None:
        self._without: Counter[Puid] = Counter()
        self._missing: Counter[str] = Counter()
        self.counts: Counter[Validity] = Counter()

    def of(self, path: str, puid: Puid, found: Validation) -> Iterator[Finding]:
        """What is to be said of one file at once; nothing when it is valid."""
        self.counts[found.validity] += 1
        tools = ", ".join(found.checks) or "-"
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

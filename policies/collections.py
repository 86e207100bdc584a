"""Collections: which records belong together, by what their deposits said of them, and what is promised to them apart from the rest."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from policies.document import Section
from policies.phrases import phrase
from policies.promise import CopiesPolicy
from policies.rhythm import AuditPolicy, read_periods

__all__ = ["NONE", "RecordCollection", "collection_of", "read_collections"]

NONE = ""
"""Stands for the records that are in no collection."""

LONGEST_NAME = 200
"""Characters; a name stands in tables, charts and file names."""


@dataclass(frozen=True, slots=True)
class RecordCollection:
    """``name``, the conditions that a record must all meet, and where that is not as for the rest: by tier how its copies are audited,
    and what is promised of them.

    ``producers`` is met by one of these producers (empty: by any), each of ``fields`` by one value of that descriptive field.
    Patterns: "*" stands for any text, "?" for one character; letter case counts.
    """

    name: str
    producers: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    audits: Mapping[str, AuditPolicy] = field(default_factory=dict, hash=False)
    copies: CopiesPolicy | None = None

    def holds(self, producer: str, fields: Mapping[str, Iterable[str]]) -> bool:
        """Whether a record of this producer, described so, belongs to it."""
        if self.producers and not _any(self.producers, [producer]):
            return False
        return all(_any(patterns, fields.get(name, ())) for name, patterns in self.fields.items())


def collection_of(collections: Sequence[RecordCollection], producer: str, fields: Mapping[str, Iterable[str]]) -> str:
    """The name of the first collection, in the order of policy.toml, that holds such a record; `NONE` when none does."""
    return next((each.name for each in collections if each.holds(producer, fields)), NONE)


def _any(patterns: Iterable[str], values: Iterable[str]) -> bool:
    texts = [unicodedata.normalize("NFC", value) for value in values]
    return any(_pattern(each).fullmatch(text) for each in patterns for text in texts)


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in unicodedata.normalize("NFC", text))
    return re.compile("".join(parts), re.DOTALL)


def read_collections(
    section: Section, known: Collection[str], *, audit: Callable[[str], AuditPolicy], promise: Callable[[Section], CopiesPolicy]
) -> tuple[RecordCollection, ...]:
    """[collections.NAME], in their order. ``audit`` is how a tier is audited for the rest, ``promise`` what is promised of copies by one's
    own section. Raises the document's error."""
    found = []
    for name in section.names():
        inner = section.section(name)
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise inner.bad("", phrase("pol-collection-name"))
        copies = promise(inner.section("copies")) if "copies" in inner else None
        found.append(replace(_collection(inner, name, known, audit), copies=copies))
    section.done()
    return tuple(found)


def _collection(section: Section, name: str, known: Collection[str], audit: Callable[[str], AuditPolicy]) -> RecordCollection:
    producers, wanted = section.texts("producers", ()), section.section("fields")
    fields = {each: wanted.texts(each) for each in wanted.names()}
    audits: dict[str, AuditPolicy] = {}
    periods = section.section("audit")
    for tier in periods.names():
        inner = periods.section(tier)
        if tier not in known:
            raise inner.fail("TIER", "", tier=tier, known=", ".join(sorted(known)))
        audits[tier] = read_periods(inner, audit(tier))
    section.allow(["copies"])
    section.done()
    if not producers and not any(fields.values()):
        raise section.bad("", phrase("pol-collection-all"))
    return RecordCollection(name, producers, MappingProxyType(fields), MappingProxyType(audits))

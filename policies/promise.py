"""What is promised of copies: on which tiers, how many of them must be good, at how many sites, on how many kinds of media, how many
locked and how many at hand; of everything, and of single collections.

Circular 05/2025/TT-BNV, article 27, wants at least two sets on independent media; two copies in one building, or on one kind of
medium, are lost to one fire or one fault together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policies.document import Section
from policies.phrases import phrase

__all__ = ["CopiesPolicy", "Place", "Spread", "read_copies", "read_promise"]

LEAST_SETS = 2
"""What a collection may be promised at least: Circular 05/2025/TT-BNV, article 27."""

MOST = 1_000
"""Copies, sites, media, locked copies or copies at hand that anybody may ask for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tier stands, and on what: ``site`` is the operator's word for building or town ("" when it is not said), ``medium`` the
    kind of medium ("disk", "object", "tape", or the operator's word). ``online``: its bytes are read at once, not after a cartridge
    was mounted or a store has brought them. ``worm``: its copies are locked (``[worm.TIER]``)."""

    site: str = ""
    medium: str = "disk"
    online: bool = True
    worm: bool = False


def _sites(places: Collection[Place]) -> int:
    """At how many sites they are for certain: those whose site is not said may be beside any other."""
    return max(len({place.site for place in places} - {""}), min(len(places), 1))


@dataclass(frozen=True, slots=True)
class Spread:
    """One thing that the good copies must be together, beside being enough: ``key`` of the policy, the ``least`` that it may ask for,
    what counts it, and the words for too little. Adding one is a line in `_SPREADS`, a field of `CopiesPolicy`, a code and a phrase."""

    key: str
    least: int
    of: Callable[[Collection[Place]], int]
    words: Callable[[int, int], str]


_SPREADS = (
    Spread("sites", 1, _sites, lambda have, need: phrase("copies-sites", have=have, need=need)),
    Spread(
        "media",
        1,
        lambda places: len({place.medium for place in places}),
        lambda have, need: phrase("copies-media", have=have, need=need),
    ),
    Spread(
        "worm",
        0,
        lambda places: sum(place.worm for place in places),
        lambda have, need: phrase("copies-worm", have=have, need=need),
    ),
    Spread(
        "online",
        0,
        lambda places: sum(place.online for place in places),
        lambda have, need: phrase("copies-online", have=have, need=need),
    ),
)


@dataclass(frozen=True, slots=True)
class CopiesPolicy:
    """Every AIP is written to all ``tiers``, and is *stored* when verified good copies are on at least ``need`` of them, which stand at
    ``sites`` different sites at least, are of ``media`` different kinds of media, ``worm`` of them locked, and ``online`` of them
    read at once."""

    tiers: tuple[str, ...]
    need: int
    sites: int = 1
    media: int = 1
    worm: int = 0
    online: int = 0
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def enough(self, good: Collection[str]) -> bool:
        """Whether good copies on these tiers are what is promised. A tier that is not promised does not count."""
        return sum(tier in good for tier in self.tiers) >= self.need and not any(self.short(good))

    def short(self, good: Collection[str]) -> Iterator[tuple[Spread, int, int]]:
        """What good copies on these tiers are too little of, however many they are: what they have for certain, and what is promised."""
        places = [self.places.get(tier, _UNSAID) for tier in self.tiers if tier in good]
        for spread in _SPREADS:
            have, need = spread.of(places), getattr(self, spread.key)
            if have < need:
                yield spread, have, need


_UNSAID = Place()


def read_copies(section: Section, known: Mapping[str, Place] | None) -> CopiesPolicy:
    """The table ``copies.default``; ``known`` are the tiers of kho.toml (None: any). What cannot be kept is refused."""
    default = section.section("default")
    copies = CopiesPolicy(tiers=default.texts("tiers"), need=default.integer("need", least=1, most=MOST), places=known or {})
    copies = _read(default, copies, known)
    section.done()
    return copies


def read_promise(section: Section, default: CopiesPolicy, known: Mapping[str, Place] | None) -> CopiesPolicy:
    """What a collection is promised: ``default`` for what ``section`` does not say. Fewer sets than the law wants are refused."""
    copies = replace(
        default, tiers=section.texts("tiers", default.tiers), need=section.integer("need", default.need, least=1, most=MOST)
    )
    copies = _read(section, copies, known)
    if copies.need < LEAST_SETS:
        raise section.bad("need", phrase("pol-two-sets"))
    return copies


def _read(section: Section, base: CopiesPolicy, known: Mapping[str, Place] | None) -> CopiesPolicy:
    """``base`` with what else ``section`` asks of its copies, held against what its tiers can keep."""
    asked: Any = {each.key: section.integer(each.key, getattr(base, each.key), least=each.least, most=MOST) for each in _SPREADS}
    copies = replace(base, **asked)
    section.done()
    for tier in copies.tiers:
        if known is not None and tier not in known:
            raise section.fail("TIER", "tiers", tier=tier, known=", ".join(sorted(known)))
    if copies.need > len(copies.tiers):
        raise section.fail("PROMISE", "need", need=copies.need, tiers=len(copies.tiers))
    if known is not None:
        for spread, have, need in copies.short(copies.tiers):
            raise section.fail(spread.key.upper(), spread.key, need=need, have=have)
    return copies

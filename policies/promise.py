"""What is promised of copies: on which tiers, how many of them must be good, at how many sites and on how many kinds of media; of
everything, and of single collections.

Circular 05/2025/TT-BNV, article 27, wants at least two sets on independent media; two copies in one building, or on one kind of
medium, are lost to one fire or one fault together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from policies.document import Section
from policies.phrases import phrase

__all__ = ["CopiesPolicy", "Place", "read_copies", "read_promise"]

LEAST_SETS = 2
"""What a collection may be promised at least: Circular 05/2025/TT-BNV, article 27."""

MOST = 1_000
"""Copies, sites or media that anybody may ask for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tier stands, and on what: ``site`` is the operator's word for building or town ("" when it is not said), ``medium`` the
    kind of medium ("disk", "object", "tape", or the operator's word)."""

    site: str = ""
    medium: str = "disk"


@dataclass(frozen=True, slots=True)
class CopiesPolicy:
    """Every AIP is written to all ``tiers``, and is *stored* when verified good copies are on at least ``need`` of them, which stand at
    ``sites`` different sites at least and are of ``media`` different kinds of media."""

    tiers: tuple[str, ...]
    need: int
    sites: int = 1
    media: int = 1
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def enough(self, good: Collection[str]) -> bool:
        """Whether good copies on these tiers are what is promised. A tier that is not promised does not count."""
        named = [tier for tier in self.tiers if tier in good]
        return len(named) >= self.need and self.sites_of(named) >= self.sites and self.media_of(named) >= self.media

    def sites_of(self, tiers: Collection[str]) -> int:
        """At how many sites these tiers stand for certain: those whose site is not said may stand beside any other."""
        return max(len({self._place(tier).site for tier in tiers} - {""}), min(len(tiers), 1))

    def media_of(self, tiers: Collection[str]) -> int:
        """How many kinds of media these tiers are."""
        return len({self._place(tier).medium for tier in tiers})

    def _place(self, tier: str) -> Place:
        return self.places.get(tier, _UNSAID)


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
    """``base`` with the sites and media of ``section``, held against what its tiers can keep."""
    copies = replace(
        base,
        sites=section.integer("sites", base.sites, least=1, most=MOST),
        media=section.integer("media", base.media, least=1, most=MOST),
    )
    section.done()
    for tier in copies.tiers:
        if known is not None and tier not in known:
            raise section.fail("TIER", "tiers", tier=tier, known=", ".join(sorted(known)))
    if copies.need > len(copies.tiers):
        raise section.fail("PROMISE", "need", need=copies.need, tiers=len(copies.tiers))
    if known is not None and copies.sites > (have := copies.sites_of(copies.tiers)):
        raise section.fail("SITES", "sites", need=copies.sites, have=have)
    if known is not None and copies.media > (have := copies.media_of(copies.tiers)):
        raise section.fail("MEDIA", "media", need=copies.media, have=have)
    return copies

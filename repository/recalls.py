"""Recalls: content that has to be brought before it can be read: by a store from a cold storage class, or by somebody who fetches a
cartridge. It is asked for, and a job looks now and then whether it has come: between two looks that job is a row in the queue, which holds
no worker and outlives every process.

The unfinished jobs *are* the list of what is waited for; nothing else remembers it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from policies.phrases import phrase
from repository.archive import Archive
from repository.errors import BeingBrought, NoGoodCopy
from repository.flow_names import MIGRATE as MIGRATION
from repository.flow_names import RECALL
from repository.model import CopyState
from storage.errors import StorageError
from storage.tier import ObjectId, RecallingTier, SequentialTier, Tier

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = [
    "AUDIT",
    "EXPORT",
    "GOES_ON",
    "MIGRATE",
    "REPAIR",
    "Recall",
    "begin",
    "cold_tiers",
    "coming_from",
    "handing_out",
    "look_again",
    "look_now",
    "media_away",
    "migration_job",
    "nearest",
    "waited_for",
]

AUDIT: Final = "audit"
REPAIR: Final = "repair"
EXPORT: Final = "export"
MIGRATE: Final = "migrate"
"""What content is brought for: to be re-read; to be put right, or to put others right; to be migrated; to be handed out (then whoever
wanted that comes again)."""

_WORDS: Final = {
    AUDIT: phrase("recall-audit"),
    REPAIR: phrase("recall-repair"),
    EXPORT: phrase("recall-export"),
    MIGRATE: phrase("recall-migrate"),
}

LOOK_EVERY: Final = 30 * 60.0
"""Seconds between looks whether content has come. Stores take from minutes to two days; a look costs a request a file."""

PATIENT_AFTER: Final = 100
"""Looks after which it is looked for once a day only. No store takes longer than these two days; a cartridge may stay in a vault for
years, and is looked for at once when it is imported."""

LOOK_DAILY: Final = 24 * 3600.0

LOOKS_KEPT: Final = 3
"""Looks of one wait whose records stay, beside the first, and the next one among them: each names all copies, and years have many."""

GOES_ON: Final = "~"
"""Stands between the id of a campaign and what tells its later jobs apart."""

ONE_JOB: Final = 5_000
"""Copies of one job."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Copies on one tier that are waited for, since when, and what for. ``media`` are those that somebody has to bring, each with where it
    was put last ("": nobody wrote that down); none where a store brings content. ``then`` is the campaign that goes on with what comes."""

    tier: str
    aips: tuple[str, ...]
    purpose: str
    since: datetime
    media: Mapping[str, str] = field(default_factory=dict)
    then: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What for (a phrase)."""
        return _WORDS[self.purpose]

    @property
    def campaign(self) -> str:
        """The campaign that waits, "" for none."""
        return str(self.then.get("campaign", ""))

    @property
    def places(self) -> list[str]:
        """What cannot be read meanwhile: the tier, or some of its media ("tape/LPD001L8")."""
        return [f"{self.tier}/{medium}" for medium in self.media] or [self.tier]

    def as_json(self) -> dict[str, Any]:
        told = {"tier": self.tier, "aips": list(self.aips), "purpose": self.purpose, "since": self.since.isoformat()}
        return {**told, "media": dict(self.media), "then": dict(self.then)}

    @classmethod
    def of(cls, argument: dict[str, Any]) -> Recall:
        """From the argument of its job."""
        since = datetime.fromisoformat(argument["since"])
        more = argument.get("media", {}), argument.get("then", {})
        return cls(argument["tier"], tuple(argument["aips"]), argument["purpose"], since, *more)


def cold_tiers(archive: Archive, aip_id: str) -> list[str]:
    """The tiers that hold a copy of this AIP whose content has to be brought before it can be read."""
    held = {copy.tier for copy in archive.catalog.holdings.get(aip_id).copies if copy.state is not CopyState.DAMAGED}
    tiers = ((name, tier) for name, tier in archive.tiers.items() if name in held and isinstance(tier, RecallingTier))
    return [name for name, tier in tiers if tier.cold or media_away(tier, aip_id)]


def nearest(archive: Archive, aip_id: str) -> str:
    """The tier from which content of an AIP is likely to come first: one that brings it by itself before one of which somebody has to fetch
    a medium; where it has come meanwhile, one of those that can."""
    can = [name for name, tier in archive.tiers.items() if isinstance(tier, RecallingTier)]
    return min(cold_tiers(archive, aip_id) or can, key=lambda name: bool(media_away(archive.tiers[name], aip_id)))


def migration_job(campaign: str, come: str = "") -> str:
    """The id of the job of a campaign; or of one that goes on with what has ``come``, by the job that looked for it."""
    return f"{MIGRATION}:{campaign}" + (f"{GOES_ON}{uuid.uuid5(uuid.NAMESPACE_OID, come).hex[:12]}" if come else "")


def media_away(tier: Tier | None, aip_id: str) -> Mapping[str, str]:
    """The media of a tier that somebody has to bring before all of an AIP can be read there, as far as that can be seen now."""
    try:
        return tier.away(ObjectId(aip_id)) if isinstance(tier, SequentialTier) else {}
    except StorageError:
        return {}


def waited_for(jobs: Jobs) -> list[Recall]:
    """What is waited for now, longest first."""
    return sorted(map(Recall.of, jobs.arguments(RECALL)), key=lambda each: each.since)


def begin(
    archive: Archive,
    jobs: Jobs,
    base: str,
    wanted: Iterable[tuple[str, str]],
    purpose: str,
    *,
    then: Mapping[str, Any] | None = None,
) -> int:
    """Queue jobs that ask for copies (tier, AIP), wait for them, and then do what they are wanted for; how many copies were not waited
    for already. ``base`` names the jobs: the same one twice begins them once. ``then`` as of `Recall`."""
    then = then or {}
    same = (each for each in waited_for(jobs) if (each.purpose, each.campaign) == (purpose, then.get("campaign", "")))
    waiting = {(each.tier, aip_id) for each in same for aip_id in each.aips}
    by_place: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for tier, aip_id in dict.fromkeys(wanted):
        if (tier, aip_id) not in waiting:
            by_place[tier, tuple(media_away(archive.tiers.get(tier), aip_id).items())].append(aip_id)
    number = 0
    for (tier, media), aips in by_place.items():
        for start in range(0, len(aips), ONE_JOB):
            recall = Recall(tier, tuple(aips[start : start + ONE_JOB]), purpose, archive.clock.now(), dict(media), then)
            argument = {**recall.as_json(), "round": 0, "actor": archive.actor}
            jobs.run(RECALL, f"recall:{base}:{tier}:{number}:0", argument, wait=False)
            number += 1
    return sum(map(len, by_place.values()))


@contextmanager
def handing_out(archive: Archive, jobs: Callable[[], Jobs], aip_id: str) -> Iterator[None]:
    """Where nothing good can be read of an AIP, but some of it has to be brought first, it is asked for. Raises `BeingBrought`
    then, instead of NoGoodCopy."""
    try:
        yield
    except NoGoodCopy as error:
        tiers = coming_from(archive, aip_id)
        if not tiers:
            raise
        begin(archive, jobs(), f"{EXPORT}:{uuid.uuid4()}", ((name, aip_id) for name in tiers), EXPORT)
        raise BeingBrought(error.finding.path, aip_id, ", ".join(_from(archive, name, aip_id) for name in tiers)) from error


def _from(archive: Archive, tier: str, aip_id: str) -> str:
    """Where something is brought from, for people: a tier, or its cartridges and where they were put."""
    media = media_away(archive.tiers[tier], aip_id)
    return (
        ", ".join(f"{tier}/{medium} ({location})" if location else f"{tier}/{medium}" for medium, location in media.items())
        or tier
    )


def coming_from(archive: Archive, aip_id: str) -> list[str]:
    """Ask for what has to be brought of an AIP: the tiers from which it has not come yet."""
    return [name for name in cold_tiers(archive, aip_id) if _still_coming(archive.tiers[name], aip_id)]


def _still_coming(tier: Tier, aip_id: str) -> bool:
    try:
        return isinstance(tier, RecallingTier) and tier.recall(ObjectId(aip_id)) > 0
    except StorageError:
        return False


def look_again(archive: Archive, jobs: Jobs, job_id: str, argument: dict[str, Any], coming: Sequence[str]) -> str:
    """Queue the next look at what is still ``coming``, to begin after a while; the id of its job."""
    following, stem = int(argument["round"]) + 1, job_id.rpartition(":")[0]
    next_id = f"{stem}:{following}"
    if following > LOOKS_KEPT:
        jobs.drop(f"{stem}:{following - LOOKS_KEPT}")
    tier = archive.tiers.get(argument["tier"])
    media = {medium: place for aip_id in coming for medium, place in media_away(tier, aip_id).items()}
    more = {"aips": list(coming), "round": following, "media": media or argument.get("media", {})}
    jobs.later(RECALL, next_id, {**argument, **more}, LOOK_DAILY if following > PATIENT_AFTER else LOOK_EVERY)
    return next_id


def look_now(jobs: Jobs) -> None:
    """Media have come: look at once at what waits for some."""
    jobs.sooner(RECALL, lambda argument: bool(argument.get("media")))

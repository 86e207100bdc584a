"""Recalls: content that has to be brought before it can be read (cold storage classes). It is asked for, and a job looks now and then
whether it has come: between two looks that job is a row in the queue, which holds no worker and outlives every process.

The unfinished jobs *are* the list of what is waited for; nothing else remembers it.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from policies.phrases import phrase
from repository.archive import Archive
from repository.errors import BeingBrought, NoGoodCopy
from repository.flow_names import RECALL
from repository.model import CopyState
from storage.errors import StorageError
from storage.tier import ObjectId, RecallingTier, Tier

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = [
    "AUDIT",
    "EXPORT",
    "MIGRATE",
    "REPAIR",
    "Recall",
    "begin",
    "cold_tiers",
    "coming_from",
    "handing_out",
    "look_again",
    "waited_for",
]

AUDIT: Final = "audit"
REPAIR: Final = "repair"
EXPORT: Final = "export"
MIGRATE: Final = "migrate"
"""What content is brought for: to be re-read; to be put right, or to put others right; to be handed out, or migrated (then whoever wanted
that comes again)."""

_WORDS: Final = {
    AUDIT: phrase("recall-audit"),
    REPAIR: phrase("recall-repair"),
    EXPORT: phrase("recall-export"),
    MIGRATE: phrase("recall-migrate"),
}

LOOK_EVERY: Final = 30 * 60.0
"""Seconds between looks whether content has come. Stores take from minutes to two days; a look costs a request a file."""

ONE_JOB: Final = 5_000
"""Copies of one job."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Copies on one tier that are waited for, since when, and what for."""

    tier: str
    aips: tuple[str, ...]
    purpose: str
    since: datetime

    @property
    def words(self) -> str:
        """What for (a phrase)."""
        return _WORDS[self.purpose]

    def as_json(self) -> dict[str, Any]:
        return {"tier": self.tier, "aips": list(self.aips), "purpose": self.purpose, "since": self.since.isoformat()}

    @classmethod
    def of(cls, argument: dict[str, Any]) -> Recall:
        """From the argument of its job."""
        since = datetime.fromisoformat(argument["since"])
        return cls(argument["tier"], tuple(argument["aips"]), argument["purpose"], since)


def cold_tiers(archive: Archive, aip_id: str) -> list[str]:
    """The tiers that hold a copy of this AIP whose content has to be brought before it can be read."""
    held = {copy.tier for copy in archive.catalog.holdings.get(aip_id).copies if copy.state is not CopyState.DAMAGED}
    return [name for name, tier in archive.tiers.items() if name in held and isinstance(tier, RecallingTier) and tier.cold]


def waited_for(jobs: Jobs) -> list[Recall]:
    """What is waited for now, longest first."""
    return sorted(map(Recall.of, jobs.arguments(RECALL)), key=lambda each: each.since)


def begin(archive: Archive, jobs: Jobs, base: str, wanted: Iterable[tuple[str, str]], purpose: str) -> int:
    """Queue jobs that ask for copies (tier, AIP), wait for them, and then do what they are wanted for; how many copies were not waited
    for already. ``base`` names the jobs: the same one twice begins them once."""
    waiting = {(each.tier, aip_id) for each in waited_for(jobs) for aip_id in each.aips if each.purpose == purpose}
    by_tier: dict[str, list[str]] = defaultdict(list)
    for tier, aip_id in dict.fromkeys(wanted):
        if (tier, aip_id) not in waiting:
            by_tier[tier].append(aip_id)
    for tier, aips in by_tier.items():
        for start in range(0, len(aips), ONE_JOB):
            recall = Recall(tier, tuple(aips[start : start + ONE_JOB]), purpose, archive.clock.now())
            argument = {**recall.as_json(), "round": 0, "actor": archive.actor}
            jobs.run(RECALL, f"recall:{base}:{tier}:{start}:0", argument, wait=False)
    return sum(map(len, by_tier.values()))


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
        raise BeingBrought(error.finding.path, aip_id, ", ".join(tiers)) from error


def coming_from(archive: Archive, aip_id: str) -> list[str]:
    """Ask for what has to be brought of an AIP: the tiers from which it has not come yet."""
    return [name for name in cold_tiers(archive, aip_id) if _still_coming(archive.tiers[name], aip_id)]


def _still_coming(tier: Tier, aip_id: str) -> bool:
    try:
        return isinstance(tier, RecallingTier) and tier.recall(ObjectId(aip_id)) > 0
    except StorageError:
        return False


def look_again(jobs: Jobs, job_id: str, argument: dict[str, Any], coming: Sequence[str]) -> str:
    """Queue the next look at what is still ``coming``, to begin after a while; the id of its job."""
    following = int(argument["round"]) + 1
    next_id = f"{job_id.rpartition(':')[0]}:{following}"
    jobs.later(RECALL, next_id, {**argument, "aips": list(coming), "round": following}, LOOK_EVERY)
    return next_id

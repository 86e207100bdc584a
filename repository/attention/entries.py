"""What needs somebody's attention, as one list: each entry a registered code, so that it says in two languages what to do.

Nothing here is a guess: what cannot be asked is an entry, not an empty place.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from policies.findings import Finding, KhoError, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.checks.budgets import CLOCK_SLACK
from repository.checks.canaries import EVENT as CANARY_CHECK
from repository.checks.canaries import proven
from repository.checks.forecast import forecasts
from repository.evidence.judge import algorithms_in
from repository.evidence.planning import plan
from repository.evidence.roots import roots_of
from repository.evidence.standing import standing
from repository.ledger.days import day_end
from repository.ledger.keys import behind, key_in_force, lost_keys
from repository.ledger.verifier import TIME
from repository.model import DepositState
from repository.recalls import Recall, waited_for
from repository.reports.fixity import FixitySummary, fixity_summary
from repository.settings.formats import OWN_POLICY, formats_in
from repository.settings.notices import recalled
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier

if TYPE_CHECKING:
    from repository.catalog import LedgerDay
    from repository.jobs import Jobs

__all__ = ["DRILL", "SILENCE", "attention"]

SILENCE = timedelta(days=8)
"""The dead-man alarm: a week and a day without any check that came to an end, of a copy or of planted damage, is no quiet archive but a
stopped one."""

LATE = timedelta(days=1)
"""How long after its time a check that did not come is told of: copies fall due at every hour, the worker looks for them once an hour, and
quiet hours and budgets of a day put them off until they end. Whoever was told of each of them would read no notice any more."""

DRILL_EVERY = timedelta(days=180)
"""How old the last restore drill may be: auditors ask for one every half year."""

DRILL = "restore drill"
"""The type of the event that tells of a drill (the PREMIS vocabulary has no word for it)."""

ENDS_SOON = timedelta(days=60)
"""How long before its end a certificate, or a cartridge, is told of: ordering another one takes weeks in an office."""

STOPPED = timedelta(days=2)
"""So long after a day's end the next one should have been closed long ago: the worker does it within minutes."""

LOST_TOLD = timedelta(days=400)
"""How long a lost key of the ledger is on the list: whoever inspects once a year has met it there. `kho status` says it below for ever."""

STAMPED_WITHIN = timedelta(hours=6)
"""So long after a day's end its time stamp should be there: an authority may be away for an hour."""

FREE_LEAST = 2 << 30
"""Bytes that must be free for home and tiers: enough for one more step of everything that runs."""

FREE_SHARE = 0.03
"""The same as a share of the disk."""


def attention(archive: Archive, jobs: Jobs | None = None) -> list[Finding]:
    """Everything that needs attention now, gravest first."""
    now = archive.clock.now()
    summary = fixity_summary(archive, now)
    found = [
        *_copies(archive, summary, now),
        *_checker(archive, now),
        *_forecast(archive, now),
        *_keys(archive, now),
        *_ledger(archive, now),
        *_evidence(archive, now),
        *_surroundings(archive, now),
        *_cartridges(archive, now),
        *_deposits(archive),
        *_notices(archive),
        *(_jobs(jobs) if jobs is not None else ()),
    ]
    return sorted(found, key=lambda each: -each.weight)


def _copies(archive: Archive, summary: FixitySummary, now: datetime) -> Iterator[Finding]:
    left = {(each.aip_id, each.tier) for each in summary.behind.damages}
    newer = Counter(name for _, name in summary.behind.copies - left)
    if summary.behind.copies:
        yield Finding("ATT-BEHIND", args={"aips": summary.behind.aips})
    if summary.short:
        yield Finding("ATT-SHORT", args={"aips": summary.short})
    for tier in summary.tiers:
        if tier.unreachable:
            yield Finding("ATT-TIER", tier.name, {"reason": tier.unreachable})
        if damaged := tier.damaged - newer[tier.name]:
            yield Finding("ATT-DAMAGED", tier.name, {"copies": damaged})
        if tier.unreadable:
            yield Finding("ATT-UNREADABLE", tier.name, {"copies": tier.unreadable})
        if tier.absent:
            yield Finding("ATT-ABSENT", tier.name, {"copies": tier.absent})
        if late := archive.catalog.copies.overdue(now - LATE, tier=tier.name):
            yield Finding("ATT-OVERDUE", tier.name, {"copies": late})
        if tier.strangers:
            yield Finding("ATT-STRANGERS", tier.name, {"things": tier.strangers})


def _checker(archive: Archive, now: datetime) -> Iterator[Finding]:
    """The dead-man alarm, and canaries that were missed."""
    if archive.catalog.holdings.count():
        ends = [archive.catalog.checks.last(now), *(proven(archive, name, now - SILENCE, now) for name in archive.tiers)]
        last = max((each for each in ends if each is not None), default=None)
        begun = last or archive.catalog.days.first_time()
        if begun is not None and now - begun > SILENCE and (_plantable(archive) or archive.catalog.copies.overdue(now - LATE)):
            yield Finding(
                "ATT-SILENT",
                args={"since": phrase("never-yet") if last is None else f"{last:%Y-%m-%d %H:%M} UTC", "days": SILENCE.days},
            )
    for name in archive.tiers:
        canaries = archive.catalog.events.latest(CANARY_CHECK, name)
        if canaries is not None and canaries.outcome != "success":
            yield Finding("ATT-CANARIES", name, {"kinds": str(canaries.detail.get("missed", ""))})
    drill = archive.catalog.events.latest(DRILL, "")
    if archive.catalog.holdings.count() and (drill is None or not now - DRILL_EVERY <= drill.time <= now):
        yield Finding(
            "ATT-DRILL-OLD",
            args={"last": phrase("never-yet") if drill is None else f"{drill.time:%Y-%m-%d}", "days": DRILL_EVERY.days},
        )
    elif drill is not None and drill.outcome != "success":
        yield Finding("ATT-DRILL-FAILED", args={"last": f"{drill.time:%Y-%m-%d}"})


def _plantable(archive: Archive) -> bool:
    """Whether damage can be planted on some tier, which a worker then checks every day, also where no copy is due for months."""
    return any(isinstance(tier, LocalTier) for tier in archive.tiers.values())


def _forecast(archive: Archive, now: datetime) -> Iterator[Finding]:
    for each in forecasts(archive, now):
        if each.fits is False and each.capacity is not None:
            yield Finding("ATT-FORECAST", each.tier, {"need": each.need, "capacity": each.capacity, "every": round(each.every)})


def _evidence(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Proofs that fall due, lapsed, or that nobody named in kho.toml could renew; the first of each kind (`kho evidence plan` has all)."""
    try:
        algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
        roots = roots_of(archive)
    except KhoError as error:
        yield error.finding
        return
    rows = list(archive.catalog.evidence.batches())
    first: dict[str, Finding] = {}
    for finding in standing(archive, plan(archive, rows, algorithms, roots, now), now):
        first.setdefault(finding.code, finding)
    yield from first.values()


def _keys(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Whether the ledger's key can sign; and that one was reported lost, as long as everybody may not have heard of it."""
    try:
        key_in_force(archive)
        lost = lost_keys(archive)
    except KhoError as error:
        yield error.finding
        return
    for key in lost:
        if now - datetime.strptime(key.time, TIME).replace(tzinfo=UTC) < LOST_TOLD:
            yield Finding("ATT-KEY-LOST", key.key, {"day": key.first, "time": key.minute})


def _ledger(archive: Archive, now: datetime) -> Iterator[Finding]:
    last = archive.catalog.days.last()
    if last is None:
        begun = archive.catalog.days.first_time()
        if begun is not None and now - day_end(begun.date()) > STOPPED:
            yield Finding("ATT-LEDGER-STOPPED", args={"day": begun.date().isoformat()})
        return
    if older := behind(archive):
        yield older.finding
    if last.day >= now.date():
        yield Finding("ATT-CLOCK", args={"time": last.day.isoformat(), "now": f"{now:%Y-%m-%d %H:%M}"})
    if now - day_end(last.day) > STOPPED:
        yield Finding("ATT-LEDGER-STOPPED", args={"day": last.day.isoformat()})
    if unsealed := [day for day in archive.catalog.days.unsealed() if now - day_end(day.day) > timedelta(hours=26)]:
        yield Finding("ATT-LEDGER-WAITING", args={"days": len(unsealed)})
    if archive.settings.authorities and (day := _unstamped(archive, last, now)):
        yield Finding("ATT-TSA", args={"day": day.day.isoformat()})


def _unstamped(archive: Archive, last: LedgerDay, now: datetime) -> LedgerDay | None:
    """The newest day that should have its stamp by now and has none; None where the newest of all has its own. While that one is young, the
    day before speaks: else a silence of weeks would end every midnight."""
    for day in () if last.token else reversed(list(archive.catalog.days.between(last.number - 1, last.number))):
        if now - day_end(day.day) > STAMPED_WITHIN:
            return None if day.token else day
    return None


def _surroundings(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Clock, disks, certificates, the policy of formats."""
    newest = archive.catalog.events.newest_time()
    if newest is not None and newest - now > CLOCK_SLACK:
        yield Finding("ATT-CLOCK", args={"time": f"{newest:%Y-%m-%d %H:%M}", "now": f"{now:%Y-%m-%d %H:%M}"})
    for place in (archive.settings.home, *(tier.path for tier in archive.settings.tiers)):
        try:
            disk = os.statvfs(place)
        except OSError:
            continue  # a tier that is not there is told of as such
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        if free < min(FREE_LEAST, size * FREE_SHARE):
            yield Finding("ATT-DISK", str(place), {"free": free})
    yield from _certificates(archive, now)
    try:
        if (archive.settings.home / OWN_POLICY).exists():
            formats_in(archive.settings.home)
    except KhoError as error:  # no campaign begins or goes on by it
        yield error.finding


def _cartridges(archive: Archive, now: datetime) -> Iterator[Finding]:
    """Cartridges that are to be refreshed: soon too old, or no longer to be trusted. (A tier that cannot be asked is told of as such.)"""
    if all(place.kind != "tape" for place in archive.settings.tiers):
        return  # what is needed for tape is not loaded
    from storage.tape.rows import Volume, VolumeState
    from storage.tape.tier import TapeTier

    soon = (now + ENDS_SOON).date().isoformat()
    for tier in archive.tiers.values():
        volumes: list[Volume] = []
        if isinstance(tier, TapeTier):
            with contextlib.suppress(Unavailable):
                volumes = tier.volumes()
        for each in volumes:
            if each.replace_by and each.replace_by <= soon and each.state not in (VolumeState.RETIRED, VolumeState.LOST):
                yield Finding("TAPE-REPLACE", each.barcode, {"date": each.replace_by})
            if each.state is VolumeState.SUSPECT:
                yield Finding("TAPE-SUSPECT", each.barcode, {"reason": each.note or "-"})


def _certificates(archive: Archive, now: datetime) -> Iterator[Finding]:
    from repository.attention.certificates import ends_of

    try:
        ends = ends_of(archive)
    except KhoError as error:
        yield Finding("ATT-CERTIFICATE-UNREADABLE", error.finding.path, {"reason": said(error.finding, code=False)})
        return
    for name, end in ends.items():
        if end - now < ENDS_SOON:
            yield Finding("ATT-CERTIFICATE", name, {"end": f"{end:%Y-%m-%d}"})


def _notices(archive: Archive) -> Iterator[Finding]:
    if archive.settings.notices is not None and (failed := recalled(archive.settings.home).failed):
        yield Finding("ATT-NOTICES", args={"reason": failed})


def _deposits(archive: Archive) -> Iterator[Finding]:
    for state, code in (
        (DepositState.HELD, "ATT-HELD"),
        (DepositState.FAILED, "ATT-FAILED"),
        (DepositState.ACCEPTED, "ATT-WAITING"),
    ):
        page = archive.catalog.deposits.list(state=state, limit=1_000)
        if page.items:
            count = f"{len(page.items)}" if page.cursor is None else f"{len(page.items)}+"
            yield Finding(code, args={"deposits": count})
        lost = [each for each in page.items if "DEP-LOST" in each.finding_counts and not each.key.endswith(f"#{each.id}")]
        if lost and state is DepositState.FAILED:  # and nobody handed the same in again
            yield Finding("ATT-LOST", lost[0].label, {"deposits": f"{len(lost)}"})


def _jobs(jobs: Jobs) -> Iterator[Finding]:
    from repository.jobs import JobState

    stuck = jobs.list([JobState.GIVEN_UP], limit=1_000)
    if stuck:
        yield Finding("ATT-JOBS", args={"jobs": len(stuck)})
    yield from _awaited(waited_for(jobs))


def _awaited(recalls: Iterable[Recall]) -> Iterator[Finding]:
    """What is waited for, longest first: whatever a store brings; and, once each, the cartridges that somebody has to fetch."""
    media: dict[tuple[str, str], list[Recall]] = {}
    for each in recalls:
        for medium in each.media:
            media.setdefault((each.tier, medium), []).append(each)
        if not each.media:
            about: dict[str, str | int] = {"copies": len(each.aips), "since": _minute(each.since), "purpose": each.words}
            yield Finding("ATT-COLD", each.tier, about)
    for (tier, medium), waiting in media.items():
        location = next((each.media[medium] for each in waiting if each.media[medium]), "")
        where = phrase("medium-put", location=location) if location else phrase("medium-put-nobody-knows")
        copies = len({aip_id for each in waiting for aip_id in each.aips})
        purposes = ", ".join(dict.fromkeys(each.words for each in waiting))
        about = {"copies": copies, "since": _minute(waiting[0].since), "purpose": purposes, "medium": medium, "where": where}
        yield Finding("ATT-MEDIUM-AWAY", f"{tier}/{medium}", about)


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"

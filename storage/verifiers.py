"""Re-reading many copies: by several processes where tiers are local and there is enough to do, else one after another.

Hashing alone could be shared by threads, but with small files most of the time goes into opening, comparing and counting.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fixity.verify import FixityReport, Outcome
from policies.phrases import phrase
from storage import processes
from storage.errors import StorageError, Unavailable
from storage.ocfl.medium import PROGRESS_EVERY
from storage.ocfl.objects import INVENTORY
from storage.ocfl.tier import LocalTier
from storage.processes import Helpers, batches
from storage.tier import Ask, ObjectId, SequentialTier, Tier

__all__ = ["POOL_FROM", "Check", "Found", "Verifiers", "in_turn", "serve"]

BATCH = 16
"""Copies given to a process at a time: the way there and back costs as much as a few files."""

BATCH_BYTES = 64 << 20
"""Bytes after which a batch is full: both processes shall have work until the end."""

POOL_FROM = 4 * BATCH
"""Copies from which on processes are started (they stay for the next call): starting them takes as long as reading so many."""

POOL_FROM_BYTES = 256 << 20
"""The same in bytes, for few large copies."""

Found = FixityReport | StorageError
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One copy to be re-read; see `storage.tier.Tier.verify`. ``bytes`` is its likely size."""

    tier: Tier
    object_id: ObjectId
    expected: Mapping[int, bytes]
    algorithm: str
    bytes: int = 0
    since: int = 1

    @property
    def asked(self) -> Ask:
        return Ask(self.object_id, self.expected, self.algorithm, self.since)

    def run(self, progress: Progress) -> Found:
        """Re-read it in this process."""
        try:
            return self.tier.verify(self.object_id, self.expected, algorithm=self.algorithm, progress=progress, since=self.since)
        except StorageError as error:
            return error


def in_turn(checks: Sequence[Check], progress: Progress) -> Iterator[tuple[Check, Found]]:
    """Every check with what was found, one after the other, in this process; those of one local tier in one go."""
    for _, some in itertools.groupby(checks, key=lambda check: id(check.tier)):
        group = list(some)
        tier = group[0].tier
        if isinstance(tier, LocalTier):
            yield from zip(group, tier.verify_each((each.asked for each in group), progress), strict=True)
        else:
            yield from _one_by_one(group, progress)


def _one_by_one(group: Sequence[Check], progress: Progress) -> Iterator[tuple[Check, Found]]:
    """Where the tier itself turns out to be away, the rest is not asked for: each would wait for an answer as long as the first."""
    away: StorageError | None = None
    for check in group:
        found = away or check.run(progress)
        if away is None and isinstance(found, Unavailable):
            try:
                check.tier.check()
            except Unavailable as error:
                away = error
        yield check, found


class Verifiers:
    """Processes that re-read copies. Started when first needed, kept until `close`; several threads may call `verify`. ``helpers`` are
    some that run `serve`, and may have been started before."""

    def __init__(self, processes: int | None = None, helpers: Helpers | None = None) -> None:
        self.helpers = helpers or Helpers(
            f"{__name__}:serve", processes if processes is not None else len(os.sched_getaffinity(0))
        )

    def start(self) -> None:
        """Start the processes before they are needed, for who is going to ask for ``POOL_FROM`` copies or more."""
        if len(self.helpers) > 1:
            self.helpers.start()

    def verify(self, checks: Sequence[Check], progress: Progress) -> Iterator[tuple[Check, Found]]:
        """Every check with what was found, in their order. ``progress`` is called with bytes read, in any thread; what it raises
        ends the work."""
        tiers = _tiers(checks)
        if any(isinstance(tier, SequentialTier) for tier in tiers):
            yield from self._with_sequential(checks, progress)
            return
        enough = len(checks) >= POOL_FROM or (len(checks) > 1 and sum(check.bytes for check in checks) >= POOL_FROM_BYTES)
        if len(self.helpers) > 1 and enough and all(isinstance(tier, LocalTier) for tier in tiers):
            yield from self._share(checks, progress)
        else:
            yield from in_turn(checks, progress)

    def _with_sequential(self, checks: Sequence[Check], progress: Progress) -> Iterator[tuple[Check, Found]]:
        """Those on media that are wound tier by tier, in one pass each; the others as always. Given out in the order asked for, as soon as
        what comes before is known: so ask in the order of `SequentialTier.locality`."""
        wound = [tier for tier in _tiers(checks) if isinstance(tier, SequentialTier)]
        others = [number for number, check in enumerate(checks) if not any(check.tier is tier for tier in wound)]
        known: dict[int, Found] = {}
        given = 0
        for found in (
            *(_passes(tier, checks, progress) for tier in wound),
            zip(others, (each for _, each in self.verify([checks[number] for number in others], progress)), strict=True),
        ):
            for number, each in found:
                known[number] = each
                while given in known:
                    yield checks[given], known.pop(given)
                    given += 1

    def _share(self, checks: Sequence[Check], progress: Progress) -> Iterator[tuple[Check, Found]]:
        guard = threading.Lock()
        stopped = threading.Event()

        def told(count: int) -> None:
            with guard:
                progress(count)

        def ask(batch: list[Check]) -> list[Found]:
            with self.helpers.one() as helper:
                return [] if stopped.is_set() else [_heard(each) for each in helper.ask_all(batch, _question, told, _unread)]

        pool = ThreadPoolExecutor(len(self.helpers), "verify")
        try:
            asked = list(_batches(checks))
            for batch, answers in zip(asked, pool.map(ask, asked), strict=True):
                yield from zip(batch, answers, strict=True)
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the processes."""
        self.helpers.close()


def _tiers(checks: Sequence[Check]) -> list[Tier]:
    """Each tier once: asking a tier what it can do (a protocol of many methods) costs as much as reading a small file."""
    return list({id(check.tier): check.tier for check in checks}.values())


def _passes(tier: SequentialTier, checks: Sequence[Check], progress: Progress) -> Iterator[tuple[int, Found]]:
    """What one pass over a tier finds of its checks, by their numbers."""
    mine = [number for number, check in enumerate(checks) if check.tier is tier]
    asks = [checks[number].asked for number in mine]
    try:
        for index, found in tier.verify_together(asks, progress):
            yield mine[index], found
            mine[index] = -1
    except StorageError as error:
        yield from ((number, error) for number in mine if number >= 0)


def _batches(checks: Sequence[Check]) -> Iterator[list[Check]]:
    """Copies of one tier, in order."""

    def full(batch: Sequence[Check], check: Check) -> bool:
        return len(batch) == BATCH or sum(each.bytes for each in batch) >= BATCH_BYTES or check.tier is not batch[0].tier

    return batches(checks, full)


def _question(batch: Sequence[Check]) -> Any:
    tier = batch[0].tier
    assert isinstance(tier, LocalTier)
    return tier.place, [(check.object_id, dict(check.expected), check.algorithm, check.since) for check in batch]


def serve(lifeline: int) -> None:
    """The life of a process that re-reads copies."""
    tiers: dict[Any, LocalTier] = {}

    def answer(question: Any, told: Progress) -> list[Any]:
        place, asked = question
        if place not in tiers:
            path, name, identifier, root = place
            tiers[place] = LocalTier(path, name, identifier=identifier, root=root)
        read = _Gathered(told)
        found = [_said(each) for each in tiers[place].verify_each((Ask(*each) for each in asked), read)]
        read.tell()
        return found

    processes.serve(lifeline, answer)


class _Gathered:
    """Bytes that were read, told in large sums: each message wakes the process that asked."""

    def __init__(self, told: Progress) -> None:
        self._told = told
        self._count = 0

    def __call__(self, count: int) -> None:
        self._count += count
        if self._count >= PROGRESS_EVERY:
            self.tell()

    def tell(self) -> None:
        if self._count:
            self._told(self._count)
            self._count = 0


def _said(found: Found) -> Any:
    """What was found, as it is sent: most copies are good, and of those there is little to tell."""
    if isinstance(found, FixityReport) and found.ok:
        return found.algorithm, found.inventory_sha512, found.bytes_read, found.counts.total()
    return found


def _heard(message: Any) -> Found:
    if not isinstance(message, tuple):
        heard: Found = message
        return heard
    algorithm, inventory, size, files = message
    return FixityReport(algorithm, inventory, size, counts=Counter({Outcome.GOOD: files}))


def _unread(check: Check) -> FixityReport:
    """Where the process dies (killed, out of memory), the copy it was at could not be read."""
    report = FixityReport(check.algorithm)
    report.problem(INVENTORY, Outcome.UNREADABLE, found=phrase("reader-killed"))
    return report

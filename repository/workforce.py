"""Accepting and keeping many deposits, and reading many AIPs again, at once: by processes where there are enough of them, else by threads,
or here.

Most of the work on a small deposit is Python's own, which one process does on one core, however many threads it has.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, TypeVar

from policies.archive import Policy
from policies.findings import KhoError, said
from policies.phrases import phrase
from repository.aip.stored import ROWS_HELD
from repository.archive import Archive
from repository.copies.keep import keep
from repository.deposits.description import Extras
from repository.deposits.ingest import Outcome, accept, failed
from repository.ledger.open_day import OpenPart, PartRead, read_part
from repository.model import Deposit
from repository.progress import Progress, Silent
from repository.rebuilding.believing import Known, Surveyed, read_aip, read_in_turn
from repository.settings.home import Settings
from repository.tiers import open_tier
from storage import processes
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier
from storage.processes import Helpers, Told, batches
from storage.tier import ObjectVersion, Tier
from storage.verifiers import Verifiers

__all__ = ["Workforce", "serve"]

T = TypeVar("T")

BATCH = 4
"""Deposits given to a process at a time: the way there and back costs a tenth of a small deposit."""

POOL_FROM = 24
"""Deposits from which on processes are started (they stay for the next call): starting them takes as long as accepting so many."""


KEEP_BYTES = 64 << 20
"""Bytes that a process keeps at a time, at least: all processes shall have work until the end, and share few barriers."""

KEPT_FROM_BYTES = 256 << 20
"""Bytes from which on few deposits, too, are kept by processes."""


READ = 16
"""AIPs that a process reads again at a time."""

LOOK = 32
"""Folders of a storage root that a process looks through at a time: as many AIPs, or few more, until there are thousands."""

LOOK_FROM = 8 * LOOK
"""Folders of a storage root from which on they are shared."""

LINES_FROM = 8
"""Parts of a ledger's open day from which on they are shared: some eight thousand events, a sixth of a second."""

AHEAD = 4
"""Batches for each process that may be under way or wait to be looked at: answers do not pile up in memory."""


class Workforce:
    """Examines deposits, several at a time, and seals those that are accepted; keeps on tiers what was sealed; reads AIPs again. Makes
    nothing known.

    ``apart`` allows processes: for an archive that is put together from its settings and the system's clock, as they do it. ``helpers``
    are processes that were started before.
    """

    def __init__(self, *, apart: bool = False, cores: int | None = None, helpers: Helpers | None = None) -> None:
        self._apart = apart
        if helpers is not None:
            cores = len(helpers)
        self._cores = cores if cores is not None else len(os.sched_getaffinity(0))
        self.helpers = helpers or Helpers(f"{__name__}:serve", self._cores)

    def outcomes(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        """`repository.deposits.ingest.accept` for each deposit, in their order. ``progress`` is called in any thread; what it raises ends
        the work."""
        if len(deposits) == 1:
            yield accept(archive, deposits[0], extra, progress)
            return
        progress.start("accept", len(deposits), "objects")
        updates = any(each.update_of for each in deposits)  # they read tiers, which the processes do not have
        if self._apart and self._cores > 1 and len(deposits) >= POOL_FROM and not updates:
            yield from self._by_processes(archive, deposits, extra, progress)
        else:
            yield from self._by_threads(archive, deposits, extra, progress)

    def kept(self, archive: Archive, tier_name: str, deposit_ids: Sequence[str], progress: Progress) -> dict[str, Any]:
        """`repository.copies.keep.keep`: what it says of each deposit. ``progress`` is called in any thread; what it raises ends the
        work."""
        sizes = {deposit.id: deposit.bytes for deposit in archive.catalog.deposits.several(deposit_ids).values()}
        many = len(sizes) >= POOL_FROM or (len(sizes) > 1 and sum(sizes.values()) >= KEPT_FROM_BYTES)
        if not (self._apart and self._cores > 1 and many and isinstance(archive.tiers[tier_name], LocalTier)):
            return keep(archive, tier_name, deposit_ids, progress)
        most, count = max(KEEP_BYTES, sum(sizes.values()) // self._cores), -(-len(sizes) // self._cores)

        def full(batch: Sequence[str], one: str) -> bool:
            return len(batch) >= count or sum(map(sizes.__getitem__, batch)) + sizes[one] > most

        def question(some: Sequence[str]) -> _Keep:
            return _Keep(archive.settings, archive.policy, archive.actor, some, tier_name)

        def ask(batch: list[str]) -> list[Mapping[str, Any] | None]:
            for deposit_id in batch:
                archive.spools.close(deposit_id)  # what it holds in memory only, another process would not see
            with self.helpers.one() as helper:
                progress.advance(0)
                return helper.ask_all(batch, question, progress.advance, _not_kept)

        asked = list(batches(list(sizes), full))
        answers = (answer for found in self._in_order(ask, asked) for answer in found)
        return {deposit_id: answer for deposit_id, answer in zip(sizes, answers, strict=True) if answer is not None}

    def expect(self, count: int) -> None:
        """Start the processes when there will be enough to do for them; they make themselves ready until they are asked."""
        if count == POOL_FROM and self._apart and self._cores > 1:
            self.helpers.start()

    def versions(self, archive: Archive, tier: Tier) -> Iterator[ObjectVersion]:
        """`storage.tier.Tier.versions`."""
        folders = tier.folders() if self._apart and self._cores > 1 and isinstance(tier, LocalTier) else []
        if len(folders) < LOOK_FROM:
            yield from tier.versions()
            return
        assert isinstance(tier, LocalTier)

        def question(some: Sequence[str]) -> _Look:
            return _Look(archive.settings, archive.policy, archive.actor, some, tier.name)

        def ask(batch: list[str]) -> list[tuple[str, Sequence[ObjectVersion] | Unavailable | None]]:
            with self.helpers.one() as helper:
                return list(zip(batch, helper.ask_all(batch, question, lambda _: None, lambda folder: None), strict=True))

        for answers in self._in_order(ask, batches(folders, lambda batch, _: len(batch) == LOOK)):
            for folder, found in answers:
                if isinstance(found, Unavailable):
                    raise found
                yield from tier.versions_in([folder]) if found is None else found
        tier.check()

    def read(self, archive: Archive, tiers: Mapping[str, Tier], surveyed: Iterable[Surveyed]) -> Iterator[Known]:
        """`repository.rebuilding.believing.read_aip` for each, in their order. Raises Unavailable when a tier cannot be asked."""
        rest = iter(surveyed)
        first = list(islice(rest, POOL_FROM))
        every = chain(first, rest)
        local = all(isinstance(tier, LocalTier) for tier in tiers.values())
        if not (self._apart and self._cores > 1 and local and len(first) == POOL_FROM):
            yield from read_in_turn(archive, tiers, every)
            return

        def question(some: Sequence[Surveyed]) -> _Read:
            return _Read(archive.settings, archive.policy, archive.actor, some, tuple(tiers))

        def ask(batch: list[Surveyed]) -> list[tuple[Surveyed, Known | Unavailable | None]]:
            with self.helpers.one() as helper:
                return list(zip(batch, helper.ask_all(batch, question, lambda _: None, _not_read), strict=True))

        for answers in self._in_order(ask, batches(every, lambda batch, _: len(batch) == READ)):
            for one, answer in answers:
                if isinstance(answer, Unavailable):
                    raise answer
                if answer is None:  # too large to be sent
                    yield from read_in_turn(archive, tiers, [one])
                else:
                    yield answer

    def lines(self, archive: Archive, parts: Sequence[OpenPart]) -> Iterator[PartRead]:
        """`repository.ledger.open_day.read_part` for each, in their order."""
        if not (self._apart and self._cores > 1 and len(parts) >= LINES_FROM):
            yield from map(read_part, parts)
            return

        def question(some: Sequence[OpenPart]) -> _Lines:
            return _Lines(archive.settings, archive.policy, archive.actor, some)

        def ask(part: OpenPart) -> PartRead:
            with self.helpers.one() as helper:
                return helper.ask_all([part], question, lambda _: None, _lines_lost)[0]

        yield from self._in_order(ask, parts)

    def _by_threads(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        """One waits for the identification worker or the disk while another is hashed."""

        def one(deposit: Deposit) -> Outcome | None:
            progress.advance(0)
            outcome = accept(archive, deposit, extra, _Within(progress))
            progress.advance(1)
            return outcome

        yield from self._in_order(one, deposits)

    def _by_processes(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        def question(some: Sequence[Deposit]) -> _Accept:
            return _Accept(archive.settings, archive.policy, archive.actor, some, extra)

        def ask(batch: list[Deposit]) -> list[Outcome | None]:
            with self.helpers.one() as helper:
                progress.advance(0)
                return helper.ask_all(batch, question, progress.advance, _lost)

        asked = list(batches(deposits, lambda batch, _: len(batch) == BATCH))
        for answers in self._in_order(ask, asked):
            yield from answers

    def _in_order(self, act: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
        with ThreadPoolExecutor(self._cores, "workforce") as pool:
            under_way: deque[Future[T]] = deque()
            try:
                for item in items:
                    under_way.append(pool.submit(act, item))
                    if len(under_way) == AHEAD * self._cores:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()

    def close(self) -> None:
        """End the processes."""
        self.helpers.close()


class _Within(Silent):
    """Shows nothing of one deposit among many, but lets what ``progress`` raises end the work on it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def advance(self, amount: int) -> None:
        self._progress.advance(0)


@dataclass(frozen=True, slots=True)
class _Work:
    """Everything from which a process puts the archive together."""

    settings: Settings
    policy: Policy
    actor: str

    @property
    def needs(self) -> Sequence[str]:
        """The tiers that are worked on."""
        return ()


@dataclass(frozen=True, slots=True)
class _Accept(_Work):
    """Deposits to be accepted. The answer: an outcome, or None, for each."""

    deposits: Sequence[Deposit]
    extra: Extras

    def answer(self, bench: _Bench, told: Told) -> list[Outcome | None]:
        return [_accepted(bench.archive(self), deposit, self.extra, told) for deposit in self.deposits]


@dataclass(frozen=True, slots=True)
class _Keep(_Work):
    """Deposits to be kept on a tier. The answer: what `keep` says, or None, for each."""

    deposit_ids: Sequence[str]
    tier: str

    @property
    def needs(self) -> Sequence[str]:
        return (self.tier,)

    def answer(self, bench: _Bench, told: Told) -> list[Mapping[str, Any] | None]:
        archive = bench.archive(self)
        results = keep(archive, self.tier, self.deposit_ids, _Told(told))
        for deposit_id in self.deposit_ids:
            archive.spools.close(deposit_id)
        return [results.get(deposit_id) for deposit_id in self.deposit_ids]


@dataclass(frozen=True, slots=True)
class _Read(_Work):
    """AIPs to be read again. The answer: what is known of each, None of one that is too large to be sent; or that a tier is away."""

    surveyed: Sequence[Surveyed]
    needs: Sequence[str]

    def answer(self, bench: _Bench, told: Told) -> list[Known | Unavailable | None]:
        archive = bench.archive(self)
        tiers = {name: archive.tiers[name] for name in self.needs}

        def one(surveyed: Surveyed) -> Known | Unavailable | None:
            try:
                known = read_aip(archive, tiers, surveyed, most=ROWS_HELD)
            except Unavailable as error:
                return error
            if known is not None:
                known.close()  # what was read is in memory, and nothing else can be sent
            return known

        return list(map(one, self.surveyed))


@dataclass(frozen=True, slots=True)
class _Look(_Work):
    """Folders of a tier's storage root to be looked through. The answer: what lies in each; or that the tier is away."""

    folders: Sequence[str]
    tier: str

    @property
    def needs(self) -> Sequence[str]:
        return (self.tier,)

    def answer(self, bench: _Bench, told: Told) -> list[Sequence[ObjectVersion] | Unavailable]:
        tier = bench.archive(self).tiers[self.tier]
        assert isinstance(tier, LocalTier)

        def one(folder: str) -> Sequence[ObjectVersion] | Unavailable:
            try:
                return tier.versions_in([folder])
            except Unavailable as error:
                return error

        return list(map(one, self.folders))


@dataclass(frozen=True, slots=True)
class _Lines(_Work):
    """Lines of the ledger's open day to be read. The answer: what each part of them says."""

    parts: Sequence[OpenPart]

    def answer(self, bench: _Bench, told: Told) -> list[PartRead]:
        return list(map(read_part, self.parts))


class _Bench:
    """What a process keeps between questions: the archive, with the tiers that were asked for."""

    def __init__(self) -> None:
        self._archive: Archive | None = None
        self._tiers: dict[str, Tier] = {}

    def archive(self, work: _Work) -> Archive:
        if self._archive is None or (self._archive.settings, self._archive.policy) != (work.settings, work.policy):
            self.close()
            self._tiers = {}
            archive = Archive.of(work.settings, work.policy, work.actor, tiers=self._tiers, workers=1)
            self._archive = replace(archive, verifiers=Verifiers(1))  # what it keeps it reads again itself
        for place in map(work.settings.tier, work.needs):
            if place.name not in self._tiers:
                self._tiers[place.name] = open_tier(place, work.settings.home, link_from_spool=work.settings.links(place.name))
        return replace(self._archive, actor=work.actor)

    def close(self) -> None:
        """Its folders go with the inspectors."""
        if self._archive is not None:
            self._archive.inspectors.close()


def serve(lifeline: int) -> None:
    """The life of a process that accepts and keeps deposits, and reads AIPs again."""
    bench = _Bench()
    processes.serve(lifeline, lambda question, told: question.answer(bench, told))
    bench.close()


class _Told(Silent):
    """Progress of this process, told to the one that asked."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def advance(self, amount: int) -> None:
        self._told(amount)


def _accepted(archive: Archive, deposit: Deposit, extra: Extras, told: Told) -> Outcome | None:
    outcome = accept(archive, deposit, extra, Silent())
    archive.spools.close(deposit.id)
    told(1)
    return outcome


def _lost(deposit: Deposit) -> Outcome:
    """Where the process dies (killed, out of memory), the deposit it was at can be tried again."""
    return failed(deposit, KhoError("DEP-FAILED", deposit.label, reason=phrase("process-killed")))


def _not_kept(deposit_id: str) -> Mapping[str, Any]:
    """Where the process dies, the copy may be there, but nobody has read it."""
    return {"ok": False, "error": said(KhoError("DEP-FAILED", deposit_id, reason=phrase("process-killed")).finding)}


def _not_read(surveyed: Surveyed) -> Known:
    """Where the process dies, nothing is known of the AIP it was at, and that is said."""
    known = Known(surveyed.aip_id)
    known.findings.add("AIP-UNREADABLE", surveyed.aip_id, reason=phrase("reader-killed"))
    return known


def _lines_lost(part: OpenPart) -> PartRead:
    """Where the process dies, nothing is known of the lines it was at, and that is said."""
    return PartRead(unread=phrase("reader-killed"))

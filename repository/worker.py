"""The worker: launches the jobs of a home, beats time for what is planned, and ends in bounded time when told to.

APScheduler lives here, and gives only the arithmetic of schedules. A planned job's id is its planned time, so that two
metronomes, or a restarted one, queue it once. After a start the latest planned time that was missed is made up for: a machine
that is off every night still does its nightly work.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from policies.findings import KhoError
from repository.clock import Clock, SystemClock
from repository.jobs import Json, LauncherBusy
from repository.jobs.settings import COMMAND

if TYPE_CHECKING:
    from repository.jobs import Jobs
    from repository.jobs.executor import Executor

__all__ = ["LEAVE_WITHIN", "Metronome", "Plan", "last_planned", "planned_id", "run"]

LEAVE_WITHIN = 20.0
"""Seconds that running steps get to finish or leave after SIGTERM: init systems kill after 30 s or more."""

STATUS_EVERY = 60.0
"""Seconds between status lines, where no one looks."""

_TICK = 0.5
"""Seconds between looks at the clock: plans are made in seconds at the finest."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Intervals are counted from here, so that every metronome plans the same moments."""

_LOOK_BACK = (timedelta(minutes=10), timedelta(hours=2), timedelta(days=2), timedelta(days=32), timedelta(days=370))
"""How far back a missed moment is looked for, nearest first: a plan a minute apart must not be unrolled over a year."""

_COUNTED = 1_000
"""Waiting jobs counted for the status line; more are told as "1000 or more"."""

_log = logging.getLogger("kho.worker")


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of the schedule: when to queue which flow. ``argument`` may be what makes it then. Exactly one of ``cron`` (five
    fields, in ``zone``) and ``every``."""

    name: str
    flow: str
    argument: Json | Callable[[], Json]
    cron: str = ""
    every: timedelta | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if bool(self.cron) == (self.every is not None):
            raise ValueError(f"plan {self.name}: one of cron and every")
        if self.every is not None and self.every < timedelta(seconds=1):
            raise ValueError(f"plan {self.name}: every is at least a second")
        self.trigger()  # a wrong cron line raises ValueError here, not at night

    def trigger(self) -> _Trigger:
        return _Trigger(self)


class _Trigger:
    """The typed wrapper of APScheduler (3.x has no types)."""

    def __init__(self, plan: Plan) -> None:
        from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
        from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]

        self._trigger: Any
        if plan.every is not None:
            self._trigger = IntervalTrigger(seconds=int(plan.every.total_seconds()), start_date=_EPOCH, timezone=UTC)
        else:
            self._trigger = CronTrigger.from_crontab(plan.cron, timezone=plan.zone)

    def after(self, moment: datetime) -> datetime | None:
        """The first planned moment after ``moment``; None when there is none any more."""
        found: datetime | None = self._trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
        return None if found is None else found.astimezone(UTC)


def last_planned(plan: Plan, now: datetime) -> datetime | None:
    """The latest planned moment that is not after ``now``, within a year; None when there is none."""
    trigger = plan.trigger()
    for back in _LOOK_BACK:
        moment, last = trigger.after(now - back), None
        while moment is not None and moment <= now:
            last, moment = moment, trigger.after(moment)
        if last is not None:
            return last
    return None


def planned_id(plan: Plan, moment: datetime) -> str:
    """The id of the job that ``plan`` means for ``moment``: ``audit-due:local:2026-11-23T10:00Z``."""
    seconds = "" if moment.second == 0 else ":%S"
    return f"{plan.name}:{moment.astimezone(UTC).strftime('%Y-%m-%dT%H:%M' + seconds)}Z"


class Metronome:
    """Queues what is planned. A plan whose last job is still unfinished waits for it: overlapping audits would read twice."""

    def __init__(self, jobs: Jobs, schedule: Sequence[Plan]) -> None:
        self._jobs = jobs
        self._plans = list(schedule)
        self._due: dict[str, datetime] = {}
        self._before: datetime | None = None

    def tick(self, now: datetime) -> Sequence[str]:
        """Queue everything that is due at ``now``; returns the ids. What was planned by a clock that has been set back is planned anew."""
        if self._before is not None and now < self._before:
            self._due.clear()
        self._before = now
        return [job_id for plan in self._plans if (job_id := self._queue(plan, now)) is not None]

    def _queue(self, plan: Plan, now: datetime) -> str | None:
        if now < self._due.get(plan.name, now):
            return None
        moment = last_planned(plan, now)
        if moment is not None:
            if self._unfinished(plan, planned_id(plan, moment)):
                return None
            argument = plan.argument() if callable(plan.argument) else plan.argument
            self._jobs.run(plan.flow, planned_id(plan, moment), argument, wait=False)
        following = plan.trigger().after(now)
        self._due[plan.name] = following or datetime.max.replace(tzinfo=UTC)
        return None if moment is None else planned_id(plan, moment)

    def _unfinished(self, plan: Plan, job_id: str) -> bool:
        from repository.jobs import JobState

        before = self._jobs.list([JobState.WAITING, JobState.RUNNING], prefix=f"{plan.name}:", limit=2)
        return any(job.id != job_id for job in before)


def run(
    jobs: Jobs,
    schedule: Sequence[Plan] = (),
    *,
    clock: Clock | None = None,
    say: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    leave_within: float = LEAVE_WITHIN,
) -> int:
    """Be the worker until SIGTERM, SIGINT or ``stop``; returns how many steps did not leave in time, and still run. ``say`` gets
    the status lines (default: stderr).

    In the main thread it sets the signals' handlers, and if steps still run ``leave_within`` seconds after the signal, the
    process ends there and then: that is a crash like any other, which the jobs outlive.

    Raises:
        LauncherBusy: another worker or server launches the jobs of this home; a command is waited for.
        JobTables: the job tables do not fit.
    """
    say = say or _to_stderr
    stop = stop or threading.Event()
    with _signals() as signals, ExitStack() as serving:

        def over(seconds: float = 0.0) -> bool:
            """Whether it was told to end, after so long at most."""
            return stop.wait(seconds) or signals.told

        executor = _enter(serving, jobs, over, say, leave_within)
        if executor is None:
            return 0
        say("worker: started")
        _log.info("worker started")
        _serve(jobs, executor, Metronome(jobs, schedule), clock or SystemClock(), say, over)
        say("worker: stopping")
    if executor.left_behind:
        _log.warning("%d steps did not leave in time", len(executor.left_behind))
        say(f"worker: {len(executor.left_behind)} steps are cut off; their jobs continue after the next start")
        if threading.current_thread() is threading.main_thread():
            logging.shutdown()
            sys.stderr.flush()
            os._exit(0)
    _log.info("worker stopped")
    say("worker: stopped")
    return len(executor.left_behind)


def _enter(
    serving: ExitStack, jobs: Jobs, over: Callable[[float], bool], say: Callable[[str], None], leave_within: float
) -> Executor | None:
    """Launch; a command that runs its own job is waited for. None when told to stop meanwhile."""
    said = False
    while not over(0.0):
        try:
            return serving.enter_context(jobs.serving("worker", leave_within=leave_within))
        except LauncherBusy as busy:
            holder = str(busy.finding.args["holder"])
            # No name: the holder has it for no longer than it takes to write one.
            if holder and not holder.startswith(COMMAND):
                raise
            if holder and not said:
                say(f"worker: waiting for {holder}")
                said = True
        over(_TICK)
    return None


def _serve(
    jobs: Jobs, executor: Executor, metronome: Metronome, clock: Clock, say: Callable[[str], None], over: Callable[[float], bool]
) -> None:
    now = time.monotonic()
    next_beat, next_status = now + jobs.settings.heartbeat, now + STATUS_EVERY
    while True:
        try:
            metronome.tick(clock.now())
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + jobs.settings.heartbeat
                if resumed := jobs.resume_dead():
                    _log.warning("%d jobs that nobody ran are queued again", resumed)
            if time.monotonic() >= next_status:
                next_status = time.monotonic() + STATUS_EVERY
                say(_status(jobs, executor))
        except KhoError as error:
            _log.error("worker: %s", error)
        except Exception:
            # A database that is away for a minute must not end the worker; DBOS waits for it as well.
            _log.exception("worker: this round failed")
        if over(_TICK):
            return


def _status(jobs: Jobs, executor: Executor) -> str:
    from repository.jobs import JobState

    waiting = len(jobs.list([JobState.WAITING], limit=_COUNTED))
    count = str(waiting) if waiting < _COUNTED else f"{_COUNTED} or more"
    return (
        f"worker: {len(executor.active)} running, {count} waiting, {executor.done} done, {executor.failed} failed since the start"
    )


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Signals:
    """Whether a signal told to end. A plain attribute: the handler runs in the main thread wherever that is just then, also where it holds
    the lock of an event that it waits for, which `threading.Event.set` would wait for, too, for ever."""

    told = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.told = True


@contextmanager
def _signals() -> Iterator[_Signals]:
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

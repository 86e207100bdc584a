"""The worker's metronome: planned times, made up for and never doubled."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from job_flows import jobs

from repository import worker
from repository.clock import ManualClock, SystemClock
from repository.jobs import JobState
from repository.worker import Metronome, Plan, last_planned, planned_id

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def hourly(**changes):
    return Plan(
        **{"name": "audit-due:local", "flow": "three", "argument": {"seconds": 0}, "every": timedelta(hours=1), **changes}
    )


@pytest.fixture
def machine(tmp_path):
    machine = jobs(tmp_path)
    machine.upgrade()
    yield machine
    machine.close()


def test_the_id_is_the_planned_time():
    assert planned_id(hourly(), NOON) == "audit-due:local:2026-11-23T12:00Z"
    assert planned_id(hourly(), NOON + timedelta(seconds=5)) == "audit-due:local:2026-11-23T12:00:05Z"
    assert planned_id(hourly(), datetime.fromisoformat("2026-11-23T19:00+07:00")) == "audit-due:local:2026-11-23T12:00Z"


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        ({}, NOON, NOON),
        ({}, NOON + timedelta(minutes=59), NOON),
        ({"every": timedelta(days=90)}, NOON, datetime(2026, 11, 10, tzinfo=UTC)),
        ({"every": timedelta(seconds=1)}, NOON + timedelta(microseconds=7), NOON),
        ({"every": None, "cron": "30 2 * * *"}, NOON, datetime(2026, 11, 23, 2, 30, tzinfo=UTC)),
        ({"every": None, "cron": "30 2 * * *", "zone": "Asia/Ho_Chi_Minh"}, NOON, datetime(2026, 11, 22, 19, 30, tzinfo=UTC)),
        ({"every": None, "cron": "0 3 1 1 *"}, NOON, datetime(2026, 1, 1, 3, tzinfo=UTC)),
        ({"every": timedelta(days=36_500)}, NOON, None),
    ],
)
def test_the_last_planned_moment(changes, now, expected):
    assert last_planned(hourly(**changes), now) == expected


@pytest.mark.parametrize(
    "changes", [{"cron": "* * * * *"}, {"every": None}, {"every": None, "cron": "61 * * * *"}, {"every": timedelta(0)}]
)
def test_a_wrong_plan_is_refused_when_it_is_made(changes):
    with pytest.raises(ValueError):  # noqa: PT011 - APScheduler's own words
        hourly(**changes)


def test_a_missed_moment_is_made_up_for_once(machine):
    metronome = Metronome(machine, [hourly()])
    assert metronome.tick(NOON + timedelta(minutes=20)) == ["audit-due:local:2026-11-23T12:00Z"]
    assert metronome.tick(NOON + timedelta(minutes=40)) == []
    assert Metronome(machine, [hourly()]).tick(NOON + timedelta(minutes=41)) == ["audit-due:local:2026-11-23T12:00Z"]  # a restart
    assert [job.id for job in machine.list()] == ["audit-due:local:2026-11-23T12:00Z"]


def test_a_plan_waits_for_its_last_job(machine):
    metronome = Metronome(machine, [hourly()])
    metronome.tick(NOON)
    later = NOON + timedelta(hours=3, minutes=1)
    assert metronome.tick(later) == []  # the first is still waiting
    machine.wait("audit-due:local:2026-11-23T12:00Z")
    assert metronome.tick(later) == ["audit-due:local:2026-11-23T15:00Z"]
    assert len(machine.list([JobState.WAITING])) == 1


def test_simulated_days_have_one_job_each(machine):
    clock = ManualClock(NOON)
    plan = hourly(every=timedelta(days=1))
    metronome = Metronome(machine, [plan])
    with machine.session():
        for _ in range(40):
            for job_id in metronome.tick(clock.now()):
                machine.wait(job_id)
            clock.advance(timedelta(hours=6))
    assert len(machine.list([JobState.DONE], limit=1000)) == 11


def test_a_worker_says_how_it_stands(machine, monkeypatch):
    monkeypatch.setattr(worker, "STATUS_EVERY", 0.5)
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    said: list[str] = []
    stop = threading.Event()
    threading.Timer(2.5, stop.set).start()
    worker.run(machine, say=said.append, stop=stop)
    assert said[0] == "worker: started"
    assert said[-1] == "worker: stopped"
    assert "worker: 0 running, 0 waiting, 1 done, 0 failed since the start" in said


def test_an_unknown_flow_in_the_schedule_does_not_end_the_worker(machine):
    said: list[str] = []
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    worker.run(machine, [hourly(flow="nothing")], say=said.append, stop=stop)
    assert machine.get("j").state is JobState.DONE


def test_clocks():
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))
    clock = ManualClock(NOON)
    with pytest.raises(ValueError, match="backward"):
        clock.advance(timedelta(seconds=-1))
    assert clock.advance(timedelta(days=1)) == clock.now() == NOON + timedelta(days=1)
    assert SystemClock().now().tzinfo is UTC

"""Several processes on one home: kill -9, races, commands beside a busy worker. Effects are counted in a file of their own."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing

import pytest
from job_flows import effects, jobs
from job_processes import end, finish, kill, start, until, wait_for_words

from repository.jobs import JobState

STEPS = ("one", "two", "three")


@pytest.fixture
def machine(tmp_path):
    machine = jobs(tmp_path)
    yield machine
    machine.close()


@pytest.fixture
def spawned():
    processes = []
    yield lambda *words, **more: processes.append(start(*words, **more)) or processes[-1]
    for process in processes:
        if process.poll() is None:
            kill(process)


def begun(home, when="begin"):
    return Counter((job, step) for job, step, what in effects(home) if what == when)


def all_done(machine, count):
    return len(machine.list([JobState.DONE], limit=1000)) == count


def test_kill_in_the_middle_of_a_worker_with_queued_jobs(tmp_path, machine, spawned):
    for number in range(24):
        machine.run("three", f"j{number}", {"seconds": 0.05}, wait=False)
    first = spawned(tmp_path, "worker")
    until(lambda: len(begun(tmp_path, "end")) >= 20)
    kill(first)
    at_kill = [(job, step) for (job, step) in begun(tmp_path) if (job, step) not in begun(tmp_path, "end")]
    assert not all_done(machine, 24)
    second = spawned(tmp_path, "worker")
    until(lambda: all_done(machine, 24))
    end(second)
    finished, started = begun(tmp_path, "end"), begun(tmp_path)
    assert set(finished) == {(f"j{number}", step) for number in range(24) for step in STEPS}
    again = {key for key, count in started.items() if count > 1}
    # Between the end of a step's work and the commit of its record it may be killed, too.
    assert again <= set(at_kill) | {key for key, count in finished.items() if count == 2}
    assert len(again) <= machine.settings.concurrency
    assert max(started.values()) <= 2


def test_kill_of_a_command_and_the_same_command_again(tmp_path, machine, spawned):
    first = spawned(tmp_path, "run", "three", "j", '{"seconds": 0.5}')
    until(lambda: ("j", "two", "begin") in effects(tmp_path))
    kill(first)
    assert machine.get("j").state is JobState.RUNNING  # so it stands; nobody runs it
    assert finish(spawned(tmp_path, "run", "three", "j", '{"seconds": 0.5}')) == "['j/one', 'j/two', 'j/three']"
    assert begun(tmp_path) == Counter({("j", "one"): 1, ("j", "two"): 2, ("j", "three"): 1})


def test_an_interrupted_command_ends_at_once_and_its_job_continues_later(tmp_path, machine, spawned):
    command = spawned(tmp_path, "run", "three", "j", '{"seconds": 2}')
    until(lambda: ("j", "two", "begin") in effects(tmp_path))
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert ("j", "two", "end") not in effects(tmp_path), "it waited for the step"
    assert machine._launcher.lock.free()
    assert machine.wait("j")[2] == "j/three"
    assert begun(tmp_path) == Counter({("j", "one"): 1, ("j", "two"): 2, ("j", "three"): 1})


def test_another_command_does_not_need_the_killed_one(tmp_path, machine, spawned):
    first = spawned(tmp_path, "run", "three", "j", '{"seconds": 0.5}')
    until(lambda: ("j", "two", "begin") in effects(tmp_path))
    kill(first)
    assert finish(spawned(tmp_path, "run", "three", "k", '{"seconds": 0}')).startswith("['k/one'")
    assert machine.get("j").state is JobState.WAITING
    assert machine.wait("j")[2] == "j/three"


def test_commands_beside_a_busy_worker_run_no_step_twice(tmp_path, machine, spawned):
    machine.upgrade()
    worker = spawned(tmp_path, "worker")
    commands = [spawned(tmp_path, "enqueue", f"c{number}", "10", "0.02") for number in range(5)]
    assert [finish(command) for command in commands] == ["10"] * 5
    end(worker)
    counts = begun(tmp_path)
    assert len(counts) == 5 * 10 * 3
    assert set(counts.values()) == {1}
    assert all_done(machine, 50)


def test_two_processes_that_race_for_the_lock_both_get_their_results(tmp_path, spawned):
    racers = [spawned(tmp_path, "run", "three", f"r{number}", '{"seconds": 0.2}') for number in range(4)]
    assert [finish(racer) for racer in racers] == [str([f"r{n}/{step}" for step in STEPS]) for n in range(4)]
    assert set(begun(tmp_path).values()) == {1}


def test_processes_that_race_with_the_same_job_run_it_once(tmp_path, spawned):
    racers = [spawned(tmp_path, "run", "three", "same", '{"seconds": 0.2}') for _ in range(4)]
    assert {finish(racer) for racer in racers} == {"['same/one', 'same/two', 'same/three']"}
    assert begun(tmp_path) == Counter({("same", step): 1 for step in STEPS})


def test_a_waiting_command_takes_over_from_a_dying_worker(tmp_path, machine, spawned):
    machine.upgrade()
    worker = spawned(tmp_path, "worker")
    until(lambda: not machine._launcher.lock.free())
    command = spawned(tmp_path, "run", "three", "j", '{"seconds": 0.5}')
    until(lambda: ("j", "two", "begin") in effects(tmp_path))
    kill(worker)
    assert finish(command) == "['j/one', 'j/two', 'j/three']"
    assert begun(tmp_path) == Counter({("j", "one"): 1, ("j", "two"): 2, ("j", "three"): 1})


def test_the_error_of_a_job_crosses_processes(tmp_path, machine, spawned):
    machine.upgrade()
    worker = spawned(tmp_path, "worker")
    until(lambda: not machine._launcher.lock.free())
    assert finish(spawned(tmp_path, "run", "failing", "j", '{"how": "storage"}')) == "STO-UNAVAILABLE"
    assert finish(spawned(tmp_path, "run", "failing", "k", '{"how": "bug"}')) == "JOB-STEP-FAILED"
    end(worker)


def test_a_second_worker_is_refused(tmp_path, machine, spawned):
    machine.upgrade()
    worker = spawned(tmp_path, "worker")
    until(lambda: not machine._launcher.lock.free())
    second = spawned(tmp_path, "worker")
    _, err = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "LauncherBusy" in err
    end(worker)


def test_a_worker_that_is_told_to_end_while_it_holds_a_lock_ends(tmp_path, machine, spawned):
    machine.upgrade()
    unlucky = spawned(tmp_path, "unlucky")
    _, err = unlucky.communicate(timeout=60)
    assert (unlucky.returncode, err) == (0, "")


def test_a_worker_waits_for_a_command(tmp_path, machine, spawned):
    machine.upgrade()
    command = spawned(tmp_path, "run", "three", "j", '{"seconds": 60}')
    until(lambda: ("j", "one", "begin") in effects(tmp_path))
    worker = spawned(tmp_path, "worker")
    wait_for_words(worker, "waiting for command, process")
    machine.run("three", "k", {"seconds": 0.0}, wait=False)
    (tmp_path / "hurry").touch()
    assert finish(command) == "['j/one', 'j/two', 'j/three']"
    until(lambda: machine.get("k").state is JobState.DONE)
    end(worker)
    assert set(begun(tmp_path).values()) == {1}


def test_a_worker_told_to_stop_leaves_its_steps_and_loses_nothing(tmp_path, machine, spawned):
    for number in range(10):
        machine.run("three", f"j{number}", {"seconds": 5}, wait=False)
    worker = spawned(tmp_path, "worker")
    until(lambda: len(begun(tmp_path)) == 4)
    told = time.monotonic()
    assert "stopped" in end(worker)
    assert time.monotonic() - told < 5
    assert begun(tmp_path, "end") == Counter()
    waiting = machine.list([JobState.WAITING])
    # What was not begun was not even claimed (a job claimed and left a hundred times would be given up).
    assert len(waiting) == 6
    assert {job.tries for job in waiting} == {0}


def test_a_worker_whose_steps_do_not_listen_ends_in_bounded_time(tmp_path, machine, spawned):
    machine.run("deaf", "j", {"seconds": 300}, wait=False)
    worker = spawned(tmp_path, "worker", "1")
    until(lambda: ("j", "deaf", "begin") in effects(tmp_path))
    told = time.monotonic()
    assert "cut off" in end(worker)
    assert time.monotonic() - told < 20
    assert machine._launcher.lock.free()
    assert machine.get("j").state is JobState.RUNNING


def test_a_job_that_kills_its_process_is_given_up_in_the_end(tmp_path, machine, spawned, monkeypatch):
    monkeypatch.setattr("repository.jobs.settings.MAX_RECOVERIES", 2)
    machine.run("deadly", "j", {}, wait=False)
    tries = 0
    while machine.get("j").tries < 2:
        tries += 1
        dying = spawned(tmp_path, "worker")
        dying.communicate(timeout=60)
        assert dying.returncode == 137
        assert tries < 5
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as database, database:
        database.execute("UPDATE workflow_status SET recovery_attempts = 101")
    worker = spawned(tmp_path, "worker")
    until(lambda: machine.get("j").state is JobState.GIVEN_UP)
    end(worker)
    (tmp_path / "spare me").touch()
    machine.retry("j")
    assert machine.wait("j") == "spared"


def test_the_metronome_queues_each_planned_moment_once(tmp_path, machine, spawned):
    finish(spawned(tmp_path, "planned"))
    ids = [job.id for job in machine.list(prefix="beat:")]
    assert 3 <= len(ids) <= 6
    assert len(set(ids)) == len(ids)
    assert set(begun(tmp_path).values()) == {1}


def test_catalog_and_jobs_write_one_file_without_locked_errors(tmp_path, machine, spawned):
    """Catalog writes of all sizes on their own connections, beside a busy worker and two commands, in the same SQLite file."""
    machine.upgrade()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as database, database:
        database.execute("CREATE TABLE file (aip INTEGER, path TEXT)")
    worker = spawned(tmp_path, "worker")
    commands = [spawned(tmp_path, "enqueue", f"c{number}", "10", "0.0") for number in range(2)]
    errors: list[str] = []
    rows = [0, 0]

    def hammer(number: int) -> None:
        connection = sqlite3.connect(tmp_path / "catalog.db", timeout=30, isolation_level=None)
        while any(command.poll() is None for command in commands):
            many = 2_000 if rows[number] % 10_000 == 0 else 1
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO file VALUES (?, ?)", [(number, str(i)) for i in range(many)])
                connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                errors.append(str(error))
                break
            rows[number] += many
            time.sleep(0.002)  # without any pause SQLite's waiters starve: docs/decisions/0004-jobs.md has the figures
        connection.close()

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [finish(command) for command in commands] == ["10", "10"]
    end(worker)
    assert errors == []
    assert sum(rows) > 100
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as database:
        assert database.execute("SELECT count(*) FROM file").fetchone() == (sum(rows),)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    logged = [json.loads(line)["message"] for line in (tmp_path / "log" / "kho.log").read_text().splitlines()]
    assert not [message for message in logged if "locked" in message]

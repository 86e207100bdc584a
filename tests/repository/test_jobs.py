"""Jobs in this process: one launcher, no worker."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dbos._sys_db import SystemDatabase
from job_flows import effects, flows, jobs, settings
from job_processes import until
from sqlalchemy.exc import OperationalError

from policies.codes import register
from repository import worker
from repository.jobs import (
    Cancelled,
    Conflict,
    Flow,
    JobDatabase,
    Jobs,
    JobState,
    JobTables,
    LauncherBusy,
    NotJson,
    Progress,
    StepFailed,
    StillRunning,
    UnknownFlow,
    UnknownJob,
    service,
)
from repository.jobs.client import check_sqlite
from repository.jobs.errors import OldSqlite
from repository.jobs.lock import LauncherLock
from storage.errors import Unavailable
from tests.clocks import RunningClock


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture
def machine(home):
    machine = jobs(home)
    yield machine
    machine.close()


QUICK = {"seconds": 0.0}


def test_a_short_job_does_not_wait_for_long_ones(tmp_path):
    """The ledger is copied every five minutes, and notices go out, however many audits and campaigns take hours just then."""
    long_ones, told = threading.Event(), threading.Event()
    flows = [
        Flow("long", lambda steps, argument: steps.run("wait", lambda step: long_ones.wait(30))),
        Flow("short", lambda steps, argument: steps.run("tell", lambda step: told.set()), short=True),
    ]
    machine = Jobs(settings(tmp_path, concurrency=1), flows)
    machine.upgrade()
    try:
        with machine.serving(leave_within=5):
            for number in range(3):
                machine.run("long", f"long:{number}", None, wait=False)
            while not machine.list([JobState.RUNNING]):
                time.sleep(0.02)
            machine.run("short", "short:1", None, wait=False)
            assert told.wait(10)
            long_ones.set()
        machine.run("short", "short:2", None, wait=False)
        assert machine.wait("short:2") is None, "without a worker a command runs it"
    finally:
        long_ones.set()
        machine.close()


def test_a_command_without_a_worker_runs_its_job_at_once(home, machine):
    seen: list[Progress] = []
    assert machine.run("three", "j", QUICK, progress=seen.append) == ["j/one", "j/two", "j/three"]
    assert [step for _, step, when in effects(home) if when == "end"] == ["one", "two", "three"]
    assert {progress.step for progress in seen} == {"one", "two", "three"}
    job = machine.get("j")
    assert (job.flow, job.state, job.result) == ("three", JobState.DONE, ["j/one", "j/two", "j/three"])
    assert abs(job.created - datetime.now(UTC)) < timedelta(minutes=1)


def test_overhead_of_one_interactive_job_is_no_poll(home, machine):
    machine.run("three", "first", QUICK)  # makes the tables
    started = time.perf_counter()
    machine.run("three", "second", QUICK)
    assert time.perf_counter() - started < 2  # about 0.1 s; the bound only catches a second-long poll or shutdown


def test_the_same_id_runs_once_and_gives_the_recorded_result(home, machine):
    first = machine.run("three", "j", QUICK)
    assert machine.run("three", "j", {"seconds": 99}) == first
    assert len(effects(home)) == 6


def test_the_id_of_another_flow_is_refused(machine):
    machine.run("three", "j", QUICK)
    with pytest.raises(Conflict):
        machine.run("failing", "j", {"how": "no"})
    with pytest.raises(Conflict):
        machine.run("failing", "j", {"how": "no"}, wait=False)


@pytest.mark.parametrize("job_id", ["", " j", "j\n", "x" * 256, "nul\0"])
def test_ids_that_cannot_be_keys_are_refused(machine, job_id):
    with pytest.raises(Conflict):
        machine.run("three", job_id, QUICK)


def test_an_unknown_flow_or_job_has_a_code(machine):
    with pytest.raises(UnknownFlow):
        machine.run("nothing", "j", {})
    machine.upgrade()
    for ask in (machine.get, machine.cancel, machine.wait, machine.retry):
        with pytest.raises(UnknownJob):
            ask("nothing")


def test_a_kho_error_comes_back_with_class_code_path_and_arguments(home, machine):
    for _ in range(2):  # the second time from the record
        with pytest.raises(Unavailable) as caught:
            machine.run("failing", "j", {"how": "storage"})
        finding = caught.value.finding
        assert (finding.code, finding.path, finding.args) == ("STO-UNAVAILABLE", "tier-a/Tệp\udcff", {"reason": "time-out"})
    assert [step for _, step, _ in effects(home)] == ["one", "one", "fails"]
    assert machine.get("j").state is JobState.FAILED


def test_what_the_system_refuses_in_a_step_is_said_in_words(home, machine):
    with pytest.raises(StepFailed) as caught:
        machine.run("failing", "j", {"how": "rights"})
    assert caught.value.code == "JOB-STEP-REFUSED"
    assert "(fails): Permission denied (/srv/kho/evidence/1.note)." in caught.value.finding.text("en")
    assert "Error" not in caught.value.finding.text("vi")
    assert machine.get("j").state is JobState.FAILED


def test_an_unplanned_exception_is_a_failed_step_and_its_traceback_is_in_the_log(home, machine):
    with pytest.raises(StepFailed) as caught:
        machine.run("failing", "j", {"how": "bug"})
    assert caught.value.finding.args == {"kind": "RuntimeError", "reason": "a fault of the program"}
    lines = [json.loads(line) for line in (home / "log" / "kho.log").read_text().splitlines()]
    broken = [line for line in lines if "traceback" in line]
    assert broken
    assert "raise RuntimeError" in broken[0]["traceback"]
    assert broken[0]["job"] == "j"


def test_what_is_not_json_is_refused_and_named(machine):
    with pytest.raises(NotJson):
        machine.run("failing", "j", {"how": "set"})
    with pytest.raises(NotJson):
        machine.run("three", "k", {"seconds": object()})
    with pytest.raises(NotJson):
        machine.run("three", "k", {"seconds": float("nan")})


def test_a_flow_may_catch_the_error_of_a_step(machine):
    assert machine.run("failing", "j", {"how": "caught"}) == "j/after after STO-UNAVAILABLE"


def test_a_step_is_tried_again_only_for_the_codes_it_names(home, machine, monkeypatch):
    monkeypatch.setattr("repository.jobs.executor._BACKOFF", 0.01)
    assert machine.run("flaky", "heals", {"failures": 2}) == 3
    with pytest.raises(Unavailable):
        machine.run("flaky", "does-not", {"failures": 3})
    assert sum(1 for job, _, _ in effects(home) if job == "does-not") == 3


def test_a_failed_job_is_retried_from_the_step_that_failed(home, machine):
    with pytest.raises(Unavailable):
        machine.run("mended", "j", {})
    (home / "mended").touch()
    machine.retry("j")
    assert machine.get("j").state is JobState.WAITING
    with pytest.raises(StillRunning):
        machine.retry("j")
    assert machine.run("mended", "j", {}) == "mended"
    assert [step for _, step, when in effects(home) if when == "begin"] == ["one", "needs", "needs"]


def test_a_queued_job_waits_until_someone_runs_it(home, machine):
    assert machine.run("three", "j", QUICK, wait=False) is None
    assert machine.get("j").state is JobState.WAITING
    assert effects(home) == []
    assert machine.run("three", "j", QUICK) == ["j/one", "j/two", "j/three"]
    machine.run("three", "k", QUICK, wait=False)
    assert machine.wait("k")[0] == "k/one"
    assert len(effects(home)) == 12


def test_a_command_leaves_the_jobs_of_others_queued(home, machine):
    for number in range(5):
        machine.run("three", f"other-{number}", QUICK, wait=False)
    machine.run("three", "mine", {"seconds": 0.2})
    assert {job for job, _, _ in effects(home)} == {"mine"}
    assert len(machine.list([JobState.WAITING])) == 5


def test_a_cancelled_job_never_starts_and_a_running_one_ends(home, machine):
    machine.run("three", "queued", QUICK, wait=False)
    machine.cancel("queued")
    with pytest.raises(Cancelled):
        machine.run("three", "queued", QUICK)
    timer = threading.Timer(0.8, machine.cancel, ["running"])
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        machine.run("three", "running", {"seconds": 10})
    timer.join()
    assert time.monotonic() - started < 8
    assert ("running", "one", "end") not in effects(home)


def test_other_doors_see_the_progress(home):
    machine = jobs(home, progress_every=0.1)
    done = threading.Thread(target=machine.run, args=("three", "j", {"seconds": 1.0}))
    done.start()
    other = jobs(home)
    seen = []
    while done.is_alive():
        time.sleep(0.1)
        if (home / "catalog.db").exists() and not other._client.fresh():
            seen.append(other.progress("j"))
    done.join()
    machine.close()
    other.close()
    counted = [progress for progress in seen if progress is not None]
    assert len({progress.done for progress in counted}) > 2
    assert all(progress.total == 100 and progress.unit == "ticks" for progress in counted if progress.done)


def test_who_waits_looks_at_once_whether_anybody_launches(home, machine, monkeypatch):
    """Every job that waited for nobody cost a quarter of a second before its launch."""
    monkeypatch.setattr(service, "_TAKEOVER_EVERY", 60.0)
    machine.run("three", "j", QUICK, wait=False)
    assert machine.wait("j", timeout=20) == ["j/one", "j/two", "j/three"]


def test_a_wait_may_be_limited(home, machine):
    with machine.serving(leave_within=1):
        machine.run("three", "j", {"seconds": 0.5}, wait=False)
        with pytest.raises(StillRunning):
            machine.wait("j", timeout=0.2)
        assert machine.wait("j", timeout=30)[2] == "j/three"


def test_threads_of_one_process_share_the_executor(home, machine):
    results = {}
    threads = [
        threading.Thread(target=lambda name=f"j{number}": results.update({name: machine.run("three", name, {"seconds": 0.1})}))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {f"j{n}": [f"j{n}/one", f"j{n}/two", f"j{n}/three"] for n in range(6)}
    assert machine._launcher.lock.free()


def test_a_second_launcher_is_refused_with_the_holder_named(home, machine):
    other = jobs(home)
    with machine.serving(leave_within=1):
        with pytest.raises(LauncherBusy) as caught, other.serving(leave_within=1):
            pytest.fail("two launchers")
        assert "worker, process" in str(caught.value.finding.args["holder"])
        with pytest.raises(LauncherBusy):
            other.upgrade()
    with other.serving(leave_within=1):
        pass
    other.close()


def test_before_the_tables_are_made_there_are_no_jobs(home, machine):
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute("CREATE TABLE of_the_catalog (id TEXT)")
    assert (machine.list(), machine.waiting("three"), machine.arguments("three")) == ([], [], [])
    assert machine.stuck(timedelta(0)) == []
    assert machine.forget(timedelta(0)) == 0
    assert machine.run_waiting("three", lambda progress: None) == 0
    with pytest.raises(UnknownJob):
        machine.get("j")
    assert machine.run("three", "j", QUICK) == ["j/one", "j/two", "j/three"]
    assert [job.id for job in machine.list()] == ["j"]


def test_tables_are_made_before_a_transaction_that_needs_them(home, machine):
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute("CREATE TABLE of_the_catalog (id TEXT)")
    machine.ready()
    assert not machine._client.fresh()
    machine.ready()
    assert machine.list() == []


def test_tables_are_waited_for_where_another_makes_them_and_has_not_said_so(home, machine, monkeypatch):
    """It has the lock, and its name is not in the file yet."""
    other = jobs(home)
    monkeypatch.setattr("repository.jobs.service.PATIENCE", 0.0)
    monkeypatch.setattr(other._launcher.lock, "holder", lambda: "")
    monkeypatch.setattr(other._client, "await_tables", lambda: waited.append(1))
    waited: list[int] = []
    assert machine._launcher.lock.acquire("command")
    try:
        other.ready()
    finally:
        machine._launcher.lock.release()
        other.close()
    assert waited == [1]


def test_job_and_state_change_are_one_transaction(home, machine):
    import sqlalchemy

    machine.upgrade()
    engine = sqlalchemy.create_engine(settings(home).database_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE deposit (id TEXT)"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO deposit VALUES ('kept')"))
        machine.enqueue_in(connection, "three", "kept", QUICK)
    connection = engine.connect()
    connection.execute(sqlalchemy.text("INSERT INTO deposit VALUES ('dropped')"))
    machine.enqueue_in(connection, "three", "dropped", QUICK)
    connection.rollback()
    rows = connection.execute(sqlalchemy.text("SELECT id FROM deposit")).scalars().all()
    connection.close()
    engine.dispose()
    assert rows == ["kept"]
    assert [job.id for job in machine.list()] == ["kept"]
    assert machine.wait("kept")[0] == "kept/one"


def test_stuck_jobs_are_listed(home):
    clock = RunningClock(datetime.now(UTC))
    machine = Jobs(settings(home), flows(home), clock=clock)
    machine.run("three", "waits", QUICK, wait=False)
    assert machine.stuck(timedelta(hours=1)) == []
    clock.advance(timedelta(hours=2))
    assert [job.id for job in machine.stuck(timedelta(hours=1))] == ["waits"]
    machine.close()
    fewer = Jobs(settings(home), [Flow("other", lambda steps, argument: None)])
    assert [job.id for job in fewer.stuck(timedelta(days=9))] == ["waits"]  # of a flow that is unknown here
    fewer.close()


def test_half_done_jobs_of_an_older_shape_start_again_at_an_upgrade(home, machine):
    machine.upgrade()
    machine.run("three", "j", QUICK, wait=False)
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute(
            "UPDATE workflow_status SET status = 'PENDING', application_version = 'kho-flows-0', executor_id = 'old'"
        )
    assert [job.id for job in machine.stuck(timedelta(days=1))] == ["j"]
    machine.upgrade()
    assert machine.wait("j")[2] == "j/three"


def test_tables_of_another_version_are_refused_until_the_upgrade(home, machine):
    machine.upgrade()
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        (version,) = database.execute("SELECT version FROM dbos_migrations").fetchone()
        database.execute("UPDATE dbos_migrations SET version = version - 1")
    with pytest.raises(JobTables):
        machine.run("three", "j", QUICK)
    with closing(sqlite3.connect(home / "catalog.db")) as database, database:
        database.execute("UPDATE dbos_migrations SET version = ?", [version])
    assert machine.run("three", "j", QUICK)


def test_a_broken_database_is_an_error_with_a_code(home, machine):
    (home / "catalog.db").write_bytes(b"this is no database at all " * 100)
    for ask in (lambda: machine.run("three", "j", QUICK), lambda: machine.get("j"), machine.list, machine.upgrade):
        with pytest.raises(JobDatabase) as caught:
            ask()
        assert "not a database" in str(caught.value)
    with pytest.raises(JobDatabase), machine.serving(leave_within=1):
        pytest.fail("launched on no database")
    assert machine._launcher.lock.free()


def test_old_records_are_forgotten_and_failures_are_kept(home):
    clock = RunningClock(datetime.now(UTC))
    machine = Jobs(settings(home), flows(home), clock=clock)
    machine.run("three", "done", QUICK)
    machine.run("three", "queued", QUICK, wait=False)
    with pytest.raises(Unavailable):
        machine.run("failing", "failed", {"how": "storage"})
    assert machine.forget(timedelta(days=1)) == 0
    clock.advance(timedelta(days=2))
    assert machine.forget(timedelta(days=1)) == 1
    assert {job.id for job in machine.list()} == {"queued", "failed"}
    machine.close()


def test_the_database_is_in_wal_and_writes_through(home, machine):
    machine.run("three", "j", QUICK)
    with closing(sqlite3.connect(home / "catalog.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with machine.session():
        engine = machine._client.dbos._sys_db.engine
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() >= 30_000


def test_nothing_of_dbos_is_loaded_before_jobs_are_wanted():
    heavy = ("dbos", "sqlalchemy", "apscheduler")
    program = f"import sys, repository.jobs, repository.log, repository.worker; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dbos_says_nothing_on_the_terminal(home):
    program = Path(__file__).with_name("job_flows.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program), str(home), "run", "three", "j", '{"seconds": 0}'],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout == "['j/one', 'j/two', 'j/three']\n"


def test_every_code_of_the_jobs_is_registered():
    from repository.jobs import errors

    codes = {code for code in register() if code.startswith("JOB-")}
    made = {
        errors.StepFailed("", "", "").code,
        errors.StepRefused("", OSError(1, "")).code,
        errors.Cancelled("").code,
        errors.GaveUp("").code,
        errors.Interrupted("").code,
        errors.Conflict("", "").code,
        errors.UnknownJob("").code,
        errors.UnknownFlow("").code,
        errors.NotJson("", "").code,
        errors.StillRunning("", "").code,
        errors.LauncherBusy("", "").code,
        errors.OldSqlite("", "").code,
        errors.JobTables("", "").code,
        errors.JobDatabase("", "").code,
    }
    assert made == codes
    assert len(errors.__all__) - 4 == len(made)  # JobError, pack, unpack and step_failure have none


def test_a_step_whose_end_cannot_be_recorded_is_no_failure_of_the_work(home, machine, monkeypatch):
    """The disk is full, and has room again a moment later."""
    record, refused = SystemDatabase.record_operation_result, []

    def full(self, *args, **kwargs):
        if not refused:
            refused.append(args)
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        return record(self, *args, **kwargs)

    monkeypatch.setattr(SystemDatabase, "record_operation_result", full)
    with pytest.raises(JobDatabase, match="full"):
        machine.run("three", "j", QUICK)
    assert machine.get("j").state is JobState.RUNNING
    assert machine.run("three", "j", QUICK)[2] == "j/three"


def test_a_job_whose_end_was_not_recorded_is_continued_by_the_same_worker(home):
    machine = jobs(home, heartbeat=0.2)
    machine.run("three", "j", QUICK, wait=False)
    stop = threading.Event()
    serving = threading.Thread(target=worker.run, args=(machine,), kwargs={"stop": stop})
    serving.start()
    until(lambda: machine.get("j").state is JobState.DONE)
    with closing(sqlite3.connect(home / "catalog.db", timeout=30)) as database, database:
        database.execute("UPDATE workflow_status SET status = 'PENDING'")
    until(lambda: machine.get("j").state is JobState.DONE)
    stop.set()
    serving.join()
    machine.close()
    assert len(effects(home)) == 6, "no step is done again"


def test_what_breaks_in_a_step_once_the_process_is_told_to_stop_is_no_failure(home):
    """What it works with is closed beneath it: it has not left in time, and is done again later."""
    begun, closed = threading.Event(), threading.Event()

    def breaking(step):
        begun.set()
        if not closed.wait(20):
            return "never closed"
        if len(told) < 2:
            told.append(step)
            raise RuntimeError("closed")
        return "done"

    told = [None]
    machine = Jobs(settings(home), [Flow("breaking", lambda steps, argument: steps.run("breaking", breaking))])
    machine.run("breaking", "j", {}, wait=False)
    with machine.serving(leave_within=0.1) as executor:
        assert begun.wait(20)
    assert executor.left_behind == ["j"]
    closed.set()
    until(lambda: not executor.active)
    time.sleep(0.2)
    assert machine.get("j").state is JobState.RUNNING
    machine._launcher.lock.release()  # as when the process ends
    assert machine.wait("j") == "done"
    machine.close()


def test_a_lock_on_a_full_disk_is_a_lock(home, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    lock = LauncherLock(home / "lock")
    with monkeypatch.context() as context:
        context.setattr(os, "pwrite", full)
        assert lock.acquire("command")
    assert not LauncherLock(home / "lock").free()
    lock.release()
    assert lock.free()


def test_who_has_waited_is_not_remembered(home, machine):
    with machine.serving(leave_within=1) as executor:
        for number in range(2):
            machine.run("three", f"j{number}", QUICK, wait=False)
            assert machine.wait(f"j{number}", progress=lambda progress: None)[2] == f"j{number}/three"
        assert not executor._here


@pytest.mark.parametrize(
    ("python", "sqlite", "refused"),
    [
        ((3, 11, 2), (3, 40, 1), False),
        ((3, 12, 1), (3, 40, 1), True),
        ((3, 12, 0), (3, 42, 0), False),
        ((3, 13, 5), (3, 46, 1), False),
    ],
)
def test_a_python_with_a_sqlite_too_old_is_told_before_anything_is_made(
    python: tuple[int, ...], sqlite: tuple[int, ...], refused: bool
) -> None:
    """`kho init` ended with "NOT NULL constraint failed: queues.created_at", and an archive half made."""
    with pytest.raises(OldSqlite) if refused else nullcontext():
        check_sqlite(python, sqlite)

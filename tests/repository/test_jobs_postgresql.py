"""Several workers on one PostgreSQL: heartbeats, and the jobs of dead hosts. Skipped where PostgreSQL is not installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from job_flows import effects, jobs
from job_processes import end, finish, kill, start, until, wait_for_words

from repository.jobs import JobState
from repository.jobs.heartbeat import TABLE
from repository.jobs.settings import APPLICATION_VERSION, Settings

STARTED = "worker: started"
"""What a worker says from which on it takes jobs, and ends in good order when it is told to."""

PROGRAMS = ("initdb", "pg_ctl")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"PostgreSQL is not installed here ({', '.join(MISSING)})")


def _account() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no other account")


@pytest.fixture(scope="module")
def server():
    account = _account()
    with tempfile.TemporaryDirectory(prefix="kho-pg-", dir="/tmp") as name:
        folder = Path(name)
        if account is not None:
            shutil.chown(folder, account)

        def call(*words: str) -> None:
            subprocess.run(words, user=account, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        call("initdb", "-D", f"{folder}/data", "-U", "kho", "--auth=trust", "-E", "UTF8", "--no-sync")
        call(
            "pg_ctl",
            "-D",
            f"{folder}/data",
            "-w",
            "-o",
            f"-k {folder} -c listen_addresses='' -c fsync=off",
            "-l",
            f"{folder}/log",
            "start",
        )
        yield folder
        call("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")


@pytest.fixture
def database(server, request, monkeypatch):
    name = f"t{abs(hash(request.node.name))}"
    subprocess.run(["createdb", "-h", str(server), "-U", "kho", name], check=True)
    url = f"postgresql://kho@/{name}?host={server}"
    monkeypatch.setenv("KHO_TEST_DATABASE", url)
    return url


@pytest.fixture
def hosts(tmp_path):
    """Two homes, as two hosts would have; the effects of both go to the first."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "effects").symlink_to(tmp_path / "a" / "effects")
    return tmp_path / "a", tmp_path / "b"


@pytest.fixture
def machine(hosts, database):
    machine = jobs(hosts[0])
    machine.upgrade()
    yield machine
    machine.close()


@pytest.fixture
def spawned(database):
    processes = []
    yield lambda *words: processes.append(start(*words, database=database)) or processes[-1]
    for process in processes:
        if process.poll() is None:
            kill(process)


def begun(home, when="begin"):
    return Counter((job, step) for job, step, what in effects(home) if what == when)


def test_every_home_has_a_stable_executor_of_its_own(tmp_path):
    url = "postgresql://kho@/x"
    first, again, other = (Settings(tmp_path / name, url).executor_id for name in ("a", "a", "b"))
    assert first == again != other
    assert "local" not in (first, other)


def test_a_command_without_a_worker(machine, hosts):
    assert machine.run("three", "j", {"seconds": 0.0})[2] == "j/three"
    assert machine.run("three", "j", {"seconds": 0.0})[2] == "j/three"
    assert len(begun(hosts[0])) == 3


def test_a_long_command_lives_as_well(machine, hosts, spawned, database):
    from job_flows import settings

    other = jobs(hosts[1], heartbeat=0.5, dead_after=2.0)
    assert settings(hosts[1]).executor_id != machine.settings.executor_id
    timer = threading.Thread(target=other.run, args=("deaf", "j", {"seconds": 5.0}))
    timer.start()
    worker = spawned(hosts[0], "worker")
    wait_for_words(worker, STARTED)
    timer.join()
    end(worker)
    other.close()
    assert begun(hosts[0]) == Counter({("j", "deaf"): 1})


def test_two_that_make_the_table_of_heartbeats_at_one_moment(machine, database):
    """PostgreSQL sees that a table is not there, waits for whoever makes it, and then says that it is there already."""
    ended = []
    with psycopg.connect(database) as first, psycopg.connect(database, autocommit=True) as watching:
        first.execute(TABLE)
        second = threading.Thread(target=lambda: ended.append(machine.run("three", "j", {"seconds": 0.0})))
        second.start()
        until(lambda: watching.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone())
        first.commit()
        second.join()
    assert ended[0][2] == "j/three"


def test_two_workers_share_the_jobs_and_run_none_twice(machine, hosts, spawned):
    workers = [spawned(home, "worker") for home in hosts]
    for worker in workers:
        wait_for_words(worker, STARTED)
    commands = [spawned(hosts[number % 2], "enqueue", f"c{number}", "10", "0.02") for number in range(3)]
    assert [finish(command) for command in commands] == ["10"] * 3
    for worker in workers:
        end(worker)
    assert set(begun(hosts[0]).values()) == {1}
    assert len({job.executor for job in machine.list([JobState.DONE], limit=100)}) == 2


def test_the_jobs_of_a_dead_host_are_resumed_by_another(machine, hosts, spawned):
    first = spawned(hosts[0], "worker")
    for number in range(12):
        machine.run("three", f"j{number}", {"seconds": 0.2}, wait=False)
    until(lambda: len(begun(hosts[0], "end")) >= 6)
    kill(first)
    second = spawned(hosts[1], "worker")
    until(lambda: len(machine.list([JobState.DONE], limit=100)) == 12)
    end(second)
    counts = begun(hosts[0])
    assert set(counts) == {(f"j{n}", step) for n in range(12) for step in ("one", "two", "three")}
    assert max(counts.values()) <= 2
    assert sum(1 for count in counts.values() if count == 2) <= 4


def test_a_live_host_keeps_its_jobs_however_long_they_take(machine, hosts, spawned):
    first = spawned(hosts[0], "worker")
    machine.run("deaf", "j", {"seconds": 5.0}, wait=False)  # longer than the two seconds after which these workers are dead
    until(lambda: ("j", "deaf", "begin") in effects(hosts[0]))
    second = spawned(hosts[1], "worker")
    wait_for_words(second, STARTED)
    until(lambda: machine.get("j").state is JobState.DONE)
    end(first)
    end(second)
    assert begun(hosts[0]) == Counter({("j", "deaf"): 1})


def alive(database, executor, kind):
    """Another host whose executor was seen a moment ago, and is not heard of again."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute("INSERT INTO kho_executors (executor_id, kind, seen) VALUES (%s, %s, now())", (executor, kind))


def test_a_command_does_not_wait_for_another_hosts_command(machine, hosts, database):
    """A command runs its own job only: two that each took the other for a worker waited for each other for ever."""
    alive(database, "kho-other", "command")
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    assert machine.wait("j", timeout=20)[2] == "j/three"


def test_a_command_on_a_host_where_nobody_made_the_tables(machine, hosts):
    """DBOS listens only to queues that were registered; this host's own never was."""
    other = jobs(hosts[1])
    other.run("three", "j", {"seconds": 0.0}, wait=False)
    assert other.wait("j", timeout=20)[2] == "j/three"
    other.close()


def test_commands_of_two_hosts_that_began_before_their_workers(machine, hosts, spawned):
    commands = [spawned(home, "enqueue", f"c{number}", "5", "0.02") for number, home in enumerate(hosts)]
    until(lambda: begun(hosts[0]))
    workers = [spawned(home, "worker") for home in hosts]
    assert [finish(command) for command in commands] == ["5"] * 2
    for worker in workers:
        wait_for_words(worker, STARTED)
        end(worker)
    assert set(begun(hosts[0]).values()) == {1}


def test_a_command_waits_for_another_hosts_worker_only_while_it_lives(machine, hosts, database):
    alive(database, "kho-other", "worker")
    other = jobs(hosts[1], heartbeat=0.5, dead_after=2.0)
    other.run("three", "j", {"seconds": 0.0}, wait=False)
    assert other.wait("j", timeout=20)[2] == "j/three"
    other.close()


def test_a_command_resumes_its_job_of_a_dead_host(machine, hosts, spawned):
    first = spawned(hosts[0], "worker")
    other = jobs(hosts[1], heartbeat=0.5, dead_after=2.0)
    other.run("three", "j", {"seconds": 0.5}, wait=False)
    until(lambda: ("j", "two", "begin") in effects(hosts[0]))
    kill(first)
    assert other.wait("j", timeout=30)[2] == "j/three"
    other.close()
    assert begun(hosts[0]) == Counter({("j", "one"): 1, ("j", "two"): 2, ("j", "three"): 1})


def test_what_waits_is_run_by_a_command_beside_another_hosts_command(machine, hosts, database):
    """A command runs its own jobs only: what waits does so for nobody, however long that command lives."""
    alive(database, "kho-other", "command")
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    assert (machine.unattended(), machine.idle()) == (True, False)
    assert machine.run_waiting("three", lambda progress: None) == 1
    assert machine.get("j").state is JobState.DONE


def test_what_waits_is_left_to_another_hosts_worker(machine, hosts, database):
    alive(database, "kho-other", "worker")
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    assert (machine.unattended(), machine.idle()) == (False, False)
    assert machine.run_waiting("three", lambda progress: None) == 0


def taken(database, executor, job_id, begun_there):
    """Another host's command took a job for itself, and began it or not."""
    status = ("PENDING", executor, APPLICATION_VERSION) if begun_there else ("ENQUEUED", None, None)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE dbos.workflow_status SET queue_name = %s, status = %s, executor_id = %s, application_version = %s"
            " WHERE workflow_uuid = %s",
            (f"kho-own-{executor}", *status, job_id),
        )


def test_what_another_hosts_command_took_for_itself_does_not_wait(machine, hosts, database):
    alive(database, "kho-other", "command")
    for job_id, begun_there in (("a", False), ("b", True), ("c", False)):
        machine.run("three", job_id, {"seconds": 0.0}, wait=False)
        if job_id != "c":
            taken(database, "kho-other", job_id, begun_there)
    assert machine.waiting("three") == ["c"]


@pytest.mark.parametrize("begun_there", [False, True])
def test_what_a_dead_hosts_command_took_for_itself_waits(machine, hosts, database, begun_there):
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    taken(database, "kho-dead", "j", begun_there)
    assert machine.waiting("three") == ["j"]
    assert machine.run_waiting("three", lambda progress: None) == 1
    assert machine.get("j").state is JobState.DONE


def test_where_nobody_ever_launched_nobody_runs_jobs(machine):
    assert machine.idle()


@pytest.mark.parametrize("begun_there", [False, True])
def test_what_a_dead_command_took_for_itself_is_run_by_another_host(machine, hosts, spawned, database, begun_there):
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    taken(database, "kho-dead", "j", begun_there)
    worker = spawned(hosts[1], "worker")
    until(lambda: machine.get("j").state is JobState.DONE)
    end(worker)


def test_a_job_that_another_host_took_a_moment_ago_is_not_taken_from_it(machine, hosts, database):
    machine.run("three", "j", {"seconds": 0.0}, wait=False)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = 'kho-other', recovery_attempts = 1")
    assert not machine._client.take("j")
    assert (machine.get("j").state, machine.get("j").executor, machine.get("j").tries) == (JobState.RUNNING, "kho-other", 1)


def test_who_waits_for_another_hosts_worker_sees_how_far_it_is(machine, hosts, spawned):
    worker = spawned(hosts[0], "worker")
    wait_for_words(worker, STARTED)
    other, seen = jobs(hosts[1]), []
    other.run("three", "j", {"seconds": 1.0}, wait=False)
    assert other.wait("j", progress=seen.append)[2] == "j/three"
    other.close()
    end(worker)
    assert {progress.unit for progress in seen} == {"ticks"}

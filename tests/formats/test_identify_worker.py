"""The worker dies, hangs, outlives nobody, and never takes the deposit with it. Nothing is simulated: processes are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from formats.identify import Basis, IdentifierUnavailable, Limits, SiegfriedIdentifier, Standing
from formats.identify.process import WorkerProcess
from policies.findings import spoken

GIF = b"GIF89a" + bytes(7) + b"\x3b"
NOISE = bytes(range(256)) * 20
ROOT = Path(__file__).resolve().parents[2]

HUGE = 64 << 30
"""Bytes of a hole in a file: Siegfried would read it for minutes, so whoever watches can see it being read."""


def gifs(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{number:07d}.gif" for number in range(count)]
    for path in paths:
        path.write_bytes(GIF)
    return paths


def hole(path: Path) -> Path:
    with open(path, "wb") as file:
        file.truncate(HUGE)
    return path


@contextmanager
def watcher(work: Callable[[threading.Event], None]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_file_that_kills_the_worker_is_found_and_all_others_are_answered(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 1500)
    culprit = hole(tmp_path / "0000700-culprit.bin")
    kills = 0

    def kill_whoever_reads_it(ended: threading.Event) -> None:
        nonlocal kills
        while not ended.wait(0.01):
            for pid in identifier.pids:
                try:
                    if culprit.name in Path(f"/proc/{pid}/maps").read_text():
                        os.kill(pid, signal.SIGKILL)
                        kills += 1
                        gone(pid)
                except (FileNotFoundError, ProcessLookupError):
                    continue

    with SiegfriedIdentifier() as identifier, watcher(kill_whoever_reads_it):
        answers = dict(identifier.identify([*paths[:700], culprit, *paths[700:]]))
    assert kills >= 3  # in company, and twice alone
    assert answers[culprit].basis is Basis.FAILED
    assert "signal 9" in spoken(answers[culprit].reason)
    assert len(answers) == 1501
    assert all(answers[path].puid == "fmt/4" for path in paths)


def test_a_worker_killed_in_passing_costs_no_file_its_answer(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 3000)
    with SiegfriedIdentifier() as identifier:
        answers = {}
        for number, (path, found) in enumerate(identifier.identify(iter(paths))):
            answers[path] = found
            if number == 400:
                os.kill(identifier.pids[0], signal.SIGKILL)
        assert len(answers) == 3000
        assert all(found.puid == "fmt/4" for found in answers.values())


def test_a_worker_killed_between_two_calls_is_replaced(tmp_path: Path) -> None:
    (path,) = gifs(tmp_path, 1)
    with SiegfriedIdentifier() as identifier:
        list(identifier.identify([path]))
        (pid,) = identifier.pids
        os.kill(pid, signal.SIGKILL)
        ((_, found),) = identifier.identify([path])
        assert found.puid == "fmt/4"
        assert identifier.pids != (pid,)


def test_a_file_that_takes_too_long_is_given_up_and_the_rest_is_answered(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 300)
    slow = hole(tmp_path / "slow.bin")
    limits = Limits(file_seconds=1.5, least_file_seconds=1.0, slowest_bytes_per_second=float(1 << 60))
    with SiegfriedIdentifier(limits=limits) as identifier:
        answers = dict(identifier.identify([*paths[:150], slow, *paths[150:]]))
    assert answers[slow].basis is Basis.FAILED
    assert "not done in" in spoken(answers[slow].reason)
    assert sum(found.puid == "fmt/4" for found in answers.values()) == 300


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 10)
    limits = Limits(file_seconds=1.0, least_file_seconds=1.0)
    with SiegfriedIdentifier(limits=limits) as identifier:
        list(identifier.identify(paths[:1]))
        (pid,) = identifier.pids
        os.kill(pid, signal.SIGSTOP)
        answers = dict(identifier.identify(paths))
        assert all(found.puid == "fmt/4" for found in answers.values())
        assert gone(pid)


def test_a_caller_who_takes_his_time_is_no_hanging_worker(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 4000)
    limits = Limits(file_seconds=0.7, least_file_seconds=0.7)
    with SiegfriedIdentifier(limits=limits) as identifier:
        answers = identifier.identify(paths)
        next(answers)
        before = identifier.pids
        time.sleep(2.0)
        assert all(found.puid == "fmt/4" for _, found in answers)
        assert identifier.pids == before


def test_a_second_opinion_that_dies_costs_only_itself(tmp_path: Path) -> None:
    """The worker is killed whenever it is seen reading fido's signatures."""
    doubtful = tmp_path / "a.bin"
    doubtful.write_bytes(NOISE)
    paths = gifs(tmp_path, 50)

    def kill_whoever_loads_fido(ended: threading.Event) -> None:
        while not ended.wait(0.001):
            for pid in identifier.pids:
                try:
                    if any(
                        "DROID" in name or "formats-v" in name for name in map(os.readlink, Path(f"/proc/{pid}/fd").iterdir())
                    ):
                        os.kill(pid, signal.SIGKILL)
                        gone(pid)
                except (FileNotFoundError, ProcessLookupError):
                    continue

    with SiegfriedIdentifier() as identifier, watcher(kill_whoever_loads_fido):
        answers = dict(identifier.identify([*paths, doubtful]))
    second = answers[doubtful].second
    assert answers[doubtful].puid == "fmt/208"
    assert second is not None
    assert second.standing is Standing.FAILED
    assert "signal 9" in spoken(second.reason)
    assert sum(found.puid == "fmt/4" for found in answers.values()) == 50


def test_an_abandoned_call_leaves_no_worker_behind_that_owes_replies(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 3000)
    with SiegfriedIdentifier() as identifier:
        answers = identifier.identify(paths)
        next(answers)
        (pid,) = identifier.pids
        answers.close()  # type: ignore[attr-defined]
        assert gone(pid)
        assert len(dict(identifier.identify(paths))) == 3000


def test_threads_have_workers_of_their_own(tmp_path: Path) -> None:
    paths = gifs(tmp_path, 1000)
    counts: list[int] = []
    with SiegfriedIdentifier() as identifier:
        work = [threading.Thread(target=lambda: counts.append(len(dict(identifier.identify(paths))))) for _ in range(3)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        pids = identifier.pids
        ((_, found),) = identifier.identify(paths[:1])  # the threads that started the workers are gone, the workers are not
        assert found.puid == "fmt/4"
    assert counts == [1000, 1000, 1000]
    assert all(gone(pid) for pid in pids)


def test_a_fork_gets_a_worker_of_its_own(tmp_path: Path) -> None:
    (path,) = gifs(tmp_path, 1)
    with SiegfriedIdentifier() as identifier:
        list(identifier.identify([path]))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if dict(identifier.identify([path]))[path].puid == "fmt/4" else 2
                identifier.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert dict(identifier.identify([path]))[path].puid == "fmt/4"


CALLER = """
import sys
from pathlib import Path
from formats.identify import SiegfriedIdentifier
identifier = SiegfriedIdentifier()
list(identifier.identify([Path(sys.argv[1])]))
print(identifier.pids[0], flush=True)
if len(sys.argv) > 2:
    list(identifier.identify([Path(sys.argv[2])]))
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "inside a Go call"])
def test_the_worker_dies_with_its_caller(tmp_path: Path, busy: bool) -> None:
    (path,) = gifs(tmp_path, 1)
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    slow = [str(hole(tmp_path / "slow.bin"))] if busy else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, str(script), str(path), *slow], env=environment, **pipes) as caller:  # type: ignore[call-overload]
        pid = int(caller.stdout.readline())
        while busy and "slow.bin" not in Path(f"/proc/{pid}/maps").read_text():
            time.sleep(0.05)
        caller.kill()
    assert gone(pid, 3.0)


def test_no_worker_no_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = gifs(tmp_path, 1)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with SiegfriedIdentifier() as identifier, pytest.raises(IdentifierUnavailable) as raised:
        list(identifier.identify([path]))
    assert raised.value.code == "IDENT-UNAVAILABLE"


def test_a_python_without_the_engine_is_no_identifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = gifs(tmp_path, 1)
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text("import sys\nsys.modules['pygfried'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    with SiegfriedIdentifier() as identifier, pytest.raises(IdentifierUnavailable, match="pygfried"):
        list(identifier.identify([path]))


def test_the_current_folder_cannot_supply_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = gifs(tmp_path, 1)
    (tmp_path / "pygfried.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    with SiegfriedIdentifier() as identifier:
        assert dict(identifier.identify([path]))[path].puid == "fmt/4"


def test_a_zip_bomb_is_not_given_to_the_second_tool(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", bytes(80 << 20))
    worker = WorkerProcess(1, 60.0)
    try:
        worker.send({"id": 1, "kind": "second", "path": str(bomb), "puids": []}, 10.0)
        assert "a member of" in worker.receive(30.0)["error"]
    finally:
        worker.stop()

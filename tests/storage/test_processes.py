"""What goes from one process to another arrives as it was; a process that is alone copies itself where others are started."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from policies.findings import Finding, Findings
from repository.model import AipFile, Copy, CopyState, Event
from storage.errors import Unavailable
from storage.processes import Closed, Helper, Helpers, _send


@dataclass(frozen=True, slots=True)
class One:
    value: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Late:
    given: int
    made: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.given + 1)


@dataclass(frozen=True, slots=True)
class Child(One):
    more: tuple[str, ...] = ()


def sent(it: Any) -> Any:
    stream = io.BytesIO()
    _send(it, stream)
    return pickle.loads(stream.getvalue())


@pytest.mark.parametrize(
    "it",
    [
        One({"a": 1}),
        Child({"a": 1}, ("x",)),
        Late(3),
        AipFile("a/b", "v1/content/a/b", 3, "ab", "cd", original_name="\udcff"),
        Copy("urn:uuid:1", "a", 1, CopyState.UNKNOWN, None, datetime(2026, 1, 1, tzinfo=UTC), None, 3, 4),
        Event("1", "type", datetime(2026, 1, 1, tzinfo=UTC), "agent", "success", detail={"n": 1}),
        Finding("E092", "a", {"value": 3}),
        {"same": [One({})] * 2},
    ],
    ids=lambda it: type(it).__name__,
)
def test_what_is_frozen_arrives_as_it_was(it: Any) -> None:
    assert sent(it) == it


def test_a_view_arrives_as_a_view() -> None:
    found = sent(One(MappingProxyType({"a": 1})))
    assert type(found.value) is MappingProxyType
    assert found.value == {"a": 1}


def test_findings_and_errors_arrive() -> None:
    findings = Findings()
    findings.add("E092", "a", value="x")
    error = Unavailable("a", "gone")
    told, failed = sent((findings, error))
    assert (list(told), told.counts) == (list(findings), findings.counts)
    assert (type(failed), failed.finding) == (Unavailable, error.finding)


ANSWERING = """\
import os, sys
from storage import processes

LOADED = os.getpid()

def about(question):
    opened = [int(each) for each in os.listdir("/proc/self/fd")]
    return LOADED, os.getpid(), question, sorted(each for each in opened if os.path.exists(f"/proc/self/fd/{each}"))

def serve(lifeline):
    processes.serve(lifeline, lambda question, told: about(question))
"""
"""Code that answers with the process that loaded it, that which runs it, what was asked, and what is open."""

OPENING = """\
import os
from answering import serve

HELD = open(os.devnull)
"""
"""The same, with a file that is open from then on."""

ASKING = """\
import json, os, sys
sys.path[:0] = {path!r}
import answering
from storage.processes import Helpers, alone

{before}
helpers = Helpers("{module}:serve", {count})
was = alone()
helpers.copy()
said = [helper.ask("first", print) for helper in helpers.all]
os.kill(said[0][1], 9)
again = helpers.all[0].ask_all(["one", "more"], list, print, lambda it: "lost")
print(json.dumps([was, os.getpid(), said, again]), flush=True)
{after}
helpers.close()
"""


@pytest.fixture
def asking(tmp_path: Path) -> Any:
    """Starts a process that asks two helpers, and then does what it is told."""
    (tmp_path / "answering.py").write_text(ANSWERING)
    (tmp_path / "opening.py").write_text(OPENING)
    path = [str(tmp_path), str(Path(__file__).parents[2])]

    def start(before: str = "", after: str = "", module: str = "answering", count: int = 2) -> subprocess.Popen[str]:
        code = ASKING.format(path=path, before=before, after=after, module=module, count=count)
        return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    return start


def test_who_is_alone_copies_itself_and_a_copy_that_died_is_replaced(asking: Any) -> None:
    text, _ = (process := asking()).communicate(timeout=60)
    alone, pid, said, again = json.loads(text)
    assert (process.returncode, alone) == (0, True)
    assert [(loaded, question) for loaded, _, question, _ in said] == [(pid, "first")] * 2, "they loaded the code themselves"
    assert len({pid, *(each for _, each, _, _ in said)}) == 3
    lifeline, out, questions = 1, 1, 1
    assert all(len(opened) == 3 + lifeline + out + questions for _, _, _, opened in said), "a copy holds what is another's"
    assert again[2] == ["one"]
    assert again[0] == again[1] not in (pid, said[0][1]), "the one that was asked anew is no program of its own"


@pytest.mark.parametrize(
    "before",
    [
        "held = open(os.devnull)",
        "import threading, time; threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
        "os.close(0)",
    ],
)
def test_who_is_not_alone_starts_programs(asking: Any, before: str) -> None:
    text, _ = (process := asking(before)).communicate(timeout=60)
    alone, pid, said, _ = json.loads(text)
    assert (process.returncode, alone) == (0, False)
    assert all(loaded == each != pid for loaded, each, _, _ in said)


def test_who_is_not_alone_once_the_code_is_loaded_starts_programs(asking: Any) -> None:
    text, _ = (process := asking(module="opening")).communicate(timeout=60)
    alone, pid, said, _ = json.loads(text)
    assert (process.returncode, alone) == (0, True)
    assert all(loaded == each != pid for loaded, each, _, _ in said)


NO_PIPE = """\
pipe, asked = os.pipe, []

def second():
    asked.append(True)
    if len(asked) == 2:
        raise OSError
    return pipe()

os.pipe = second
"""


@pytest.mark.parametrize("before", ["def none(): raise OSError\nos.fork = none", NO_PIPE], ids=["process", "pipe"])
def test_where_nothing_can_be_copied_programs_are_started(asking: Any, before: str) -> None:
    count = 'print(len(os.listdir("/proc/self/fd")))'
    text, _ = (process := asking(before, count)).communicate(timeout=60)
    assert process.returncode == 0
    first, opened = text.splitlines()
    alone, pid, said, _ = json.loads(first)
    assert alone
    assert all(loaded == each != pid for loaded, each, _, _ in said)
    standard, listing, helper = 3, 1, 3
    assert int(opened) == standard + listing + 2 * helper, "pipes of what was not copied are left"


def test_copies_need_no_more_descriptors_than_programs(asking: Any) -> None:
    standard, helper, starting, count = 3, 3, 5, 12
    most = standard + count * helper + starting
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({most}, {most}))"
    text, _ = (process := asking(limit, count=count)).communicate(timeout=60)
    assert process.returncode == 0
    alone, pid, said, _ = json.loads(text)
    assert (alone, [loaded for loaded, _, _, _ in said]) == (True, [pid] * count)
    assert all(len(opened) == 6 for _, _, _, opened in said), "a copy holds what is another's"


def test_copies_of_who_ignores_the_end_of_children(asking: Any) -> None:
    text, _ = (process := asking("import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)")).communicate(timeout=60)
    assert process.returncode == 0
    alone, pid, said, again = json.loads(text)
    assert (alone, [loaded for loaded, _, _, _ in said], again[2]) == (True, [pid] * 2, ["one"])


def test_two_threads_that_close_a_helper_close_it_once() -> None:
    helper, done = Helper("answering:serve"), []

    class Closed:
        """A process that another thread closes, too, when it is being ended."""

        def kill(self) -> None:
            done.append("kill")
            if len(done) == 1:
                other = threading.Thread(target=helper.close)
                other.start()
                other.join()

        def communicate(self) -> None:
            done.append("communicate")

    helper._process = Closed()  # type: ignore[assignment]
    held, helper._lifeline = os.pipe()
    helper.close()
    os.close(held)
    assert done == ["kill", "communicate"]
    assert (helper._process, helper._lifeline) == (None, -1)


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a helper runs that answers every question; "wait" with a word on the way, and then never."""
    (tmp_path / "talking.py").write_text(TALKING)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "talking:serve"


TALKING = """\
import os, time
from storage import processes

def answer(question, told):
    if question == "wait":
        told(os.getpid())
        time.sleep(60)
    return [os.getpid()]

def serve(lifeline):
    processes.serve(lifeline, answer)
"""


def nobody(question: Any) -> None:
    raise AssertionError("what was not looked at is lost")


def test_who_asks_while_the_helper_is_closed_learns_that(answering: str) -> None:
    helper, said = Helper(answering), []
    closing = threading.Thread(target=helper.close)

    def told(pid: int) -> None:
        said.append(pid)
        closing.start()

    with pytest.raises(Closed):
        helper.ask_all(["wait", "more"], lambda items: items[0], told, nobody)
    closing.join()  # who asks learns of it before the process was waited for
    assert len(said) == 1
    assert not _runs(said[0])
    assert (helper._process, helper._lifeline) == (None, -1)


def test_a_helper_that_is_closed_before_the_question_is_sent(answering: str) -> None:
    class Late(Helper):
        def start(self) -> Any:
            process = super().start()
            self.close()
            return process

    with pytest.raises(Closed):
        Late(answering).ask("one", print)


def test_a_helper_that_is_closed_starts_nothing_any_more(answering: str) -> None:
    helpers = Helpers(answering, 2)
    helpers.close()
    with pytest.raises(Closed):
        helpers.start()
    with helpers.one() as helper, pytest.raises(Closed):
        helper.ask_all(["one", "more"], list, print, nobody)
    assert [(each._process, each._lifeline) for each in helpers.all] == [(None, -1)] * 2


def test_a_helper_whose_listener_fails_starts_again(answering: str) -> None:
    helper, said = Helper(answering), []

    def told(pid: int) -> None:
        said.append(pid)
        raise ValueError("of the listener")

    with pytest.raises(ValueError, match="of the listener"):
        helper.ask("wait", told)
    assert not _runs(said[0])
    assert helper.ask("one", print) != said
    helper.close()


def test_what_the_listener_raises_comes_through_from_a_closed_helper_too(answering: str) -> None:
    helper = Helper(answering)

    def told(pid: int) -> None:
        helper.close()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        helper.ask("wait", told)


def test_a_start_that_fails_leaves_nothing_open(answering: str, monkeypatch: pytest.MonkeyPatch) -> None:
    helper, opened = Helper(answering), os.listdir("/proc/self/fd")
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/no/such/program")
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                helper.start()
    assert len(os.listdir("/proc/self/fd")) == len(opened)
    helper.close()


def test_copies_end_with_the_process_they_were_made_of(asking: Any) -> None:
    process = asking(after="import time; time.sleep(60)")
    copy = json.loads(process.stdout.readline())[2][1][1]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    until = time.monotonic() + 10
    while time.monotonic() < until and _runs(copy):
        time.sleep(0.05)
    assert not _runs(copy)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False

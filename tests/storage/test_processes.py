"""What goes from one process to another arrives as it was; a process that is alone copies itself where others are started."""

from __future__ import annotations

import io
import json
import pickle
import signal
import subprocess
import sys
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
from storage.processes import _send


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

ASKING = """\
import json, os, sys
sys.path[:0] = {path!r}
import answering
from storage.processes import Helpers, alone

{before}
helpers = Helpers("answering:serve", 2)
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
    path = [str(tmp_path), str(Path(__file__).parents[2])]

    def start(before: str = "", after: str = "") -> subprocess.Popen[str]:
        code = ASKING.format(path=path, before=before, after=after)
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


def test_where_nothing_can_be_copied_programs_are_started(asking: Any) -> None:
    text, _ = (process := asking("def none(): raise OSError\nos.fork = none")).communicate(timeout=60)
    alone, pid, said, _ = json.loads(text)
    assert (process.returncode, alone) == (0, True)
    assert all(loaded == each != pid for loaded, each, _, _ in said)


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

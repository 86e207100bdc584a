"""What goes from one process to another arrives as it was."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
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

"""Lanes: how many jobs are begun at a time, in what order their answers come, and what an error leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from storage.s3.lanes import Lanes

COUNT = 3


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    found = Lanes(COUNT)
    yield found
    found.close()


@pytest.mark.parametrize("way", ["in_order", "as_they_end"])
def test_no_more_jobs_are_taken_than_there_are_lanes(lanes: Lanes, way: str) -> None:
    taken, ended, most = 0, 0, 0
    guard = threading.Lock()

    def job() -> int:
        nonlocal ended
        with guard:
            ended += 1
        return 1

    def jobs() -> Iterator[Callable[[], int]]:
        nonlocal taken, most
        for _ in range(50):
            with guard:
                taken += 1
                most = max(most, taken - ended)
            yield job

    assert sum(getattr(lanes, way)(jobs())) == 50
    assert most <= COUNT


def test_a_slow_job_holds_up_no_other(lanes: Lanes) -> None:
    others, number = threading.Event(), 40

    def slow() -> int:
        assert others.wait(20)
        return 0

    def quick(each: int) -> int:
        if each == number:
            others.set()
        return each

    jobs: list[Callable[[], int]] = [slow, *(lambda each=each: quick(each) for each in range(1, number + 1))]  # type: ignore[misc]
    assert sorted(lanes.as_they_end(jobs)) == list(range(number + 1))
    assert list(lanes.in_order(lambda each=each: each for each in range(9))) == list(range(9))  # type: ignore[misc]


@pytest.mark.parametrize("way", ["in_order", "as_they_end"])
def test_an_error_comes_through_and_leaves_no_lane_taken(lanes: Lanes, way: str) -> None:
    running = threading.Semaphore(0)

    def fails() -> int:
        raise ValueError("no such part")

    def lasts() -> int:
        running.release()
        return 1

    with pytest.raises(ValueError, match="no such part"):
        list(getattr(lanes, way)([lasts, fails, lasts, lasts, lasts]))
    assert list(getattr(lanes, way)([lasts] * 10)) == [1] * 10

    def jobs() -> Iterator[Callable[[], int]]:
        yield lasts
        raise OSError("the spool is gone")

    with pytest.raises(OSError, match="the spool is gone"):
        list(getattr(lanes, way)(jobs()))
    assert list(getattr(lanes, way)([lasts] * 10)) == [1] * 10

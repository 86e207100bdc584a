"""One exit code for several outcomes: 1 before 4 before 5 before 3."""

from __future__ import annotations

import itertools

import pytest

from repository.cli.exits import Exit, worst


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_gravest_outcome_gives_the_code(count: int) -> None:
    order = [Exit.FAILED, Exit.DAMAGE, Exit.FEW_COPIES, Exit.REFUSED, Exit.DONE]
    for outcomes in itertools.permutations(order, count):
        assert worst(outcomes) is min(outcomes, key=order.index)


def test_nothing_is_done() -> None:
    assert worst([]) is Exit.DONE


def test_codes_are_those_of_the_contract() -> None:
    assert {each.name: each.value for each in Exit} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "REFUSED": 3,
        "DAMAGE": 4,
        "FEW_COPIES": 5,
    }

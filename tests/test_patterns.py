"""No regular expression that reads what strangers wrote tries one input in ways without end: each is given inputs that are made for it.

What its repeats can match is put behind one another, many times, then something that cannot follow. A pattern of which a text can be read
in two ways takes twice as long with each more of them, and is not done in a lifetime; a sound one is done in less than a millisecond.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import re._constants as ops  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import pytest

PACKAGES = ("signatures", "formats", "repository", "storage", "policies", "fixity")
REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
LONG = 160
"""Characters of an input: doubled with each of a hundred pieces, no machine is done with it."""

CPU = 5.0
"""Seconds of this process for all inputs of one pattern. What never ends takes more on any machine; others take a thousandth."""

OUTSIDE = ' aA0e./,;=-+"\\(<[:%\nz!'


def patterns() -> dict[str, re.Pattern[Any]]:
    found: dict[str, re.Pattern[Any]] = {}
    for package in PACKAGES:
        home = importlib.import_module(package)
        for each in pkgutil.walk_packages(home.__path__, f"{package}."):
            if each.name.endswith((".__main__", ".env")):  # they run
                continue
            for value in [*vars(importlib.import_module(each.name)).values()]:
                found.update((f"{one.flags} {one.pattern!r}", one) for one in _held(value))
    return found


def _held(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from _held(each)
    elif isinstance(value, dict):
        yield from _held(tuple(value.values()))


def _letters(items: Iterable[tuple[Any, Any]]) -> list[int]:
    """Some characters of a class."""
    members = list(items)
    if members and members[0][0] is ops.NEGATE:
        kept = re.compile("[" + "".join(map(_written, members[1:])) + "]")
        return [ord(each) for each in OUTSIDE if not kept.match(each)][:6] or [1]
    kept = re.compile("[" + "".join(map(_written, members)) + "]")
    found = [ord(each) for each in OUTSIDE if kept.match(each)]
    return (found + [value if op is ops.LITERAL else value[0] for op, value in members if op in (ops.LITERAL, ops.RANGE)])[
        :6
    ] or [97]


def _written(item: tuple[Any, Any]) -> str:
    op, value = item
    if op is ops.LITERAL:
        return re.escape(chr(value))
    if op is ops.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    sort = str(value).rpartition("_")[2][0].lower()  # DIGIT, SPACE, WORD
    return "\\" + (sort.upper() if "_NOT_" in str(value) else sort)


def samples(sequence: Any) -> list[list[int]]:
    """Some texts that a part of a pattern matches."""
    found: list[list[int]] = [[]]
    for op, value in sequence:
        ways = _ways(op, value)
        found = [each + way for each in found for way in ways[:6]][:18]
    return found


def _ways(op: Any, value: Any) -> list[list[int]]:
    if op is ops.LITERAL:
        return [[value]]
    if op is ops.NOT_LITERAL:
        return [[each] for each in _letters([(ops.NEGATE, None), (ops.LITERAL, value)])[:3]]
    if op is ops.ANY:
        return [[97], [32], [48]]
    if op is ops.IN:
        return [[each] for each in _letters(value)]
    if op is ops.BRANCH:
        return [way for branch in value[1] for way in samples(branch)[:2]]
    if op in (ops.SUBPATTERN, ops.ATOMIC_GROUP):
        return samples(value[-1] if op is ops.SUBPATTERN else value)
    if op in REPEATS:
        least, most, inner = value
        some = samples(inner)[:4]
        more = [each * (least + 2) for each in some[:1] if most > least + 1]
        return [each * max(least, 1) for each in some] + ([[]] if not least else []) + more
    return [[]]


def repeats(sequence: Any, before: list[int]) -> Iterator[tuple[list[int], Any]]:
    """What leads to each repeat of many, and what is repeated."""
    for op, value in sequence:
        if op in REPEATS:
            if value[1] > 8:
                yield before, value[2]
            yield from repeats(value[2], before)
        elif op in (ops.SUBPATTERN, ops.ATOMIC_GROUP):
            yield from repeats(value[-1] if op is ops.SUBPATTERN else value, before)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from repeats(branch, before)
        before = before + samples([(op, value)])[0]


def inputs(pattern: re.Pattern[Any]) -> Iterator[Any]:
    found = list(repeats(parser.parse(pattern.pattern, pattern.flags), []))
    pieces: list[list[int]] = []
    for _, inner in found:
        pieces += [each for each in samples(inner)[:8] if each and each not in pieces]
    pumps = pieces[:10] + [one + other for one in pieces[:4] for other in pieces[:4] if one != other]
    befores = [list(each) for each in dict.fromkeys(tuple(before) for before, _ in found)]
    for before in [[], *befores[:2]]:
        for pump in pumps:
            for last in ([1], [61]):
                text = before + pump * (LONG // len(pump)) + last
                yield bytes(each & 255 for each in text) if isinstance(pattern.pattern, bytes) else "".join(map(chr, text))


class Endless(Exception):
    pass


def endless(pattern: re.Pattern[Any], seconds: float = CPU) -> Any:
    """The input over which the pattern does not come to an end in ``seconds``; None where it does over all."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Endless

    texts = list(inputs(pattern))
    before = signal.signal(signal.SIGVTALRM, stop)
    text = None
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        for text in texts:
            pattern.fullmatch(text)
            pattern.search(text)
    except Endless:
        return text
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return None


def test_no_pattern_goes_on_without_end() -> None:
    every = patterns()
    assert len(every) > 100
    assert [(each.pattern, text) for each in every.values() if (text := endless(each)) is not None] == []


@pytest.mark.parametrize(
    "text", [r"(?:a+)+b", r"(?:[\s,/]*(?:dc|c)\s*=\s*(?:[^,=\\]|\\.)*)+", r"(?:[ \t]+|<\?.*?\?>)*", r"(a|aa)*c", r"(?:\w+\s?)*,"]
)
def test_one_that_does_is_found(text: str) -> None:
    assert endless(re.compile(text), 0.3) is not None


ONE = (ops.LITERAL, ops.NOT_LITERAL, ops.IN, ops.ANY)
"""What matches one character, or does not."""


def unsound(sequence: Any) -> bool:
    """Whether a pattern holds a possessive repeat of more than one character. Python before 3.11.5, among it that of Debian 12, does not
    go back to where a repetition began that did not come to its end: what follows is sought behind it, and not found. (An atomic group
    around a plain repeat means the same, and is sound.)"""
    for op, value in sequence:
        if op is ops.POSSESSIVE_REPEAT and (len(value[2]) != 1 or value[2][0][0] not in ONE):
            return True
        if op is ops.BRANCH:
            parts = value[1]
        elif op in REPEATS or op is ops.SUBPATTERN:
            parts = [value[-1]]
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            parts = [value[1]]
        elif op is ops.GROUPREF_EXISTS:
            parts = [each for each in value[1:] if each is not None]
        else:
            parts = [value] if op is ops.ATOMIC_GROUP else []
        if any(unsound(each) for each in parts):
            return True
    return False


def test_every_python_reads_a_pattern_alike() -> None:
    assert [each.pattern for each in patterns().values() if unsound(parser.parse(each.pattern, each.flags))] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"a++[bc]*+\d{1,4}+\s?+", False),
        (r"(?>(?:ab)*)(?=c)", False),
        (r"(?:ab)*+", True),
        (r"(?:x|(?:\*(\d))?+)y", True),
        (r"(?=(?:ab)++)", True),
        (r"(?>(?:a(?:bc)*+)*)", True),
    ],
)
def test_one_that_some_python_reads_otherwise_is_found(text: str, found: bool) -> None:
    assert unsound(parser.parse(text)) is found

"""Version directory names: ``v1``, ``v2``… or, zero-padded to one length, ``v001``, ``v002``… (OCFL 1.1 §3.3)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Numbering"]

_NAME = re.compile(r"v(0*)([1-9][0-9]{0,17})", re.ASCII)
"""At most 18 digits without the zeros: numbers stay small; nobody has counted further."""


class _Say(Protocol):
    def __call__(self, code: str, value: object = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Numbering:
    """The versions of an object. ``width`` is the number of digits of zero-padded names, 0 for plain ones;
    ``names`` are the good names in order; ``newest`` is "" when there is none."""

    width: int = 0
    names: tuple[str, ...] = ()

    @property
    def newest(self) -> str:
        return self.names[-1] if self.names else ""

    @staticmethod
    def number(name: str) -> int | None:
        """The version number that ``name`` stands for; None when it is no version name."""
        found = _NAME.fullmatch(name)
        return int(found[2]) if found else None

    @staticmethod
    def names_version(name: str) -> bool:
        return Numbering.number(name) is not None

    @classmethod
    def of(cls, names: Collection[str], say: _Say, spec: str) -> Numbering:
        """The numbering that the keys of a versions block follow; what is wrong with them is reported."""
        if not names:
            say("E008")
            return cls()
        numbered: dict[int, str] = {}
        for name in names:
            number = cls.number(name)
            if number is None:
                _say_malformed(name, say, spec)
            else:
                if number in numbered:
                    say("E012", name)
                numbered.setdefault(number, name)
        ordered = [numbered[number] for number in sorted(numbered)]
        if not ordered:
            return cls()
        _check_sequence(sorted(numbered), say)
        return cls(_check_padding(ordered, say), tuple(ordered))


def _say_malformed(name: str, say: _Say, spec: str) -> None:
    say("E046", name)
    if spec != "1.0":
        say("E105" if name.startswith("v") else "E104", name)


def _check_sequence(numbers: list[int], say: _Say) -> None:
    if numbers[0] != 1:
        say("E009", numbers[0])
    if numbers[-1] - numbers[0] != len(numbers) - 1:
        say("E010", numbers[-1])


def _check_padding(ordered: list[str], say: _Say) -> int:
    """The first version sets the convention (§3.3). Returns its width."""
    first = ordered[0]
    width = len(first) - 1 if first[1] == "0" else 0
    if width:
        say("W001", first)
    for name in ordered[1:]:
        padded = name[1] == "0"
        if width and not padded:
            say("E011", name)
        if (width and len(name) - 1 != width) or (not width and padded):
            say("E012", name)
            say("E013", name)
        elif width and not padded:
            say("E013", name)
    return width

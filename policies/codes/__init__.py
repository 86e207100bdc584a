"""The register of codes: one space for findings and operational errors (``*.toml`` beside this file, one per family).

A table a code::

    ["E092"]
    weight = "error"            # info | warning | hold | error: the default, which policy.toml may change
    source = "OCFL 1.1 §3.5.1"  # where the rule stands
    en = "The content file {path} does not match its digest."
    vi = "Tệp nội dung {path} không khớp với mã băm."
    todo_en = "Restore the file from another copy."
    todo_vi = "Khôi phục tệp từ một bản khác."

``{path}`` and the finding's own arguments may be used in the texts. A code is never renamed or given a new meaning.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LANGUAGES", "Code", "Register", "register"]

LANGUAGES = ("en", "vi")

_HEADING = re.compile(r'^\["([^"]+)"\]$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """One registered code. ``weight`` is the name of a `policies.findings.Weight`; texts are by language."""

    code: str
    family: str
    weight: str
    source: str
    text: Mapping[str, str]
    todo: Mapping[str, str]


class Register(Mapping[str, Code]):
    """All codes by name. A code's table is parsed when it is first asked for: parsing all of them takes as long as a small command,
    and few commands speak of more than a handful.

    Raises:
        ValueError: a code stands twice (when it is made), or its table is not what it has to be (when that is asked for): the
            register itself is broken.
    """

    def __init__(self, families: Mapping[str, str]) -> None:
        self._tables: dict[str, tuple[str, str]] = {}
        self._parsed: dict[str, Code] = {}
        for family, text in families.items():
            headings = list(_HEADING.finditer(text))
            ends = [heading.start() for heading in headings[1:]] + [len(text)]
            for heading, end in zip(headings, ends, strict=True):
                name = heading[1]
                if name in self._tables:
                    raise ValueError(f"code {name} is registered in {self._tables[name][0]} and in {family}")
                self._tables[name] = family, text[heading.start() : end]

    def __getitem__(self, name: str) -> Code:
        if name not in self._parsed:
            self._parsed[name] = _parsed(name, *self._tables[name])
        return self._parsed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def family(self, family: str) -> Iterator[Code]:
        """The codes of one file."""
        return (self[name] for name, (of, _) in self._tables.items() if of == family)

    def __len__(self) -> int:
        return len(self._tables)


def _parsed(name: str, family: str, table: str) -> Code:
    rows = tomllib.loads(table)
    row = rows.pop(name)
    wanted = {"weight", "source", *LANGUAGES, *(f"todo_{language}" for language in LANGUAGES)}
    if rows or row.keys() != wanted:
        raise ValueError(f"the table of {name} in {family}.toml is wrong at {', '.join(sorted(rows or row.keys() ^ wanted))}")
    return Code(
        code=name,
        family=family,
        weight=row["weight"],
        source=row["source"],
        text={language: row[language] for language in LANGUAGES},
        todo={language: row[f"todo_{language}"] for language in LANGUAGES},
    )


@functools.cache
def register() -> Register:
    """The codes of the files beside this one."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return Register({file.stem: file.read_text(encoding="utf-8") for file in files})

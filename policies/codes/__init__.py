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
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

__all__ = ["LANGUAGES", "Code", "register"]

LANGUAGES = ("en", "vi")


@dataclass(frozen=True, slots=True)
class Code:
    """One registered code. ``weight`` is the name of a `policies.findings.Weight`; texts are by language."""

    code: str
    family: str
    weight: str
    source: str
    text: Mapping[str, str]
    todo: Mapping[str, str]


@functools.cache
def register() -> Mapping[str, Code]:
    """All codes by name.

    Raises:
        ValueError: a code stands in two families, or lacks a field: the register itself is broken.
    """
    codes: dict[str, Code] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        family = file.name.removesuffix(".toml")
        for name, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if name in codes:
                raise ValueError(f"code {name} is registered in {codes[name].family} and in {family}")
            codes[name] = Code(
                code=name,
                family=family,
                weight=row["weight"],
                source=row["source"],
                text={language: row[language] for language in LANGUAGES},
                todo={language: row[f"todo_{language}"] for language in LANGUAGES},
            )
    return codes

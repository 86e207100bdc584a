"""No English stands in a sentence that is said in Vietnamese: what an error or a finding is given as a reason is a phrase, not words.

Read from the code: every call that makes an error of Kho's, or reports a finding, with words of two or more as an argument.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("policies", "fixity", "formats", "signatures", "storage", "repository")

NOT_YET = (
    "formats/validate",
    "signatures",
)
"""Homes whose reasons are still English: the details of format rules and of signatures, in the standards' own words."""

WORDS = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
SPEAKING = {"phrase", "os_phrase", "said", "carried"}


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    """All code as trees: a million objects, which no other test shall carry along."""
    files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(scope="module")
def errors(trees: dict[Path, ast.Module]) -> set[str]:
    """Names of `KhoError` and of everything that is made from it."""
    bases = {
        node.name: {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"KhoError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def reasons(call: ast.Call, errors: set[str]) -> list[ast.expr]:
    """The arguments that stand in a sentence: not the thing that it is about."""
    name = name_of(call)
    words = [keyword.value for keyword in call.keywords if keyword.arg != "command"]
    if name in errors:
        return [*call.args[1:], *words]
    if name == "bad":
        return [*call.args[1:], *words]
    if name in ("add", "Finding") and call.args and isinstance(call.args[0], ast.Constant):
        return words if re.fullmatch(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+", str(call.args[0].value)) else []
    return []


def english(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Call) and name_of(argument) in SPEAKING:
        return
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and WORDS.search(argument.value):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr):
        parts = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in argument.values)
        if WORDS.search(parts):
            yield parts
    elif isinstance(argument, ast.IfExp | ast.BoolOp | ast.BinOp):
        for inner in ast.iter_child_nodes(argument):
            if isinstance(inner, ast.expr):
                yield from english(inner)


@pytest.mark.parametrize("package", PACKAGES)
def test_reasons_are_phrases(package: str, trees: dict[Path, ast.Module], errors: set[str]) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{call.lineno} {name_of(call)}: {words}"
        for file, tree in trees.items()
        if file.relative_to(ROOT).parts[0] == package and not str(file.relative_to(ROOT)).startswith(NOT_YET)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for argument in reasons(call, errors)
        for words in english(argument)
    ]
    assert found == []


def test_the_reader_of_code_finds_english(errors: set[str]) -> None:
    assert {"StorageError", "Unavailable", "SpoolDamaged", "CouldNotRead"} <= errors
    call = ast.parse('Unavailable(path, f"the marker {x} is gone" if a else phrase("a b"))', mode="eval").body
    assert isinstance(call, ast.Call)
    assert [words for argument in reasons(call, errors) for words in english(argument)] == ["the marker … is gone"]
    assert not list(english(ast.parse('phrase("two words")', mode="eval").body))

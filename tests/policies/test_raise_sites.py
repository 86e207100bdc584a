"""No English stands in a sentence that is said in Vietnamese: what an error or a finding is given as a reason is a phrase, not words.

Read from the code: every call that makes an error of Kho's, or reports a finding, with words of two or more as an argument. In rooms that
are `WHOLE` it is every string, however it goes to where it is shown (a table, a variable, what a generator yields): but for what nobody is
shown, which is told with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("policies", "fixity", "formats", "signatures", "storage", "repository")

WHOLE = ("fixity", "formats/clamd.py", "formats/malware.py", "formats/sandbox", "storage")
"""Rooms (folders, files) in which no sentence is English at all."""

NOT_SHOWN = {
    "SHA-256 of the object id, hexadecimal, in tuples, then the whole digest": "ocfl_layout.json of a storage root, in OCFL's language",
    "replaced by a good copy": "a note in the quarantine of a tier",
    "left by a commit that was not finished; the version was never counted": "a note in the quarantine of a tier",
    "does not belong to the object": "a note in the quarantine of a tier",
    "data descriptor": "a term of the ZIP format",
    "size limit exceeded": "what clamd says",
    "not started": "a word between two processes",
    "last part": "a key of the register of tapes",
    "too large …": "a key of the register of tapes",
}
"""Words that stand on a medium or in a database, not on a screen."""

LOUD = {"debug", "info", "warning", "error", "exception", "critical", "log"}
"""What writes into a log, which is English."""

PROGRAMMERS = {"ValueError", "TypeError", "RuntimeError", "AssertionError", "NotImplementedError"}

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|WHERE|FROM|ORDER BY|INTEGER|TEXT NOT NULL)\b")

SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,}")

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
    if name in ("bad", "could_not", "Defect"):
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
        if file.relative_to(ROOT).parts[0] == package
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for argument in reasons(call, errors)
        for words in english(argument)
        if words not in NOT_SHOWN
    ]
    assert found == []


def test_the_reader_of_code_finds_english(errors: set[str]) -> None:
    assert {"StorageError", "Unavailable", "SpoolDamaged", "CouldNotRead"} <= errors
    call = ast.parse('Unavailable(path, f"the marker {x} is gone" if a else phrase("a b"))', mode="eval").body
    assert isinstance(call, ast.Call)
    assert [words for argument in reasons(call, errors) for words in english(argument)] == ["the marker … is gone"]
    assert not list(english(ast.parse('phrase("two words")', mode="eval").body))


def shown(node: ast.AST) -> Iterator[tuple[int, str]]:
    """English that may be shown: all but docstrings, members of an enumeration (they are data), SQL and programs, logs, and errors that
    only programmers meet."""
    if isinstance(node, ast.Call) and name_of(node) in SPEAKING | LOUD | PROGRAMMERS:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.ClassDef) and any(
        getattr(base, "attr", getattr(base, "id", "")).endswith("Enum") for base in node.bases
    ):
        return
    if isinstance(node, ast.Assert):
        yield from shown(node.test)
        return
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    else:
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    if SENTENCE.search(text) and "\n" not in text and not SQL.search(text):
        yield getattr(node, "lineno", 0), text
    if not isinstance(node, ast.JoinedStr):
        for inner in ast.iter_child_nodes(node):
            yield from shown(inner)


@pytest.mark.parametrize("room", WHOLE)
def test_a_room_says_nothing_in_english(room: str, trees: dict[Path, ast.Module]) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {words}"
        for file, tree in trees.items()
        if f"{file.relative_to(ROOT)}/".startswith(f"{room}/")
        for line, words in shown(tree)
        if words not in NOT_SHOWN
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'WORDS = {1: "reading is difficult"}',
        'def tell():\n    yield f"the bucket does not tell: {why}"',
        'def __init__(self):\n    super().__init__(volume, "the cartridge is full")',
        'names = ", ".join(wrong) or "its inventory"',
    ],
)
def test_the_reader_of_rooms_finds_english(code: str) -> None:
    assert len(list(shown(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code", ['"""Some words."""', '_log.error("some words")', 'phrase("some words")', 'raise ValueError("some words")']
)
def test_the_reader_of_rooms_leaves_the_rest(code: str) -> None:
    assert not list(shown(ast.parse(code)))

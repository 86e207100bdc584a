"""No reason that a report gives is in one language only: what modules say stands in the register of phrases."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import signatures
from policies.findings import Finding
from policies.phrases import OPEN, foreign, phrase

ROOT = Path(signatures.__file__).parent.parent
MODULES = sorted((ROOT / "signatures").rglob("*.py"))
SAYING = {
    "Beyond",
    "DerError",
    "FetchFailed",
    "InvalidRecord",
    "InvalidToken",
    "Malformed",
    "NotStamped",
    "NotWellFormed",
    "Refused",
    "_broken",
    "_fail",
    "malformed",
    "not_understood",
    "refused_file",
    "unread",
}
"""What is called with words for people."""


def _words(node: ast.AST | None) -> Iterator[str]:
    """The words of a text that stands there as it is: two or more, in letters."""
    texts = node.values if isinstance(node, ast.JoinedStr | ast.BoolOp) else [node]
    said = "".join(each.value for each in texts if isinstance(each, ast.Constant) and isinstance(each.value, str))
    if len([each for each in said.split() if each.isalpha()]) > 1:
        yield said


def _plain(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            for each in node.args if name in SAYING else ():
                yield from _words(each)
            for keyword in node.keywords:
                yield from _words(keyword.value) if keyword.arg in ("reason", "why") else ()
        if isinstance(node, ast.Return):
            yield from (each for each in _words(node.value) if len(each.split()) > 3)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in ("reason", "why"):
                    yield from _words(value)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_says_words_of_one_language(module: Path) -> None:
    assert list(_plain(ast.parse(module.read_text(encoding="utf-8")))) == []


def _carried(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(code, argument) of each finding in an argument of which a phrase stands."""
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call) and each.args):
        if not isinstance(call.args[0], ast.Constant) or getattr(call.func, "id", getattr(call.func, "attr", "")) not in (
            "Finding",
            "add",
        ):
            continue
        args = [(each.arg, each.value) for each in call.keywords]
        for each in call.args[2:]:
            args += (
                [(getattr(key, "value", None), one) for key, one in zip(each.keys, each.values, strict=True)]
                if isinstance(each, ast.Dict)
                else []
            )
        for name, value in args:
            if isinstance(value, ast.Call) and getattr(value.func, "id", "") in ("phrase", "foreign", "os_phrase", "said"):
                yield str(call.args[0].value), str(name)


@pytest.mark.parametrize("package", ["formats", "repository", "signatures", "storage"])
def test_a_phrase_stands_where_it_is_spoken(package: str) -> None:
    trees = [ast.parse(each.read_text(encoding="utf-8")) for each in (ROOT / package).rglob("*.py")]
    found = {(code, name) for tree in trees for code, name in _carried(tree)}
    assert found
    for code, name in sorted(found):
        assert OPEN not in Finding(code, "", {name: phrase("cms-none")}).text("vi"), (code, name)


def test_plain_words_are_seen() -> None:
    for text in (
        'raise Malformed("no such thing")',
        'raise Refused(f"more than {count} of them")',
        'raise Refused(reasons or "none of them")',
        'x = {"reason": f"{a} are not read"}',
    ):
        assert list(_plain(ast.parse(text)))
    assert not list(_plain(ast.parse('raise Malformed(phrase("cms-none"))')))


def test_what_a_library_says_is_told_as_such() -> None:
    said = Finding("SIG-FORMAT", "", {"reason": foreign(ValueError("Incorrect padding\nand more"))})
    assert "Incorrect padding" in said.text("vi")
    assert "thư viện phần mềm" in said.text("vi")
    assert "and more" not in said.text("en")
    assert OPEN not in said.text("vi")
    own = phrase("cms-none")
    assert foreign(ValueError(own)) == own
    assert "KeyError" in Finding("SIG-FORMAT", "", {"reason": foreign(KeyError())}).text("en")


def test_a_number_of_thousands_of_digits_is_told_by_its_begin() -> None:
    assert "0xffff" in Finding("SIG-FORMAT", "", {"reason": phrase("cms-many-signers", most=(1 << 40_000) - 1)}).text("vi")

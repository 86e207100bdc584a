"""The codes of packages and bags: what is used is registered, what is registered is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies.codes import register

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "formats" / "package").glob("*.py")), ROOT / "formats" / "errors.py"]
USED = {code for path in SOURCES for code in re.findall(r'"((?:PKG|BAG)-[A-Z0-9-]+)"', path.read_text())}
REGISTERED = {code for code, row in register().items() if row.family in ("package", "bagit")}


def test_used_and_registered_codes_are_the_same() -> None:
    assert USED == REGISTERED


@pytest.mark.parametrize("code", sorted(REGISTERED))
def test_a_code_is_explained_in_both_languages(code: str) -> None:
    row = register()[code]
    arguments = [set(re.findall(r"\{(\w+)\}", text)) for text in row.text.values()]
    assert arguments[0] == arguments[1]
    for texts in (row.text, row.todo):
        assert texts["en"] != texts["vi"]
        assert all(text.endswith(".") for text in texts.values())

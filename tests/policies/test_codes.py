"""The register of codes, parsed table by table."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import policies.codes
from policies.codes import LANGUAGES, Register, register
from policies.findings import Finding

FILES = sorted(Path(policies.codes.__file__).parent.glob("*.toml"))
GOOD = 'weight = "error"\nsource = "x"\nen = "a"\nvi = "b"\ntodo_en = ""\ntodo_vi = ""\n'


def test_each_table_says_what_the_whole_file_says() -> None:
    seen = 0
    for file in FILES:
        for name, row in tomllib.loads(file.read_text(encoding="utf-8")).items():
            code = register()[name]
            seen += 1
            assert (code.code, code.family, code.weight, code.source) == (name, file.stem, row["weight"], row["source"])
            assert code.text == {language: row[language] for language in LANGUAGES}
            assert code.todo == {language: row[f"todo_{language}"] for language in LANGUAGES}
    assert seen == len(register()) == len(list(register()))
    assert seen == sum(1 for file in FILES for code in register().family(file.stem) if code.family == file.stem)


def test_an_unknown_code_is_in_no_register() -> None:
    assert register().get("NOT-REGISTERED") is None
    assert "NOT-REGISTERED" not in register()


def test_a_code_is_registered_once() -> None:
    with pytest.raises(ValueError, match="A-1 is registered in one and in two"):
        Register({"one": f'["A-1"]\n{GOOD}', "two": f'["A-1"]\n{GOOD}'})


@pytest.mark.parametrize(
    "table",
    [
        '["A-1"]\n' + GOOD.replace('vi = "b"\n', ""),
        '["A-1"]\n' + GOOD + 'odd = "x"\n',
        '["A-1"]\n' + GOOD + f"[A-2]\n{GOOD}",  # not quoted: it would be a part of the table before it
    ],
)
def test_a_broken_table_is_no_code(table: str) -> None:
    with pytest.raises(ValueError, match="table of A-1"):
        Register({"one": table}).get("A-1")


def test_a_finding_about_the_whole_leaves_no_hole_in_its_sentence() -> None:
    for language in ("en", "vi"):
        for code in register():
            said = Finding(code, "").text(language) + Finding(code, "").todo(language)
            assert "  " not in said, code
            assert not said.startswith((" ", ":", ",")), code
    assert Finding("E069", "").text() == "The folder has no declaration that makes it an OCFL storage root."
    assert Finding("CSIP14", "").text("vi").startswith("Toàn bộ: ")


def test_a_finding_as_the_first_kho_wrote_it_is_read() -> None:
    """Rows of deposits and records in AIPs of those days have it so; after an upgrade nothing that lists deposits came to an end."""
    assert Finding.of_json(["DEP-EMPTY", "a", {"n": 1}]) == Finding("DEP-EMPTY", "a", {"n": 1})
    now = Finding("DEP-EMPTY", "a", {"n": 1})
    assert Finding.of_json(now.as_json()) == now

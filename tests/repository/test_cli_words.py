"""The command line's words: both languages say everything, in the language that was asked for, and safely."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.codes import register
from policies.findings import Finding
from repository.cli.printable import printable
from repository.cli.run import run
from repository.cli.screen import decimal, number, size
from repository.progress import Minutes
from repository.texts import catalog, language, words

ROOT = Path(__file__).resolve().parents[2]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, vietnamese = catalog("en"), catalog("vi")
    assert set(english) == set(vietnamese)
    for key, text in english.items():
        assert placeholders(text) == placeholders(vietnamese[key]), key
        assert text.strip()
        assert vietnamese[key].strip()


def test_every_key_in_the_code_has_words_and_every_word_is_used() -> None:
    files = list((ROOT / "repository").rglob("*.py"))
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    used = set(re.findall(r'words\(\s*["\']([a-z_.]+)["\']', source)) | set(re.findall(r'_group\("([a-z_.]+)"', source))
    assert used <= set(catalog("en")), used - set(catalog("en"))
    # Groups whose keys are made of values (states, outcomes, phases …) are used by name of the group.
    made = set(re.findall(r'f["\']([a-z]+)\.\{', source))
    literals = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)?)"', source))
    unused = {
        key
        for key in catalog("en")
        if key not in used and key.partition(".")[0] not in made and key not in literals and key.partition(".")[2] not in literals
    }
    assert not unused


def test_every_state_outcome_and_weight_has_words() -> None:
    from fixity.verify import Outcome
    from policies.findings import Weight
    from repository.model import CopyState, DepositState

    keys = [f"state.{each.value}" for each in DepositState]
    keys += [f"copy.{each.value}" for each in CopyState]
    keys += [f"outcome.{each.value}" for each in Outcome]
    keys += [f"weight.{each.name.lower()}" for each in Weight]
    assert set(keys) <= set(catalog("en"))


def test_codes_of_the_command_line_are_registered_and_say_what_to_do() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "repository" / "cli").glob("*.py"))
    codes = set(re.findall(r'"((?:USE|OPS)-[A-Z-]+)"', source))
    mine = {name for name, code in register().items() if code.family == "operations"}
    assert codes == mine
    for name in mine:
        for speech in ("en", "vi"):
            assert Finding(name).todo(speech), name


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "vi_VN"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": ""}, "vi"),
        ({"KHO_LANG": "vi", "LC_ALL": "C"}, "vi"),
        ({"KHO_LANG": "en", "LANG": "vi_VN"}, "en"),
        ({"KHO_LANG": "vi_VN.UTF-8"}, "vi"),
        ({"KHO_LANG": "fr", "LANG": "vi_VN"}, "vi"),
        ({"KHO_LANG": ""}, "en"),
    ],
)
def test_the_language_is_that_of_the_reader(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected


def test_words_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    assert words("state.stored") == "đã lưu trữ"
    assert (number(1234567), size(12_700), decimal(1234.567, 2)) == ("1.234.567", "12,4 KiB", "1.234,57")
    monkeypatch.setenv("KHO_LANG", "en")
    assert words("state.stored") == "stored"
    assert (number(1234567), size(12_700), size(1023), size(5 << 50)) == ("1,234,567", "12.4 KiB", "1023 B", "5.0 PiB")
    assert decimal(1234.567) == "1,234.6"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Quyết định số 57.pdf", "Quyết định số 57.pdf"),
        ("Quyê\u0301t đi\u0323nh", "Quyê\u0301t đi\u0323nh"),  # NFD stays NFD
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("caf\udce9", "caf\\xe9"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\ud800", "\\ud800"),
        ("한글 漢喃 🙂", "한글 漢喃 🙂"),
    ],
)
def test_names_are_shown_safely(name: str, shown: str) -> None:
    assert printable(name) == shown


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters()))
def test_what_is_shown_can_always_be_written_on_one_line(name: str) -> None:
    shown = printable(name)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown


def test_a_line_a_minute_and_none_for_short_work() -> None:
    now = [0.0]
    lines: list[tuple[object, ...]] = []
    progress = Minutes(lambda *line: lines.append(line), clock=lambda: now[0])
    progress.start("audit", 100, "files")
    for step in range(10):
        now[0] = step * 5.0
        progress.advance(1)
    progress.finish()
    assert lines == []
    progress.start("audit", 100, "files")
    for _ in range(30):
        now[0] += 10.0
        progress.advance(2)
    progress.finish()
    progress.finish()
    progress.advance(5)
    assert lines == [("audit", done, 100, "files", False) for done in (12, 24, 36, 48, 60)] + [("audit", 60, 100, "files", True)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], 'không có lệnh "nosuch"'),
        (["list", "extra", "more"], 'thừa "extra more"'),
        (["list", "--limit"], "--limit cần có giá trị"),
        (["list", "--limit", "abc"], "--limit phải là số nguyên"),
        (["list", "--limit", "0"], "--limit ít nhất là 1"),
        (["serve", "--port", "99999999"], "--port nhiều nhất là 65535"),
    ],
)
def test_what_typer_says_is_said_in_the_readers_language(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sentences are matched word for word: should it change them, this notices."""
    monkeypatch.setenv("KHO_LANG", "vi")
    assert run(arguments) == 2
    assert words in capsys.readouterr().err

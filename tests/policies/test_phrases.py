"""Phrases: words inside other sentences, stored as keys and spoken in the reader's language."""

from __future__ import annotations

import errno
import os
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.properties.names import NAMES
from policies.findings import Finding, KhoError, said, spoken
from policies.phrases import CLOSE, OPEN, os_phrase, phrase, phrases
from repository.cli.failures import _MESSAGES
from signatures.mended import WORDS
from storage.errors import MediumAway, NotFound, Unavailable

ROOT = Path(__file__).resolve().parents[2]


def keys_in_code() -> set[str]:
    found = {key for _, key in _MESSAGES} | set(WORDS.values()) | set(NAMES.values())
    for package in ("policies", "fixity", "formats", "storage", "signatures", "repository"):
        for file in (ROOT / package).rglob("*.py"):
            for call in re.findall(r"\bphrase\((.*?)[,)]", file.read_text(encoding="utf-8"), re.DOTALL):
                found.update(re.findall(r"[\"']([a-z0-9-]+)[\"']", call))
    return found


def test_every_phrase_is_used_and_every_used_one_has_its_words() -> None:
    named = {key for key in phrases() if not key.startswith("errno-")}
    assert keys_in_code() == named


@pytest.mark.parametrize("key", sorted(phrases()))
def test_both_languages_say_the_same_things(key: str) -> None:
    words = phrases()[key]
    assert set(words) == {"en", "vi"}
    assert set(re.findall(r"{(\w+)}", words["en"])) == set(re.findall(r"{(\w+)}", words["vi"]))


@pytest.mark.parametrize("key", sorted(key for key in phrases() if key.startswith("errno-")))
def test_what_the_system_says_is_what_we_say_in_english(key: str) -> None:
    number = getattr(errno, key.removeprefix("errno-"))
    assert phrases()[key]["en"] == os.strerror(number)
    assert spoken(os_phrase(OSError(number, "")), "en") == os.strerror(number)


def test_a_socket_that_was_silent_is_told_in_words() -> None:
    assert os_phrase(TimeoutError("timed out")) == phrase("errno-ETIMEDOUT")


def test_what_is_no_phrase_keeps_its_own_words() -> None:
    assert os_phrase(OSError(errno.EXDEV, "Cross-device")) == "Cross-device"
    assert os_phrase(OSError("only words")) == "only words"


def test_a_reason_is_spoken_in_the_language_of_the_sentence() -> None:
    inner = KhoError("STO-UNAVAILABLE", "/b", reason=phrase("tier-not-mounted", why=phrase("errno-ENOENT"), path="/b/x"))
    outer = Finding("OPS-TIER-UNAVAILABLE", "b", {"reason": said(inner.finding)})
    assert "no tier is mounted here (No such file or directory: /b/x)" in outer.text("en")
    assert "không có tầng lưu trữ nào được gắn (Không có tệp hay thư mục này: /b/x)" in outer.text("vi")
    assert OPEN not in outer.text("vi") + outer.text("en") + str(inner)
    assert "STO-UNAVAILABLE" in outer.text("vi")


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(f'{OPEN}{CLOSE}["],{{}}'))))
def test_any_text_is_spoken_without_an_error(text: str) -> None:
    said_so = spoken(text, "vi")
    if OPEN not in text:
        assert said_so == text


@pytest.mark.parametrize(
    "text",
    [
        OPEN,
        f"{OPEN}[1]{CLOSE}",
        f'{OPEN}["no-such-key",{{}}]{CLOSE}',
        f'{OPEN}["x","y"]',
        f"{OPEN}{{}}{CLOSE}",
        f"{OPEN}7{CLOSE}",
    ],
)
def test_what_only_looks_like_a_phrase_stays(text: str) -> None:
    assert spoken(f"a {text} b", "vi") == f"a {text} b"


def test_an_error_goes_to_another_process_as_what_it_says() -> None:
    for error in (Unavailable("/b", phrase("tier-name", found="x", expected="y")), NotFound("k"), MediumAway("LPD001L8", "away")):
        same = pickle.loads(pickle.dumps(error))
        assert type(same) is type(error)
        assert (same.finding, str(same), same.args) == (error.finding, str(error), error.args)

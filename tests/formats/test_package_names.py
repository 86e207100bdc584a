"""Names: stored forms that lose nothing, and what is said about odd names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.package.names import MARK, check_names, received_name, shown_name, stored_name
from policies.findings import Findings, Weight

NAMES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from([b"%", b"~", b"/", b".", b"a", b"\xff", b"\n", b"%41", "đ".encode(), b"\xc3"]), min_size=1, max_size=8
    ).map(b"".join),
)


@settings(max_examples=300)
@given(NAMES)
def test_a_stored_name_gives_the_received_bytes_back(raw: bytes) -> None:
    stored = stored_name(raw)
    assert received_name(stored) == raw
    stored.encode()  # text that can be written anywhere
    for segment in stored.split("/"):
        assert segment not in ("", ".", "..")
        assert not any(unicodedata.category(each) == "Cc" for each in segment)


@settings(max_examples=300)
@given(NAMES, NAMES)
def test_two_names_never_share_a_stored_name(one: bytes, other: bytes) -> None:
    assert (stored_name(one) == stored_name(other)) == (one == other)


@pytest.mark.proof
@settings(max_examples=20_000, deadline=None)
@given(NAMES, NAMES)
def test_proof_of_injectivity(one: bytes, other: bytes) -> None:
    assert (stored_name(one) == stored_name(other)) == (one == other)
    assert received_name(stored_name(one)) == one


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "hồ sơ/Quyết định số 01.pdf",
        unicodedata.normalize("NFD", "Quyết định"),
        "100%",
        "a%20b",
        "%FF",
        "CON",
        "trailing. ",
        "~x",
        "\\",
        "\u2028",
    ],
)
def test_legal_text_is_stored_as_it_is(name: str) -> None:
    assert stored_name(name.encode()) == name


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (b"a\xff%", MARK + "a%FF%25"),
        (b"line\nbreak", MARK + "line%0Abreak"),
        (b"ok/\x1b[31m", "ok/" + MARK + "%1B[31m"),
        (b"..", MARK + "%2E%2E"),
        (b"%~x", MARK + "%25~x"),
        ("\x85".encode(), MARK + "%C2%85"),
        ("\uffff".encode(), MARK + "%EF%BF%BF"),
    ],
)
def test_what_text_cannot_carry_is_escaped(raw: bytes, stored: str) -> None:
    assert stored_name(raw) == stored
    assert received_name(stored) == raw


def codes(*names: bytes) -> dict[str, int]:
    findings = Findings()
    check_names(names, findings)
    assert findings.worst <= Weight.WARNING, "names alone never refuse"
    return dict(findings.counts)


def test_pitfall_1_both_normal_forms_side_by_side() -> None:
    one = "Quyết định số 01.txt"
    assert codes(one.encode(), unicodedata.normalize("NFD", one).encode()) == {"PKG-NAME-NORMALISATION": 1}


def test_pitfall_9_names_that_differ_by_case() -> None:
    assert codes(b"A.txt", b"a.txt", b"b.txt") == {"PKG-NAME-CASE": 1}
    assert codes("đ/x".encode(), "Đ/x".encode()) == {"PKG-NAME-CASE": 1}


@pytest.mark.parametrize("twin", ["c\u043eng van/x", "C\u041eNG van/x", "c\u03bfng van/x", "\u0441\u043eng v\u0430n/x"])
def test_names_that_people_take_for_one(twin: str) -> None:
    assert codes(b"cong van/x", twin.encode()) == {"PKG-NAME-ALIKE": 1}
    assert codes(twin.encode(), b"cong van/y") == {}


def test_names_that_differ_in_what_stands_behind() -> None:
    assert codes(b"a", b"a.") == {"PKG-NAME-ALIKE": 1, "PKG-NAME-TRAILING": 1}
    assert codes(b"a /x", b"a/x") == {"PKG-NAME-ALIKE": 1}
    assert codes("Ðơn.txt".encode(), "Đơn.txt".encode()) == {"PKG-NAME-ALIKE": 1}
    assert codes("приказ".encode(), "Приказ.".encode(), b"1", b"I", b"l") == {"PKG-NAME-ALIKE": 1, "PKG-NAME-TRAILING": 1}
    assert codes(b"a", b"b", b"a/b", b"b/a") == {}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"a\x01", "PKG-NAME-CONTROL"),
        (b"a\rb", "PKG-NAME-CONTROL"),
        (b"\xff", "PKG-NAME-NOT-UTF8"),
        (b"dot.", "PKG-NAME-TRAILING"),
        (b"d/space ", "PKG-NAME-TRAILING"),
        (b"NUL", "PKG-NAME-RESERVED"),
        (b"com1.txt", "PKG-NAME-RESERVED"),
        (b"a:b", "PKG-NAME-UNPORTABLE"),
        (b"a\\b", "PKG-NAME-UNPORTABLE"),
        ("ế".encode() * 86, "PKG-NAME-LONG"),
        (b"x" * 256, "PKG-NAME-LONG"),
        (b"d/.DS_Store", "PKG-SYSTEM-FILE"),
        (b"Thumbs.db", "PKG-SYSTEM-FILE"),
    ],
)
def test_odd_names(name: bytes, code: str) -> None:
    assert codes(name) == {code: 1}


def test_ordinary_names_are_not_talked_about() -> None:
    assert codes("Hồ sơ 01/Văn bản (1).docx".encode(), b".htaccess", b"console.txt", b"x" * 255, ("ế" * 85).encode()) == {}


@settings(max_examples=100)
@given(st.binary(max_size=40))
def test_shown_names_are_one_printable_line(raw: bytes) -> None:
    shown = shown_name(raw)
    shown.encode()
    assert not any(unicodedata.category(each) == "Cc" for each in shown)

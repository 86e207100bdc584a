"""Folding for search: the same for text that has nothing to take apart as for any other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repository.catalog.folding import fold


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_is_folded_as_any_text_is(text: str) -> None:
    assert f"{fold(text)} e".strip() == fold(f"{text} é")


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    once = fold(text)
    assert fold(once) == fold(fold(once))
    assert once == " ".join(once.split())


def test_case_marks_and_forms_do_not_matter() -> None:
    assert fold("  Đất\tĐAI, 1/500  ") == fold("đa\u0302\u0301t đai, 1/500") == "dat dai, 1/500"

"""What an accepted comparison says of itself in PREMIS is read back as it was."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from formats.properties import Compared, read_told

MEASURES = st.none() | st.floats(0, 1_000, allow_nan=False)
FACTS = st.dictionaries(st.sampled_from(["pages", "words", "found"]), st.integers(0, 10**9))


@given(measure=MEASURES, limit=st.sampled_from([">= 0.9", "<= 0.5"]), facts=FACTS)
def test_what_was_told_is_read_back(measure: float | None, limit: str, facts: dict[str, int]) -> None:
    was = Compared("look", True, measure, facts=facts, limit="" if measure is None else limit)
    now = read_told("look", was.told())
    assert (now.name, now.limit, now.facts) == (was.name, was.limit, was.facts)
    if measure is None:
        assert now.measure is None
    else:
        assert now.measure is not None
        assert math.isclose(now.measure, measure, rel_tol=1e-5)


def test_words_of_others_are_no_measure() -> None:
    assert read_told("look", "as good as new").measure is None
    assert read_told("look", "").measure is None

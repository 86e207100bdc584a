"""One verdict over all findings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.acceptance import judge, waivable, weigh
from policies.archive import parse_policy
from policies.codes import register
from policies.findings import Verdict, Weight

COPIES = '[copies.default]\ntiers = ["a", "b"]\nneed = 2\n'
POLICY = parse_policy(COPIES)
ORDER = {Verdict.ACCEPT: 0, Verdict.HOLD: 1, Verdict.REFUSE: 2}
HOLD = "DEP-ID-KNOWN"
WARNING = "DEP-DUPLICATE-INSIDE"
ERROR = "MAL-FOUND"

codes = st.sampled_from([*sorted(register()), "NOT-REGISTERED"])
counts = st.dictionaries(codes, st.integers(1, 9), max_size=8)


def test_nothing_found_is_accepted() -> None:
    assert judge({}, POLICY) is Verdict.ACCEPT


def test_each_weight_has_its_verdict() -> None:
    assert judge({WARNING: 3, "MAL-NO-SCANNER": 1}, POLICY) is Verdict.ACCEPT
    assert judge({WARNING: 3, HOLD: 1}, POLICY) is Verdict.HOLD
    assert judge({HOLD: 1, ERROR: 1}, POLICY) is Verdict.REFUSE


def test_an_unregistered_code_refuses_even_when_waived() -> None:
    assert judge({"NOT-REGISTERED": 1}, POLICY) is Verdict.REFUSE
    assert judge({"NOT-REGISTERED": 1}, POLICY, waived=["NOT-REGISTERED"]) is Verdict.REFUSE


def test_a_count_of_zero_is_no_finding() -> None:
    assert judge({ERROR: 0}, POLICY) is Verdict.ACCEPT


def test_policy_changes_weights() -> None:
    strict = parse_policy(COPIES + f'[accept]\nduplicates = "refuse"\n[accept.weights]\n"{HOLD}" = "warn"\n')
    assert weigh(HOLD, strict) is Weight.WARNING
    assert judge({HOLD: 1}, strict) is Verdict.ACCEPT
    assert judge({WARNING: 1}, strict) is Verdict.REFUSE


def test_required_scanning_holds_what_was_not_scanned() -> None:
    assert judge({"MAL-NO-SCANNER": 1}, POLICY) is Verdict.ACCEPT
    assert judge({"MAL-NO-SCANNER": 1}, parse_policy(COPIES + "[malware]\nrequired = true\n")) is Verdict.HOLD


def test_release_lifts_exactly_the_holds_it_names() -> None:
    held = {HOLD: 2, WARNING: 1}
    assert waivable(held, POLICY) == {HOLD}
    assert judge(held, POLICY, waived=waivable(held, POLICY)) is Verdict.ACCEPT
    assert judge(held, POLICY, waived=[WARNING]) is Verdict.HOLD
    assert judge({**held, ERROR: 1}, POLICY, waived=[HOLD, ERROR]) is Verdict.REFUSE


@settings(max_examples=200, deadline=None)
@given(counts, codes, st.integers(1, 5), st.sets(codes, max_size=4))
def test_another_finding_never_makes_the_verdict_lighter(found: dict[str, int], code: str, more: int, waived: set[str]) -> None:
    before = judge(found, POLICY, waived=waived)
    after = judge({**found, code: found.get(code, 0) + more}, POLICY, waived=waived)
    assert ORDER[after] >= ORDER[before]


@settings(max_examples=100, deadline=None)
@given(counts, st.sets(codes, max_size=4))
def test_a_waiver_never_lifts_a_refusal(found: dict[str, int], waived: set[str]) -> None:
    if judge(found, POLICY) is Verdict.REFUSE:
        assert judge(found, POLICY, waived=waived) is Verdict.REFUSE

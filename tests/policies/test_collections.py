"""Collections: which records belong to them, in which order, and that no period of theirs breaks a promise or the law."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.archive import ArchivePolicyError, parse_policy
from policies.audits import OLD, RISKY_FOR, ahead, algorithm, next_check, next_look
from policies.collections import RecordCollection, collection_of
from policies.promise import Place

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 26, tzinfo=UTC)
COPIES = '[copies.default]\ntiers = ["a", "b"]\nneed = 1\n[audit.b]\nevery = "60d"\n'
CIVIL = '[collections."Hộ tịch"]\nproducers = ["Sở Tư pháp*"]\nfields.fonds = ["HT-??", "Phông *"]\naudit.a.every = "30d"\n'


def test_all_conditions_must_be_met_each_by_one_pattern() -> None:
    (civil,) = parse_policy(COPIES + CIVIL).collections
    assert civil.holds("Sở Tư pháp Hà Nội", {"fonds": ["x", "HT-01"]})
    assert civil.holds("Sở Tư pháp", {"fonds": ["Phông Sở Tư pháp\n(1976–2000)"]})
    assert not civil.holds("UBND", {"fonds": ["HT-01"]})
    assert not civil.holds("Sở Tư pháp", {"fonds": ["HT-001"]})
    assert not civil.holds("Sở Tư pháp", {"title": ["HT-01"]})
    assert not civil.holds("sở tư pháp", {"fonds": ["HT-01"]})


def test_signs_are_themselves_and_accents_are_one_whatever_their_form() -> None:
    brackets = RecordCollection("x", producers=("[a] (b).+",))
    assert brackets.holds("[a] (b).+", {})
    assert not brackets.holds("a b", {})
    composed, apart = (unicodedata.normalize(form, "Sở Tư pháp") for form in ("NFC", "NFD"))
    assert composed != apart
    assert RecordCollection("x", producers=(composed,)).holds(apart, {})
    assert RecordCollection("x", producers=(apart,)).holds(composed, {})


def test_the_first_in_the_file_wins() -> None:
    both = '[collections.wide]\nproducers = ["*"]\n[collections.narrow]\nproducers = ["UBND"]\n'
    policy = parse_policy(COPIES + both)
    assert [each.name for each in policy.collections] == ["wide", "narrow"]
    assert collection_of(policy.collections, "UBND", {}) == "wide"
    assert collection_of(tuple(reversed(policy.collections)), "UBND", {}) == "narrow"
    assert collection_of(policy.collections[1:], "Sở", {}) == ""


def test_periods_go_from_the_collection_over_the_tier_to_the_default() -> None:
    text = COPIES + CIVIL + 'audit.a.look_every = "7d"\naudit.b.retry = "2d"\n'
    policy = parse_policy(text)
    assert policy.audit("a").every == 90 * DAY
    assert policy.audit("a", "Hộ tịch").every == 30 * DAY
    assert policy.audit("a", "Hộ tịch").full_every == 365 * DAY
    assert policy.audit("b", "Hộ tịch").every == 60 * DAY
    assert policy.audit("b", "Hộ tịch").retry == 2 * DAY
    assert policy.audit("a", "no such") == policy.audit("a")
    assert policy.longest("a") == 90 * DAY
    assert next_check(policy, "a", NOW, collection="Hộ tịch") == NOW + 30 * DAY
    assert next_check(policy, "a", NOW) == NOW + 90 * DAY
    assert next_look(policy, "a", NOW, collection="Hộ tịch") == NOW + 7 * DAY
    assert next_look(policy, "a", NOW) is None
    assert next_look(policy, "a", NOW, good=False, collection="Hộ tịch") is None


def test_the_full_check_follows_the_collections_own_cycle() -> None:
    policy = parse_policy(COPIES + CIVIL + 'audit.a.full_every = "30d"\n')
    last = NOW - DAY
    assert algorithm(policy, "a", last, NOW, collection="Hộ tịch") == "sha512"
    assert algorithm(policy, "a", last, NOW) == "sha256"


SPREAD = """
[copies.default]
tiers = ["a", "b"]
need = 2
[collections.x]
producers = ["p"]
copies.tiers = ["a", "b", "c"]
copies.need = 3
copies.sites = 2
[collections.y]
producers = ["q"]
copies.media = 2
[collections.z]
producers = ["r"]
"""
PLACES = {"a": Place("Hà Nội"), "b": Place("Hà Nội", "tape"), "c": Place("Huế")}


def test_a_collection_is_promised_what_it_says_and_else_the_default() -> None:
    policy = parse_policy(SPREAD, tiers=PLACES)
    x, y = policy.copies_of("x"), policy.copies_of("y")
    assert (x.tiers, x.need, x.sites, x.media) == (("a", "b", "c"), 3, 2, 1)
    assert (y.tiers, y.need, y.sites, y.media) == (("a", "b"), 2, 1, 2)
    assert policy.copies_of("z") is policy.copies_of("") is policy.copies_of("no such") is policy.copies
    assert policy.promise_to("p", {}) is x
    assert policy.promise_to("r", {}) is policy.copies
    assert list(policy.promises) == ["", "x", "y", "z"]
    assert policy.tiers == ("a", "b", "c")
    assert (policy.one_promise, parse_policy(COPIES + CIVIL).one_promise) == (False, True)
    assert (x.enough("ab"), x.enough("abc"), policy.copies.enough("ab")) == (False, True, True)
    assert y.enough("ab")


@pytest.mark.parametrize(
    ("said", "code", "key"),
    [
        ('copies.tiers = ["a", "d"]', "POL-TIER", "copies.tiers"),
        ("copies.need = 1", "POL-VALUE", "copies.need"),
        ('copies.tiers = ["c"]', "POL-PROMISE", "copies.need"),
        ('copies.tiers = ["c"]\ncopies.need = 1', "POL-VALUE", "copies.need"),
        ("copies.need = 3", "POL-PROMISE", "copies.need"),
        ("copies.sites = 2", "POL-SITES", "copies.sites"),
        ("copies.media = 3", "POL-MEDIA", "copies.media"),
        ("copies.worm = 1", "POL-WORM", "copies.worm"),
        ("copies.online = 3", "POL-ONLINE", "copies.online"),
        ('copies.tier = ["a"]', "POL-KEY", "copies.tier"),
        ('copies = ["a"]', "POL-TYPE", "copies"),
    ],
)
def test_a_promise_to_a_collection_is_kept_and_lawful_or_refused(said: str, code: str, key: str) -> None:
    default = '[copies.default]\ntiers = ["a", "b"]\nneed = 2\n[collections.x]\nproducers = ["p"]\n'
    with pytest.raises(ArchivePolicyError) as refused:
        parse_policy(default + said + "\n", tiers=PLACES)
    assert (refused.value.code, f"collections.x.{key}" in str(refused.value)) == (code, True)


def test_where_one_copy_is_the_default_a_collection_says_how_many_it_wants() -> None:
    said = COPIES + '[collections.x]\nproducers = ["p"]\ncopies.tiers = ["b", "a"]\n'
    with pytest.raises(ArchivePolicyError, match="27"):
        parse_policy(said)
    assert parse_policy(said + "copies.need = 2\n").copies_of("x").tiers == ("b", "a")


@pytest.mark.parametrize(
    ("text", "code", "key"),
    [
        ('[collections.x]\nproducers = ["p"]\naudit.a.every = "4y"\naudit.a.full_every = "5y"\n', "POL-VALUE", "audit.a.every"),
        ('[collections.x]\nproducers = ["p"]\naudit.a.every = "2y"\n', "POL-VALUE", "audit.a.full_every"),
        ('[collections.x]\nproducers = ["p"]\naudit.a.bytes_per_day = "1GB"\n', "POL-KEY", "audit.a.bytes_per_day"),
        ('[collections.x]\nproducers = ["p"]\naudit.a.quiet = "01:00-02:00"\n', "POL-KEY", "audit.a.quiet"),
        ('[collections.x]\nproducers = ["p"]\naudit.c.every = "9d"\n', "POL-TIER", "audit.c"),
        ('[collections.x]\nproducers = ["p"]\naudit.default.every = "9d"\n', "POL-TIER", "audit.default"),
        ("[collections.x]\n", "POL-VALUE", "collections.x"),
        ('[collections.x]\naudit.a.every = "9d"\n', "POL-VALUE", "collections.x"),
        ("[collections.x]\nfields.fonds = []\n", "POL-VALUE", "collections.x"),
        ('[collections.""]\nproducers = ["p"]\n', "POL-VALUE", "collections"),
        ('[collections.x]\nproducer = ["p"]\n', "POL-KEY", "collections.x.producer"),
        ('[collections.x]\nproducers = "p"\n', "POL-TYPE", "collections.x.producers"),
        ('[audit.default]\nlook_every = "90d"\n', "POL-VALUE", "audit.default.look_every"),
        ('[audit.default]\nlook_every = "30min"\n', "POL-VALUE", "audit.default.look_every"),
    ],
)
def test_what_cannot_be_promised_is_refused(text: str, code: str, key: str) -> None:
    with pytest.raises(ArchivePolicyError) as raised:
        parse_policy(COPIES + text)
    assert raised.value.code == code
    assert key in str(raised.value)


def test_the_line_of_a_dotted_key_is_named() -> None:
    with pytest.raises(ArchivePolicyError, match=r"audit\.a\.every \(line 8\)"):
        parse_policy(COPIES + '[collections."Hồ sơ"]\nproducers = ["p"]\naudit.a.every = "4y"\n')


def test_an_empty_text_takes_looks_back() -> None:
    policy = parse_policy(COPIES + 'look_every = ""\n[audit.default]\nlook_every = "7d"\n')
    assert policy.audit("a").look_every == 7 * DAY
    assert policy.audit("b").look_every is None


def test_a_lock_lasts_for_the_longest_period_on_its_tier() -> None:
    slow = '[collections.slow]\nproducers = ["p"]\naudit.a.every = "300d"\n[worm.a]\nlock = "400d"\n'
    with pytest.raises(ArchivePolicyError, match="300"):
        parse_policy(COPIES + slow)
    assert parse_policy(COPIES + slow.replace('"400d"', '"600d"')).worm["a"] == 600 * DAY


def test_old_media_count_as_waiting_longer_but_never_without_bound() -> None:
    policy = parse_policy(COPIES)
    every = policy.audit("a").every
    old, new = NOW.date() - OLD, NOW.date()
    assert ahead(policy, "a", None, NOW) == ahead(policy, "a", None, NOW, in_service=new) == timedelta(0)
    assert ahead(policy, "a", None, NOW, in_service=old) == every / 4
    assert ahead(policy, "a", NOW - DAY, NOW, in_service=old) == every * 3 / 4
    assert ahead(policy, "a", NOW - RISKY_FOR, NOW, in_service=old) == every / 4


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.booleans())
def test_the_weight_of_risk_stays_below_a_period(since: date, risky: bool) -> None:
    policy = parse_policy(COPIES)
    weight = ahead(policy, "a", NOW - DAY if risky else None, NOW, in_service=since)
    assert timedelta(0) <= weight < policy.audit("a").every

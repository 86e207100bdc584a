"""policy.toml: what it says, and that nothing in it is silently ignored or impossible."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import timedelta

import pytest

from formats.package.limits import Limits
from policies.archive import (
    FIXED_CODES,
    LIMITS,
    NOT_SCANNED,
    SETTING_CODES,
    ArchivePolicyError,
    default_policy_text,
    parse_policy,
)
from policies.codes import register
from policies.findings import Weight
from policies.promise import Place

COPIES = '[copies.default]\ntiers = ["a", "b"]\nneed = 2\n'
DAY = timedelta(days=1)


def refused(text: str, code: str, *words: str, tiers: dict[str, Place] | None = None) -> ArchivePolicyError:
    with pytest.raises(ArchivePolicyError) as caught:
        parse_policy(text, tiers=tiers)
    assert caught.value.code == code
    for language in ("en", "vi"):
        said = caught.value.finding.text(language)
        assert "{" not in said, said
        for word in words:
            assert (word if language == "en" else word.replace("(line ", "(dòng ")) in said, said
        assert caught.value.finding.todo(language)
    return caught.value


def test_the_default_text_is_a_policy_that_says_the_defaults() -> None:
    policy = parse_policy(default_policy_text(), tiers=dict.fromkeys("ab", Place()))
    bare = parse_policy(COPIES)
    assert policy.version == bare.version == 1
    assert policy.copies == bare.copies
    assert policy.copies.tiers == ("a", "b")
    assert policy.copies.need == 2
    assert policy.audit("a") == bare.audit("a")
    assert policy.audit("a").every == 90 * DAY
    assert (policy.refused_keep, policy.held_keep) == (bare.refused_keep, bare.held_keep) == (180 * DAY, 30 * DAY)
    assert policy.malware_required is bare.malware_required is False
    assert policy.identify is bare.identify is True
    assert not parse_policy(COPIES + "[identify]\nenabled = false\n").identify


def test_the_default_text_for_one_tier_asks_for_one_copy_and_takes_any_name() -> None:
    assert parse_policy(default_policy_text(["đĩa-1"])).copies.need == 1


def test_digest_is_of_the_very_bytes() -> None:
    raw = COPIES.encode()
    assert parse_policy(raw).digest == hashlib.sha256(raw).hexdigest()
    assert parse_policy(COPIES).digest == parse_policy(raw).digest
    assert parse_policy(COPIES + "\n").digest != parse_policy(COPIES).digest


def test_everything_that_can_be_said() -> None:
    policy = parse_policy(
        "version = 7\n" + COPIES + '[audit.default]\nevery = "30d"\nfull_every = "12w"\nbytes_per_day = "2TiB"\nretry = "6h"\n'
        '[audit.b]\nevery = "60d"\n'
        '[accept]\nunknown_format = "hold"\nduplicates = "info"\nrequired_fields = ["title", "date"]\n'
        '[accept.weights]\n"DEP-ID-KNOWN" = "refuse"\n'
        '[refused]\nkeep = "1y"\n[held]\nkeep = "2w"\n[malware]\nrequired = true\n[limits]\nitems = 5\ntotal_bytes = "1.5GiB"\n',
        tiers=dict.fromkeys("abc", Place()),
    )
    assert policy.version == 7
    assert policy.audit("a").bytes_per_day == policy.audit("b").bytes_per_day == 2 * 2**40
    assert policy.audit("a").every == 30 * DAY
    assert policy.audit("b").every == 60 * DAY
    assert policy.audit("b").full_every == 84 * DAY
    assert policy.audit("c").retry == timedelta(hours=6)
    assert policy.weights["DEP-DUPLICATE-INSIDE"] is policy.weights["DEP-DUPLICATE-HOLDINGS"] is Weight.INFO
    assert policy.weights["DEP-ID-KNOWN"] is Weight.ERROR
    assert policy.weights["MAL-NO-SCANNER"] is Weight.HOLD
    assert policy.required_fields == ("title", "date")
    assert policy.refused_keep == 365 * DAY
    assert policy.held_keep == 14 * DAY
    assert policy.malware_required
    assert policy.limits == {"items": 5, "total_bytes": 3 * 2**29}


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("copies = [", "POL-SYNTAX", "TOML"),
        ("version = 1\n", "POL-MISSING", "copies.default.tiers"),
        ('[copies.default]\ntiers = ["a"]\n', "POL-MISSING", "copies.default.need"),
        ("versoin = 1\n" + COPIES, "POL-KEY", "versoin (line 1)"),
        (COPIES + '[copies.secret]\ntiers = ["a"]\nneed = 1\n', "POL-KEY", "copies.secret (line 4)"),
        (COPIES + '[audit.default]\nevry = "90d"\n', "POL-KEY", "audit.default.evry (line 5)"),
        (COPIES + '[accept]\nunknown_formats = "warn"\n', "POL-KEY", "accept.unknown_formats"),
        (COPIES + "[limits]\nfile = 3\n", "POL-KEY", "limits.file"),
        ("copies = 3\n", "POL-TYPE", "copies (line 1)"),
        ('[copies.default]\ntiers = ["a"]\nneed = true\n', "POL-TYPE", "copies.default.need (line 3)"),
        ('[copies.default]\ntiers = ["a", 1]\nneed = 1\n', "POL-TYPE", "copies.default.tiers"),
        ('[copies.default]\ntiers = "a"\nneed = 1\n', "POL-TYPE", "copies.default.tiers"),
        ('[copies.default]\ntiers = ["a", "a"]\nneed = 2\n', "POL-VALUE", "copies.default.tiers"),
        ('[copies.default]\ntiers = ["a"]\nneed = 0\n', "POL-VALUE", "copies.default.need"),
        ('[copies.default]\ntiers = ["a"]\nneed = 2\n', "POL-PROMISE", "copies.default.need (line 3)"),
        (COPIES + '[audit.default]\nevery = "90"\n', "POL-VALUE", "audit.default.every"),
        (COPIES + '[audit.default]\nevery = "0d"\n', "POL-VALUE", "audit.default.every"),
        (COPIES + '[audit.default]\nevery = "999999y"\n', "POL-VALUE", "audit.default.every"),
        (COPIES + '[audit.default]\nevery = "2y"\n', "POL-VALUE", "audit.default.full_every"),
        (COPIES + '[audit.default]\nevery = "4y"\nfull_every = "5y"\n', "POL-VALUE", "audit.default.every"),
        (COPIES + '[audit.default]\nbytes_per_day = "2 lorries"\n', "POL-VALUE", "audit.default.bytes_per_day"),
        (COPIES + "[audit.default]\nbytes_per_day = 0\n", "POL-VALUE", "audit.default.bytes_per_day"),
        (COPIES + '[audit.q]\nevery = "9d"\n', "POL-TIER", "audit.q (line 4)"),
        (COPIES + '[accept]\nunknown_format = "maybe"\n', "POL-VALUE", "accept.unknown_format"),
        (COPIES + '[accept.weights]\n"NO-SUCH-CODE" = "info"\n', "POL-CODE", "NO-SUCH-CODE"),
        (COPIES + '[accept.weights]\n"MAL-FOUND" = "info"\n', "POL-VALUE", "MAL-FOUND"),
        (COPIES + '[accept]\nduplicates = "hold"\n[accept.weights]\n"DEP-DUPLICATE-INSIDE" = "info"\n', "POL-VALUE", "INSIDE"),
        (COPIES + '[accept.weights]\n"MAL-NO-SCANNER" = "info"\n[malware]\nrequired = true\n', "POL-VALUE", "malware.required"),
        (COPIES + "[refused]\nkeep = 180\n", "POL-TYPE", "refused.keep"),
        (COPIES + "[limits]\nratio = 0\n", "POL-VALUE", "limits.ratio"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, code: str, word: str) -> None:
    refused(text, code, word, "policy.toml")


def test_a_tier_that_kho_toml_does_not_know() -> None:
    refused(COPIES, "POL-TIER", "b", "copies.default.tiers (line 2)", tiers=dict.fromkeys("ac", Place()))


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ArchivePolicyError) as caught:
        parse_policy(b"\xff\xfe")
    assert caught.value.code == "POL-SYNTAX"


def test_an_audit_override_for_a_known_tier_without_promised_copies() -> None:
    policy = parse_policy(COPIES + '[audit.c]\nevery = "9d"\n', tiers=dict.fromkeys("abc", Place()))
    assert policy.audit("c").every == 9 * DAY


def test_every_limit_can_be_set() -> None:
    text = COPIES + "[limits]\n" + "".join(f"{limit} = 9\n" for limit in LIMITS)
    limits = parse_policy(text).limits
    assert set(limits) == LIMITS
    assert Limits(**limits).ratio == 9
    assert {each.name for each in fields(Limits)} == LIMITS


def test_the_codes_that_settings_speak_of_are_registered() -> None:
    named = {code for codes in SETTING_CODES.values() for code in codes} | FIXED_CODES | set(NOT_SCANNED)
    assert named <= set(register())


def test_the_codes_of_this_family_have_all_texts() -> None:
    for code in register().values():
        if code.family in ("archive", "acceptance"):
            assert code.source
            assert all(code.text.values()), code.code
            assert all(code.todo.values()), code.code

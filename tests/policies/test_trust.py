"""The dated algorithm policy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policies.archive import default_policy_text, parse_policy
from policies.trust import AlgorithmsError, End, default_algorithms, earliest, parse_algorithms

Y2029 = datetime(2029, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scheme", "bits", "ends"),
    [
        ("rsa-pkcs1v15", 4096, Y2029),  # of every size
        ("rsa-pkcs1v15", 2048, Y2029),
        ("rsa-pss", 2048, Y2029),
        ("rsa-pss", 3072, None),
        ("ecdsa", 256, None),
        ("ecdsa", 384, None),
    ],
)
def test_signatures_end_as_the_guidance_says(scheme: str, bits: int, ends: datetime | None) -> None:
    assert default_algorithms().signature_end(scheme, bits).when == ends


def test_what_nobody_vouches_for_has_ended() -> None:
    long_ago = datetime(1990, 1, 1, tzinfo=UTC)
    policy = default_algorithms()
    for end in (policy.hash_end("md4"), policy.signature_end("dsa", 3072), policy.signature_end("rsa-pss", 512)):
        assert end.when is not None
        assert end.when < long_ago


def test_the_earliest_end_counts_and_no_end_is_none() -> None:
    assert earliest([End("hash", "sha256", None)]) is None
    first = End("signature", "rsa-pkcs1v15 2048", Y2029)
    assert earliest([End("hash", "sha256", None), first, End("hash", "x", datetime(2040, 1, 1, tzinfo=UTC))]) is first


@pytest.mark.parametrize(
    "wrong",
    [
        'version = 1\nsource = "s"\nissued = "i"\n[hash]\nsha256 = "soon"',
        'version = 1\nsource = "s"\nissued = "i"\n[signature]\nx = [[3000, ""], [2000, ""]]',
        'version = 1\nsource = "s"\nissued = "i"\n[signature]\nx = [["2000", ""]]',
        'version = 1\nsource = "s"\nissued = "i"\nother = 1',
        'source = "s"\nissued = "i"',
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(wrong: str) -> None:
    with pytest.raises(AlgorithmsError):
        parse_algorithms(wrong.encode(), name="a.toml")


def test_the_archive_says_how_evidence_is_made() -> None:
    text = default_policy_text().replace('lead = "180d"', 'lead = "1y"\nlargest = 1000')
    policy = parse_policy(text).evidence
    assert (policy.lead.days, policy.largest, policy.every.days) == (365, 1000, 1)

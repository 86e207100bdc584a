"""docs/policy.md names every key that the files may have, and its examples are true."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from formats.package.limits import LIMITS
from policies.archive import FIXED_CODES, SETTING_CODES, AuditPolicy, default_policy_text, parse_policy
from policies.document import size

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "key",
    [*(each.name for each in fields(AuditPolicy)), *SETTING_CODES, "required_fields", "tiers", "need", "required"]
    + [each.name for each in fields(LIMITS)],
)
def test_every_key_is_described(key: str) -> None:
    assert f"`{key}`" in TEXT


def test_codes_are_named() -> None:
    for code in [*FIXED_CODES, *(code for codes in SETTING_CODES.values() for code in codes)]:
        assert code in TEXT, code


def test_the_defaults_that_are_told_are_the_defaults() -> None:
    told = dict(re.findall(r"^\| `([a-z_.]+)` \| `\"([0-9]+[a-z]+)\"` \|", TEXT, re.MULTILINE))
    policy = parse_policy(default_policy_text())
    kept = {"every": "90d", "full_every": "1y", "retry": "1d", "refused.keep": "180d", "held.keep": "30d", "jobs.keep": "90d"}
    assert told == kept
    assert policy.audit_default.full_every.days == 365
    section = TEXT[TEXT.index("### `[limits]`") : TEXT.index("## kho.toml")]
    rows = re.findall(r"^\| `([a-z_]+)` \| ([0-9][^|]*) \|", section, re.MULTILINE)
    assert {name: size(shown.replace(",", "")) for name, shown in rows} == asdict(LIMITS)


def test_the_examples_can_be_used() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    policy = "".join(block for block in blocks if "[[" not in block).replace('"disk-hcm"', '"tape"')
    parsed = parse_policy(policy)
    assert parsed.audit("tape").full_every.days == 730
    assert parsed.copies.need == 2

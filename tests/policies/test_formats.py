"""Format policy: what is shipped is whole and can be carried out; what an archive says otherwise is read strictly."""

from __future__ import annotations

import pytest

from formats.migrate import MIGRATORS
from formats.properties import COMPARISONS, Kind
from policies.findings import Puid
from policies.formats import FormatPolicyError, Standing, format_policy


def test_everything_it_names_is_there() -> None:
    policy = format_policy()
    for path in policy.paths.values():
        assert path.recipe in MIGRATORS[path.tool].recipes, path
        assert path.kind in [*Kind], path
        assert {each.name for each in path.compare} <= set(COMPARISONS), path
        assert policy.sources_of(path.name), f"no format goes by {path.name}"
        for target in path.targets:
            assert policy.rule(target).standing in (Standing.PREFERRED, Standing.ACCEPTABLE), f"{path.name} leads to {target}"


def test_everything_at_risk_has_a_way_out_or_says_whom_to_ask() -> None:
    policy = format_policy()
    for rule in policy.rules.values():
        assert rule.reason["en"], rule
        assert rule.reason["vi"], rule
        assert rule.sources, rule
        assert rule.kind in [*Kind] or not (rule.kind or rule.paths), rule
        if rule.standing is Standing.AT_RISK and not rule.paths:
            assert "ask the producer" in rule.reason["en"], rule


def test_what_nobody_thought_about_is_unknown() -> None:
    assert format_policy().rule(Puid("fmt/99999")).standing is Standing.UNKNOWN


OWN = """
[paths.mine]
tool = "ghostscript"
recipe = "pdfa-2b"
targets = ["fmt/477"]
kind = "pdf"
compare = ["pages", "look >= 0.99"]

[[formats]]
puids = ["fmt/276"]
name = "PDF 1.7"
family = "text"
kind = "pdf"
standing = "at-risk"
reason_en = "Here, only PDF/A is kept."
reason_vi = "Ở đây chỉ lưu PDF/A."
sources = ["QĐ 12"]
paths = ["mine"]
"""


def test_an_archive_says_what_it_thinks_otherwise() -> None:
    policy = format_policy(OWN.encode())
    assert policy.rule(Puid("fmt/276")).standing is Standing.AT_RISK
    assert policy.rule(Puid("fmt/20")).standing is Standing.ACCEPTABLE
    assert [(each.name, each.least) for each in policy.paths["mine"].compare] == [("pages", None), ("look", 0.99)]
    assert policy.digest != format_policy().digest


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('standing = "at-risk"', 'standing = "bad"', "POL-VALUE"),
        ('paths = ["mine"]', 'paths = ["yours"]', "POL-VALUE"),
        ('puids = ["fmt/276"]', 'puids = ["276"]', "POL-VALUE"),
        ('"look >= 0.99"', '"look >= much"', "POL-VALUE"),
        ('compare = ["pages", "look >= 0.99"]', "compare = []", "POL-VALUE"),
        ('kind = "pdf"\nstanding', 'knid = "pdf"\nstanding', "POL-KEY"),
        ('kind = "pdf"\ncompare', "compare", "POL-MISSING"),
        ('kind = "pdf"\nstanding', "standing", "POL-VALUE"),
        ('tool = "ghostscript"', 'tool = "ghostscript"\nspeed = 1', "POL-KEY"),
        ('tool = "ghostscript"', 'tool = "ghostscript"\nloses = ["everything"]', "POL-VALUE"),
        ('reason_vi = "Ở đây chỉ lưu PDF/A."', "", "POL-MISSING"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(old: str, new: str, code: str) -> None:
    assert old in OWN
    with pytest.raises(FormatPolicyError) as error:
        format_policy(OWN.replace(old, new).encode())
    assert error.value.code == code

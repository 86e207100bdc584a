"""Why a path is not valid: said in the reader's language, with the name of the certificate."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pyhanko_certvalidator import errors, validate
from pyhanko_certvalidator.errors import PathError

from policies.findings import spoken
from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from signatures.path_words import told
from tests.signatures.houses import Holder, root, year
from tests.signatures.judging import read

Made = Callable[[Holder], Holder]


@pytest.mark.parametrize(
    ("made", "key"),
    [
        (lambda top: top.issue("CA Một"), "path-no-ca"),
        (lambda top: top.issue("CA Một", ca=True, usage={"crl_sign"}), "path-may-not-issue"),
    ],
)
def test_a_path_that_is_not_valid(tmp_path: Path, made: Made, key: str) -> None:
    top = root()
    ca = made(top)
    signer = ca.issue("Signer")
    context = Context(Anchors.of([top.certificate]), default_algorithms(), year(2026, 6))
    beside = ValidationData((ca.certificate,), (top.crl(made=year(2026, 5, 20)),))
    why = judge(read(tmp_path, signer.sign(b"x", ca)), context, beside=[beside])[0].verdict.why
    assert why is not None
    assert why.code == "SIG-CHAIN-INVALID"
    assert key in str(why.args["reason"])
    assert "CA Một" in why.text("vi")
    assert "path" not in why.text("vi")


@pytest.mark.parametrize(
    ("state", "key"),
    [("expired 2024-01-01 00:00:00Z", "path-ended"), ("is not valid until 2027-01-01 00:00:00Z", "path-not-yet")],
)
def test_a_certificate_that_is_not_in_its_time(state: str, key: str) -> None:
    """These two sentences stand with the errors of the library, not with its validation."""
    said = f"The path could not be validated because intermediate certificate 1 {state}"
    assert key in told(PathError(said), ["CA", "Signer"])
    assert re.sub(r" \d.*", "", state) in inspect.getsource(errors)


def test_each_certificate_is_named_by_its_place() -> None:
    names = ["One", "Two", "Three"]
    for words, name in (
        ("the intermediate certificate 1 is not a CA", "One"),
        ("intermediate certificate 2 is not a CA", "Two"),
        ("the end-entity certificate is not a CA", "Three"),
    ):
        assert name in spoken(told(PathError(words), names), "vi")
    assert "key_attestation" in spoken(told(PathError("the following unsupported critical extension: key_attestation"), names))


def test_what_is_not_known_is_quoted() -> None:
    said = spoken(told(PathError("a new reason"), ["CA"]), "vi")
    assert "“a new reason”" in said
    assert "RFC 5280" in said


def test_everything_that_the_library_says_of_paths_today_is_known() -> None:
    """Its sentences begin alike; each of them but those of attribute certificates and revocation has a phrase."""
    source = re.sub(r"\"\s*\n\s*f?\"", "", inspect.getsource(validate))
    sentences = re.findall(r"f?\"(The path could not be validated because [^\"]*)\"", source)
    ours = [each for each in sentences if not re.search("revocation|AA certificate|disallowed|CRL|OCSP", each)]
    assert len(ours) > 8
    for each in ours:
        words = each.replace("{proc_state.describe_cert()}", "the end-entity certificate")
        words = re.sub(r"\{'s' if[^}]*\}", "s", words)
        assert "path-other" not in told(PathError(words), ["CA"]), words

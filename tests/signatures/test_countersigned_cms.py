"""Counter-signatures of CMS (RFC 5652, 11.4): also of one another; one that cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from asn1crypto import cms  # type: ignore[import-untyped]

from signatures import countersigned
from signatures.attributes import COUNTERSIGNATURE
from signatures.report import Integrity, Role, SubIndication
from signatures.signed import SignedObject
from tests.signatures.cms_attributes import with_attribute
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day

GOOD, BAD, UNSURE = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN


def first_of(data: bytes) -> cms.SignerInfo:
    return cms.ContentInfo.load(data)["content"]["signer_infos"][0]


def hung_on(pki: Pki, levels: int, *, last: bytes = b"") -> bytes:
    """A CMS with counter-signatures in one another; the innermost is over ``last`` instead."""
    chain = [pki.sign_cms(b"x", day(2026, 3), detached=False)]
    for level in range(levels):
        over = last if last and level == levels - 1 else first_of(chain[-1])["signature"].native
        chain.append(pki.sign_cms(over, day(2026, 3)))
    inner = chain.pop()
    while chain:
        inner = with_attribute(chain.pop(), COUNTERSIGNATURE, first_of(inner).dump())
    return inner


def countersignatures(folder: Path, data: bytes) -> list[SignedObject]:
    found = read(folder, data).objects
    assert found[0].integrity is GOOD
    return [each for each in found if each.role is Role.COUNTERSIGNATURE]


def test_those_in_one_another_are_judged(tmp_path: Path, pki: Pki) -> None:
    found = countersignatures(tmp_path, hung_on(pki, 3))
    assert [(each.name, each.integrity) for each in found] == [("1.1", GOOD), ("1.1.1", GOOD), ("1.1.1.1", GOOD)]
    found = countersignatures(tmp_path, hung_on(pki, 3, last=b"other"))
    assert [each.integrity for each in found] == [GOOD, GOOD, BAD]


def test_beyond_a_bound_none_is_judged_and_that_is_told(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(countersigned, "DEEPEST", 2)
    found = countersignatures(tmp_path, hung_on(pki, 4))
    assert [(each.integrity, each.failure) for each in found] == [
        (GOOD, None),
        (GOOD, None),
        (UNSURE, SubIndication.SIG_CONSTRAINTS_FAILURE),
    ]


@pytest.mark.parametrize("values", [[b"\4\4junk"], []], ids=["no sequence", "none"])
def test_one_that_cannot_be_read_is_told(tmp_path: Path, pki: Pki, values: list[bytes]) -> None:
    data = with_attribute(pki.sign_cms(b"x", day(2026, 3), detached=False), COUNTERSIGNATURE, *values)
    (one,) = countersignatures(tmp_path, data)
    assert (one.name, one.integrity, one.why.code if one.why else "") == ("1.1", UNSURE, "SIG-FORMAT")

"""Lists that list the certificates of others (RFC 5280, 5.2.5, 5.3.3 and 6.3.3 (b)): whom they speak of, and whom not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from tests.signatures.houses import DER, LISTS, Holder, root, year
from tests.signatures.judging import read

AT, MADE = year(2026, 6), year(2026, 5, 20)
REVOKED, UNKNOWN, PASSED = "INDETERMINATE/REVOKED_NO_POE", "INDETERMINATE/TRY_LATER", "TOTAL-PASSED"

Row = tuple[int, str | None]
"""A serial number, and the issuer that the entry names."""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def elsewhere(name: str) -> x509.ExtensionType:
    """A distribution point whose list ``name`` keeps."""
    return x509.CRLDistributionPoints([x509.DistributionPoint(None, None, None, [x509.DirectoryName(_name(name))])])


def listed(keeper: Holder, rows: Sequence[Row], *, indirect: bool = True) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name(keeper.name)).last_update(MADE)
    builder = builder.next_update(year(2026, 7))
    for serial, issuer in rows:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(year(2025))
        if issuer is not None:
            row = row.add_extension(x509.CertificateIssuer([x509.DirectoryName(_name(issuer))]), True)
        builder = builder.add_revoked_certificate(row.build())
    if indirect:
        point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
        builder = builder.add_extension(point, True)
    return builder.sign(keeper.key, hashes.SHA256()).public_bytes(DER)


class House:
    """A root, a CA whose certificates name ``keeper`` as who keeps their list, and a signer."""

    def __init__(self, keeper: str = "Lists") -> None:
        self.root = root()
        self.ca = self.root.issue("CA X", ca=True)
        self.keeper = self.root.issue("Lists", usage=LISTS)
        self.signer = self.ca.issue("Signer", more=[elsewhere(keeper)] if keeper else [])
        self.serial = self.signer.x509.serial_number

    def verdict(self, folder: Path, *crls: bytes, keeper: Holder | None = None) -> str:
        known = (self.ca.certificate, (keeper or self.keeper).certificate)
        beside = ValidationData(known, (self.root.crl(made=MADE), *crls))
        context = Context(Anchors.of([self.root.certificate]), default_algorithms(), AT)
        return str(judge(read(folder, self.signer.sign(b"x", self.ca)), context, beside=[beside])[0].verdict)


@pytest.fixture
def house() -> House:
    return House()


def test_the_list_that_the_certificate_refers_to_is_believed(tmp_path: Path, house: House) -> None:
    assert house.verdict(tmp_path, listed(house.keeper, [])) == PASSED
    assert house.verdict(tmp_path, listed(house.keeper, [(house.serial, "CA X")])) == REVOKED


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("other", "CA X"), ("own", None)], REVOKED),  # the issuer of the entry before
        ([("own", None)], PASSED),  # the number is one of the keeper's own certificates
        ([("own", "CA Y")], PASSED),
        ([("other", "CA X"), ("own", "CA Y"), ("third", None)], PASSED),
        ([("other", "CA Y"), ("third", None), ("own", "CA X")], REVOKED),
    ],
)
def test_each_entry_is_of_the_issuer_that_it_or_one_before_names(
    tmp_path: Path, house: House, rows: list[tuple[str, str | None]], said: str
) -> None:
    numbers = {"own": house.serial, "other": 77, "third": 78}
    assert house.verdict(tmp_path, listed(house.keeper, [(numbers[which], issuer) for which, issuer in rows])) == said


def test_a_list_that_the_certificate_does_not_refer_to_says_nothing(tmp_path: Path) -> None:
    for keeper in ("", "Somebody Else"):
        house = House(keeper)
        assert house.verdict(tmp_path, listed(house.keeper, [])) == UNKNOWN
        assert house.verdict(tmp_path, listed(house.keeper, [(house.serial, "CA X")])) == UNKNOWN


def test_a_list_in_anothers_name_that_does_not_say_to_be_indirect_says_nothing(tmp_path: Path, house: House) -> None:
    assert house.verdict(tmp_path, listed(house.keeper, [], indirect=False)) == UNKNOWN


def test_only_who_leads_to_the_same_anchor_may_keep_the_list(tmp_path: Path, house: House) -> None:
    stranger = root("Lists")
    assert house.verdict(tmp_path, listed(stranger, []), keeper=stranger) == UNKNOWN


def test_the_issuers_own_indirect_list(tmp_path: Path) -> None:
    """It may list its own and others' certificates; a number under another name is no word of its own."""
    house = House("")
    assert house.verdict(tmp_path, listed(house.ca, [(house.serial, None)])) == REVOKED
    assert house.verdict(tmp_path, listed(house.ca, [(house.serial, "CA Y")])) == PASSED


def test_a_list_of_one_issuer_with_an_entry_of_another_says_nothing_of_that_number(tmp_path: Path) -> None:
    house = House("")
    assert house.verdict(tmp_path, listed(house.ca, [(house.serial, "CA Y")], indirect=False)) == UNKNOWN
    assert house.verdict(tmp_path, listed(house.ca, [(house.serial, "CA X")], indirect=False)) == REVOKED
    assert house.verdict(tmp_path, listed(house.ca, [(77, "CA Y")], indirect=False)) == PASSED

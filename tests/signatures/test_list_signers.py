"""Who may say whether a certificate was revoked: RFC 5280, 6.3.3 (f), and RFC 6960, 4.2.2.2. What cannot be believed hides nothing."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1
from cryptography import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.validation.dss import DocumentSecurityStore

from policies.trust import default_algorithms
from signatures import certificates, der
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.revocation import Crl
from tests.signatures.cms_attributes import with_attribute
from tests.signatures.houses import LISTS, NOCHECK, OCSP, Holder, at_url, root, year
from tests.signatures.judging import read
from tests.signatures.pki import make_pdf

AT = year(2026, 6)
EARLIER, LATER = year(2026, 5, 20), year(2026, 5, 30)
REVOKED = "INDETERMINATE/REVOKED_NO_POE"
UNKNOWN = "INDETERMINATE/TRY_LATER"
PASSED = "TOTAL-PASSED"


class House:
    """A root, a CA and a signer, and what the root says of the CA."""

    def __init__(self, **ca: object) -> None:
        self.root = root()
        self.ca = self.root.issue("CA X", ca=True, **ca)  # type: ignore[arg-type]
        self.signer = self.ca.issue("Signer")
        self.roots = self.root.crl(made=EARLIER)
        self.signed = self.signer.sign(b"cong van", self.ca)

    @property
    def revoked(self) -> bytes:
        """The true list, which tells that the signer was revoked."""
        return self.ca.crl(self.signer, made=EARLIER)

    def verdict(
        self,
        folder: Path,
        *,
        data: bytes = b"",
        crls: Sequence[bytes] = (),
        ocsps: Sequence[bytes] = (),
        known: Sequence[Holder] = (),
        anchors: Sequence[Holder] = (),
        at: datetime = AT,
        existed: Proof | None = None,
        kept: Sequence[ValidationData] = (),
    ) -> str:
        beside = ValidationData(tuple(each.certificate for each in known), (self.roots, *crls), tuple(ocsps))
        trusted = Anchors.of([each.certificate for each in anchors or (self.root,)])
        context = Context(trusted, default_algorithms(), at)
        return str(judge(read(folder, data or self.signed), context, existed=existed, beside=[beside, *kept])[0].verdict)


@pytest.fixture
def house() -> House:
    return House()


def test_the_issuer_is_believed(tmp_path: Path, house: House) -> None:
    assert house.verdict(tmp_path, crls=[house.ca.crl(made=EARLIER)]) == PASSED
    assert house.verdict(tmp_path, crls=[house.revoked]) == REVOKED


def by_the_signer_himself(house: House) -> Holder:
    return house.signer.issue("CA X", ca=True)


def by_the_signer_twice(house: House) -> Holder:
    return house.signer.issue("CA Y", ca=True).issue("CA X", ca=True)


def a_namesake_that_is_no_ca(house: House) -> Holder:
    return house.root.issue("CA X")


def a_namesake_of_no_usage(house: House) -> Holder:
    return house.root.issue("CA X", usage=())


def a_ca_that_may_not_sign_lists(house: House) -> Holder:
    return house.root.issue("CA X", ca=True, usage=("key_cert_sign",))


def one_that_has_ended(house: House) -> Holder:
    return house.root.issue("CA X", ca=True, ends=year(2026, 5, 25))


def one_that_signed_itself(house: House) -> Holder:
    return root("CA X")


FORGERS = [
    by_the_signer_himself,
    by_the_signer_twice,
    a_namesake_that_is_no_ca,
    a_namesake_of_no_usage,
    a_ca_that_may_not_sign_lists,
    one_that_has_ended,
    one_that_signed_itself,
]


@pytest.mark.parametrize("made", FORGERS)
def test_a_list_that_nobody_can_believe(tmp_path: Path, house: House, made: Callable[[House], Holder]) -> None:
    forger = made(house)
    forged = forger.crl(made=LATER)
    assert house.verdict(tmp_path, crls=[house.revoked, forged], known=[forger]) == REVOKED
    assert house.verdict(tmp_path, crls=[forged, house.revoked], known=[forger]) == REVOKED
    assert house.verdict(tmp_path, crls=[forged], known=[forger]) == UNKNOWN
    slander = forger.crl(house.signer, made=LATER)
    assert house.verdict(tmp_path, crls=[house.ca.crl(made=EARLIER), slander], known=[forger]) == PASSED


def test_a_namesake_under_another_anchor(tmp_path: Path, house: House) -> None:
    other = root("R2")
    forger = other.issue("CA X", ca=True)
    lists = [house.revoked, forger.crl(made=LATER), other.crl(made=EARLIER)]
    assert house.verdict(tmp_path, crls=lists, known=[forger], anchors=[house.root, other]) == REVOKED


@pytest.mark.parametrize("reason", [x509.ReasonFlags.key_compromise, x509.ReasonFlags.superseded])
def test_a_list_by_a_key_that_was_revoked(tmp_path: Path, house: House, reason: x509.ReasonFlags) -> None:
    """PKITS 4.4.21."""
    lists = house.root.issue("CA X", usage=LISTS)
    house.roots = house.root.crl((lists, year(2026, 5, 1), reason), made=EARLIER)
    assert house.verdict(tmp_path, crls=[house.revoked, lists.crl(made=LATER)], known=[lists]) == REVOKED
    assert house.verdict(tmp_path, crls=[lists.crl(made=LATER)], known=[lists]) == UNKNOWN


def test_a_list_that_was_there_before_its_key_was_revoked(tmp_path: Path, house: House) -> None:
    lists = house.root.issue("CA X", usage=LISTS)
    house.roots = house.root.crl((lists, year(2026, 5, 25), x509.ReasonFlags.superseded), made=year(2026, 5, 26))
    early = lists.crl(made=EARLIER)
    proof = Proof(year(2026, 5, 21), "evidence")
    kept = ValidationData((house.ca.certificate, lists.certificate), (early,), (), proof)
    assert house.verdict(tmp_path, existed=proof, kept=[kept]) == PASSED
    assert house.verdict(tmp_path, existed=proof, crls=[early], known=[lists]) != PASSED


def test_a_list_that_was_made_after_the_end_of_its_issuer(tmp_path: Path) -> None:
    house = House(ends=year(2026, 5, 25))
    before = Proof(year(2026, 5, 22), "evidence")
    kept = ValidationData((house.ca.certificate,), (house.revoked, house.roots), (), before)
    late = house.ca.crl(made=LATER)
    assert house.verdict(tmp_path, crls=[late], existed=before, kept=[kept]) == REVOKED


def test_an_issuer_that_may_not_sign_lists(tmp_path: Path) -> None:
    """PKITS 4.7.4 and 4.7.5."""
    house = House(usage=("key_cert_sign",))
    assert house.verdict(tmp_path, crls=[house.ca.crl(made=EARLIER)]) == UNKNOWN


# -- others who may -----------------------------------------------------------------------------------------------------------


def a_key_for_lists(house: House) -> Holder:
    """PKITS 4.4.19."""
    return house.root.issue("CA X", usage=LISTS)


def a_new_key_of_the_ca(house: House) -> Holder:
    return house.root.issue("CA X", ca=True)


def a_new_key_without_a_usage(house: House) -> Holder:
    return house.root.issue("CA X", ca=True, usage=())


@pytest.mark.parametrize("made", [a_key_for_lists, a_new_key_of_the_ca, a_new_key_without_a_usage])
def test_other_keys_of_the_ca_are_believed(tmp_path: Path, house: House, made: Callable[[House], Holder]) -> None:
    other = made(house)
    assert house.verdict(tmp_path, crls=[other.crl(made=EARLIER)], known=[other]) == PASSED
    assert house.verdict(tmp_path, crls=[other.crl(house.signer, made=EARLIER)], known=[other]) == REVOKED
    assert (
        house.verdict(tmp_path, crls=[house.ca.crl(made=EARLIER), other.crl(house.signer, made=LATER)], known=[other]) == REVOKED
    )


def test_a_key_for_lists_that_the_ca_made_itself(tmp_path: Path, house: House) -> None:
    """PKITS 4.5.6: self-issued, with a list of the old key that tells of it, and of nothing without it."""
    lists = house.ca.issue("CA X", usage=LISTS)
    good = lists.crl(made=LATER)
    assert house.verdict(tmp_path, crls=[house.ca.crl(made=EARLIER), good], known=[lists]) == PASSED
    assert house.verdict(tmp_path, crls=[good], known=[lists]) == UNKNOWN, "it would vouch for itself"


def test_a_ca_that_two_roots_certified(tmp_path: Path, house: House) -> None:
    other = root("R2")
    cross = other.issue("CA X", ca=True, key=house.ca.key)
    lists = [house.ca.crl(made=EARLIER), other.crl(made=EARLIER)]
    for anchors in ([house.root], [other], [house.root, other]):
        assert house.verdict(tmp_path, crls=lists, known=[cross], anchors=anchors) == PASSED


def test_a_new_key_under_a_root_that_the_old_one_certified(tmp_path: Path, house: House) -> None:
    other = root("R2")
    new = other.issue("CA X", ca=True)
    cross = house.root.issue("R2", ca=True, key=other.key)
    lists = [new.crl(made=EARLIER), other.crl(made=EARLIER)]
    assert house.verdict(tmp_path, crls=lists, known=[new, cross]) == PASSED
    assert house.verdict(tmp_path, crls=lists, known=[new], anchors=[house.root, other]) == UNKNOWN


# -- responders ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), (NOCHECK,), (NOCHECK, at_url("http://ca.example/x.crl"))])
def test_a_responder_of_whom_nothing_need_be_known(tmp_path: Path, house: House, more: Sequence[x509.ExtensionType]) -> None:
    responder = house.ca.issue("Responder", purposes=[OCSP], more=more)
    assert house.verdict(tmp_path, ocsps=[responder.answer(house.signer, house.ca, made=LATER)]) == PASSED
    bad = responder.answer(house.signer, house.ca, made=LATER, revoked=year(2025))
    assert house.verdict(tmp_path, ocsps=[bad]) == REVOKED


def test_a_responder_that_was_revoked(tmp_path: Path, house: House) -> None:
    responder = house.ca.issue("Responder", purposes=[OCSP])
    answer = responder.answer(house.signer, house.ca, made=LATER)
    both = house.ca.crl(house.signer, responder, made=EARLIER)
    assert house.verdict(tmp_path, ocsps=[answer], crls=[both]) == REVOKED
    old = house.ca.crl(responder, made=year(2025, 2))
    assert house.verdict(tmp_path, ocsps=[answer], crls=[old]) != PASSED


def test_a_responder_whose_state_could_be_known_and_is_not(tmp_path: Path, house: House) -> None:
    responder = house.ca.issue("Responder", purposes=[OCSP], more=[at_url("http://ca.example/x.crl")])
    answer = responder.answer(house.signer, house.ca, made=LATER)
    assert house.verdict(tmp_path, ocsps=[answer]) == UNKNOWN
    assert house.verdict(tmp_path, ocsps=[answer, responder.answer(responder, house.ca, made=LATER)]) == UNKNOWN
    assert house.verdict(tmp_path, ocsps=[answer], crls=[house.ca.crl(made=EARLIER)]) == PASSED


def test_two_responders_that_vouch_for_each_other(tmp_path: Path, house: House) -> None:
    one, two = (house.ca.issue(name, purposes=[OCSP], more=[at_url("http://ca.example/x.crl")]) for name in ("One", "Two"))
    answers = [one.answer(house.signer, house.ca, made=LATER)]
    answers += [one.answer(two, house.ca, made=LATER), two.answer(one, house.ca, made=LATER)]
    assert house.verdict(tmp_path, ocsps=answers) == UNKNOWN


@pytest.mark.parametrize(
    ("usage", "purposes", "ends"),
    [(LISTS, [OCSP], year(2036)), (None, [], year(2036)), (None, [OCSP], year(2026, 5, 25))],
)
def test_a_responder_that_is_none(
    tmp_path: Path, house: House, usage: frozenset[str] | None, purposes: list[x509.ObjectIdentifier], ends: datetime
) -> None:
    responder = house.ca.issue("Responder", usage=usage, purposes=purposes, ends=ends)
    assert house.verdict(tmp_path, ocsps=[responder.answer(house.signer, house.ca, made=LATER)]) == UNKNOWN


def test_a_responder_whose_certificate_lies_elsewhere(tmp_path: Path, house: House) -> None:
    responder = house.ca.issue("Responder", purposes=[OCSP])
    bare = responder.answer(house.signer, house.ca, made=LATER, bare=True)
    assert house.verdict(tmp_path, ocsps=[bare], known=[responder]) == PASSED
    assert house.verdict(tmp_path, ocsps=[bare]) == UNKNOWN


# -- wherever the list lies ---------------------------------------------------------------------------------------------------

REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"


def in_the_values(house: House, forged: bytes, forger: Holder) -> bytes:
    values = der.sequence(der.encode(0xA0, der.sequence(forged)))
    return with_attribute(house.signer.sign(b"cong van", house.ca, forger), REVOCATION_VALUES, values)


def in_the_structure(house: House, forged: bytes, forger: Holder) -> bytes:
    info = asn1_cms.ContentInfo.load(house.signer.sign(b"cong van", house.ca, forger))
    info["content"]["crls"] = asn1_cms.RevocationInfoChoices([asn1_crl.CertificateList.load(forged)])
    return bytes(info.dump(force=True))


def in_the_store(house: House, forged: bytes, forger: Holder) -> bytes:
    work = signers.async_sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(make_pdf())),
        signers.PdfSignatureMetadata(field_name="Sig1", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES),
        signer=house.signer.signer(house.ca),
    )
    out = asyncio.run(work)
    certificates = [asn1.Certificate.load(each.certificate.der) for each in (house.ca, forger)]
    DocumentSecurityStore.add_dss(out, None, certs=certificates, crls=[asn1_crl.CertificateList.load(forged)])
    return bytes(out.getvalue())


@pytest.mark.parametrize("put", [in_the_values, in_the_structure, in_the_store])
@pytest.mark.parametrize("made", [by_the_signer_himself, a_namesake_that_is_no_ca])
def test_a_forged_list_that_the_file_brings_along(
    tmp_path: Path,
    house: House,
    put: Callable[[House, bytes, Holder], bytes],
    made: Callable[[House], Holder],
) -> None:
    forger = made(house)
    data = put(house, forger.crl(made=LATER), forger)
    assert len(read(tmp_path, data).crls) == 1
    assert house.verdict(tmp_path, data=data, crls=[house.revoked]) == REVOKED
    assert house.verdict(tmp_path, data=data) == UNKNOWN


# -- by the thousand ----------------------------------------------------------------------------------------------------------


def test_a_thousand_certificates_and_lists_of_nobody(tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is held against the real CAs of its name, and never against each other one."""
    count = 0

    def counted(plain: Callable[..., bool]) -> Callable[..., bool]:
        def checked(*args: object) -> bool:
            nonlocal count
            count += 1
            return plain(*args)

        return checked

    monkeypatch.setattr(Crl, "signed_by", counted(Crl.signed_by))
    monkeypatch.setattr(certificates, "signed_by", counted(certificates.signed_by))
    forger = by_the_signer_himself(house)
    junk = [forger.issue("CA X", ca=True, key=forger.key) for _ in range(500)] + [
        house.signer.issue("CA X", ca=True, key=forger.key) for _ in range(500)
    ]
    known = tuple(each.certificate for each in junk)
    lists = tuple(forger.crl(made=LATER, days=30 + number) for number in range(1000))
    kept = ValidationData(known, lists)
    assert house.verdict(tmp_path, crls=[house.revoked], kept=[kept]) == REVOKED
    assert count < 5 * (len(lists) + len(known))

"""Whether a time-stamp is believed: its anchor's period, and until when its certificates' own algorithms hold, by the same rules as for
signers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from policies.trust import default_algorithms
from signatures.anchors import Anchor, Anchors, anchors_at, load_anchors
from signatures.certificates import Certificate, certificates_of
from signatures.errors import AnchorsUnusable
from signatures.evidence import EvidenceReport, Generation, Lineage, Tree, object_of_bytes, verify_record
from signatures.evidence_proof import proof_from, stamp_trust
from signatures.timestamps import Authority, Believed, IssuingAuthority, Request, Trust, token_of
from tests.signatures.authorities import answer_of, authority, issuing, key, roots
from tests.signatures.evidence_builder import renew

DATA = b"a record"


def year(number: float) -> datetime:
    return datetime(int(number), 1 + round(number % 1 * 12), 1, tzinfo=UTC)


def lineage_by(known: Authority) -> Lineage:
    digest = hashlib.sha256(DATA).digest()
    token = token_of(issuing(known).answer(Request.of("sha256", digest).encoded))
    return Lineage([Generation(Tree("sha256", [digest]), token)])


def record_of(lineage: Lineage) -> bytes:
    return lineage.record(0, lambda name: [hashlib.new(name, DATA).digest()])


def judged(record: bytes, anchors: Anchors, at: datetime) -> EvidenceReport:
    return verify_record(record, [object_of_bytes("x", DATA)], at=at, trust=Trust(anchors), algorithms=default_algorithms())


def codes(report: EvidenceReport) -> list[tuple[str, str]]:
    return [(each.code, str(each.args.get("algorithm", ""))) for each in report.findings if each.weight.name == "ERROR"]


# -- periods ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stamped(tmp_path: Path) -> tuple[Path, bytes, str]:
    """(folder of anchors, a record of 2026, fingerprint of its root)."""
    known = authority(clock=lambda: year(2026.5), begins=year(2020), years=30)
    (tmp_path / "root.cer").write_bytes(issuing(known).root)
    return tmp_path, record_of(lineage_by(known)), hashlib.sha256(issuing(known).root).hexdigest()


@pytest.mark.parametrize(
    ("said", "at", "proves"),
    [
        ("", 2027, True),
        ("until = 2028-01-01", 2027, True),
        ("until = 2028-01-01", 2029, False),  # who is asked then trusts it no more
        ("until = 2024-01-01", 2027, False),
        ("since = 2030-01-01", 2027, False),
        ("since = 2030-01-01", 2031, False),  # trusted then, and not when it spoke
        ("since = 2025-01-01", 2031, True),
        ('purposes = ["signature"]', 2027, False),
        ('purposes = ["timestamp"]', 2027, True),
        ("trusted = false", 2027, False),
    ],
)
def test_a_record_is_held_against_the_period_of_its_anchor(
    stamped: tuple[Path, bytes, str], said: str, at: float, proves: bool
) -> None:
    folder, record, fingerprint = stamped
    (folder / "anchors.toml").write_text(f'[[anchor]]\nsha256 = "{fingerprint}"\n{said}\n')
    for trust in (stamp_trust(load_anchors(folder)), Trust(anchors_at([folder]))):
        proven = proof_from(record, [object_of_bytes("x", DATA)], trust=trust, algorithms=default_algorithms(), at=year(at))
        assert (proven.proof is not None) is proves
    if "-" in said and not proves:
        assert "trusted only from" in "".join(each.text() for each in judged(record, anchors_at([folder]), year(at)).findings)


@pytest.mark.parametrize(
    ("periods", "proves"),
    [
        (((2020, 2028), (2028, 2050)), True),  # listed without a gap, in two entries
        (((2020, 2027), (2028, 2050)), True),  # taken back for a year, and not when it spoke
        (((2020, 2026), (2028, 2050)), False),  # it spoke in between
        (((2020, 2028),), False),
    ],
)
def test_a_certificate_with_several_periods_is_believed_by_all_of_them(
    periods: tuple[tuple[int, int], ...], proves: bool
) -> None:
    known = authority(clock=lambda: year(2026.5), begins=year(2020), years=30)
    root = Certificate(issuing(known).root)
    anchors = Anchors(tuple(Anchor(root, year(since), year(until)) for since, until in periods))
    assert judged(record_of(lineage_by(known)), anchors, year(2030)).valid is proves


def test_a_newer_certificate_of_a_root_does_not_disown_what_its_key_said() -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    old = _with_root(root_key)
    newer = certified_again(old.root, root_key, (2027, 2060))
    record = record_of(lineage_by(Authority("A", old, roots(old.root))))
    assert judged(record, roots(newer), year(2028)).valid


def certified_again(root: bytes, root_key: ec.EllipticCurvePrivateKey, years: tuple[float, float]) -> bytes:
    found = x509.load_der_x509_certificate(root)
    builder = x509.CertificateBuilder(
        found.subject, found.subject, root_key.public_key(), x509.random_serial_number(), year(years[0]), year(years[1])
    )
    for each in found.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_an_anchor_that_ends_carries_what_was_renewed_before() -> None:
    one = authority("one", clock=lambda: year(2026), begins=year(2020), years=30)
    two = authority("two", clock=lambda: year(2027), begins=year(2020), years=30)
    lineage = lineage_by(one)
    renew([lineage], two)
    first, second = (Certificate(issuing(each).root) for each in (one, two))

    def valid(until: float) -> bool:
        anchors = Anchors.of([first, second])
        row = f'[[anchor]]\nsha256 = "{first.sha256.hex()}"\nuntil = {year(until).date()}\n'
        assert anchors
        return judged(record_of(lineage), _dated([first, second], row), year(2035)).valid

    assert valid(2027.5)
    assert not valid(2026.5)


def _dated(certificates: Sequence[Certificate], text: str) -> Anchors:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for each in certificates:
            (Path(folder) / f"{each.sha256.hex()}.der").write_bytes(each.der)
        (Path(folder) / "anchors.toml").write_text(text)
        return load_anchors(Path(folder))


def test_a_date_that_was_set_holds_wherever_the_certificate_is_named() -> None:
    root = Certificate(issuing(authority()).root)
    ended = _dated([root], f'[[anchor]]\nsha256 = "{root.sha256.hex()}"\nuntil = 2024-01-01\n')
    for both in (ended + Anchors.of([root]), Anchors.of([root]) + ended):
        assert [each.until for each in both.anchors] == [datetime(2024, 1, 1, tzinfo=UTC)]
    assert Anchors.of([root]).dated_by(ended) == replace(ended, revocations=())
    assert Anchors.of([root]).dated_by(Anchors.of([root])) == Anchors.of([root])


# -- one folder for every command ---------------------------------------------------------------------------------------------


def test_a_folder_may_hold_periods_lists_answers_and_a_readme(stamped: tuple[Path, bytes, str]) -> None:
    folder, record, fingerprint = stamped
    (folder / "README.txt").write_text("the roots")
    (folder / "anchors.toml").write_text(f'[[anchor]]\nsha256 = "{fingerprint}"\nname = "TSA"\n')
    assert judged(record, anchors_at([folder]), year(2027)).valid
    # a file alone, and several places
    assert judged(record, anchors_at([folder / "root.cer"]), year(2027)).valid
    other = folder / "other"
    other.mkdir()
    assert judged(record, anchors_at([other, folder]), year(2027)).valid


def test_revocation_data_in_the_folder_counts_and_damaged_data_is_named(tmp_path: Path) -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    made = _with_root(root_key)
    (tmp_path / "root.cer").write_bytes(made.root)
    revoked = answer_of(made, root_key, year(2028), x509.ReasonFlags.key_compromise)
    (tmp_path / "answer.ocsp").write_bytes(revoked)
    record = record_of(lineage_by(Authority("A", made, roots(made.root))))
    assert judged(record, load_anchors(tmp_path), year(2027)).valid
    assert not judged(record, load_anchors(tmp_path), year(2029)).valid
    (tmp_path / "answer.ocsp").write_bytes(b"no answer")
    with pytest.raises(AnchorsUnusable, match=r"answer\.ocsp"):
        anchors_at([tmp_path])


def _with_root(root_key: ec.EllipticCurvePrivateKey) -> IssuingAuthority:
    from signatures.timestamps import make_authority

    return make_authority("T", key("p256"), clock=lambda: year(2026), begins=year(2020), ends=year(2050), root_key=root_key)


# -- what certificates are signed with ---------------------------------------------------------------------------------------

SHA1_WITH_RSA = {"algorithm": "sha1_rsa"}


def certified(
    subject: str, issuer: str, public: object, signer: rsa.RSAPrivateKey, *, ca: bool, hash_name: str, years: tuple[float, float]
) -> bytes:
    """A certificate signed with RSA and any hash, SHA-1 too (which builders refuse today, and had to write yesterday)."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(
        name(issuer),
        name(subject),
        public,
        x509.random_serial_number(),
        year(years[0]),
        year(years[1]),  # type: ignore[arg-type]
    ).add_extension(x509.BasicConstraints(ca, None), True)
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING]), True)
    encoded = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    if hash_name == "sha256":
        return encoded
    made = asn1.Certificate.load(encoded)
    made["tbs_certificate"]["signature"] = SHA1_WITH_RSA
    made["signature_algorithm"] = SHA1_WITH_RSA
    made["signature_value"] = signer.sign(made["tbs_certificate"].dump(force=True), padding.PKCS1v15(), hashes.SHA1())
    return bytes(made.dump(force=True))


def hierarchy(
    made: float, *, root: str = "sha256", between: str = "sha256", leaf: str = "sha256", bits: int = 2048
) -> tuple[Authority, Anchors]:
    """An authority with an RSA root and an RSA CA, whose certificates are signed as it is said; its own key is on P-256."""
    root_key = key("rsa-2048")
    ca_key = rsa.generate_private_key(65537, bits)
    assert isinstance(root_key, rsa.RSAPrivateKey)
    own = key("p256/own")
    top = certified("Root", "Root", root_key.public_key(), root_key, ca=True, hash_name=root, years=(2005, 2045))
    ca = certified("CA", "Root", ca_key.public_key(), root_key, ca=True, hash_name=between, years=(2005, 2045))
    tsa = certified("TSA", "CA", own.public_key(), ca_key, ca=False, hash_name=leaf, years=(2005, 2040))
    known = Authority("old", IssuingAuthority(own, tsa, top, lambda: year(made)), roots(top))
    return known, Anchors.of(certificates_of([top]), known=certificates_of([ca]))


@pytest.mark.parametrize("which", [{"between": "sha1"}, {"leaf": "sha1"}, {"root": "sha1", "between": "sha1", "leaf": "sha1"}])
def test_certificates_under_sha1_carry_as_long_as_sha1_did(which: dict[str, str]) -> None:
    old, anchors = hierarchy(2010, **which)  # type: ignore[arg-type]
    new = authority("new", clock=lambda: year(2012), begins=year(2011), years=20)
    lineage = lineage_by(old)
    alone = record_of(lineage)
    renew([lineage], new)
    assert judged(record_of(lineage), anchors + new.anchors, year(2020)).valid  # renewed half a year before the end
    assert judged(alone, anchors, year(2012.5)).valid
    weak = [
        ("EVD-ALGORITHM-ENDED", f"sha1 ({each})") for each in ("TSA", "CA") if which.get({"TSA": "leaf", "CA": "between"}[each])
    ]
    ended = codes(judged(alone, anchors, year(2013)))
    assert ended
    assert all(each[0] == "EVD-ALGORITHM-ENDED" for each in ended)
    assert {each[1] for each in ended} <= {name for _, name in weak} | {"rsa-pkcs1v15 2048 (TSA)"}


def test_a_root_may_be_signed_with_anything() -> None:
    """Nobody relies on what a root says of itself."""
    old, anchors = hierarchy(2026, root="sha1")
    assert judged(record_of(lineage_by(old)), anchors, year(2027)).valid


def test_sha1_certificates_made_today_prove_nothing() -> None:
    old, anchors = hierarchy(2026, leaf="sha1")
    assert ("EVD-ALGORITHM-ENDED", "sha1 (TSA)") in codes(judged(record_of(lineage_by(old)), anchors, year(2026.5)))


def test_a_small_key_of_the_issuing_authority_is_told() -> None:
    old, anchors = hierarchy(2026, bits=1024)
    assert ("EVD-ALGORITHM-ENDED", "rsa-pkcs1v15 1024 (TSA)") in codes(judged(record_of(lineage_by(old)), anchors, year(2026.5)))


def test_a_stamp_falls_with_the_scheme_that_its_certificate_is_signed_with() -> None:
    old, anchors = hierarchy(2026)
    record = record_of(lineage_by(old))
    assert judged(record, anchors, year(2028.9)).valid
    report = judged(record, anchors, year(2029.1))
    assert ("EVD-ALGORITHM-ENDED", "rsa-pkcs1v15 2048 (TSA)") in codes(report)
    assert report.trust is Believed.YES
    ends = {each.name: each.when for each in report.stamps[0].ends}
    assert ends["rsa-pkcs1v15 2048 (CA)"] == year(2029)


def test_of_two_paths_the_one_that_lasts_longest_counts() -> None:
    """A CA certified by an RSA root and, across, by one that is an anchor itself."""
    old, anchors = hierarchy(2026)
    record = record_of(lineage_by(old))
    (ca,) = anchors.known
    trust = Trust(anchors + Anchors.of([ca]))
    token = judged(record, anchors, year(2027)).stamps[0].token
    lasting = trust.of(token, year(2027), default_algorithms())
    assert [each.name for each in lasting.path] == ["TSA"]

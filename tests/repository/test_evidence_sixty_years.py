"""Sixty years under a virtual clock: three generations of authorities, one of them revoked, one hash and one signature scheme that end, and
tiers that lack a record for a year, just when its hash tree has to be made anew.

What was renewed in time is proved at the end; what was not, is not.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from policies.trust import parse_algorithms
from repository.archive import Archive
from repository.catalog import Registration
from repository.evidence.exporting import export_evidence
from repository.evidence.judge import Judging, judge
from repository.evidence.keeping import load, settle
from repository.evidence.leaves import objects_of
from repository.evidence.making import authorities_by_tree, make_batch
from repository.evidence.renewing import Renewing, renew_due
from repository.model import Aip, AipFile, AipVersion, Copy, CopyState
from repository.progress import Silent
from signatures.evidence import DataObject, verify_record
from signatures.timestamps import IssuingAuthority, Trust, load_anchors, make_authority
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files
from storage.tier import SealedVersion
from storage.tiers import keep_on
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.signatures.authorities import NOW, VirtualClock, key, served

ENDS = """version = 7
source = "sixty years"
issued = "2026"
[hash]
sha256 = "2046-01-01"
sha384 = ""
sha512 = ""
[signature]
rsa-pkcs1v15 = [[1900, "2029-01-01"]]
ecdsa = [[256, ""]]
"""

AUTHORITIES = (
    # name, tree, key, hash of its signatures, first year, years
    ("a1", "sha256", "p256", "sha256", 2026, 14),
    ("b1", "sha512", "rsa-2048", "sha256", 2026, 14),  # PKCS#1 v1.5: must be renewed before 2029
    ("b2", "sha512", "p384", "sha384", 2027, 25),
    ("a2", "sha256", "p384", "sha384", 2038, 24),  # revoked in 2055, and nothing takes its place in time
    ("b3", "sha512", "p384", "sha512", 2050, 45),
)
REVOKED = datetime(2055, 3, 1, tzinfo=UTC)
END = datetime(2086, 11, 26, tzinfo=UTC)
AWAY, BACK = datetime(2044, 9, 1, tzinfo=UTC), datetime(2045, 11, 1, tzinfo=UTC)
"""While one record cannot be read: SHA-256 ends in 2046, and from 2045-10-01 on the others are renewed without it."""


class SixtyYears(ArchiveUnderTest):
    """An archive whose clock is moved by hand, and whose authorities come and go."""

    def __init__(self, folder: Path, identifier: SharedIdentifier) -> None:
        self.clock = VirtualClock()
        self.serving = ExitStack()
        self.roots: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.made: dict[str, IssuingAuthority] = {}
        super().__init__(folder, identifier)
        policy = self.home / "policy.toml"
        text = policy.read_text(encoding="utf-8").replace('lead = "180d"', 'lead = "1y"\nalgorithms = "ends.toml"')
        policy.write_text(text, encoding="utf-8")
        (self.home / "ends.toml").write_text(ENDS, encoding="utf-8")
        self.reopen()

    def adjusted(self, archive: Archive) -> Archive:
        return replace(archive, clock=self.clock)

    @property
    def archive(self) -> Archive:
        return self.engine.archive

    def open_authorities(self) -> None:
        """Authorities whose time has come are named in kho.toml."""
        for name, tree, kind, hash_name, year, years in AUTHORITIES:
            begins = datetime(year, 1, 1, tzinfo=UTC)
            if name in self.made or begins > self.clock.now():
                continue
            self.roots[name] = ec.generate_private_key(ec.SECP384R1())
            ends = begins + timedelta(days=365.25 * years)
            self.made[name] = make_authority(
                f"TSA {name}",
                key(kind),
                clock=self.clock,
                begins=begins,
                ends=ends,
                hash_name=hash_name,
                root_key=self.roots[name],
            )
            pem = x509.load_der_x509_certificate(self.made[name].root).public_bytes(Encoding.PEM)
            (self.home / "trust" / name).mkdir(parents=True)
            (self.home / "trust" / name / "root.pem").write_bytes(pem)
            url = self.serving.enter_context(served(self.made[name].answer))
            with (self.home / "kho.toml").open("a", encoding="utf-8") as file:
                places = f'anchors = ["trust/{name}"]\ntrees = ["{tree}"]\nprivate = true\n'
                file.write(f'\n[[timestamps]]\nname = "{name}"\nurl = "{url}"\n{places}')
            self.reopen()

    def revoke(self, name: str) -> None:
        row = (
            x509.RevokedCertificateBuilder()
            .serial_number(x509.load_der_x509_certificate(self.made[name].certificate).serial_number)
            .revocation_date(REVOKED)
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False)
            .build()
        )
        root = x509.load_der_x509_certificate(self.made[name].root)
        builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject).add_revoked_certificate(row)
        signed = builder.last_update(REVOKED).next_update(REVOKED + timedelta(days=36500)).sign(self.roots[name], hashes.SHA384())
        (self.home / "trust" / name / "list.crl").write_bytes(signed.public_bytes(Encoding.DER))

    def keep(self, first: int, count: int) -> list[str]:
        """Records kept on the tiers and registered, as `repository.copies.keep` leaves them; how they were accepted does not matter."""
        place = self.folder / f"sealing{first}"
        sealed = [self._sealed(place / str(number), number) for number in range(first, first + count)]
        for tier in self.archive.policy.copies.tiers:
            assert all(one.counts for one in keep_on(self.archive.tiers[tier], sealed))
        self.archive.catalog.register(self._registration(each) for each in sealed)
        return [str(each.object_id) for each in sealed]

    def _sealed(self, place: Path, number: int) -> SealedVersion:
        place.mkdir(parents=True)
        files = {"METS.xml": f"<mets>{number}</mets>", "representations/rep1/data/a.txt": f"record {number}"}
        for at, text in enumerate(files.values()):
            (place / str(at)).write_text(text, encoding="utf-8")
        block = VersionBlock(1, self.clock.now(), "deposit", "P", "urn:kho:deposit:1")
        paths = {name: place / str(at) for at, name in enumerate(files)}
        return seal_files(f"urn:uuid:{uuid.UUID(int=number)}", paths, block, place / "inventory.json")

    def _registration(self, sealed: SealedVersion) -> Registration:
        files, now = list(sealed.files()), self.clock.now()
        aip = Aip(sealed.object_id, "P", "record", "folder", 1, now, now, len(files), sealed.bytes)
        version = AipVersion(1, sealed.inventory_sha512.hex(), now, "d", "deposit", len(files), sealed.bytes)
        rows = (
            AipFile(each.content_path.split("/", 3)[3], each.content_path, each.size, each.sha256.hex(), each.sha512.hex())
            for each in files
        )
        copies = tuple(
            Copy(sealed.object_id, tier, 1, CopyState.GOOD, now, now, now, bytes=1, files=2)
            for tier in self.archive.policy.copies.tiers
        )
        return Registration(aip, version, rows, copies)

    def batch(self) -> None:
        make_batch(self.archive, authorities_by_tree(self.archive), Silent())
        settle(self.archive, {})

    def renew(self) -> Renewing:
        authorities = authorities_by_tree(self.archive)
        done = renew_due(self.archive, authorities, Silent())
        settle(self.archive, {each.name: each.anchors for several in authorities.values() for each in several})
        return done

    def away(self, aip: str) -> list[tuple[Path, Path]]:
        """Take a record from every tier; (where it lies now, where it was)."""
        places = [Path(tier._folder.object_root(aip)) for tier in self.archive.tiers.values()]  # type: ignore[attr-defined]
        return [(place.rename(place.with_name(f"{place.name}-away")), place) for place in places]

    def judged(self, folder: Path, tree: str, at: datetime) -> bool:
        files = [each for each in (folder / "data").rglob("*") if each.is_file()]
        algorithms = parse_algorithms(ENDS.encode(), name="ends.toml")
        anchors = sorted((self.home / "trust").iterdir())
        return judge(folder / f"{tree}.er", Judging(files, {}, anchors, at, algorithms)).valid

    def end(self) -> None:
        self.close()
        self.serving.close()


@pytest.fixture
def years(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[SixtyYears]:
    made = SixtyYears(tmp_path, identifier)
    yield made
    made.end()


def live(years: SixtyYears, records: int, batches: int) -> tuple[list[str], dict[str, int], Path]:
    """Deposit, batch and renew through sixty years. Returns the AIPs, trees renewed by kind, and a proof that left in 2027."""
    aips: list[str] = []
    renewed: dict[str, int] = {}
    early = years.folder / "early"
    revoked, away = False, list[tuple[Path, Path]]()
    while years.clock.now() < END:
        years.open_authorities()
        if AWAY <= years.clock.now() < BACK and not away:
            away = years.away(aips[0])
        for there, place in away if years.clock.now() >= BACK else ():
            if there.exists():
                there.rename(place)
        if len(aips) < records:
            count = records // batches
            aips += years.keep(len(aips), count)
            years.batch()
            if not early.exists():
                export_evidence(years.archive, aips[0], 1, early)
        if not revoked and years.clock.now() >= REVOKED:
            years.revoke("a2")
            revoked = True
        for kind, trees in years.renew().renewed.items():
            renewed[kind] = renewed.get(kind, 0) + trees
        years.clock.pass_days(20 if AWAY <= years.clock.now() < BACK else 150)
    return aips, renewed, early


def check(years: SixtyYears, aips: list[str], sample: list[str], early: Path) -> None:
    """Every record is proved; that of the authority that was revoked before it could be renewed is not, nor what left in 2027."""
    now = years.clock.now()
    for number, aip in enumerate(sample):
        folder = years.folder / f"out{number}"
        export_evidence(years.archive, aip, 1, folder)
        assert years.judged(folder, "sha512", now), aip
        assert not years.judged(folder, "sha256", now), aip
        assert years.judged(folder, "sha256", REVOKED - timedelta(days=100)), aip
        changed = next(each for each in (folder / "data").rglob("a.txt"))
        changed.write_bytes(b"changed")
        assert not years.judged(folder, "sha512", now), aip
    for tree in ("sha256", "sha512"):
        assert years.judged(early, tree, NOW + timedelta(days=300))
        assert not years.judged(early, tree, now)
    assert len(aips) == len(set(aips))


def test_sixty_years(years: SixtyYears) -> None:
    aips, renewed, early = live(years, 4, 2)
    assert renewed["hash-tree renewal"] == 2, "the sha256 tree of every batch"
    assert renewed["renewal of what was left out"] == 1, "of the batch with the record that was away"
    assert renewed["time-stamp renewal"] >= 4
    check(years, aips, aips, early)
    assert proved(years) == 4


@pytest.mark.proof
def test_sixty_years_with_ten_thousand_records(years: SixtyYears) -> None:
    aips, renewed, early = live(years, 10_000, 10)
    assert renewed["hash-tree renewal"] == 10
    assert renewed["renewal of what was left out"] == 1
    assert years.catalog.evidence.count() == (10_000, 0)
    check(years, aips, aips[::500], early)
    assert proved(years) == 10_000


def proved(years: SixtyYears) -> int:
    """How many records of the sha512 tree are valid now, by anchors and algorithms, each over all objects of its group."""
    tiers, count = list(years.archive.tiers.values()), 0
    trust = Trust(load_anchors("test", sorted((years.home / "trust").iterdir())))
    algorithms = parse_algorithms(ENDS.encode(), name="ends.toml")
    for row in years.catalog.evidence.batches():
        batch = load(years.archive, row)
        for index, leaf in enumerate(batch.leaves):
            objects = objects_of(tiers, leaf.id, leaf.version, leaf.inventory_sha512)
            given = [DataObject(each.path, {"sha512": each.sha512, "sha256": each.sha256}) for each in objects]
            record = batch.record("sha512", index, objects)
            now = years.clock.now()
            report = verify_record(record, given, at=now, trust=trust, algorithms=algorithms, whole_group=True)
            assert report.valid, [each.text() for each in report.findings]
            count += 1
    return count

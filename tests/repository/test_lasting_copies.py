"""Copies of signed PDF files for readers (PAdES B-LTA) after their time-stamp authority has ended: the evidence proves them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from policies.trust import default_algorithms
from repository.progress import Silent
from repository.signed.files import validate_file
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context
from signatures.report import Role
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_signed import package
from tests.signatures.network import Network, served
from tests.signatures.pki import Pki, day, make_pdf


@pytest.fixture
def pki() -> Pki:
    return Pki("ec")


def signed(archive: Proved, pki: Pki, folder: Path) -> str:
    """An AIP with a signed PDF, its validation data collected from the network of 2026."""
    (archive.home / "anchors").mkdir()
    for each in pki.anchors():
        (archive.home / "anchors" / f"{each.sha256.hex()}.cer").write_bytes(each.der)
    settings = archive.home / "kho.toml"
    before = settings.read_text(encoding="utf-8")
    with served(Network(pki, day(2026, 6))) as proxy:
        settings.write_text(f'{before}\n[network]\nproxy = "{proxy}"\n', encoding="utf-8")
        archive.reopen()
        deposit = archive.deposit(package(folder, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T")))
        assert deposit.state.value == "stored", deposit.findings
    settings.write_text(before, encoding="utf-8")
    archive.reopen()
    return deposit.aip_id


def test_a_copy_stays_provable_after_the_end_of_the_authority_that_stamped_it(
    tmp_path: Path, identifier: SharedIdentifier, pki: Pki
) -> None:
    archive = Proved(tmp_path, identifier, now=day(2026, 6))
    try:
        aip = signed(archive, pki, tmp_path)
        archive.authority("one", "sha256", years=6)
        archive.authority("two", "sha512", "p384", years=6)
        assert archive.engine.signatures.copy(aip, progress=Silent())["copies"] == 1
        assert archive.engine.evidence.batch()["leaves"] == 2  # the version that brought the copy is one of them
        archive.clock.time = day(2032)
        archive.authority("three", "sha256", years=40)
        archive.authority("four", "sha512", years=40)
        assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
        for year in (2031, 2035, 2045):
            reports = {each.path: each for each in archive.engine.signatures.validate(aip, at=day(year), progress=Silent())}
            for path in ("representations/rep1/data/van_ban.pdf", "representations/rep1.pades-lta.v2/data/van_ban.pdf"):
                (signature,) = (each for each in reports[path].signatures if each.role is Role.SIGNATURE)
                assert (str(signature.verdict), signature.proven) == ("TOTAL-PASSED", day(2026, 3)), (path, year)
        out = tmp_path / "out"
        archive.engine.holdings.export(aip, out, form="folder", progress=Silent())
        copy = out / "representations/rep1.pades-lta.v2/data/van_ban.pdf"
        one = x509.load_pem_x509_certificate((archive.home / "one.pem").read_bytes()).public_bytes(Encoding.DER)
        context = Context(Anchors.of([*pki.anchors(), Certificate(one)]), default_algorithms(), day(2035))
        alone = validate_file(copy, context, name="copy", beside=[])
        assert not any(each.verdict.passed for each in alone.signatures), "the evidence is what proves it"
    finally:
        archive.end()

"""A signature of a kind that is not judged: the deposit is taken in with a warning, and nothing waits for what will never come."""

from __future__ import annotations

from pathlib import Path

from policies.findings import Weight
from repository.model import DepositState
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest
from tests.repository.test_signed import archive, codes, network, package, pki
from tests.signatures.test_other_kinds import made

__all__ = ["archive", "network", "pki"]  # fixtures


def test_it_is_taken_in_with_a_warning(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = package(tmp_path, thu__txt=b"Cong van so 1\n", thu__txt__sig=made("detached.sig"))
    deposit = archive.deposit(source)
    assert deposit.state is DepositState.STORED, deposit.findings
    assert codes(deposit) == {"SIG-NOT-JUDGED": 1}
    (finding,) = (each for each in deposit.findings if each.code == "SIG-NOT-JUDGED")
    assert finding.weight is Weight.WARNING
    assert "OpenPGP" in finding.text("vi")
    (report,) = archive.engine.signatures.validate(deposit.aip_id, progress=Silent())
    assert str(report.signatures[0].verdict) == "INDETERMINATE/GENERIC"
    assert archive.engine.signatures.attention() == []

"""A signature of a kind that is not judged: the deposit is taken in with a warning, and nothing waits for what will never come."""

from __future__ import annotations

import gzip
from pathlib import Path

from policies.findings import Weight
from repository.model import DepositState
from repository.progress import Silent
from signatures.inside import MOST_DEPTH
from tests.builders_archive import ArchiveUnderTest
from tests.packed import zipped
from tests.repository.test_signed import archive, codes, network, package, pki
from tests.signatures.pki import Pki, day
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


def test_what_was_not_looked_into_is_told_and_holds_nothing(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    deep = made("detached.sig")
    for _ in range(MOST_DEPTH + 2):
        deep = zipped({"a.zip": deep})
    cut = zipped({"a.txt.sig": made("detached.sig"), "b.txt": b"Cong van so 1\n" * 10})[:-30]
    deposit = archive.deposit(package(tmp_path, deep__zip=deep, cut__zip=cut, b__txt=b"plain"))
    assert (deposit.state, codes(deposit)) == (DepositState.STORED, {"SIG-NOT-LOOKED-INSIDE": 2}), deposit.findings
    for finding in (each for each in deposit.findings if each.code == "SIG-NOT-LOOKED-INSIDE"):
        assert finding.weight is Weight.WARNING
        assert finding.path in finding.text("vi")
    assert archive.engine.signatures.attention() == []


def test_signed_files_in_a_plain_archive_count_as_files(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    good = pki.sign_cms(b"cong van", day(2026, 3), detached=False)
    for number, (name, data, state) in enumerate(
        [
            ("plain", b"plain text " * 10, DepositState.STORED),
            ("good", good, DepositState.STORED),
            ("broken", good.replace(b"cong van", b"cong va!"), DepositState.REFUSED),
        ]
    ):
        (tmp_path / f"{number}").mkdir()
        deposit = archive.deposit(
            package(tmp_path / f"{number}", a__gz=gzip.compress(data), b__zip=zipped({f"{name}.p7x": data}))
        )
        assert deposit.state is state, deposit.findings

"""What a deposit may be taken for: only the very same thing repeats, and nothing that was not taken in is ever "known already"."""

from __future__ import annotations

import os
from pathlib import Path

from policies.findings import Verdict
from repository.model import DepositState
from tests.builders_archive import ArchiveUnderTest, write_tree
from tests.packed import tarred


def cut_tar(path: Path, files: dict[str, bytes], keep: int) -> Path:
    path.write_bytes(tarred(files)[:keep])
    return path


def test_a_truncated_archive_is_not_the_record_its_beginning_holds(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    stored = archive.deposit(write_tree(tmp_path / "s", {"A": b"rep\n"}))
    cut = archive.deposit(cut_tar(tmp_path / "cut.tar", {"A": b"rep\n", "B": b"a second record" * 200}, 1324))
    assert stored.state is DepositState.STORED
    assert cut.state is DepositState.REFUSED
    assert "PKG-ARCHIVE-TRUNCATED" in cut.finding_counts


def test_a_link_beside_known_files_is_refused(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "s", {"A": b"rep\n"}))
    linked = write_tree(tmp_path / "t", {"A": b"rep\n"})
    os.symlink("/etc/passwd", linked / "B")
    assert archive.deposit(linked).state is DepositState.REFUSED


def test_an_update_of_nothing_is_refused_though_its_bytes_are_known(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "s", {"A": b"rep\n"})
    archive.deposit(source)
    unknown = archive.deposit(source, update="urn:uuid:00000000-0000-0000-0000-000000000000")
    assert unknown.state is DepositState.REFUSED
    assert "DEP-UPDATE-UNKNOWN" in unknown.finding_counts


def test_a_record_may_go_back_to_what_it_was(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    one, two = write_tree(tmp_path / "1", {"A": b"a"}), write_tree(tmp_path / "2", {"A": b"a", "B": b"b"})
    aip = archive.deposit(one).aip_id
    assert archive.deposit(two, update=aip).aip_version == 2
    assert archive.deposit(one, update=aip).aip_version == 3
    assert archive.deposit(two, update=aip).aip_version == 4
    again = archive.deposit(two, update=aip)
    assert (again.state, again.aip_version) == (DepositState.REPEATED, 4)
    archive.whole()


def test_the_bytes_of_one_record_may_update_another(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    one, two = write_tree(tmp_path / "1", {"A": b"a"}), write_tree(tmp_path / "2", {"B": b"b"})
    first, second = archive.deposit(one).aip_id, archive.deposit(two).aip_id
    updated = archive.deposit(one, update=second)
    assert (updated.aip_id, updated.aip_version) == (second, 2)
    assert archive.engine.holdings.show(first).version == 1


def test_what_was_refused_holds_no_key_and_keeps_its_facts(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    kept = archive.deposit(write_tree(tmp_path / "1", {"A": b"a"}), key="k")
    other = archive.deposit(write_tree(tmp_path / "2", {"B": b"bb"}), key="k")
    assert kept.state is DepositState.STORED
    assert (other.state, other.verdict, other.files, other.bytes) == (DepositState.REFUSED, Verdict.REFUSE, 1, 2)
    assert other.fingerprint
    assert other.expires is not None

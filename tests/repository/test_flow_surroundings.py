"""What surrounds a deposit fails or finds something: the disk of the spool, the source, the scanner; and what others say of an AIP."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from formats.package import copying
from policies.findings import spoken
from repository.cli.deposits import _facts
from repository.model import DepositState
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.formats import schemas
from tests.formats.test_malware import EICAR, START, clamd

FILES = {"a.txt": b"a" * 5000, "thư mục/b.txt": b"bb", "trống/": b""}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_the_disk_of_the_spool_is_full(archive: ArchiveUnderTest, tmp_path: Path, small_disk: Path) -> None:
    spool = archive.home / "spool"
    archive.close()
    shutil.rmtree(spool)
    spool.symlink_to(small_disk)
    archive.open()
    source = write_tree(tmp_path / "large", {f"{n}.bin": os.urandom(300_000) for n in range(10)})
    failed = archive.deposit(source)
    assert failed.state is DepositState.FAILED
    assert re.match(r"[A-Z]+-[A-Z-]+: .+", spoken(failed.error)), failed.error
    small = archive.deposit(write_tree(tmp_path / "small record", FILES))
    assert small.state is DepositState.STORED, (small.state, small.error)
    archive.whole()
    archive.close()
    spool.unlink()
    spool.mkdir()
    archive.open()
    again = archive.deposit(source)
    assert again.state is DepositState.STORED
    assert snapshot(archive.export(again.aip_id)) == snapshot(source)


def test_a_source_that_cannot_be_read(archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tree(tmp_path / "a", FILES)
    real = os.read
    bad = (source / "a.txt").stat().st_ino

    def read(descriptor: int, size: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, size)

    monkeypatch.setattr(os, "read", read)
    deposit = archive.deposit(source)
    monkeypatch.undo()
    assert deposit.state in (DepositState.REFUSED, DepositState.FAILED), deposit
    assert deposit.findings
    assert archive.engine.holdings.list().items == ()
    assert archive.deposit(source).state is DepositState.STORED
    archive.whole()


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_changes_while_it_is_read(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    source = write_tree(tmp_path / "a", {**FILES, "big.bin": os.urandom(3_000_000)})
    big = source / "big.bin"
    real = copying.copy_stream
    done = threading.Event()

    def copy(stream: object, *arguments: object, **more: object) -> object:
        read = stream.read  # type: ignore[attr-defined]

        def changing(size: int) -> bytes:
            data = read(size)
            if size and len(data) >= 100_000 and not done.is_set():
                done.set()
                if change == "grows":
                    with big.open("ab") as out:
                        out.write(b"more")
                else:
                    os.truncate(big, 1_500_000)
            return data  # type: ignore[no-any-return]

        class Changing:
            def __getattr__(self, name: str) -> object:
                return changing if name == "read" else getattr(stream, name)

        return real(Changing(), *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("formats.package.spool.copy_stream", copy)
    deposit = archive.deposit(source)
    monkeypatch.undo()
    assert done.is_set()
    assert deposit.state in (DepositState.REFUSED, DepositState.FAILED), deposit
    assert deposit.findings
    again = archive.deposit(source)
    assert again.state is DepositState.STORED
    assert snapshot(archive.export(again.aip_id)) == snapshot(source)
    archive.whole()


def test_a_receipt_says_that_nothing_was_scanned(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    stored = archive.deposit(write_tree(tmp_path / "a", FILES))
    assert (stored.state, stored.scanned) == (DepositState.STORED, "")
    assert "MAL-NO-SCANNER" in stored.finding_counts


def test_a_scanner_that_cannot_be_reached_is_not_said_to_be_none(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    toml = archive.home / "kho.toml"
    toml.write_text(re.sub(r"(?m)^# clamd = .*$", 'clamd = "run/clamd.sock"', toml.read_text()))
    archive.reopen()
    held = archive.deposit(write_tree(tmp_path / "a", FILES))
    assert held.state is DepositState.HELD
    reasons = [str(each.args["reason"]) for each in held.findings if each.code == "MAL-NOT-SCANNED"]
    assert str(archive.home / "run" / "clamd.sock") in spoken(reasons[0])
    assert dict(_facts(held, "held"))["Malware scan"] == "not scanned (the scanner that is configured could not do it)"


def test_malware_is_quarantined(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    if clamd() is None:
        pytest.skip("clamd is not installed")
    folder = Path(tempfile.mkdtemp(prefix="kho-clamd-"))
    try:
        subprocess.run([START, "start", folder, "0"], check=True)
        toml = archive.home / "kho.toml"
        toml.write_text(re.sub(r"(?m)^# clamd = .*$", f'clamd = "{folder / "clamd.sock"}"', toml.read_text()))
        archive.reopen()
        clean = archive.deposit(write_tree(tmp_path / "clean", FILES))
        assert clean.state is DepositState.STORED
        assert re.fullmatch(r"ClamAV [^,()]+(, signatures \d+( of \d{4}-\d\d-\d\d)?)?", clean.scanned)
        assert "MAL-NO-SCANNER" not in clean.finding_counts
        infected = archive.deposit(write_tree(tmp_path / "infected", {"a.com": EICAR, "b.txt": b"b"}))
        assert infected.state is DepositState.QUARANTINED
        assert [(each.code, each.path) for each in infected.findings if each.code.startswith("MAL")] == [("MAL-FOUND", "a.com")]
        assert (archive.home / "quarantine" / infected.id / "files").is_dir()
        assert not (archive.home / "spool" / infected.id).exists()
        assert len(archive.engine.holdings.list().items) == 1
    finally:
        subprocess.run([START, "stop", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    lost = archive.deposit(write_tree(tmp_path / "later", {"x": b"x"}))
    assert lost.scanned == ""
    assert any(code.startswith("MAL-") for code in lost.finding_counts)
    archive.whole()


@pytest.mark.skipif(not schemas.available(), reason=schemas.REASON)
def test_mets_and_premis_are_valid(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    odd = {"%41\t": b"1", "e\u0301": b"2", "é": b"3", "tab\x01": b"4", "empty/": b"", **FILES}
    source = write_tree(tmp_path / "a", odd)
    with open(os.path.join(os.fsencode(source), b"\xff\xfe"), "wb") as out:
        out.write(b"not UTF-8")
    aip = archive.deposit(source, title="A <title> & more").aip_id
    write_tree(source, {"new": b"new"})
    assert archive.deposit(source, update=aip).state is DepositState.STORED
    archive.audit()
    for form in ("folder", "zip"):
        out = archive.export(aip, f"out-{form}", form=form)
        if form == "zip":
            shutil.unpack_archive(out, tmp_path / "unpacked", "zip")
            out = tmp_path / "unpacked"
        documents = [*out.rglob("METS.xml"), *out.rglob("premis*.xml"), *out.rglob("events-v*.xml")]
        assert len(documents) >= 6
        for path in documents:
            schema = schemas.mets() if path.name == "METS.xml" else schemas.premis()
            schema.assertValid(etree.parse(str(path)))

"""The proofs of files that are not there any more: what an export says of them, and that its lines work as they are printed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from repository.evidence.exporting import Exported
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_evidence_endures import ends


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    made.authority("one", "sha256", years=30, hash_name="sha384")
    made.authority("two", "sha512", "p384", years=30, hash_name="sha384")
    yield made
    made.end()


def lose(archive: Proved, aip: str, pattern: str) -> None:
    """The file is altered on every tier."""
    for name in archive.engine.archive.tiers:
        for path in archive.object(aip, name).glob(pattern):
            path.chmod(0o644)
            path.write_bytes(b"altered")


def works(archive: Proved, folder: Path, exported: Exported) -> str:
    """Every line does what it says; returns the text they stand in."""
    text = (folder / "README.txt").read_text(encoding="utf-8")
    at = str((archive.clock.now() + timedelta(days=1)).date())
    for line in exported.verify:
        assert line in text
        command = [sys.executable, "-m", "repository.cli", *shlex.split(line)[1:], "--at", at]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, line + done.stdout + done.stderr
    for name in ("sha256", "sha512"):
        check = subprocess.run([f"{name}sum", "-c", f"{name.upper()}SUMS"], cwd=folder, capture_output=True, text=True)
        assert check.returncode == 0, check.stderr
    return text


LOST = "v1/content/*/representations/*/data/**/1.bin"


def test_a_record_whose_only_object_is_gone_is_verified_by_its_digest(archive: Proved) -> None:
    """Through two hash-tree renewals: the first could read the file, the second could not."""
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256=str((archive.clock.now() + timedelta(days=170)).date()))
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    lose(archive, aip, LOST)
    file = archive.home / "ends.toml"
    ended = str((archive.clock.now() + timedelta(days=170)).date())
    file.write_text(file.read_text(encoding="utf-8").replace('sha384 = ""', f'sha384 = "{ended}"'), encoding="utf-8")
    archive.authority("three", "sha256", "p384", years=30, hash_name="sha512")
    archive.authority("four", "sha512", "p384", years=30, hash_name="sha512")
    archive.clock.pass_days(140)
    archive.engine.evidence.renew()
    folder, exported = archive.proof(aip, "out")
    assert "sha256-before.er" in exported.records
    text = works(archive, folder, exported)
    (line,) = [each for each in exported.verify if "before" in each]
    assert "--digest sha256=" in line
    assert ",sha384=" in line
    assert "sha256-before.er: " in text


def test_what_is_absent_is_named_and_not_counted(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    lose(archive, aip, LOST)
    folder, exported = archive.proof(aip, "out")
    text = works(archive, folder, exported)
    listed = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    absent = (folder / "SHA256SUMS.absent").read_text(encoding="utf-8").splitlines()
    assert len(listed) == exported.objects
    (path,) = [each.partition("  ")[2] for each in absent]
    assert path.endswith("1.bin")
    assert f"    {path}\n" in text
    assert f"{len(listed) + 1} " in text
    assert f"{len(listed)} " in text


def test_nothing_absent_no_word_of_it(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    folder, exported = archive.proof(aip, "out")
    text = works(archive, folder, exported)
    assert "SHA256SUMS.absent" not in text
    assert not list(folder.glob("*.absent"))
    shutil.rmtree(folder)

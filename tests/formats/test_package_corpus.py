"""Real files, handed over in every form: the same names and bytes arrive (test input, not part of the project)."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from formats.package.archives import expand
from formats.package.reception import spool_path
from formats.package.source import Kind
from formats.package.spool import Spool
from formats.package.zipping import write_zip
from policies.findings import Findings

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))
FILES = CORPORA / "format-corpus"

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"the format corpus is not at {FILES}")


@pytest.fixture(scope="module")
def expected() -> dict[bytes, bytes | None]:
    """Names with SHA-512 digests, None for folders."""
    root = os.fsencode(FILES)
    found: dict[bytes, bytes | None] = {}
    for base, folders, files in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(base, name), root)] = None
        for name in files:
            with open(os.path.join(base, name), "rb") as file:
                found[os.path.relpath(os.path.join(base, name), root)] = hashlib.sha512(file.read()).digest()
    assert len(found) > 100
    return found


def as_zip(target: Path) -> Path:
    path = target / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for each in sorted(FILES.rglob("*")):
            archive.write(each, Path("top", each.relative_to(FILES)))
    return path


def as_own_zip(target: Path) -> Path:
    write_zip(target / "x.zip", FILES, top="top")
    return target / "x.zip"


def as_tar(target: Path, mode: str = "w", suffix: str = ".tar") -> Path:
    path = target / f"x{suffix}"
    with tarfile.open(path, mode, encoding="utf-8") as archive:  # type: ignore[call-overload]
        archive.add(FILES, "top")
    return path


FORMS = {
    "folder": lambda target: FILES,
    "zip": as_zip,
    "own_zip": as_own_zip,
    "tar": as_tar,
    "tar.gz": lambda target: as_tar(target, "w:gz", ".tar.gz"),
}


@pytest.mark.parametrize("form", FORMS)
def test_round_trip(tmp_path: Path, form: str, expected: dict[bytes, bytes | None]) -> None:
    path = FORMS[form](tmp_path)
    findings = Findings()
    with Spool(tmp_path / "spool") as spool:
        spool_path(path, spool, findings)
        assert findings.ok
        found = {s.item.name: s.sha512 if s.item.kind is Kind.FILE else None for s in spool.spooled()}
        assert found == expected
        for spooled in spool.spooled("sha512"):
            assert hashlib.sha512(spool.path(spooled).read_bytes()).digest() == spooled.sha512
        assert spool.meta("top") == (None if form == "folder" else b"top")
    shutil.rmtree(tmp_path / "spool")


ZIPS = sorted(each for each in FILES.rglob("*") if each.is_file() and zipfile.is_zipfile(each)) if FILES.is_dir() else []


@pytest.mark.parametrize("path", ZIPS, ids=lambda path: path.name)
def test_zips_of_other_tools_are_no_bombs(tmp_path: Path, path: Path) -> None:
    """Documents that are zips inside: whatever zipfile can read without complaint is read the same here."""
    with zipfile.ZipFile(path) as archive:
        try:
            content = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
            content = None
    findings = Findings()
    with Spool(tmp_path / "spool") as spool:
        expand(path, spool, findings, name="x.zip")
        if content is None:
            assert not findings.ok
            return
        top = (spool.meta("top") or b"").decode()
        prefix = f"{top}/" if top else ""
        found = {}
        for item in spool.items():
            if item.kind is Kind.FILE:
                with spool.open(item.name) as stream:
                    found[prefix + item.name.decode("utf-8", "surrogateescape")] = stream.read()
    if findings.ok:
        assert {name: data for name, data in found.items() if name.isascii()} == {n: d for n, d in content.items() if n.isascii()}
    else:
        assert set(findings.counts) & {
            "PKG-ARCHIVE-TRAILING",
            "PKG-DUPLICATE",
            "PKG-HEADERS-DISAGREE",
            "PKG-NAME-UNSAFE",
            "PKG-ENTRIES-OVERLAP",
        }

"""A real evidence record as the proof that makes an archived signature pass, twenty years after every certificate of it has ended."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from signatures.evidence import Generation, Lineage, Tree, renewal_of, renewal_tree, renewal_values
from signatures.evidence.tree import group_hash
from signatures.validation_data import kept_name
from tests.signatures.pki import Pki, day

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"Cong van so 1"
COLLECTED = day(2026, 3)


def token(pki: Pki, authority: str, at: datetime, imprint: bytes) -> bytes:
    return bytes(asyncio.run(pki.stamps(authority, at).async_timestamp(imprint, "sha256")).dump())


@pytest.fixture(scope="module")
def exported(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an archive hands out in 2045: a detached signature, its content, the data collected in 2026, and one evidence record over all
    of them, renewed in 2029 and 2039."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "data").mkdir()
    (folder / "anchors").mkdir()
    files = {"cong-van.txt": CONTENT, "cong-van.txt.p7s": pki.sign_cms(CONTENT, COLLECTED)}
    pieces = [("certificate", pki.certificate(name).der) for name in ("interm", "tsa")]
    pieces += [("crl", der) for der in pki.crls(COLLECTED)] + [("ocsp", pki.ocsp("signer1", COLLECTED))]
    files |= {f"data/{kept_name(kind, der)}": der for kind, der in pieces}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for each in pki.anchors():
        (folder / "anchors" / f"{each.sha256.hex()}.cer").write_bytes(each.der)

    def group(name: str) -> list[bytes]:
        return [hashlib.new(name, data).digest() for data in files.values()]

    others = [hashlib.sha256(bytes([n])).digest() for n in range(6)]
    tree = Tree("sha256", [group_hash("sha256", group("sha256")), *others])
    lineage = Lineage([Generation(tree, token(pki, "tsa", day(2026, 3, 2), tree.root))])
    (folder / "not-renewed.er").write_bytes(lineage.record(0, group))
    for authority, at in (("tsa2", day(2029, 6)), ("tsa3", day(2039, 6))):
        values = renewal_values("sha256", lineage.newest.last)
        renewals = renewal_tree("sha256", [values])
        stamped = token(pki, authority, at, renewals.root)
        lineage.newest.renewals.append(renewal_of(renewals, 0, values, stamped))
    (folder / "record.er").write_bytes(lineage.record(0, group))
    return folder


def validate(folder: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-m", "repository.cli", "signatures", "validate", str(folder / "cong-van.txt.p7s"), "--json"]
    command += ["--anchors", str(folder / "anchors"), "--data", str(folder / "data"), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["files"][0]["signatures"][0]


@pytest.mark.parametrize("at", ["2035-01-01", "2045-01-01"])
def test_evidence_makes_it_pass(exported: Path, at: str) -> None:
    code, found = validate(exported, "--at", at, "--evidence", str(exported / "record.er"))
    assert (code, found["indication"]) == (0, "TOTAL-PASSED"), found
    assert str(found["proven"]).startswith("2026-03-01")


def test_without_evidence_or_with_a_record_that_was_not_renewed_it_does_not(exported: Path) -> None:
    for extra in ((), ("--evidence", str(exported / "not-renewed.er"))):
        code, found = validate(exported, "--at", "2045-01-01", *extra)
        assert (code, found["subindication"]) == (3, "OUT_OF_BOUNDS_NO_POE")


def test_evidence_over_something_else_proves_nothing(exported: Path, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(exported, other)
    (other / "cong-van.txt").write_bytes(CONTENT + b".")
    code, found = validate(other, "--at", "2045-01-01", "--evidence", str(other / "record.er"))
    assert (code, found["indication"]) == (4, "TOTAL-FAILED")

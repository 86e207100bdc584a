"""A second reader of RFC 4998 (`rfc4998_reader`, nothing of Kho) proves what Kho exports, and only that."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import FILES, Proved
from tests.repository.rfc4998_reader import EvidenceRecord, NotProved, proved_since
from tests.signatures.authorities import NOW

ENDS = """version = 2
source = "test"
issued = "2027"
[hash]
sha256 = "2030-01-01"
sha384 = ""
sha512 = ""
[signature]
ecdsa = [[256, ""]]
"""


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = Proved(tmp_path, identifier)
    made.authority("one", "sha256", years=2)
    made.authority("two", "sha512", "p384", years=2)
    yield made
    made.end()


def read(folder: Path, tree: str, *, files: list[Path] | None = None, group: bool = True) -> timedelta:
    """How long after the beginning of the story the files are proved by the second reader."""
    given = sorted(each for each in (folder / "data").rglob("*") if each.is_file()) if files is None else files
    roots = sorted((folder / "anchors").glob("*.pem"))
    return proved_since((folder / f"{tree}.er").read_bytes(), given, roots, folder, group=group) - NOW


def shape(folder: Path, tree: str) -> list[int]:
    """Stamps of each chain."""
    return [len(chain) for chain in EvidenceRecord.load((folder / f"{tree}.er").read_bytes())["sequence"]]


def test_exports_are_proved_by_a_second_reader(archive: Proved) -> None:
    """Several files in a group, both versions of an AIP, a day of the ledger beside them; renewed by stamp, by tree, and by stamp again."""
    first, other = archive.give("a"), archive.give("b", {"only.txt": b"one file"})
    archive.engine.evidence.batch()
    archive.clock.pass_days(3)
    archive.give("a2", {**FILES, "báo cáo.txt": b"new"}, update=first)
    archive.engine.evidence.batch()
    out = iter(range(100))

    def exported(aip: str, version: int) -> Path:
        return archive.proof(aip, f"out{next(out)}", version)[0]

    def all_proved(expected: dict[str, list[int]]) -> None:
        for aip, version, days in ((first, 1, 0), (first, 2, 3), (other, 1, 0)):
            folder = exported(aip, version)
            for tree, stamps in expected.items():
                assert shape(folder, tree) == stamps
                assert timedelta(days=days) <= read(folder, tree) < timedelta(days=days, minutes=1)

    all_proved({"sha256": [1], "sha512": [1]})
    archive.clock.pass_days(600)
    archive.authority("three", "sha256", years=20)
    archive.authority("four", "sha512", "p384", years=20, hash_name="sha384")
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 4
    all_proved({"sha256": [2], "sha512": [2]})
    (archive.home / "ends.toml").write_text(ENDS, encoding="utf-8")
    policy = archive.home / "policy.toml"
    text = policy.read_text(encoding="utf-8").replace('lead = "180d"', 'lead = "180d"\nalgorithms = "ends.toml"')
    policy.write_text(text, encoding="utf-8")
    archive.clock.pass_days(400)
    archive.authority("five", "sha256", years=2, hash_name="sha512")
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 2
    all_proved({"sha256": [2, 1], "sha512": [2]})
    archive.clock.pass_days(600)
    archive.authority("six", "sha256", years=20, hash_name="sha512")
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
    all_proved({"sha256": [2, 2], "sha512": [2]})


def test_the_second_reader_is_no_yes_sayer(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(600)
    archive.authority("three", "sha256", years=20)
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 1
    folder, _ = archive.proof(aip, "out")
    files = sorted(each for each in (folder / "data").rglob("*") if each.is_file())
    assert read(folder, "sha256", files=files[:1], group=False) >= timedelta()
    with pytest.raises(NotProved, match="others"):
        read(folder, "sha256", files=files[:1])
    content = files[-1].read_bytes()
    files[-1].chmod(0o644)
    files[-1].write_bytes(content + b".")
    with pytest.raises(NotProved, match="chain 1, stamp 1: 1 objects"):
        read(folder, "sha256")
    files[-1].write_bytes(content)
    record = bytearray((folder / "sha256.er").read_bytes())
    token = EvidenceRecord.load(bytes(record))["sequence"][0][1]["time_stamp"].dump()
    record[bytes(record).index(token) + len(token) - 1] ^= 1
    (folder / "sha256.er").write_bytes(record)
    with pytest.raises(NotProved, match="chain 1, stamp 2: openssl"):
        read(folder, "sha256")
    for anchor in (folder / "anchors").iterdir():
        anchor.write_bytes(b"")
    with pytest.raises(NotProved, match="chain 1, stamp 1: openssl"):
        read(folder, "sha512")

"""What is handed out where files were left out, at one renewal or another: a record for everything that proves something, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.evidence.exporting import Exported
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_evidence_endures import ending, ends
from tests.repository.test_evidence_left_out import away, kho, later, one_back, outage


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def holds(archive: Proved, folder: Path, exported: Exported, record: str, days: float) -> bool:
    """Whether the line that is printed for a record holds at a time."""
    (line,) = (each for each in exported.verify if f" {record} " in each)
    return kho(archive, folder, line, days) == 0


def test_files_that_were_left_out_one_after_the_other_have_a_record_each(archive: Proved) -> None:
    aip = ending(archive)
    with away(archive, "/1.bin"):
        later(archive, 530)
        assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
        with away(archive, "/name"):
            later(archive, 560)
            ends(archive, sha256="2028-06-01", sha384="2028-07-01")
            assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha256-before.er", "sha256-before-2.er", "sha512.er"]
    assert [Path(each.path).name for each in exported.proves["sha256-before.er"]] == ["name"]
    assert [Path(each.path).name for each in exported.proves["sha256-before-2.er"]] == ["1.bin"]
    last = {"sha256.er": 600, "sha256-before.er": 575, "sha256-before-2.er": 545, "sha512.er": 600}
    assert {record: holds(archive, folder, exported, record, days) for record, days in last.items()} == dict.fromkeys(last, True)
    assert not holds(archive, folder, exported, "sha256-before.er", 600)
    assert not holds(archive, folder, exported, "sha256-before-2.er", 575)


def test_a_file_that_a_lineage_was_begun_without_has_no_record_of_it(archive: Proved) -> None:
    aip = one_back(archive)
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha256-before.er", "sha512.er", "sha256.2.er"]
    assert all(holds(archive, folder, exported, record, 570) for record in ("sha256.er", "sha512.er", "sha256.2.er"))
    assert not any(each.path.endswith("/name") for each in exported.proves["sha256.2.er"])
    told = {(each.code, Path(each.path).name, each.args["tree"]) for each in exported.findings}
    assert told == {
        ("EVD-NOT-FURTHER", "1.bin", "sha256"),
        ("EVD-NOT-FURTHER", "name", "sha256"),
        ("EVD-NOT-IN-TREE", "name", "sha256.2"),
    }


def test_a_version_that_a_lineage_was_begun_without_has_no_record_of_it(archive: Proved) -> None:
    aip = outage(archive)
    archive.give("b")
    places = [archive.object(aip, name) for name in archive.engine.archive.tiers]
    moved = [(place.rename(place.with_name(f"{place.name}-away")), place) for place in places]
    archive.engine.evidence.renew()
    for there, place in moved:
        there.rename(place)
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256-given-up.er", "sha512-given-up.er", "sha512.2.er"]
    assert holds(archive, folder, exported, "sha512.2.er", 4 * 365 + 1)
    assert {each.args["tree"] for each in exported.findings if each.code == "EVD-NOT-IN-TREE"} == {"sha256.2"}
    readme = (folder / "README.txt").read_text(encoding="utf-8")
    assert "sha256.2" not in readme
    assert "Two records" not in readme

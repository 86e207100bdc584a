"""Evidence and what the operator says of roots: a period that is set in the archive's folder of anchors holds for its authorities, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from repository.evidence.judge import Judging, judge
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.signatures.authorities import NOW, issuing


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def takes_back(archive: Proved, root: bytes, until: datetime) -> None:
    folder = archive.home / "anchors"
    folder.mkdir(exist_ok=True)
    (folder / "root.cer").write_bytes(root)
    digest = hashlib.sha256(root).hexdigest()
    (folder / "anchors.toml").write_text(f'[[anchor]]\nsha256 = "{digest}"\nuntil = {until.date()}\n', encoding="utf-8")
    archive.reopen()


def test_a_root_that_is_taken_back_proves_nothing_in_an_export_either(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    aip = archive.give("a")
    assert archive.engine.evidence.batch()["failures"] == []
    takes_back(archive, issuing(one).root, datetime(2024, 1, 1))
    folder, _ = archive.proof(aip, "out")
    files = sorted(each for each in (folder / "data").rglob("*") if each.is_file())

    def valid(tree: str) -> bool:
        return judge(folder / f"{tree}.er", Judging(files, {}, [folder / "anchors"], NOW)).valid

    assert not valid("sha256")
    assert valid("sha512")
    archive.no_authorities()  # what is remembered of them stands under the same period
    assert not valid("sha256")
    other, _ = archive.proof(aip, "again")
    assert (other / "anchors" / "anchors.toml").read_text() == (folder / "anchors" / "anchors.toml").read_text()


def test_nobody_is_asked_to_stamp_whose_root_is_taken_back(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    takes_back(archive, issuing(one).root, datetime(2024, 1, 1))
    archive.give("a")
    done = archive.engine.evidence.batch()
    assert done["trees"] == ["sha512"]
    assert "one" in str(done["failures"])

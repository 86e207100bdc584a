"""Evidence and what the operator says of roots: a period that is set in the archive's folder of anchors holds for its authorities, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.attention.entries import attention
from signatures.timestamps import make_authority
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved, judged_record
from tests.signatures.authorities import NOW, issuing, key


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

    def valid(tree: str) -> bool:
        return judged_record(folder, f"{tree}.er", NOW).valid

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


def test_the_plan_reckons_with_what_an_authority_s_certificate_is_signed_with(archive: Proved) -> None:
    """Its own key is on P-256 and lasts; RSA PKCS#1 v1.5, with which its root signed its certificate, does not."""
    root_key = key("rsa-2048")
    begins, ends = NOW - timedelta(days=1), NOW + timedelta(days=5000)
    made = make_authority("old root", key("p256"), clock=archive.clock, begins=begins, ends=ends, root_key=root_key)
    archive.name_authority("one", made, "sha256")
    archive.authority("two", "sha512")
    archive.give("a")
    archive.engine.evidence.batch()
    row = next(each for each in archive.engine.evidence.plan().rows if each.tree == "sha256")
    assert row.because is not None
    assert (row.because.name, row.because.when) == ("rsa-pkcs1v15 2048 (old root)", datetime(2029, 1, 1, tzinfo=UTC))
    archive.clock.time = datetime(2028, 8, 1, tzinfo=UTC)
    assert "one" not in row.authorities  # one more stamp of it would end on the same day
    found = {each.code for each in archive.engine.evidence.plan().findings}
    assert {"EVD-DUE", "EVD-NO-AUTHORITY"} <= found


def told(archive: Proved) -> set[str]:
    return {each.code for each in attention(archive.engine.archive) if each.code.startswith("EVD-")}


def test_what_stands_on_a_root_that_is_taken_back_is_told_of_and_begun_again(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    takes_back(archive, issuing(one).root, datetime(2024, 1, 1))
    archive.clock.pass_days(2)
    archive.engine.evidence.batch()  # the worker's round asks for news
    assert "EVD-FALLEN" in told(archive)
    archive.authority("three", "sha256")
    assert archive.engine.evidence.renew()["tokens"] == 1
    assert "EVD-FALLEN" not in told(archive)
    folder, _ = archive.proof(aip, "out")
    assert judged_record(folder, "sha256.2.er", archive.clock.now()).valid


def test_an_end_that_is_set_for_a_root_makes_its_trees_due_before_it(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    archive.give("a")
    archive.engine.evidence.batch()
    end = datetime(2028, 1, 1, tzinfo=UTC)
    takes_back(archive, issuing(one).root, end)
    archive.clock.pass_days(2)
    archive.engine.evidence.batch()
    due = {each.tree: each.due for each in archive.engine.evidence.plan().rows}
    assert due["sha256"] == end - archive.engine.archive.policy.evidence.lead
    assert due["sha512"] != due["sha256"]
    assert "EVD-FALLEN" not in told(archive)

"""Whom the plan names for a renewal: authorities whose certificate and root last for it, and nobody in silence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repository.attention.entries import attention
from repository.evidence.planning import Due
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.signatures.authorities import issuing


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def planned(archive: Proved, tree: str = "sha256") -> Due:
    return next(each for each in archive.engine.evidence.plan().rows if each.tree == tree)


def red(archive: Proved) -> set[str]:
    found = {each.path.rpartition("/")[2] for each in archive.engine.evidence.plan().findings if each.code == "EVD-NO-AUTHORITY"}
    told = {each.code for each in attention(archive.engine.archive)}
    assert ("EVD-NO-AUTHORITY" in told) == bool(found)
    return found


def test_an_only_authority_is_red_a_lead_before_the_renewal_that_its_certificate_does_not_outlast(archive: Proved) -> None:
    archive.authority("one", "sha256", years=10)
    archive.authority("two", "sha512", years=30, hash_name="sha512")
    archive.give("a")
    archive.engine.evidence.batch()
    row, lead = planned(archive), archive.engine.archive.policy.evidence.lead
    assert (row.authorities, row.later) == ((), ("one",))  # it will need a new certificate, and has years for it
    assert red(archive) == set()
    assert row.due is not None
    archive.clock.time = row.due - 2 * lead
    assert red(archive) == set()
    archive.clock.time = row.due - lead
    assert red(archive) == {"sha256"}
    archive.authority("three", "sha256", years=10)  # that it lasts is not known before it stamped, and it may
    assert planned(archive).authorities == ("three",)
    assert red(archive) == set()


def test_an_authority_that_lasts_is_named(archive: Proved) -> None:
    archive.authority("short", "sha256", years=5)
    archive.authority("two", "sha512", years=30, hash_name="sha512")
    archive.give("a")
    archive.engine.evidence.batch()
    archive.authority("long", "sha256", years=30)
    row = planned(archive)
    assert (row.authorities, row.later) == (("long",), ("short",))


def test_an_only_authority_whose_root_is_taken_back_before_it_ever_stamped_is_red(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    root = issuing(one).root
    folder = archive.home / "anchors"
    folder.mkdir(exist_ok=True)
    (folder / "root.cer").write_bytes(root)
    row = f'[[anchor]]\nsha256 = "{hashlib.sha256(root).hexdigest()}"\nuntil = {datetime(2024, 1, 1, tzinfo=UTC).date()}\n'
    (folder / "anchors.toml").write_text(row, encoding="utf-8")
    archive.reopen()
    archive.give("a")
    assert archive.engine.evidence.batch()["trees"] == ["sha512"]
    assert planned(archive).authorities == ()
    assert "sha256" in red(archive)

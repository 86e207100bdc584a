"""Rounds of renewals that go wrong: slow reading, tokens in vain, stamps that fell meanwhile, damaged notes, two rounds at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from repository.attention.entries import attention
from repository.evidence import asking, news, rehashing
from repository.evidence.leaves import DataObject, hashed_again
from repository.evidence.making import authorities_by_tree
from repository.evidence.notes import lately
from repository.evidence.renewing import Renewing, renew_due
from repository.progress import Silent
from signatures.errors import NotStamped
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_evidence_endures import Asked, asked, ending, ends, errors, judged
from tests.repository.test_evidence_left_out import LEFT, away, later, left_out, one_back, told
from tests.signatures.authorities import NOW

__all__ = ["asked"]

TREE = "hash-tree renewal"


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def reading(archive: Proved, monkeypatch: pytest.MonkeyPatch, *, hours: float = 0) -> list[str]:
    """What is read again from now on, each file in ``hours``."""
    read = list[str]()

    def slow(tiers: Any, object_id: str, each: DataObject, *further: Any) -> bytes | None:
        read.append(each.path)
        archive.clock.pass_days(hours / 24)
        return hashed_again(tiers, object_id, each, *further)

    monkeypatch.setattr(rehashing, "hashed_again", slow)
    return read


def lineages(archive: Proved) -> list[str]:
    return [facts["tree"] for row in archive.catalog.evidence.batches() for facts in row.trees]


def test_content_may_take_hours_to_read(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    aip = ending(archive)
    later(archive, 530)
    assert len(reading(archive, monkeypatch, hours=3)) == 0
    done = archive.engine.evidence.renew()
    assert (done["renewed"][TREE], done["findings"]) == (1, [])
    _, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha512.er"]


def scheduled(archive: Proved) -> Renewing:
    """A round as the worker makes it every hour."""
    opened = archive.engine.archive
    return renew_due(opened, authorities_by_tree(opened), Silent(), patient=True)


def test_a_token_in_vain_has_nothing_read_again_for_a_day(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority that says yes when it is asked, and no once all is read: its quota is used up."""
    ending(archive)
    later(archive, 530)
    read, given, stamp = reading(archive, monkeypatch), list[bytes](), asking.Asking.stamp

    def refused(self: asking.Asking, asked: Any, hash_name: str, root: bytes, *outlast: Any) -> Any:
        given.append(root)
        raise NotStamped("the quota is used up")

    monkeypatch.setattr(asking.Asking, "stamp", refused)
    for _ in range(3):
        scheduled(archive)
    assert (len(given), len(read)) == (1, 11)
    archive.clock.pass_days(1.1)
    scheduled(archive)
    assert (len(given), len(read)) == (2, 22)
    monkeypatch.setattr(asking.Asking, "stamp", stamp)
    assert archive.engine.evidence.renew()["renewed"][TREE] == 1  # somebody who asks does not wait


def test_what_is_gone_for_ever_has_no_tree_begun_at_every_round(archive: Proved) -> None:
    aip = one_back(archive)
    with away(archive, "/name"):
        for days in (562.1, 564, 566):
            later(archive, days)
            assert archive.engine.evidence.renew()["tokens"] == 0
        assert lineages(archive) == ["sha256", "sha512", "sha256.2"]
        assert told(archive)["EVD-LEFT-BEHIND"].args["count"] == 1
    done = archive.engine.evidence.renew()
    assert (done["renewed"][LEFT], lineages(archive)) == (1, ["sha256", "sha512", "sha256.2", "sha256.3"])
    later(archive, 567)
    assert archive.engine.evidence.renew()["tokens"] == 0
    assert "EVD-LEFT-BEHIND" not in told(archive)
    archive.proof(aip, "out")


def test_what_is_taken_in_does_not_stand_on_a_stamp_that_fell(archive: Proved, asked: Asked) -> None:
    """The authority of the first generation was revoked after the second was made: only who asks finds out."""
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256="2028-06-01")
    archive.no_authorities()
    archive.authority("one", "sha256", hash_name="sha512", years=20)
    archive.authority("two", "sha512", "p384", hash_name="sha512", years=20)
    with away(archive, "/1.bin"):
        later(archive, 530)
        assert archive.engine.evidence.renew()["renewed"][TREE] == 1
    later(archive, 532)
    asked.revoke(archive.clock.now(), x509.ReasonFlags.key_compromise)
    later(archive, 533)
    with pytest.MonkeyPatch.context() as patch:  # its address is a private one, and kho.toml names it no more
        patch.setattr(news, "revocations_for", lambda token, authority: [("ocsp", asked.answers[0])])
        done = archive.engine.evidence.renew()
    assert (done["renewed"][LEFT], [code for code, _, _ in done["findings"]]) == (1, ["EVD-BEGUN-AGAIN"])
    folder, exported = archive.proof(aip, "out")
    assert "sha256.2.er" in exported.records
    assert errors(judged(folder, "sha256.2", 533).findings) == []
    later(archive, 534)
    assert archive.engine.evidence.renew()["tokens"] == 0


def test_a_stamp_that_ends_sooner_takes_the_place_of_none(archive: Proved) -> None:
    left_out(archive, "/1.bin")
    archive.no_authorities()
    archive.authority("short", "sha256", hash_name="sha512", years=0.12)
    done = archive.engine.evidence.renew()
    assert (done["renewed"][LEFT], [code for code, _, _ in done["findings"]]) == (0, ["EVD-NOT-RENEWED"])
    assert {facts["authority"] for row in archive.catalog.evidence.batches() for facts in row.trees} == {"one", "two"}


def test_a_damaged_note_of_what_is_waited_for_holds_up_nothing(archive: Proved) -> None:
    left_out(archive, "/1.bin")
    note = archive.home / "evidence" / "waiting.json"
    note.write_bytes(b"{")
    assert {"EVD-NOTE", "EVD-LEFT-OUT"} <= set(told(archive))
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    assert {each.code for each in attention(archive.engine.archive) if each.code.startswith("EVD-")} == set()


def test_a_time_that_has_not_come_is_not_lately() -> None:
    day = timedelta(days=1)
    assert lately(NOW.isoformat(), NOW + day / 2, day)
    assert not lately(NOW.isoformat(), NOW + day, day)
    assert not lately((NOW + 300 * day).isoformat(), NOW, day)


def test_two_rounds_at_once_are_one_after_the_other(archive: Proved) -> None:
    ending(archive)
    later(archive, 530)
    done = list[Mapping[str, Any]]()
    rounds = [threading.Thread(target=lambda: done.append(archive.engine.evidence.renew())) for _ in range(2)]
    for each in rounds:
        each.start()
    for each in rounds:
        each.join()
    assert sorted(each["renewed"][TREE] for each in done) == [0, 1]
    assert [each["findings"] for each in done] == [[], []]

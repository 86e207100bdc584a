"""Deposits in the catalog, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading

import pytest
from catalog_builders import DAY, NOW, a_deposit

from policies.findings import Finding, Verdict
from repository.catalog import Catalog, CatalogConflict
from repository.errors import UnknownDeposit
from repository.model import Deposit, DepositState

FULL = a_deposit(
    1,
    label="tên \udce1\x00",
    state=DepositState.HELD,
    fingerprint="ab" * 32,
    update_of="urn:uuid:x",
    verdict=Verdict.HOLD,
    findings=(Finding("DEP-EMPTY", "đường/\udcff", {"n": 3, "x": "y\x00"}), Finding("NOT-REGISTERED")),
    finding_counts={"DEP-EMPTY": 7},
    reason="lý do",
    decided_by="user:bình",
    error="X: y",
    aip_id="urn:uuid:y",
    aip_version=3,
    files=2**40,
    bytes=2**60,
    scanned="ClamAV 1.4 / 2027-01-01",
    expires=NOW + 30 * DAY,
    wanted_key="asked",
)


def test_a_deposit_comes_back_as_it_was(catalog: Catalog) -> None:
    for deposit in (FULL, a_deposit(2)):
        catalog.deposits.add(deposit)
        assert catalog.deposits.get(deposit.id) == deposit
        assert catalog.deposits.by_key(deposit.producer, deposit.key) == deposit
    assert catalog.deposits.by_key("nobody", FULL.key) is None
    assert catalog.deposits.find("none") is None
    with pytest.raises(UnknownDeposit):
        catalog.deposits.get("none")


def test_adding_again_changes_nothing_but_another_with_the_key_is_refused(catalog: Catalog) -> None:
    catalog.deposits.add(FULL)
    catalog.deposits.add(a_deposit(1, label="other"))
    assert catalog.deposits.get("d1") == FULL
    with pytest.raises(CatalogConflict) as caught:
        catalog.deposits.add(a_deposit(2, key=FULL.key))
    assert caught.value.code == "CAT-KEY-EXISTS"
    catalog.deposits.add(a_deposit(2, key=FULL.key, producer="another"))


def test_every_field_can_be_changed(catalog: Catalog) -> None:
    catalog.deposits.add(a_deposit(1))
    changed = catalog.deposits.update(
        "d1",
        key="new",
        state=DepositState.ACCEPTED,
        updated=NOW + DAY,
        verdict=Verdict.ACCEPT,
        findings=FULL.findings,
        finding_counts=FULL.finding_counts,
        expires=FULL.expires,
        aip_id="urn:uuid:y",
        aip_version=1,
        error="",
    )
    assert changed == catalog.deposits.get("d1")
    assert (changed.key, changed.state, changed.verdict) == ("new", DepositState.ACCEPTED, Verdict.ACCEPT)
    assert changed.findings == FULL.findings
    assert changed.expires == FULL.expires
    assert catalog.deposits.update("d1", expires=None, verdict=None).expires is None
    with pytest.raises(UnknownDeposit):
        catalog.deposits.update("none", error="x")


def test_a_change_to_a_key_that_is_taken_is_refused_and_the_transaction_goes_on(catalog: Catalog) -> None:
    catalog.deposits.add(a_deposit(1))
    catalog.deposits.add(a_deposit(2))
    with catalog.begin() as transaction:
        with pytest.raises(CatalogConflict) as caught:
            catalog.deposits.update("d2", key="key 1", within=transaction)
        catalog.deposits.update("d2", error="said", within=transaction)
    assert caught.value.code == "CAT-KEY-EXISTS"
    assert catalog.deposits.get("d2").key == "key 2"
    assert catalog.deposits.get("d2").error == "said"


def test_compare_and_set(catalog: Catalog) -> None:
    catalog.deposits.add(a_deposit(1, state=DepositState.HELD))
    catalog.deposits.update("d1", expected=DepositState.HELD, state=DepositState.SPOOLED)
    with pytest.raises(CatalogConflict) as caught:
        catalog.deposits.update("d1", expected=DepositState.HELD, state=DepositState.REFUSED, reason="late")
    assert caught.value.code == "CAT-STATE"
    assert caught.value.finding.args["found"] == "spooled"
    assert catalog.deposits.get("d1").reason == ""
    both = (DepositState.HELD, DepositState.SPOOLED)
    assert catalog.deposits.update("d1", expected=both, state=DepositState.ACCEPTED).state is DepositState.ACCEPTED


def test_of_many_who_decide_at_once_one_succeeds(catalog: Catalog) -> None:
    catalog.deposits.add(a_deposit(1, state=DepositState.HELD))
    won: list[int] = []
    problems: list[BaseException] = []

    def decide(officer: int) -> None:
        try:
            catalog.deposits.update("d1", expected=DepositState.HELD, state=DepositState.SPOOLED, decided_by=f"user:{officer}")
            won.append(officer)
        except CatalogConflict:
            pass
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=decide, args=(officer,)) for officer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(won) == 1
    assert catalog.deposits.get("d1").decided_by == f"user:{won[0]}"


def test_lists_newest_first_by_state(catalog: Catalog) -> None:
    states = [DepositState.STORED, DepositState.HELD, DepositState.REFUSED]
    for number in range(30):
        # several at one moment: the id decides
        catalog.deposits.add(a_deposit(number, state=states[number % 3], created=NOW + (number // 4) * DAY))
    seen: list[Deposit] = []
    cursor = None
    for _page in range(8):
        page = catalog.deposits.list(cursor=cursor, limit=4)
        seen += page.items
        cursor = page.cursor
    assert cursor is None
    assert len({each.id for each in seen}) == 30
    assert seen == sorted(seen, key=lambda each: (each.created, each.id), reverse=True)
    held = catalog.deposits.list(state=DepositState.HELD)
    assert len(held.items) == 10
    assert held.cursor is None
    assert catalog.deposits.counts() == dict.fromkeys(states, 10)

"""Which versions no batch of evidence holds: asked each hour and with every `kho status`, and no dearer the more is proved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from catalog_builders import DAY, NOW, a_registration, aip_id
from sqlalchemy import Connection, Engine, event

from repository.catalog import Catalog
from repository.catalog.evidence import BatchRow, LeafRow


def batch(name: str) -> BatchRow:
    return BatchRow(name, NOW, 1, 1, b"\1" * 64, [])


def leaves(numbers: range, name: str, version: int = 1) -> list[LeafRow]:
    return [LeafRow(aip_id(number), version, name, at) for at, number in enumerate(numbers)]


def waiting(catalog: Catalog) -> list[tuple[str, int]]:
    return [(name, version) for name, version, _ in catalog.evidence.unproved(100)]


def test_what_a_batch_holds_waits_no_more(catalog: Catalog) -> None:
    catalog.register(a_registration(number) for number in range(6))
    assert catalog.evidence.count() == (0, 6)
    catalog.evidence.put(batch("one"), leaves(range(4), "one"))
    assert (waiting(catalog), catalog.evidence.count()) == ([(aip_id(4), 1), (aip_id(5), 1)], (4, 2))
    catalog.register(a_registration(0, version=2))
    assert set(waiting(catalog)) == {(aip_id(0), 2), (aip_id(4), 1), (aip_id(5), 1)}
    left = catalog.evidence.waiting(NOW + DAY, 10)
    assert (left.count, left.oldest) == (3, NOW)
    assert catalog.evidence.waiting(NOW - timedelta(seconds=1), 10).count == 0
    catalog.evidence.put(batch("two"), [*leaves(range(4, 6), "two"), LeafRow(aip_id(0), 2, "two", 2)])
    assert (waiting(catalog), catalog.evidence.count()) == ([], (7, 0))


def test_leaves_that_are_known_before_their_versions_count_too(catalog: Catalog) -> None:
    """As in a rebuild, where either may come first."""
    catalog.evidence.put(batch("one"), leaves(range(2), "one"))
    catalog.register(a_registration(number) for number in range(3))
    assert (waiting(catalog), catalog.evidence.count()) == ([(aip_id(2), 1)], (2, 1))
    catalog.evidence.clear()
    assert catalog.evidence.count() == (0, 3)


def test_registering_again_does_not_ask_for_another_proof(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    catalog.evidence.put(batch("one"), leaves(range(1, 2), "one"))
    catalog.register(a_registration(1))
    assert waiting(catalog) == []


def test_looking_for_what_waits_costs_the_same_however_much_is_proved(catalog: Catalog, catalog_url: str) -> None:
    if not catalog_url.startswith("sqlite"):
        pytest.skip("steps are counted by SQLite")
    steps = []
    catalog.register(a_registration(9_999, files=[]))
    for number, many in enumerate((range(0, 100), range(100, 2_000))):
        catalog.register(a_registration(each, files=[]) for each in many)
        catalog.evidence.put(batch(str(number)), leaves(many, str(number)))
        steps.append(counted(catalog))
    assert steps[1] < 1.5 * steps[0], steps


def counted(catalog: Catalog) -> int:
    """How many steps of SQLite's machine it takes to ask what waits, by tens."""
    count = 0

    def one() -> int:
        nonlocal count
        count += 1
        return 0

    def watched(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(one, 10)

    event.listen(Engine, "begin", watched)
    try:
        assert catalog.evidence.waiting(NOW + DAY, 10).count >= 1
        assert catalog.evidence.unproved(10)
    finally:
        event.remove(Engine, "begin", watched)
    return count

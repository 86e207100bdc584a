"""Figures of the catalog at size: printed, not asserted (a timed test fails on a busy machine). Part of `make proof`; run with -s."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from catalog_builders import DAY, NOW, a_check, a_file, a_registration, aip_id

from repository.catalog import Catalog

COPIES = 1_000_000


def rows() -> Iterator[tuple[object, ...]]:
    micro = int(NOW.timestamp()) * 1_000_000
    for number in range(COPIES):
        # due moments spread over the index by a stride that is prime to their number
        yield (
            aip_id(number),
            "a",
            1,
            "good",
            micro,
            micro,
            None,
            micro + (number * 7_919 % COPIES) * 1_000_000,
            1000,
            20,
            None,
            None,
        )


@pytest.mark.proof
def test_due_among_a_million_copies(catalog: Catalog) -> None:
    from repository.catalog.bulk import load
    from repository.catalog.tables import copy

    with catalog.begin() as transaction:
        load(transaction, copy, [column.name for column in copy.columns], rows())
    first, all_due = [], []
    for _round in range(21):
        begun = time.perf_counter()
        page = catalog.copies.due("a", NOW + 400 * DAY, limit=500)
        middle = time.perf_counter()
        whole = catalog.copies.due("a", NOW + 400 * DAY, limit=10_000)
        first.append(middle - begun)
        all_due.append(time.perf_counter() - middle)
        assert whole[:500] == page
        assert whole == sorted(whole, key=lambda each: each[1])
    print(
        f"\ndue of {COPIES:,}: next 500 {statistics.median(first) * 1e3:.1f} ms, next 10,000 {statistics.median(all_due) * 1e3:.1f} ms"
    )
    step = []
    for number in range(21):
        begun = time.perf_counter()
        taken = catalog.copies.candidates(tiers=["a"], checked_before=NOW + (500 + number) * DAY, limit=500)
        step.append(time.perf_counter() - begun)
        assert len(taken) == 500
    print(f"candidates of {COPIES:,}: next 500 whole copies {statistics.median(step) * 1e3:.1f} ms")
    records = [a_check(number, "a", time=NOW + timedelta(days=900)) for number in range(10_000)]
    begun = time.perf_counter()
    assert catalog.copies.record(records) == 10_000
    print(f"record: {10_000 / (time.perf_counter() - begun):,.0f} checks/s in one transaction")


@pytest.mark.proof
def test_registration_and_search(catalog: Catalog) -> None:
    files = [a_file(f"representations/submission/data/tài liệu {number:03d}.pdf", puid="fmt/19") for number in range(20)]
    entries = [a_registration(number, files=files, fields={"title": ("Hồ sơ đất đai",)}) for number in range(2_000)]
    begun = time.perf_counter()
    for start in range(0, 2_000, 100):
        catalog.register(entries[start : start + 100])
    print(f"\nregister: {40_000 / (time.perf_counter() - begun):,.0f} files/s, 2,000 AIPs of 20 files, 100 a transaction")
    begun = time.perf_counter()
    assert len(catalog.holdings.list(query="dat dai ho so").items) == 100
    assert catalog.holdings.count(query="khong co") == 0
    print(f"search: {(time.perf_counter() - begun) * 1e3:.1f} ms for a page and a count")
    many = [a_file(f"data/{number:06d}") for number in range(50_000)]
    begun = time.perf_counter()
    catalog.register(a_registration(9_000, files=many))
    first = time.perf_counter()
    catalog.register(a_registration(9_000, version=2, files=[*many[:-1], a_file("new", stored_in=2)]))
    second = time.perf_counter()
    print(f"one AIP of 50,000: version 1 {50_000 / (first - begun):,.0f}, version 2 {50_000 / (second - first):,.0f} files/s")
    begun = time.perf_counter()
    assert sum(1 for _ in catalog.holdings.files(aip_id(9_000))) == 50_000
    print(f"files: {50_000 / (time.perf_counter() - begun):,.0f} files/s streamed")
    begun = time.perf_counter()
    assert len(catalog.holdings.known_digests(bytes.fromhex(each.sha512) for each in many)) == 50_000
    print(f"known digests: {50_000 / (time.perf_counter() - begun):,.0f} digests/s")

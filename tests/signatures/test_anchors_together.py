"""What several places say of one certificate, and several rows of one place: nobody widens what another narrowed or took back."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.anchors import Anchor, Anchors, Purpose, anchors_at, load_anchors, write_rows
from signatures.certificates import Certificate
from signatures.errors import AnchorsUnusable
from tests.signatures.pki import Pki, day
from tests.signatures.test_anchors import LIST

BOTH = frozenset(Purpose)


@pytest.fixture
def root(pki: Pki) -> Certificate:
    return pki.certificate("root")


def place(folder: Path, certificate: Certificate, *said: str) -> Path:
    """A folder of anchors in which each of ``said`` is a row of ``certificate``."""
    folder.mkdir(parents=True)
    (folder / "root.der").write_bytes(certificate.der)
    if said:
        rows = "".join(f'[[anchor]]\nsha256 = "{certificate.sha256.hex()}"\n{each}\n' for each in said)
        (folder / "anchors.toml").write_text(rows)
    return folder


def vouched(anchors: Anchors, certificate: Certificate, *years: int) -> list[tuple[str, int]]:
    return [
        (purpose.value, year)
        for purpose in sorted(Purpose)
        for year in years
        if any(each.vouches(purpose, day(year)) for each in anchors.of_certificate(certificate))
    ]


ALL = [("signature", 2025), ("signature", 2027), ("timestamp", 2025), ("timestamp", 2027)]


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ((), (), ALL),
        (('name = "R"',), (), ALL),
        (("trusted = true",), (), ALL),
        (("trusted = false",), (), []),
        (("trusted = false",), ("until = 2030-01-01",), []),
        (("trusted = false",), ('purposes = ["timestamp"]',), []),
        (('purposes = ["signature"]',), (), ALL[:2]),
        (('purposes = ["signature"]',), ("until = 2026-01-01",), ALL[:1]),
        (('purposes = ["signature"]',), ('purposes = ["timestamp"]',), []),
        (("purposes = []",), (), []),
        (("until = 2026-01-01",), (), [ALL[0], ALL[2]]),
        (("until = 2020-01-01",), (), []),
        (("until = 2026-01-01",), ("until = 2028-01-01",), [ALL[0], ALL[2]]),
        (("until = 2026-01-01",), ("since = 2026-06-01",), []),
        (('until = 2026-01-01\npurposes = ["timestamp"]', 'purposes = ["signature"]'), (), ALL[:3]),
        (("until = 2025-01-01", "since = 2026-01-01"), (), [ALL[1], ALL[3]]),
        (("until = 2025-01-01", "since = 2026-01-01"), ("until = 2026-01-01",), []),
    ],
)
def test_the_narrower_of_two_places_holds_in_every_order(
    tmp_path: Path, root: Certificate, one: Sequence[str], other: Sequence[str], left: list[tuple[str, int]]
) -> None:
    first, second = place(tmp_path / "one", root, *one), place(tmp_path / "other", root, *other)
    for places in itertools.permutations([first, second, second / "root.der"]):
        assert vouched(anchors_at(places), root, 2025, 2027) == left
    assert vouched(load_anchors(second).dated_by(load_anchors(first)), root, 2025, 2027) == left
    again = anchors_at([first, first])
    assert vouched(again, root, 2025, 2027) == vouched(load_anchors(first), root, 2025, 2027)


@pytest.mark.parametrize(
    "said",
    [
        ("trusted = false",),
        ('purposes = ["signature"]',),
        ("until = 2026-01-01",),
        ("until = 2020-01-01",),
        ('until = 2026-01-01\npurposes = ["timestamp"]', 'purposes = ["signature"]'),
        ("until = 2025-01-01", "since = 2026-01-01"),
        ('trusted = false\npurposes = ["timestamp"]', 'since = 2026-01-01\npurposes = ["signature"]'),
    ],
)
def test_what_is_written_is_read_as_the_same(tmp_path: Path, pki: Pki, root: Certificate, said: Sequence[str]) -> None:
    anchors = load_anchors(place(tmp_path / "one", root, *said)) + Anchors.of([pki.certificate("tsaca1")])
    folder = place(tmp_path / "written", root)
    (folder / "other.der").write_bytes(pki.certificate("tsaca1").der)
    (folder / "anchors.toml").write_text(write_rows(anchors))
    again = load_anchors(folder)
    assert again.digest == anchors.digest
    assert again.taken_back == anchors.taken_back


def test_periods_that_overlap_are_written_as_rows_that_can_be_read(tmp_path: Path, root: Certificate) -> None:
    periods = [(2024, 2026), (2025, 2027), (2027, 2028), (2029, 2030)]
    anchors = Anchors(tuple(Anchor(root, day(since), day(until), BOTH) for since, until in periods))
    folder = place(tmp_path / "written", root)
    (folder / "anchors.toml").write_text(write_rows(anchors))
    assert [(each.since, each.until) for each in load_anchors(folder).anchors] == [(day(2024), day(2028)), (day(2029), day(2030))]


def test_nothing_is_written_where_nothing_was_said(root: Certificate) -> None:
    assert write_rows(Anchors.of([root])) == ""


def test_a_trusted_list_speaks_of_its_services_only_and_a_certificate_beside_it_does_not_widen_them(
    tmp_path: Path, root: Certificate
) -> None:
    folder = place(tmp_path / "one", root)
    (folder / "list.xml").write_text(LIST.format(certificate=base64.b64encode(root.der).decode()))
    anchors = load_anchors(folder)  # granted for signatures from 2021 until 2027
    assert vouched(anchors, root, 2025, 2028) == [("signature", 2025), ("timestamp", 2025), ("timestamp", 2028)]
    assert anchors.taken_back == frozenset()


@pytest.mark.parametrize(
    "rows",
    [
        ('until = 2020-01-01\npurposes = ["timestamp"]', 'purposes = ["timestamp", "signature"]'),
        ("until = 2020-01-01", 'purposes = ["timestamp"]'),
        ("trusted = false", "until = 2030-01-01"),
        ('trusted = false\npurposes = ["signature"]', "since = 2020-01-01"),
        ("until = 2026-01-01", "since = 2025-01-01"),
        ('name = "a"', 'name = "b"'),
    ],
)
def test_two_rows_that_cannot_both_hold_stop_every_judgement(tmp_path: Path, root: Certificate, rows: Sequence[str]) -> None:
    folder = place(tmp_path / "one", root, *rows)
    with pytest.raises(AnchorsUnusable) as caught:
        load_anchors(folder)
    second = 3 + rows[0].count("\n") + 2
    assert f"lines 2, {second} " in caught.value.finding.text("en")


def test_whether_it_is_trusted_is_said_by_yes_or_no(tmp_path: Path, root: Certificate) -> None:
    for said in ('trusted = "no"', "trusted = 0"):
        with pytest.raises(AnchorsUnusable, match="true or false"):
            load_anchors(place(tmp_path / said[-2], root, said))


def test_the_purposes_of_one_row_end_on_their_own_day(tmp_path: Path, root: Certificate) -> None:
    said = ('until = 2026-01-01\npurposes = ["timestamp"]', 'until = 2028-01-01\npurposes = ["signature"]')
    anchors = load_anchors(place(tmp_path / "one", root, *said))
    ends = {purpose: each.until for each in anchors.anchors for purpose in each.purposes}
    assert ends == {Purpose.TIMESTAMP: datetime(2026, 1, 1, tzinfo=UTC), Purpose.SIGNATURE: datetime(2028, 1, 1, tzinfo=UTC)}

"""The catalog as a whole, and holdings: one suite, run on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytest
from catalog_builders import DAY, NOW, a_check, a_deposit, a_file, a_registration, aip_id
from sqlalchemy import select, text

from repository.catalog import BadCursor, Catalog, CatalogConflict, CatalogUnavailable, SchemaMismatch
from repository.catalog.tables import event as event_table
from repository.catalog.tables import ledger_person
from repository.errors import UnknownAip
from repository.model import AipFile, CopyState, Event

STRANGE = "tên \udce1\udcff\x00 \U0010fffd\U0010fffd00e1 é é"


def test_an_aip_comes_back_as_it_was_registered(catalog: Catalog) -> None:
    given = a_registration(1, title=STRANGE, fields={"date": ("1975", "1976"), "title": ("Đất đai",)}, identifier="H-01")
    assert catalog.register(given) == 3
    found = catalog.holdings.get(aip_id(1))
    assert replace(found, versions=(), copies=()) == given.aip
    assert found.versions == (given.version,)
    assert found.copies == given.copies
    assert list(catalog.holdings.files(aip_id(1))) == sorted(given.files, key=lambda each: each.path)


def test_names_that_are_no_unicode_come_back(catalog: Catalog) -> None:
    files = [
        a_file(STRANGE, original_name=STRANGE, puid="fmt/19", format_name="Acrobat PDF"),
        a_file("a\r\nb%", content_path="v1/content/elsewhere"),
        a_file("c", content_path="v01/content/c"),
        a_file("d", content_path="stuff/d"),
        a_file("v2/content/e", stored_in=3),
        a_file("x" * 2000),
    ]
    catalog.register(a_registration(1, files=files))
    assert {each.path: each for each in catalog.holdings.files(aip_id(1))} == {each.path: each for each in files}
    for each in files:
        assert catalog.holdings.file(aip_id(1), each.path) == each


def test_paths_are_ordered_by_code_point(catalog: Catalog) -> None:
    paths = ["a", "B", "A/b", "A.b", "đ", "z", "Z", "é", "e\u0301", "_", "10", "9"]
    catalog.register(a_registration(1, files=[a_file(path) for path in paths]))
    assert [each.path for each in catalog.holdings.files(aip_id(1))] == sorted(paths)


def versions_of_one_aip() -> list[list[AipFile]]:
    first = [a_file("METS.xml", "one"), a_file("a"), a_file("b"), a_file("c")]
    second = [a_file("METS.xml", "two", stored_in=2), first[1], a_file("c", "changed", stored_in=2), a_file("d", "b")]
    third = [a_file("METS.xml", "three", stored_in=3), first[1], first[2], replace(second[3], puid="x-fmt/1")]
    return [first, second, third, list(third)]


def test_every_version_keeps_its_own_state(catalog: Catalog) -> None:
    states = versions_of_one_aip()
    for number, files in enumerate(states, 1):
        assert catalog.register(a_registration(1, version=number, files=files)) == 4
    for number, files in enumerate(states, 1):
        assert list(catalog.holdings.files(aip_id(1), version=number)) == files, number
    assert list(catalog.holdings.files(aip_id(1))) == states[-1]
    found = catalog.holdings.get(aip_id(1))
    assert [version.number for version in found.versions] == [1, 2, 3, 4]
    assert found.version == 4
    assert {copy.version for copy in found.copies} == {4}
    inventories = catalog.holdings.inventories([aip_id(1)])[aip_id(1)]
    assert inventories == {each.number: bytes.fromhex(each.inventory_sha512) for each in found.versions}


def test_all_versions_at_once_as_a_rebuild_does(catalog: Catalog) -> None:
    states = versions_of_one_aip()
    entries = [a_registration(1, version=number, files=files) for number, files in enumerate(states, 1)]
    assert catalog.register([*entries, *(a_registration(number) for number in range(2, 700))]) == 16 + 698 * 3
    for number, files in enumerate(states, 1):
        assert list(catalog.holdings.files(aip_id(1), version=number)) == files
    assert catalog.holdings.count() == 699


def test_a_version_that_changes_little_adds_little(catalog: Catalog) -> None:
    from sqlalchemy import func, select

    from repository.catalog.tables import file

    first = [a_file(f"data/{number:05d}") for number in range(12_000)]
    catalog.register(a_registration(1, files=first))
    for version in range(2, 5):
        first[version] = a_file(first[version].path, "new", stored_in=version)
        catalog.register(a_registration(1, version=version, files=first))
    with catalog.begin() as transaction:
        assert transaction.execute(select(func.count()).select_from(file)).scalar_one() == 12_003
    assert list(catalog.holdings.files(aip_id(1))) == first


def test_registering_again_changes_nothing(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/content/a", "altered")])])
    before = catalog.holdings.get(aip_id(1))
    assert catalog.register(a_registration(1)) == 0
    assert catalog.holdings.get(aip_id(1)) == before


def test_another_inventory_for_a_version_that_is_there_is_refused(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    other = a_registration(1)
    other = replace(other, version=replace(other.version, inventory_sha512="00" * 64))
    with pytest.raises(CatalogConflict, match="another inventory"):
        catalog.register(other)


@pytest.mark.parametrize("version", [2, 3])
def test_a_version_that_is_not_the_next_is_refused(catalog: Catalog, version: int) -> None:
    with pytest.raises(CatalogConflict) as caught:
        catalog.register([a_registration(2), a_registration(1, version=version)])
    assert caught.value.code == "CAT-VERSION"
    assert catalog.holdings.find(aip_id(2)) is None, "all or none"


def test_a_list_of_files_that_ends_too_early_is_refused(catalog: Catalog) -> None:
    whole = a_registration(1)
    with pytest.raises(CatalogConflict, match="2 files, not 3"):
        catalog.register(replace(whole, files=list(whole.files)[:2]))
    assert catalog.holdings.find(aip_id(1)) is None


def test_an_exception_while_files_are_read_undoes_everything(catalog: Catalog) -> None:
    def breaking() -> object:
        yield a_file("a")
        raise OSError("the spool is gone")

    with pytest.raises(OSError, match="spool"):
        catalog.register(replace(a_registration(1), files=breaking()))  # type: ignore[arg-type]
    assert catalog.holdings.find(aip_id(1)) is None
    assert catalog.holdings.known_digests([bytes.fromhex(a_file("a").sha512)]) == {}


def test_unknown_aips(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    with pytest.raises(UnknownAip):
        catalog.holdings.get("urn:uuid:none")
    with pytest.raises(UnknownAip):
        list(catalog.holdings.files("urn:uuid:none"))
    with pytest.raises(UnknownAip):
        list(catalog.holdings.files(aip_id(1), version=2))
    with pytest.raises(UnknownAip):
        catalog.holdings.inventories([aip_id(1), "urn:uuid:none"])
    assert catalog.holdings.find("urn:uuid:none") is None
    assert catalog.holdings.file(aip_id(1), "none") is None


def test_pages_show_everything_once_newest_first(catalog: Catalog) -> None:
    catalog.register(a_registration(number) for number in range(1, 26))
    seen: list[str] = []
    cursor = None
    for _page in range(5):
        page = catalog.holdings.list(cursor=cursor, limit=7)
        seen += [each.id for each in page.items]
        assert all([copy.tier for copy in each.copies] == ["a", "b"] for each in page.items)
        if page.cursor is None:
            break
        if cursor is None:
            catalog.register(a_registration(99))  # newer than all: it must not shift the following pages
        cursor = page.cursor
    assert seen == [aip_id(number) for number in range(25, 0, -1)]
    assert sorted(catalog.holdings.ids()) == sorted([*seen, aip_id(99)])
    assert catalog.holdings.more_than(len(seen))
    assert not catalog.holdings.more_than(len(seen) + 1)


@pytest.mark.parametrize("cursor", ["", "x", "!!", "bnVsbA", "WyJhIiwiYiJd", "WyIyMDI3LTAxLTAxVDAwOjAwOjAwIiwiYSJd", "WzEsMl0"])
def test_a_cursor_from_elsewhere_is_refused(catalog: Catalog, cursor: str) -> None:
    with pytest.raises(BadCursor):
        catalog.holdings.list(cursor=cursor)
    with pytest.raises(BadCursor):
        catalog.deposits.list(cursor=cursor)
    with pytest.raises(BadCursor):
        catalog.events.list(cursor=cursor)


def test_pages_of_files(catalog: Catalog) -> None:
    files = [a_file(f"f{number:02d}") for number in range(10)]
    catalog.register(a_registration(1, files=files))
    first = catalog.holdings.files_page(aip_id(1), limit=6)
    second = catalog.holdings.files_page(aip_id(1), limit=6, cursor=first.cursor)
    assert [*first.items, *second.items] == files
    assert second.cursor is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dat dai", [1, 3]),
        ("ĐẤT ĐAI", [1, 3]),
        ("đai đất", [1, 3]),
        ("đất đai 1975", [3]),
        ("dat dai\u0301", [1, 3]),
        ("khong co", []),
        ("100%", [2]),
        ("a_b", [2]),
        ("axb", []),
        ("\\", [2]),
        (aip_id(2)[-12:], [2]),
        ("H-03", [3]),
        ("", [1, 2, 3]),
        ("   ", [1, 2, 3]),
    ],
)
def test_search_needs_no_diacritics(catalog: Catalog, query: str, found: list[int]) -> None:
    catalog.register(a_registration(1, title="Sổ địa chính: Đất đai"))
    catalog.register(a_registration(2, title="100% a_b \\ của", fields={"note": ("1975",)}))
    catalog.register(a_registration(3, title="Thư", fields={"subject": ("đất", "đai"), "year": ("1975",)}, identifier="H-03"))
    items = catalog.holdings.list(query=query).items
    assert [each.id for each in items] == [aip_id(number) for number in sorted(found, reverse=True)]
    assert catalog.holdings.count(query=query) == len(found)


def test_search_follows_an_update(catalog: Catalog) -> None:
    catalog.register(a_registration(1, title="cũ"))
    catalog.register(a_registration(1, version=2, title="mới"))
    assert catalog.holdings.count(query="cu") == 0
    assert catalog.holdings.count(query="moi") == 1


def test_known_digests(catalog: Catalog) -> None:
    catalog.register(
        [a_registration(1, files=[a_file("x"), a_file("y", "same")]), a_registration(2, files=[a_file("z", "same")])]
    )
    catalog.register(a_registration(1, version=2, files=[a_file("y", "same")]))
    gone, same, new = (bytes.fromhex(a_file(text).sha512) for text in ("x", "same", "new"))
    known = catalog.holdings.known_digests([same, gone, new, same])
    assert known == {gone: (aip_id(1), "x"), same: (aip_id(1), "y")}
    assert catalog.holdings.known_digests([same, gone], apart_from=aip_id(1)) == {same: (aip_id(2), "z")}
    assert catalog.holdings.known_digests([]) == {}
    close = same[:8] + bytes(56)
    assert catalog.holdings.known_digests([close]) == {}, "the short key alone proves nothing"
    many = [bytes([number % 256, number // 256]) * 32 for number in range(1_500)]
    assert catalog.holdings.known_digests([*many, same]) == {same: (aip_id(1), "y")}


def _stepped(counted: Iterator[int]) -> int:
    next(counted)
    return 0  # go on


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_what_many_have_is_found_as_soon_as_what_one_has(catalog: Catalog) -> None:
    """A schema that comes with every package has as many holders as there are AIPs, and is asked for with every deposit."""
    common, steps = bytes.fromhex(a_file("common").sha512), []
    for first, last in ((0, 20), (20, 1_000)):
        with catalog.begin() as transaction:
            for number in range(first, last):
                one = [(common, f"{number}")]
                catalog.coming.add(f"d{number}", aip_id(number), producer="P", identifier="", contents=one, within=transaction)
        with catalog.begin() as transaction:
            counted = itertools.count()
            connection = transaction.connection.driver_connection
            assert connection is not None
            connection.set_progress_handler(partial(_stepped, counted), 1)
            assert catalog.coming.known_digests([common], within=transaction) == {common: (aip_id(0), "0")}
            connection.set_progress_handler(None, 1)
            steps.append(next(counted))
    assert steps[1] < 2 * steps[0]


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_what_many_have_is_found_in_postgresql_without_a_look_at_every_holder(catalog: Catalog) -> None:
    common = bytes.fromhex(a_file("common").sha512)
    looked_at = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'coming_file'")
    with catalog.begin() as transaction:
        for number in range(1_000):
            one = [(common, f"{number}")]
            catalog.coming.add(f"d{number}", aip_id(number), producer="P", identifier="", contents=one, within=transaction)
    for statistics in ("SELECT", "ANALYZE coming_file"):
        with catalog.begin() as transaction:
            transaction.execute(text(statistics))
            before = transaction.execute(looked_at).scalar_one()
            found = catalog.coming.known_digests([common, bytes(64)], within=transaction)
            assert found == {common: (aip_id(0), "0")}
            assert transaction.execute(looked_at).scalar_one() - before < 10


def test_what_is_coming(catalog: Catalog) -> None:
    one, two, new = (bytes.fromhex(a_file(text).sha512) for text in ("one", "two", "new"))
    contents = [(one, "a"), (two, "b\0\udcff")]
    catalog.coming.add("d1", aip_id(1), producer="P", identifier="HS-1", contents=contents)
    catalog.coming.add("d1", aip_id(9), producer="P", identifier="HS-9", contents=[(new, "x")])  # known already
    catalog.coming.add("d2", aip_id(2), producer="Q", identifier="", contents=[(one, "c")])
    assert catalog.coming.known_digests([one, two, new]) == {one: (aip_id(1), "a"), two: (aip_id(1), "b\0\udcff")}
    assert catalog.coming.known_digests([one, two], apart_from=aip_id(1)) == {one: (aip_id(2), "c")}
    assert catalog.coming.by_identifier("P", "HS-1") == aip_id(1)
    assert catalog.coming.by_identifier("Q", "HS-1") is None
    assert catalog.coming.by_identifier("Q", "") is None
    catalog.coming.end(["d1", "unknown"])
    assert catalog.coming.known_digests([one, two]) == {one: (aip_id(2), "c")}
    catalog.coming.add("d1", aip_id(1), producer="P", identifier="HS-1", contents=contents)
    assert catalog.coming.known_digests([one]) == {one: (aip_id(2), "c")}, "the order is that in which they came"


def test_the_depositors_own_id(catalog: Catalog) -> None:
    catalog.register(
        [a_registration(1, identifier="H-1"), a_registration(2, identifier="H-1", producer="other"), a_registration(3)]
    )
    assert catalog.holdings.by_identifier("Sở Nội vụ", "H-1") == aip_id(1)
    assert catalog.holdings.by_identifier("other", "H-1") == aip_id(2)
    assert catalog.holdings.by_identifier("nobody", "H-1") is None
    assert catalog.holdings.by_identifier("Sở Nội vụ", "") is None


def test_a_transaction_is_all_or_nothing(catalog: Catalog) -> None:
    event = Event("e1", "ingestion", NOW, "kho", "success", aip_id=aip_id(1))
    with pytest.raises(RuntimeError, match="power"), catalog.begin() as transaction:  # noqa: PT012
        catalog.register(a_registration(1), within=transaction)
        catalog.deposits.add(a_deposit(1), within=transaction)
        catalog.events.append([event], within=transaction)
        assert catalog.holdings.get(aip_id(1), within=transaction).version == 1
        assert catalog.deposits.get("d1", within=transaction).id == "d1"
        raise RuntimeError("power")
    assert catalog.holdings.find(aip_id(1)) is None
    assert catalog.deposits.find("d1") is None
    assert list(catalog.events.for_aip(aip_id(1))) == []


def test_clear_forgets_what_can_be_made_again_and_nothing_else(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    catalog.deposits.add(a_deposit(1))
    catalog.events.append([Event("e1", "ingestion", NOW, "kho", "success", aip_id=aip_id(1))])
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/content/a", "altered")])])
    catalog.clear()
    assert catalog.holdings.count() == 0
    assert catalog.holdings.known_digests([bytes.fromhex(a_file("data/a.txt").sha512)]) == {}
    assert list(catalog.copies.damages()) == []
    assert catalog.copies.summary(NOW) == []
    assert len(list(catalog.events.for_aip(aip_id(1)))) == 1
    assert catalog.deposits.get("d1").key == "key 1"
    assert len(catalog.checks.list().items) == 1
    catalog.register(a_registration(1))
    assert catalog.holdings.count(query="dat dai") == 1


def test_several_writers_at_once(catalog: Catalog) -> None:
    """Readers that turn writers, and long transactions, wait for one another instead of failing."""
    problems: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for number in range(10):
                catalog.register(a_registration(worker * 100 + number))
                with catalog.begin() as transaction:
                    catalog.holdings.get(aip_id(worker * 100 + number), within=transaction)
                    catalog.copies.record([a_check(worker * 100 + number, "a")], within=transaction)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert catalog.holdings.count() == 40
    assert len(catalog.checks.list().items) == 40


def test_no_catalog_older_newer(database_url: str) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        Catalog(database_url)
    assert caught.value.code == "CAT-NO-SCHEMA"
    Catalog.create(database_url)
    Catalog.create(database_url)
    catalog = Catalog(database_url)
    from sqlalchemy import text

    with catalog.begin() as transaction:
        transaction.execute(text("UPDATE kho_schema SET version_num = '9999'"))
    catalog.close()
    for attempt in (Catalog, Catalog.create):
        with pytest.raises(SchemaMismatch) as caught:
            attempt(database_url)
        assert caught.value.code == "CAT-NEWER"
        assert "9999" in caught.value.finding.text("vi")
    assert "password" not in str(caught.value)


def test_the_migrations_make_the_tables_that_the_code_means(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, inspect

    from repository.catalog.schema import REVISIONS, VERSION_TABLE
    from repository.catalog.tables import metadata

    Catalog.create(database_url)
    engine = create_engine(database_url)
    of_their_own = {} if engine.dialect.name == "sqlite" else {"file_digest", "coming_file_digest"}
    opts = {
        "version_table": VERSION_TABLE,
        "compare_type": True,
        "include_object": lambda item, name, kind, reflected, other: name not in of_their_own,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        for index in of_their_own:
            (found,) = (each for each in inspect(connection).get_indexes(index.removesuffix("_digest")) if each["name"] == index)
            assert found["column_names"] == ["digest_key", "pk"]
        assert context.get_current_revision() == REVISIONS[-1]
    engine.dispose()
    import repository.catalog.migrations.versions as versions

    assert versions.__file__ is not None
    names = sorted(name[:4] for name in os.listdir(Path(versions.__file__).parent) if name[:1].isdigit())
    assert tuple(names) == REVISIONS


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such/folder/c.db", "nonsense", "oracle9://x", "postgresql+psycopg://kho@127.0.0.1:1/x"]
)
def test_a_database_that_cannot_be_used_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(CatalogUnavailable) as caught:
        Catalog(url)
    assert caught.value.finding.todo("vi")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"this is no database at all, but long enough to look at" * 100)
    with pytest.raises(CatalogUnavailable):
        Catalog(f"sqlite:///{tmp_path}/catalog.db")


def test_a_database_that_another_keeps_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from repository.catalog import database

    url = f"sqlite:///{tmp_path}/catalog.db"
    Catalog.create(url)
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 1)
    other = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
    with closing(Catalog(url)) as catalog, closing(other):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogUnavailable, match="locked"), catalog.begin():
            raise AssertionError("nobody else may write")
        with catalog.looking():
            pass
        other.execute("ROLLBACK")
        with catalog.begin():
            pass


def test_sqlite_is_durable_and_shared(tmp_path: Path) -> None:
    from sqlalchemy import text

    url = f"sqlite:///{tmp_path}/catalog.db"
    Catalog.create(url)
    catalog = Catalog(url)
    with catalog.begin() as transaction:
        pragmas = {
            name: transaction.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 60_000}
    catalog.close()


def test_moments_need_a_time_zone(catalog: Catalog) -> None:
    from sqlalchemy.exc import StatementError

    with pytest.raises((StatementError, ValueError), match="time zone"):
        catalog.deposits.add(a_deposit(1, created=NOW.replace(tzinfo=None)))
    catalog.deposits.add(a_deposit(2, expires=NOW + 400 * 365 * DAY))
    assert catalog.deposits.get("d2").expires == NOW + 400 * 365 * DAY


def test_a_row_of_an_event_has_its_columns_in_the_order_of_its_fields() -> None:
    """`event_of` goes by the order, a million times a report."""
    assert [column.name for column in event_table.columns][1:] == [each.name for each in fields(Event)]


def test_events_are_found_by_their_ids_and_numbers_whatever_they_are_called(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.catalog.ledger_days.ASKED", 2)
    names = ["e1", "é", "a\0b", "\udcff", "\U0010fffd", "'; --", "%s ? :x"]
    catalog.events.append(Event(name, "ingestion", NOW, "kho", "success") for name in names)
    numbers = catalog.days.numbers([*names, "another", "\U0010fffd~"])
    assert sorted(numbers, key=numbers.__getitem__) == names
    assert catalog.days.ids([*numbers.values(), 10**9]) == {number: name for name, number in numbers.items()}
    assert catalog.days.numbers([]) == catalog.days.ids([]) == {}


def test_people_have_their_salts_as_soon_as_an_event_tells_of_them(catalog: Catalog) -> None:
    """A backup of the moment after has both: with other salts a day that was closed later would not be this catalog's."""
    strange = 'token:"Bình"\\ 1'
    details: list[dict[str, str | int]] = [
        {"asked_by": strange},
        {"asked_by": "person:0123"},
        {"reason": '"asked_by":"user:nobody"'},
        {},
    ]
    with catalog.begin() as transaction:
        events = [Event(f"e{n}", "ingestion", NOW, "kho 1", "success", detail=each) for n, each in enumerate(details)]
        catalog.events.append([*events, Event("e", "appraisal", NOW, "user:Nguyễn Văn A", "success")], within=transaction)
    with catalog.begin() as transaction:
        assert set(transaction.execute(select(ledger_person.c.name)).scalars()) == {strange, "user:Nguyễn Văn A"}


def test_people_of_a_transaction_that_came_to_nothing_get_their_salts_with_the_next_event(catalog: Catalog) -> None:
    told = Event("e1", "appraisal", NOW, "user:An", "success")

    def come_to_nothing() -> None:
        with catalog.begin() as transaction:
            catalog.events.append([told], within=transaction)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        come_to_nothing()
    catalog.events.append([told])
    with catalog.begin() as transaction:
        assert list(transaction.execute(select(ledger_person.c.name)).scalars()) == ["user:An"]

"""The list of what a sealed version holds, from which it is kept: whole or refused, and not needed of what an older Kho sealed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from repository.aip.listing import CONTENTS
from repository.aip.sealing import load_sealed
from repository.copies.keep import Sealed, keep, register
from repository.deposits.description import Extras
from repository.deposits.ingest import accept
from repository.deposits.settling import settle
from repository.engine import Engine
from repository.model import DepositState
from repository.progress import Silent
from repository.spools import Spools
from storage.errors import SpoolDamaged, Unavailable
from tests.builders_archive import engine_that_identifies_nothing, write_tree

FILES = {"a.txt": b"a", "thư mục/b.txt": b"b" * 1000, "thư mục/c%\r\n.txt": b"b" * 1000, "trống.txt": b""}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engine_that_identifies_nothing(tmp_path) as opened:
        yield opened


@pytest.fixture
def accepted(engine: Engine, tmp_path: Path) -> str:
    return accept_one(engine, write_tree(tmp_path / "in", FILES))


def accept_one(engine: Engine, source: Path) -> str:
    (deposit,) = engine.deposits.announce([source], producer="P")
    outcome = accept(engine.archive, deposit, Extras.of("", ""), Silent())
    assert outcome is not None
    (settled,) = settle(engine.archive, [outcome])
    assert settled.state is DepositState.ACCEPTED
    engine.archive.spools.close(deposit.id)
    return deposit.id


def listing(engine: Engine, deposit_id: str) -> Path:
    return engine.archive.spools.folder(deposit_id) / "sealed" / CONTENTS


def kept(engine: Engine, deposit_id: str) -> dict[str, object]:
    result: dict[str, object] = keep(engine.archive, "a", [deposit_id], Silent())[deposit_id]
    return result


def test_what_is_kept_needs_no_database(engine: Engine, accepted: str) -> None:
    folder = engine.archive.spools.folder(accepted)

    def opened() -> None:
        raise AssertionError("opened")

    sealed = load_sealed(folder, opened)  # type: ignore[arg-type]
    assert sum(file.size for file in sealed.files()) == sum(os.stat(file.source).st_size for file in sealed.files())
    assert sealed.bytes == sum(map(len, FILES.values()))
    assert kept(engine, accepted)["ok"]


def test_what_an_older_kho_sealed_is_kept_from_its_database(engine: Engine, accepted: str) -> None:
    folder = engine.archive.spools.folder(accepted)
    before = list(load_sealed(folder, lambda: engine.archive.spools.get(accepted)).files())
    listing(engine, accepted).unlink()
    path = folder / "sealed" / "sealed.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({k: v for k, v in summary.items() if k not in ("bytes", "contents_sha512", "told")}), encoding="utf-8"
    )
    older = load_sealed(folder, lambda: engine.archive.spools.get(accepted))
    assert (list(older.files()), older.bytes) == (before, summary["bytes"])
    kept_on = {tier: keep(engine.archive, tier, [accepted], Silent()) for tier in ("a", "b")}
    assert register(engine.archive, [accepted], kept_on) == [accepted]


def registered(engine: Engine, deposit_id: str) -> tuple[Any, ...]:
    """What the catalog is told of an accepted deposit."""
    sealed = Sealed(engine.archive, engine.archive.catalog.deposits.get(deposit_id))
    told = sealed.registration(engine.archive, {}, engine.archive.clock.now())
    events = [(each, list(each.detail)) for each in sealed.events()]
    return sealed.record, told.aip, told.version, list(told.files), events


def test_what_is_registered_of_a_small_version_needs_no_database_and_is_the_same(
    engine: Engine, accepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Spools, "get", lambda self, deposit_id: pytest.fail("opened"))
        by_list = registered(engine, accepted)
    path = engine.archive.spools.folder(accepted) / "sealed" / "sealed.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert summary.pop("told")["files"] == len(by_list[3]) > len(FILES)
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert registered(engine, accepted) == by_list


def test_what_the_tiers_have_is_registered_from_the_database_where_the_list_lost_its_end(engine: Engine, accepted: str) -> None:
    before = registered(engine, accepted)
    kept_on = {tier: keep(engine.archive, tier, [accepted], Silent()) for tier in ("a", "b")}
    path = listing(engine, accepted)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert registered(engine, accepted) == before
    assert register(engine.archive, [accepted], kept_on) == [accepted]


@pytest.mark.parametrize("kept_before", [True, False])
@pytest.mark.parametrize("damage", [("sealed.json",), ("contents", "../spool.db"), ("",)])
def test_a_spool_that_cannot_be_read_keeps_no_other_deposit_waiting(
    engine: Engine, accepted: str, tmp_path: Path, kept_before: bool, damage: tuple[str, ...]
) -> None:
    other = accept_one(engine, write_tree(tmp_path / "other", {"x": b"another"}))
    ids = [accepted, other]
    if kept_before:
        for tier in ("a", "b"):
            assert all(each["ok"] for each in keep(engine.archive, tier, ids, Silent()).values())
    sealed = engine.archive.spools.folder(accepted) / "sealed"
    for name in damage:
        if name:
            (sealed / name).write_bytes(b"")
        else:
            shutil.rmtree(sealed)
    kept_on = {tier: keep(engine.archive, tier, ids, Silent()) for tier in ("a", "b")}
    assert register(engine.archive, ids, kept_on) == [other]
    waits = engine.archive.catalog.deposits.get(accepted)
    assert waits.state is DepositState.ACCEPTED
    assert "STO-SPOOL" in waits.error
    assert not sealed.exists() or (sealed.parent / "deposit.json").exists()


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "line", "zeros", "altered"])
def test_a_list_that_is_not_as_it_was_written_makes_no_version(engine: Engine, accepted: str, damage: str) -> None:
    path = listing(engine, accepted)
    text = path.read_bytes()
    lines = text.splitlines(keepends=True)
    if damage == "gone":
        path.unlink()
    else:
        other = {
            "empty": b"",
            "cut": text[:-20],
            "line": b"".join(lines[:-1]),
            "zeros": text[:-40] + bytes(40),
            "altered": text.replace(b"files/", b"filed/", 1),
        }
        path.write_bytes(other[damage])
    result = kept(engine, accepted)
    assert not result["ok"]
    assert "STO-SPOOL" in str(result["error"])
    assert not any(engine.archive.tiers["a"].versions())


def test_a_list_that_cannot_be_read_is_not_called_damaged(engine: Engine, accepted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Path.open

    def refused(self: Path, *arguments: Any, **named: Any) -> Any:
        if self.name == CONTENTS:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return right(self, *arguments, **named)

    sealed = load_sealed(engine.archive.spools.folder(accepted), lambda: engine.archive.spools.get(accepted))
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(Unavailable) as told:
        list(sealed.files())
    assert not isinstance(told.value, SpoolDamaged)

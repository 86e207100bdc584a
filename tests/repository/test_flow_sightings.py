"""Damage that is seen while something is handed out is entered at once; and every event of ours says who asked."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from lxml import etree

from policies.findings import KhoError
from repository.access.reading import Unverified
from repository.model import Event
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree

LARGE = os.urandom((8 << 20) + 4_097)
FILES = {"a.txt": b"first\n", "b.txt": b"second\n", "c.bin": LARGE}


class Scene:
    def __init__(self, archive: ArchiveUnderTest, aip: str) -> None:
        self.archive, self.aip = archive, aip

    def content(self, name: str, tier: str) -> Path:
        (found,) = self.archive.object(self.aip, tier).rglob(name)
        return found

    def path(self, name: str) -> str:
        return str(self.content(name, "b").relative_to(self.archive.object(self.aip, "b")))

    def events(self, since: int = 0) -> list[Event]:
        return list(self.archive.engine.holdings.events(self.aip))[since:]

    def due_now(self, tier: str) -> bool:
        now = self.archive.engine.archive.clock.now()
        return any(each[0] == self.aip for each in self.archive.catalog.copies.due(tier, now, limit=10))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("sightings")
    archive = ArchiveUnderTest(folder, identifier)
    deposit = archive.deposit(write_tree(folder / "hồ sơ", FILES))
    yield Scene(archive, deposit.aip_id)
    archive.close()


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Each test ends with a whole archive, by the archive's own repair."""
    yield shared
    shared.archive.repair()
    shared.archive.whole()


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("form", ["submission", "folder", "bagit", "zip"])
def test_an_export_enters_what_it_saw(scene: Scene, form: str) -> None:
    alter(scene.content("a.txt", "a"))
    scene.content("b.txt", "a").unlink()
    assert not scene.due_now("a")
    since = len(scene.events())
    scene.archive.export(scene.aip, "out-" + form, form=form)
    assert scene.archive.damages() == {("a", scene.path("a.txt")): "altered", ("a", scene.path("b.txt")): "missing"}
    assert scene.archive.states(scene.aip) == {"a": "damaged", "b": "good"}
    assert scene.due_now("a")
    assert not scene.due_now("b")
    seen = [each for each in scene.events(since) if each.type == "fixity check"]
    assert [(each.tier, each.outcome, each.detail["seen"], each.detail["asked_by"]) for each in seen] == [
        ("a", "fail", "dissemination", "user:test")
    ]
    assert (seen[0].detail["altered"], seen[0].detail["missing"]) == (1, 1)
    report = scene.archive.repair()  # of what is known; nobody had to audit first
    assert (report.copies, report.repaired, report.failed) == (1, 2, [])


def test_what_was_seen_is_entered_once(scene: Scene) -> None:
    alter(scene.content("a.txt", "a"))
    since = len(scene.events())
    for _ in range(3):
        scene.archive.export(scene.aip)
    assert [each.type for each in scene.events(since)].count("fixity check") == 1


def test_an_export_that_fails_enters_what_it_saw(scene: Scene) -> None:
    saved = scene.content("a.txt", "b").read_bytes()
    for tier in ("a", "b"):
        alter(scene.content("a.txt", tier))
    with pytest.raises(KhoError, match="AIP-NO-GOOD-COPY"):
        scene.archive.export(scene.aip)
    assert scene.archive.states(scene.aip) == {"a": "damaged", "b": "damaged"}
    scene.content("a.txt", "b").write_bytes(saved)


def test_a_read_error_is_unreadable_and_the_other_copy_serves(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    opened = LocalTier.open

    def broken(self: LocalTier, object_id: str, path: str) -> BinaryIO:
        if self.name == "a" and path.endswith("a.txt"):
            return Broken()
        return opened(self, object_id, path)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(LocalTier, "open", broken)
        out = scene.archive.export(scene.aip)
    assert (out / "a.txt").read_bytes() == FILES["a.txt"]
    assert scene.archive.damages() == {("a", scene.path("a.txt")): "unreadable"}
    assert scene.archive.states(scene.aip) == {"a": "unreadable", "b": "good"}
    assert scene.due_now("a")


def test_a_tier_that_cannot_be_asked_says_nothing_of_its_copies(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = LocalTier.open

    def away(self: LocalTier, object_id: str, path: str) -> BinaryIO:
        if self.name == "a":
            raise Unavailable(self.name, "not mounted")
        return opened(self, object_id, path)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(LocalTier, "open", away)
        scene.archive.export(scene.aip)
    assert scene.archive.states(scene.aip) == {"a": "good", "b": "good"}
    assert not scene.due_now("a")


def test_a_bad_inventory_is_seen_too(scene: Scene) -> None:
    alter(scene.archive.object(scene.aip, "a") / "inventory.json")
    scene.archive.export(scene.aip)
    assert scene.archive.damages() == {("a", "inventory.json"): "altered"}


@pytest.mark.parametrize("name", ["a.txt", "c.bin"])
def test_a_file_that_is_handed_out_enters_what_was_seen(scene: Scene, name: str) -> None:
    """Small and large: the small one comes from the other tier, the large one does not end well."""
    alter(scene.content(name, "a"))
    reading = scene.archive.engine.reading
    path = next(each.path for each in scene.archive.engine.holdings.files(scene.aip) if each.path.endswith(name))
    file = reading.file(scene.aip, path, version=None)
    opened = reading.open(scene.aip, file)
    if name == "c.bin":
        with pytest.raises(Unverified):
            list(opened.chunks())
        opened = reading.open(scene.aip, file)
    assert b"".join(opened.chunks()) == FILES[name]
    assert scene.archive.damages() == {("a", file.content_path): "altered"}
    assert scene.due_now("a")


def test_repair_of_one_aip_looks_at_every_copy(scene: Scene) -> None:
    """What nobody has found yet is found and put right, when a person names the AIP."""
    alter(scene.content("b.txt", "b"))
    since = len(scene.events())
    report = scene.archive.repair(scene.aip)
    assert (report.copies, report.repaired, report.failed) == (2, 1, [])
    checks = [(each.tier, each.outcome) for each in scene.events(since) if each.type == "fixity check"]
    assert sorted(checks) == [("a", "success"), ("b", "success")]


def test_every_event_says_who_asked(scene: Scene) -> None:
    alter(scene.content("a.txt", "b"))
    scene.archive.audit(scene.aip)
    scene.archive.repair(scene.aip)
    out = scene.archive.export(scene.aip, "folder", form="folder")
    events = {each.type: each for each in scene.events()}
    for kind in ("ingestion", "replication", "fixity check", "recovery", "dissemination"):
        assert events[kind].agent.startswith("kho "), kind
        assert events[kind].detail["asked_by"] == "user:test", kind
    ns = {"p": "http://www.loc.gov/premis/v3"}
    premis = etree.parse(str(out / "metadata" / "preservation" / "premis.xml"))
    agents = {each.findtext("p:agentIdentifier/p:agentIdentifierValue", namespaces=ns) for each in premis.iterfind("p:agent", ns)}
    for event in premis.iterfind("p:event", ns):
        linked = [
            (
                each.findtext("p:linkingAgentIdentifierValue", namespaces=ns),
                each.findtext("p:linkingAgentRole", namespaces=ns),
            )
            for each in event.iterfind("p:linkingAgentIdentifier", ns)
        ]
        assert {name for name, _ in linked} <= agents
        if event.findtext("p:eventIdentifier/p:eventIdentifierValue", namespaces=ns) in {each.id for each in events.values()}:
            assert ("user:test", "authorizer") in linked
            assert [role for _, role in linked] == ["executing program", "authorizer"]


def test_what_the_worker_does_by_itself_nobody_asked_for(scene: Scene) -> None:
    from repository.checks.audit import AuditScope
    from repository.flow_names import AUDIT, REPAIR

    alter(scene.content("a.txt", "b"))
    since = len(scene.events())
    jobs = scene.archive.engine.jobs
    jobs.run(AUDIT, "planned-audit", AuditScope(everything=True).as_json())
    jobs.run(REPAIR, "planned-repair", {"aip": ""})
    events = scene.events(since)
    assert {each.type for each in events} >= {"fixity check", "recovery"}
    assert [each for each in events if "asked_by" in each.detail] == []

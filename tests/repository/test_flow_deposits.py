"""Deposits end to end: the same again, updates, decisions of officers, races; and clumsy or hostile packages."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.codes import register
from policies.findings import Verdict, Weight, spoken
from repository.errors import NotForZip, WrongState
from repository.model import Deposit, DepositState
from repository.progress import Silent
from tests.builders_archive import PRODUCER, ArchiveUnderTest, snapshot, verified, write_tree

FILES = {"a.txt": b"a", "thư mục/b.txt": b"b" * 1000, "trống/": b""}


# --- the same again ---------------------------------------------------------------------------------------------------------


def test_same_key_same_bytes_other_bytes(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "a", FILES), key="K")
    again = archive.deposit(write_tree(tmp_path / "other name", FILES), key="K")
    assert (again.state, again.aip_id, again.reason) == (DepositState.REPEATED, first.aip_id, first.id)
    other = archive.deposit(write_tree(tmp_path / "b", {"a.txt": b"b"}), key="K")
    assert (other.state, other.verdict) == (DepositState.REFUSED, Verdict.REFUSE)
    assert list(other.finding_counts) == ["DEP-KEY-REUSED"]
    theirs = archive.deposit(tmp_path / "b", key="K", producer="another")
    assert theirs.state is DepositState.STORED
    assert len(archive.engine.holdings.list().items) == 2
    archive.whole()


def test_the_default_key_is_the_bytes(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "a", FILES))
    assert first.key == f"sha256:{first.fingerprint}"
    for place in ("a", "copy"):
        again = archive.deposit(write_tree(tmp_path / place, FILES, modified=1_500_000_000))
        assert (again.state, again.aip_id) == (DepositState.REPEATED, first.aip_id)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for path in sorted((tmp_path / "a").rglob("*")):
            out.write(path, Path("a", path.relative_to(tmp_path / "a")))
    assert archive.deposit(tmp_path / "a.zip").state is DepositState.REPEATED
    assert not list((archive.home / "spool").glob("*-*-*"))


def test_a_batch_with_the_same_twice(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    a, b = write_tree(tmp_path / "a", FILES), write_tree(tmp_path / "b", FILES)
    archive.deposit(a, b, a, write_tree(tmp_path / "c", {"c": b"c"}))
    states = sorted(each.state.value for each in archive.engine.deposits.list().items)
    assert states == ["repeated", "repeated", "stored", "stored"]
    archive.whole()


def test_eight_at_once_are_one(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    sources = [write_tree(tmp_path / str(n), FILES) for n in range(8)]
    found: list[Deposit] = []
    errors: list[BaseException] = []

    def work(source: Path) -> None:
        try:
            found.append(archive.deposit(source, key="K"))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = [archive.engine.deposits.get(each.id) for each in found]
    assert sorted(each.state.value for each in found) == ["repeated"] * 7 + ["stored"]
    assert len({each.aip_id for each in found}) == 1
    assert len(archive.engine.holdings.list().items) == 1
    archive.whole()


def test_refused_is_judged_anew_after_the_policy_changed(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", {"a": b"same", "b": b"same"})
    archive.weights(DEP_DUPLICATE_INSIDE="refuse")
    refused = archive.deposit(source, key="K")
    assert refused.state is DepositState.REFUSED
    assert (archive.home / "refused" / refused.id).is_dir()
    assert refused.expires is not None
    archive.weights(DEP_DUPLICATE_INSIDE="warn")
    stored = archive.deposit(source, key="K")
    assert (stored.state, stored.key) == (DepositState.STORED, "K")
    assert archive.engine.deposits.get(refused.id).state is DepositState.REFUSED


def test_failed_is_tried_again(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    failed = archive.deposit(tmp_path / "not there", key="K")
    assert failed.state is DepositState.FAILED
    assert spoken(failed.error).startswith("DEP-SOURCE-MISSING")
    stored = archive.deposit(write_tree(tmp_path / "not there", FILES), key="K")
    assert stored.state is DepositState.STORED
    archive.whole()


def test_a_tier_that_is_away(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Two are needed, one is there: not stored, in words; handed in again when it is back, it is."""
    source = write_tree(tmp_path / "a", FILES)
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    waiting = archive.deposit(source)
    assert waiting.state is DepositState.ACCEPTED
    assert spoken(waiting.error).startswith("AIP-NOT-ENOUGH-COPIES")
    assert archive.engine.holdings.list().items == ()
    (tmp_path / "away").rename(archive.home / "tiers" / "b")
    again = archive.deposit(source)
    assert again.state is DepositState.REPEATED
    first = archive.engine.deposits.get(waiting.id)
    assert (first.state, first.error) == (DepositState.STORED, "")
    assert archive.states(first.aip_id) == {"a": "good", "b": "good"}
    archive.whole()
    assert snapshot(archive.export(first.aip_id)) == snapshot(source)


def test_one_copy_is_enough_where_one_is_promised(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.policy(need="1")
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    stored = archive.deposit(write_tree(tmp_path / "a", FILES))
    assert stored.state is DepositState.STORED
    assert archive.states(stored.aip_id) == {"a": "good", "b": "absent"}
    (tmp_path / "away").rename(archive.home / "tiers" / "b")
    assert archive.repair().failed == []
    assert archive.states(stored.aip_id) == {"a": "good", "b": "good"}
    archive.whole()


# --- versions ---------------------------------------------------------------------------------------------------------------


def test_a_new_version_stores_only_what_changed(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", {f"{n}.txt": b"%d" % n * 100 for n in range(20)})
    first = archive.deposit(source)
    before = snapshot(source)
    write_tree(source, {"3.txt": b"changed", "new.txt": b"new"})
    (source / "7.txt").unlink()
    second = archive.deposit(source, update=first.aip_id)
    assert (second.state, second.aip_id, second.aip_version) == (DepositState.STORED, first.aip_id, 2)
    top = archive.object(first.aip_id, "a")
    stored = sorted(path.name for path in (top / "v2" / "content").rglob("*.txt"))
    assert stored == ["3.txt", "new.txt"]
    assert snapshot(archive.export(first.aip_id, "v1", version=1)) == before
    assert snapshot(archive.export(first.aip_id, "v2")) == snapshot(source)
    aip = archive.engine.holdings.show(first.aip_id)
    assert [each.number for each in aip.versions] == [1, 2]
    assert {path.path for path in archive.engine.holdings.files(first.aip_id) if "/events-v" in path.path} == {
        "metadata/preservation/events-v1.xml",
        "metadata/preservation/events-v2.xml",
    }
    archive.whole()


def test_updates_that_may_not_be(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "a", FILES))
    other = archive.deposit(write_tree(tmp_path / "b", {"b": b"b"}), update=first.aip_id, producer="another")
    assert (other.state, list(other.finding_counts)[-1]) == (DepositState.REFUSED, "DEP-UPDATE-PRODUCER")
    unknown = archive.deposit(write_tree(tmp_path / "c", {"c": b"c"}), update="urn:uuid:00000000-0000-0000-0000-000000000000")
    assert unknown.state is DepositState.REFUSED
    assert "DEP-UPDATE-UNKNOWN" in unknown.finding_counts
    assert archive.engine.holdings.show(first.aip_id).version == 1
    archive.whole()


def test_updates_of_one_batch_are_built_one_upon_the_other(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "a", FILES))
    updates = [write_tree(tmp_path / f"u{n}", {"x": b"%d" % n}) for n in range(3)]
    made = archive.engine.deposits.submit(updates, producer=PRODUCER, update=first.aip_id, progress=Silent())
    assert [each.state for each in made] == [DepositState.STORED] * 3
    assert sorted(each.aip_version for each in made) == [2, 3, 4]
    for each in made:
        assert (archive.export(first.aip_id, version=each.aip_version) / "x").read_bytes() == each.label[1:].encode()
    archive.whole()


def test_updates_that_race_never_meet_on_a_tier(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Each becomes a version, or says that it was overtaken and does when it is handed in again."""
    first = archive.deposit(write_tree(tmp_path / "a", FILES))
    sources = [write_tree(tmp_path / f"u{n}", {"x": b"%d" % n}) for n in range(4)]
    threads = [threading.Thread(target=archive.deposit, args=(source,), kwargs={"update": first.aip_id}) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in archive.engine.deposits.list().items:
        assert each.state in (DepositState.STORED, DepositState.FAILED), each
        if each.state is DepositState.FAILED:
            assert spoken(each.error).startswith("DEP-OVERTAKEN")
            assert archive.deposit(Path(each.source), update=first.aip_id).state is DepositState.STORED
    assert archive.engine.holdings.show(first.aip_id).version == 5
    archive.whole()


def test_an_update_waits_for_the_one_before_it(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "a", FILES))
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    one = archive.deposit(write_tree(tmp_path / "one", {"x": b"1"}), update=first.aip_id)
    two = archive.deposit(write_tree(tmp_path / "two", {"x": b"2"}), update=first.aip_id)
    assert (one.state, two.state) == (DepositState.ACCEPTED, DepositState.FAILED)
    assert spoken(two.error).startswith("DEP-OVERTAKEN")
    # Version 2 is on one tier and in no catalog: that is no damage, and no repair takes it away.
    assert set(archive.audit().copies) == {"good"}
    assert archive.repair().quarantined == 0
    (tmp_path / "away").rename(archive.home / "tiers" / "b")
    assert set(archive.audit().copies) == {"good"}
    archive.deposit(tmp_path / "one", update=first.aip_id)
    assert archive.engine.deposits.get(one.id).state is DepositState.STORED
    assert archive.deposit(tmp_path / "two", update=first.aip_id).aip_version == 3
    archive.whole()


# --- officers ---------------------------------------------------------------------------------------------------------------


def held(archive: ArchiveUnderTest, source: Path) -> Deposit:
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    deposit = archive.deposit(source)
    assert deposit.state is DepositState.HELD
    assert deposit.expires is not None
    return deposit


def test_held_is_released_from_the_spool(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", {"a": b"same", "b": b"same", "e/": b"", "cái\\gì": b"?"})
    before = snapshot(source)
    waiting = held(archive, source)
    shutil.rmtree(source)
    archive.reopen()
    released = archive.engine.deposits.release(waiting.id, reason="đã xem")
    assert (released.state, released.reason, released.decided_by) == (DepositState.STORED, "đã xem", "user:test")
    assert released.finding_counts == waiting.finding_counts
    assert snapshot(archive.export(released.aip_id)) == before
    event = next(each for each in archive.catalog.events.list(deposit_id=waiting.id).items if each.type == "appraisal")
    assert (event.agent, event.detail["decision"]) == ("user:test", "release")
    with pytest.raises(WrongState):
        archive.engine.deposits.refuse(waiting.id, reason="no")
    archive.whole()


def test_held_is_refused(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", {"a": b"same", "b": b"same"})
    waiting = held(archive, source)
    refused = archive.engine.deposits.refuse(waiting.id, reason="không thuộc phạm vi")
    assert (refused.state, refused.reason) == (DepositState.REFUSED, "không thuộc phạm vi")
    assert (archive.home / "refused" / waiting.id / "files").is_dir()
    assert not (archive.home / "spool" / waiting.id).exists()
    with pytest.raises(WrongState):
        archive.engine.deposits.release(waiting.id, reason="yes")
    assert archive.engine.holdings.list().items == ()


def test_an_identifier_that_is_known_waits(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    def bag(name: str, data: bytes) -> Path:
        import hashlib

        top = tmp_path / name
        write_tree(top, {"data/a.txt": data})
        (top / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        (top / "bag-info.txt").write_text("External-Identifier: HS-42\n")
        (top / "manifest-sha512.txt").write_text(f"{hashlib.sha512(data).hexdigest()}  data/a.txt\n")
        return top

    first = archive.deposit(bag("one", b"1"))
    assert first.state is DepositState.STORED, first.findings
    second = archive.deposit(bag("two", b"2"))
    assert second.state is DepositState.HELD
    assert "DEP-ID-KNOWN" in second.finding_counts
    released = archive.engine.deposits.release(second.id, reason="another record with the same number")
    assert released.state is DepositState.STORED
    assert released.aip_id != first.aip_id
    update = archive.deposit(bag("three", b"3"), update=first.aip_id)
    assert (update.state, update.aip_version) == (DepositState.STORED, 2)
    archive.whole()


@pytest.mark.parametrize("form", ["folder", "zip", "bagit"])
def test_what_was_exported_and_comes_back_waits(archive: ArchiveUnderTest, tmp_path: Path, form: str) -> None:
    """The id of the AIP is then the package's own."""
    first = archive.deposit(write_tree(tmp_path / "one", {"a.txt": b"1"}))
    back = archive.deposit(archive.export(first.aip_id, "back.zip" if form == "zip" else "back", form=form), producer="another")
    assert back.state is DepositState.HELD
    assert [each.args["aip"] for each in back.findings if each.code == "DEP-ID-KNOWN"] == [first.aip_id]


# --- clumsy and hostile -----------------------------------------------------------------------------------------------------

CLUMSY: dict[str, dict[bytes, bytes]] = {
    "normal forms": {"é.txt".encode(): b"nfc", "e\u0301.txt".encode(): b"nfd"},
    "letter case": {b"A.txt": b"1", b"a.txt": b"2", b"DIR/x": b"3", b"dir/x": b"4"},
    "long Vietnamese": {("ế" * 85).encode(): b"255 bytes", ("ử" * 85 + "/" + "ẫ" * 84 + ".a").encode(): b"deep"},
    "not UTF-8": {b"\xff\xfe.txt": b"1", b"caf\xe9/x": b"2", b"caf\xc3\xa9/x": b"3"},
    "percent": {b"%41.txt": b"1", b"A.txt": b"2", b"100%": b"3", b"%0D%0A": b"4"},
    "line ends": {b"a\rb": b"1", b"a\nb": b"2", b"a\r\nb": b"3", b" ": b"4", b"end ": b"5", b"end.": b"6"},
    "special": {b"con": b"1", b"a:b": b"2", b"back\\slash": b"3", b'qu"ote': b"4", b"-rf": b"5", b"~": b"6", b"tab\tb": b"7"},
    "control": {b"\x01": b"1", b"\x7f": b"2", "\u200b".encode(): b"3", "\u202egnp.exe".encode(): b"4"},
    "empty folders": {b"a/b/c/": b"", b"d/": b"", b"e/f": b""},
    "nothing in them": {b"zero": b"", b"zero too": b"", b"x": b"x"},
    "like ours": {
        b"x/METS.xml": b"1",
        b"metadata/x": b"2",
        b"inventory.json": b"3",
        b"v1/content/x": b"4",
        b".by-digest/x": b"5",
    },
    "hidden": {b".a": b"1", b"...": b"2", b".git/config": b"3"},
    "representations": {b"representations/x/data/y": b"1", b"submission/z": b"2", b"data/data/data": b"3"},
    "deep": {b"/".join([b"folder-%02d" % n for n in range(60)] + [b"x"]): b"deep"},
}


def write_bytes_tree(top: Path, files: dict[bytes, bytes]) -> Path:
    root = os.fsencode(top)
    os.makedirs(root, exist_ok=True)
    for name, data in files.items():
        path = os.path.join(root, name)
        if name.endswith(b"/"):
            os.makedirs(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as out:
                out.write(data)
    write_tree(top, {})
    return top


@pytest.mark.parametrize("name", CLUMSY)
def test_clumsy_names_come_back(archive: ArchiveUnderTest, tmp_path: Path, name: str) -> None:
    source = write_bytes_tree(tmp_path / "nguồn", CLUMSY[name])
    stored = archive.deposit(source)
    assert stored.state is DepositState.STORED, stored.findings
    assert snapshot(archive.export(stored.aip_id)) == snapshot(source)
    archive.whole()
    for form in ("folder", "bagit", "zip"):
        if (form, name) == ("zip", "special"):
            with pytest.raises(NotForZip) as caught:
                archive.export(stored.aip_id, f"out.{form}", form=form)
            assert "--as folder" in register()[caught.value.code].todo["en"]
            continue
        out = archive.export(stored.aip_id, f"out.{form}", form=form)
        kind, errors = verified(out, least=Weight.ERROR)
        assert kind == {"folder": "eark", "bagit": "bagit", "zip": "eark"}[form]
        assert errors == [], form
    write_tree(source, {"added": b"added"})
    second = archive.deposit(source, update=stored.aip_id)
    assert second.state is DepositState.STORED, second.findings
    assert snapshot(archive.export(stored.aip_id)) == snapshot(source)
    before = sorted(map(repr, archive.engine.holdings.files(stored.aip_id)))
    archive.lose_catalog()
    archive.engine.catalog.rebuild(None, progress=Silent())
    assert sorted(map(repr, archive.engine.holdings.files(stored.aip_id))) == before
    archive.whole()


def zipped(names: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    return out.getvalue()


def tarred(change: Callable[[tarfile.TarInfo], None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("top/file")
        change(info)
        archive.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


def member(**values: object) -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        for name, value in values.items():
            setattr(info, name, value)

    return change


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zip slip": ("a.zip", lambda: zipped(["../../evil", "ok"])),
    "absolute": ("a.zip", lambda: zipped(["/etc/evil", "ok"])),
    "drive": ("a.zip", lambda: zipped(["top/ok", "top/../../x"])),
    "tar slip": ("a.tar", lambda: tarred(member(name="../evil", size=1))),
    "tar link": ("a.tar", lambda: tarred(member(type=tarfile.SYMTYPE, linkname="/etc/passwd"))),
    "tar hard link": ("a.tar", lambda: tarred(member(type=tarfile.LNKTYPE, linkname="/etc/passwd"))),
    "tar device": ("a.tar", lambda: tarred(member(type=tarfile.CHRTYPE, devmajor=1, devminor=3))),
    "no zip": ("a.zip", lambda: b"PK\x03\x04 broken"),
    "half a zip": ("a.zip", lambda: zipped(["a", "b", "c"])[:-30]),
    "half a tar": ("a.tar.gz", lambda: b"\x1f\x8b\x08\x00garbage"),
    "empty file": ("a.tar", lambda: b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_in_words(archive: ArchiveUnderTest, tmp_path: Path, name: str) -> None:
    file, make = HOSTILE[name]
    source = tmp_path / "in" / file
    source.parent.mkdir()
    source.write_bytes(make())
    before = snapshot(tmp_path / "in", times=False)
    refused = archive.deposit(source)
    assert refused.state is DepositState.REFUSED, refused
    assert refused.findings
    assert all(each.text("vi") and each.text("en") for each in refused.findings)
    assert snapshot(tmp_path / "in", times=False) == before
    assert not list(tmp_path.rglob("evil"))
    good = archive.deposit(write_tree(tmp_path / "good", FILES))
    assert good.state is DepositState.STORED
    archive.whole()


def test_links_and_devices_in_a_folder(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "a", FILES)
    (source / "link").symlink_to("/etc/passwd")
    (source / "loop").symlink_to(".")
    os.mkfifo(source / "pipe")
    deposit = archive.deposit(source)
    assert deposit.state is DepositState.REFUSED, deposit
    assert deposit.findings


def test_an_empty_package(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    deposit = archive.deposit(tmp_path / "empty")
    assert "DEP-EMPTY" in deposit.finding_counts
    assert deposit.state in (DepositState.REFUSED, DepositState.HELD, DepositState.STORED)


def test_a_single_file(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    (tmp_path / "một.txt").write_bytes(b"alone")
    deposit = archive.deposit(tmp_path / "một.txt")
    if deposit.state is DepositState.STORED:
        assert (archive.export(deposit.aip_id) / "một.txt").read_bytes() == b"alone"
    else:
        assert deposit.findings


# --- descriptions that cannot be read ----------------------------------------------------------------------------------------


ENTITY = b'<!DOCTYPE dc [<!ENTITY x SYSTEM "file:///etc/passwd">]><dc><title>&x;</title></dc>'


@pytest.mark.parametrize(
    ("data", "why"),
    [(ENTITY, ("DOCTYPE", "DOCTYPE")), (b"<dc><title>a</dc>", ("well-formed", "không hợp lệ")), (b"", ("empty", "trống"))],
    ids=["entity", "broken", "empty"],
)
@pytest.mark.parametrize("beside", [True, False])
def test_a_description_that_cannot_be_read_is_told_and_kept(
    archive: ArchiveUnderTest, tmp_path: Path, data: bytes, why: tuple[str, str], beside: bool
) -> None:
    source = write_tree(tmp_path / "records", FILES if beside else {**FILES, "metadata/descriptive/dc.xml": data})
    metadata = tmp_path / "m.xml"
    metadata.write_bytes(data)
    done = archive.engine.deposits.submit(
        [source], producer=PRODUCER, key=None, update=None, metadata=metadata if beside else None, progress=Silent()
    )[-1]
    assert (done.state, done.verdict) == (DepositState.STORED, Verdict.ACCEPT)
    (told,) = [each for each in done.findings if each.code == "DEP-DESCRIPTION-UNREADABLE"]
    assert told.weight is Weight.WARNING
    assert told.path == ("m.xml" if beside else "metadata/descriptive/dc.xml")
    assert why[0] in told.text("en")
    assert why[1] in told.text("vi")
    out = archive.export(done.aip_id, form="folder")
    assert data in [each.read_bytes() for each in out.rglob("*.xml")]


def test_a_description_that_can_be_read_is_not_told_of(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    metadata = tmp_path / "m.csv"
    metadata.write_text("title\na\n")
    source = write_tree(tmp_path / "records", {**FILES, "metadata/descriptive/mods.xml": b"<mods><a>b</a></mods>"})
    done = archive.engine.deposits.submit(
        [source], producer=PRODUCER, key=None, update=None, metadata=metadata, progress=Silent()
    )[-1]
    assert "DEP-DESCRIPTION-UNREADABLE" not in done.finding_counts

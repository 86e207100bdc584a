"""Exporting the proofs of one version: both evidence records, their data objects, and how to verify them without Kho."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from policies.findings import Findings, KhoError, reason_of, spoken
from repository.aip.stored import open_verified
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.errors import RepositoryError
from repository.evidence.batch import Batch, listed_object, slot_of
from repository.evidence.judge import algorithms_in
from repository.evidence.keeping import load
from repository.evidence.leaves import DataObject, Leaf, objects_of
from repository.evidence.news import fallen
from repository.evidence.roots import roots_of
from repository.evidence.states import states_of
from repository.handed import new_folder
from repository.settings.authorities import DEMO, authorities_of
from repository.texts import language, words
from signatures.timestamps import read_token
from storage.tier import ObjectId

if TYPE_CHECKING:
    from signatures.timestamps import Token

__all__ = ["Exported", "NotProved", "export_evidence"]


class NotProved(RepositoryError):
    """No batch holds this version yet."""

    def __init__(self, object_id: str, version: int) -> None:
        super().__init__("EVD-NOT-PROVED", object_id, version=version)


@dataclass
class Exported:
    """What was written: the records (file names), how many data objects, and what could not be had. ``proves`` are the objects of each
    record, ``digests`` what it is verified with when none of them is at hand, ``before`` the records that were not renewed further,
    ``given_up`` those that prove nothing today, with the reason, ``later`` the lists that came into a record with a later chain (from 0).
    """

    records: list[str] = field(default_factory=list)
    objects: int = 0
    findings: Findings = field(default_factory=Findings)
    verify: list[str] = field(default_factory=list)
    proves: dict[str, Sequence[DataObject]] = field(default_factory=dict)
    digests: dict[str, Sequence[str]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    later: dict[str, Sequence[tuple[int, str]]] = field(default_factory=dict)

    def add(self, target: Path, name: str, record: bytes, objects: Mapping[DataObject, str]) -> None:
        (target / name).write_bytes(record)
        self.records.append(name)
        self.proves[name] = list(objects)
        self.digests[name] = list(objects.values())


def export_evidence(archive: Archive, object_id: str, version: int, target: Path) -> Exported:
    """Write the proofs of a version into a new folder.

    A data object that no tier gives unaltered is left out and named; the proof of the others holds without it.

    Raises:
        NotProved: no batch holds it. ExportFailed: the folder cannot be made. Unprovable: its inventory is not to be had.
    """
    place = archive.catalog.evidence.leaf(object_id, version)
    row = archive.catalog.evidence.find(place.batch) if place else None
    if place is None or row is None:
        raise NotProved(object_id, version)
    batch = load(archive, row)
    leaf = batch.leaves[place.number]
    stored = objects_of(list(archive.tiers.values()), object_id, version, leaf.inventory_sha512)
    objects = [stored[0], listed_object(stored, place.number)[0]] if leaf.listed else stored
    with new_folder(target):
        done = Exported()
        _data(archive, leaf, stored, target / "data", done)
        if leaf.listed:
            file = target / "data" / objects[1].path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(batch.lists[place.number])
            for tree in batch.trees:
                for _, name, text in batch.later_lists(tree, place.number):
                    (target / "data" / name).write_bytes(text)
        _records(batch, place.number, objects, target, done, _given_up(archive, row))
        _anchors(archive, batch, target / "anchors")
        _readme(batch, leaf, objects, target, done)
    return done


def _data(archive: Archive, leaf: Leaf, objects: Sequence[DataObject], folder: Path, done: Exported) -> None:
    for each in objects:
        try:
            stream, _ = open_verified(list(archive.tiers.values()), ObjectId(leaf.id), each.path, each.sha512)
        except KhoError as error:
            done.findings.add("EVD-DATA-MISSING", each.path, reason=reason_of(error))
            continue
        file = folder / each.path
        file.parent.mkdir(parents=True, exist_ok=True)
        with stream, open(file, "wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        done.objects += 1


def _given_up(archive: Archive, row: BatchRow) -> dict[str, str]:
    """Lineages that prove nothing today, as far as is known, and why; the last of a tree is handed out as its record all
    the same."""
    algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
    states = states_of(row, algorithms, fallen(archive, [row]), archive.clock.now())
    last = {each.slot: each.name for each in states}
    return {each.name: each.why for each in states if each.why and each.name != last[each.slot]}


def _records(
    batch: Batch, number: int, objects: Sequence[DataObject], target: Path, done: Exported, given_up: Mapping[str, str]
) -> None:
    (target / "tokens").mkdir()
    for tree in batch.trees:
        proved = _by_generations(batch, tree, number, objects)
        newest = max(proved)
        if newest and tree in given_up:
            _tokens(batch, tree, target)
            name = f"{tree}-given-up.er"
            (target / name).write_bytes(batch.record(tree, number, objects, proved[newest][0]))
            done.records.append(name)
            done.given_up[name] = given_up[tree]
            done.findings.add("EVD-GIVEN-UP", name, reason=given_up[tree])
            continue
        _tell_left(batch, tree, objects, proved, done)
        if not newest:
            continue
        _tokens(batch, tree, target)
        for place, last in enumerate(sorted(proved.keys() - {0}, reverse=True)):
            name = f"{tree}{_before(place)}.er"
            data = batch.record(tree, number, objects, proved[last][0])
            done.add(target, name, data, _with_digests(batch, tree, number, objects, proved[last]))
            done.later[name] = [(at, text) for at, text, _ in batch.later_lists(tree, number) if at < last]
            if place:
                done.before[name] = f"{tree}.er"
        if not all(mark.evidence for marks in batch.marks[tree] for mark in marks):
            done.findings.add("EVD-DEMO", f"{tree}.er")


def _before(place: int) -> str:
    """What the name of a record says of what it proves: "" what the newest generation that proves anything does; the others in turn."""
    return f"-before-{place}".removesuffix("-1") if place else ""


def _by_generations(batch: Batch, tree: str, number: int, objects: Sequence[DataObject]) -> dict[int, list[int]]:
    """Positions of the objects of a leaf by how many generations of a tree prove them; 0: none does."""
    found: dict[int, list[int]] = {}
    for position in range(len(objects)):
        found.setdefault(batch.proving(tree, number, position), []).append(position)
    return found


def _tell_left(
    batch: Batch, tree: str, objects: Sequence[DataObject], proved: Mapping[int, Sequence[int]], done: Exported
) -> None:
    for last in sorted(proved.keys() - {len(batch.trees[tree].generations)}, reverse=True):
        for position in proved[last]:
            done.findings.add("EVD-NOT-FURTHER" if last else "EVD-NOT-IN-TREE", objects[position].path, tree=tree)


def _tokens(batch: Batch, tree: str, target: Path) -> None:
    for place, generation in enumerate(batch.trees[tree].generations, 1):
        for stamp, token in enumerate((generation.token, *(each.token for each in generation.renewals)), 1):
            (target / "tokens" / f"{tree}-{place}-{stamp}.tst").write_bytes(token)


def _with_digests(
    batch: Batch, tree: str, number: int, objects: Sequence[DataObject], positions: Iterable[int]
) -> dict[DataObject, str]:
    """The objects at ``positions`` of a leaf, each with its digests in the hash of every chain that goes on proving it."""
    found = {}
    for position in positions:
        last = batch.proving(tree, number, position)
        digests = {}
        for each in batch.trees[tree].generations[:last]:
            rows = batch.digests.get(tree, {}).get(each.hash)
            digests[each.hash] = objects[position].digest(each.hash) if rows is None else rows[number][position] or b""
        found[objects[position]] = ",".join(f"{name}={value.hex()}" for name, value in digests.items())
    return found


def _anchors(archive: Archive, batch: Batch, folder: Path) -> None:
    """The roots of the authorities that stamped, and the revocation lists that were collected before renewals."""
    from signatures.anchors import PERIODS, Anchors, write_rows
    from signatures.timestamps.trust import as_pem

    names = {mark.authority for generations in batch.marks.values() for marks in generations for mark in marks}
    folder.mkdir()
    demo = [place for place in archive.settings.authorities if place.url == DEMO]
    known = roots_of(archive)
    known |= {each.name: each.anchors for each in authorities_of(archive.settings.home, demo, archive.clock.now)}
    for name in known.keys() & names:
        (folder / _file_of(name)).write_bytes(as_pem(known[name]))
    if rows := write_rows(sum((known[name] for name in sorted(known.keys() & names)), Anchors())):
        (folder / PERIODS).write_text(rows, encoding="utf-8")
    for name, data in batch.revocations.items():
        (folder / name.replace("/", "-")).write_bytes(data)


def _readme(batch: Batch, leaf: Leaf, objects: Sequence[DataObject], target: Path, done: Exported) -> None:
    here = [each for each in objects if (target / "data" / each.path).exists()]
    present = frozenset(here)
    absent = [each for each in objects if each not in present]
    for name in ("sha256", "sha512"):
        _sums(target / f"{name.upper()}SUMS", name, here)
        if absent:
            _sums(target / f"{name.upper()}SUMS.absent", name, absent)
    lines, files = "", ""
    for record, proved in done.proves.items():
        line = f"kho evidence verify {record} {_given(leaf, objects, present, record, done)} --anchors anchors"
        done.verify.append(line)
        lines += f"    {line}\n"
        counts = {"count": len(proved), "there": sum(each in present for each in proved)}
        if record in done.before:
            files += words("evidence.readme_file_before", file=record, further=done.before[record], **counts) + "\n"
        else:
            files += words("evidence.readme_file_record", file=record, **counts) + "\n"
    for record, reason in done.given_up.items():
        files += words("evidence.readme_file_given_up", file=record, reason=spoken(reason, language())) + "\n"
    standing = [tree for tree in batch.trees if f"{tree}.er" in done.records]
    tokens = [read_token(batch.trees[tree].newest.last) for tree in standing]
    checks = "".join(f"    {_openssl(tree, batch, token)}\n" for tree, token in zip(standing, tokens, strict=True))
    facts: dict[str, str | int] = {"id": leaf.id, "version": leaf.version, "objects": len(objects), "there": len(here)}
    slots = len({slot_of(each) for each in standing})
    facts["records"] = words(("evidence.readme_none", "evidence.readme_one", "evidence.readme_two")[slots])
    missing = "".join(f"    data/{each.path}\n" for each in absent)
    facts["absent"] = "\n" + words("evidence.readme_absent") + f"\n\n{missing}" if absent else ""
    text = words("evidence.readme", **facts, files=files, lines=lines, openssl=checks)
    if any(each.code == "EVD-DEMO" for each in done.findings):
        text = words("evidence.demo") + "\n\n" + text
    if leaf.listed:
        text += "\n" + words("evidence.listed", list=objects[1].path)
    (target / "README.txt").write_text(text, encoding="utf-8")


def _sums(file: Path, name: str, objects: Sequence[DataObject]) -> None:
    sums = "".join(f"{each.digest(name).hex()}  data/{each.path}\n" for each in objects)
    file.write_text(sums, encoding="utf-8", errors="surrogateescape")


def _given(leaf: Leaf, objects: Sequence[DataObject], here: Container[DataObject], record: str, done: Exported) -> str:
    """What a record is verified with: the files that are there; where none is, their digests."""
    proved = done.proves[record]
    given = [each for each in proved if each in here]
    if not given:
        data = " ".join(f"--digest {each}" for each in done.digests[record])
    elif leaf.listed or len(proved) < len(objects):  # behind a list, the files themselves are in no record
        data = " ".join(f"--data {_quoted('data/' + each.path)}" for each in given)
    else:
        data = "--data data"
    later = done.later.get(record, ())
    return data + "".join(
        f" --later {generation + 1}={_quoted('data/' + name)}" if generation else f" --data {_quoted('data/' + name)}"
        for generation, name in later
    )


def _file_of(authority: str) -> str:
    """The file of an authority's roots: its name may have what no file name has."""
    return authority.replace("%", "%25").replace("/", "%2F") + ".pem"


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def _openssl(tree: str, batch: Batch, token: Token) -> str:
    lineage = batch.trees[tree]
    file = f"tokens/{tree}-{len(lineage.generations)}-{len(lineage.newest.renewals) + 1}.tst"
    anchor = f"anchors/{_file_of(batch.marks[tree][-1][-1].authority)}"
    return f"openssl ts -verify -digest {token.imprint.hex()} -in {file} -token_in -CAfile {_quoted(anchor)}"

"""What the operator says of a root in the archive's folder of anchors reaches all of the archive's own evidence, in whatever words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from repository.attention.entries import attention
from repository.evidence.proving import Proving
from repository.evidence.roots import roots_of
from signatures.anchors import load_anchors
from signatures.judgement import Context
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved, judged_record
from tests.signatures.authorities import issuing

SAID = ["trusted = false", 'purposes = ["signature"]', "until = 2020-01-01"]


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def say(archive: Proved, root: bytes, said: str) -> None:
    folder = archive.home / "anchors"
    folder.mkdir(exist_ok=True)
    digest = hashlib.sha256(root).hexdigest()
    (folder / f"{digest}.cer").write_bytes(root)
    with (folder / "anchors.toml").open("a", encoding="utf-8") as rows:
        rows.write(f'[[anchor]]\nsha256 = "{digest}"\n{said}\n')
    archive.reopen()


def told(archive: Proved) -> set[str]:
    return {each.code for each in attention(archive.engine.archive) if each.code.startswith("EVD-")}


def proved(archive: Proved, aip: str) -> set[bool]:
    """Whether the archive's own evidence proves its files."""
    kept = archive.engine.archive
    at = archive.clock.now() + timedelta(days=5)
    context = Context(load_anchors(archive.home / "anchors"), default_algorithms(), at)
    proving = Proving(kept, aip, context)
    return {proving(file) is not None for file in kept.catalog.holdings.files(aip) if "/content/" in file.content_path}


@pytest.mark.parametrize("said", SAID)
def test_a_root_that_is_taken_back_proves_nothing_and_is_told_of(archive: Proved, said: str) -> None:
    roots = [issuing(archive.authority(name, tree)).root for name, tree in (("one", "sha256"), ("two", "sha512"))]
    aip = archive.give("a")
    archive.engine.evidence.batch()
    assert proved(archive, aip) == {True}
    for each in roots:
        say(archive, each, said)
    assert proved(archive, aip) == {False}
    archive.clock.pass_days(2)
    assert archive.engine.evidence.renew()["tokens"] == 0  # nobody begins a tree again whose own root is no anchor
    assert {"EVD-FALLEN", "EVD-NO-AUTHORITY"} <= told(archive)
    assert {each.authorities for each in archive.engine.evidence.plan().rows} == {()}
    archive.no_authorities()  # nor does it go on proving when kho.toml names them no more
    assert proved(archive, aip) == {False}


@pytest.mark.parametrize("said", SAID)
def test_nobody_is_asked_to_stamp_whose_root_is_taken_back_in_any_words(archive: Proved, said: str) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    say(archive, issuing(one).root, said)
    archive.give("a")
    done = archive.engine.evidence.batch()
    assert done["trees"] == ["sha512"]
    assert "one" in str(done["failures"])
    named = {each.tree: each.authorities for each in archive.engine.evidence.plan().rows}
    assert named["sha256"] == ()  # one that never stamped would be named
    assert "EVD-NO-AUTHORITY" in told(archive)


@pytest.mark.parametrize("said", SAID)
def test_an_export_says_of_roots_what_the_archive_says(archive: Proved, said: str) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    say(archive, issuing(one).root, said)
    for name in ("named", "remembered"):
        folder, _ = archive.proof(aip, name)
        valid = [judged_record(folder, f"{tree}.er", archive.clock.now()).valid for tree in ("sha256", "sha512")]
        assert valid == [False, True]
        archive.no_authorities()


def test_what_is_said_for_signatures_leaves_time_stamps_alone(archive: Proved) -> None:
    roots = [issuing(archive.authority(name, tree)).root for name, tree in (("one", "sha256"), ("two", "sha512"))]
    aip = archive.give("a")
    archive.engine.evidence.batch()
    for each in roots:
        say(archive, each, 'purposes = ["timestamp"]')
        say(archive, each, 'until = 2020-01-01\npurposes = ["signature"]')
    assert proved(archive, aip) == {True}
    archive.clock.pass_days(2)
    archive.engine.evidence.batch()
    assert "EVD-FALLEN" not in told(archive)
    folder, _ = archive.proof(aip, "out")
    assert judged_record(folder, "sha256.er", archive.clock.now()).valid


def test_of_an_authority_that_is_named_no_more_the_last_word_is_remembered(archive: Proved) -> None:
    one = archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    archive.give("a")
    archive.engine.evidence.batch()
    folder = archive.home / "one"  # from now on a folder, which sets an end
    folder.mkdir()
    (folder / "root.cer").write_bytes(issuing(one).root)
    digest = hashlib.sha256(issuing(one).root).hexdigest()
    (folder / "anchors.toml").write_text(f'[[anchor]]\nsha256 = "{digest}"\nuntil = 2028-01-01\n', encoding="utf-8")
    settings = archive.home / "kho.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('["one.pem"]', '["one"]'), encoding="utf-8")
    archive.reopen()
    (anchor,) = roots_of(archive.engine.archive)["one"].anchors
    assert anchor.until.year == 2028  # what kho.toml says today holds before anything is stamped again
    archive.clock.pass_days(1)
    archive.give("b")
    archive.engine.evidence.batch()
    archive.no_authorities()
    (anchor,) = roots_of(archive.engine.archive)["one"].anchors
    assert anchor.until.year == 2028

"""Real input, whole: other people's files and packages go through a deposit and come back byte for byte."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from formats.package.bagit import BagWriter
from repository.model import DepositState
from tests.builders_archive import PRODUCER, ArchiveUnderTest, SharedIdentifier, snapshot, verified
from tests.conformance.test_eark_corpus import INVALID, LOSSY, VALID, short
from tests.oracles import ocfl_py_findings

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2] / ".." / "shared" / "corpora")).resolve()
FORMATS = CORPORA / "format-corpus"

pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason=f"the corpora are not at {CORPORA} (set KHO_CORPORA)")

SAMPLE_BYTES = 3_000_000
"""Of the format corpus, in a normal run; `make proof` takes all of it."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    made = ArchiveUnderTest(tmp_path_factory.mktemp("real"), identifier)
    yield made
    made.whole()
    made.close()


def files_of(*, everything: bool) -> list[Path]:
    found = sorted(path for path in FORMATS.rglob("*") if path.is_file() and not path.is_symlink())
    if everything:
        return found
    random.Random("real input").shuffle(found)
    chosen, size = [], 0
    for path in found:
        if size + path.stat().st_size <= SAMPLE_BYTES:
            chosen.append(path)
            size += path.stat().st_size
    return chosen


@pytest.fixture(scope="module", params=["sample", pytest.param("all", marks=pytest.mark.proof)])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of (some of) the format corpus, with an empty folder."""
    top = tmp_path_factory.mktemp("corpus") / "format-corpus"
    for path in files_of(everything=request.param == "all"):
        target = top / path.relative_to(FORMATS)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    (top / "an empty folder").mkdir()
    return top


def as_folder(corpus: Path, work: Path) -> Path:
    return corpus


def as_bag(corpus: Path, work: Path) -> Path:
    BagWriter(work / "bag", info={"External-Identifier": [work.name]}).add_tree(corpus)
    return work / "bag"


def as_bag_by_hand(corpus: Path, work: Path) -> Path:
    """BagIt 0.97, MD5, as old tools made it."""
    bag = work / "by hand"
    shutil.copytree(corpus, bag / "data", copy_function=shutil.copy2)
    shutil.rmtree(bag / "data" / "an empty folder")
    lines = []
    for path in sorted(bag.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(bag)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            lines.append(f"{hashlib.md5(path.read_bytes()).hexdigest()} {name}\n")
    (bag / "manifest-md5.txt").write_text("".join(lines), encoding="utf-8")
    (bag / "bagit.txt").write_text("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n")
    return bag


def as_zip(corpus: Path, work: Path) -> Path:
    """Whole seconds of even numbers are all that a zip keeps of times: it is compared without."""
    return Path(shutil.make_archive(str(work / "packed"), "zip", corpus.parent, corpus.name))


def as_tar_gz(corpus: Path, work: Path) -> Path:
    with tarfile.open(work / "packed.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as out:
        out.add(corpus, corpus.name)
    return work / "packed.tar.gz"


FORMS: dict[str, Callable[[Path, Path], Path]] = {
    "folder": as_folder,
    "bag": as_bag,
    "bag by hand": as_bag_by_hand,
    "zip": as_zip,
    "tar.gz": as_tar_gz,
}


@pytest.mark.parametrize("form", FORMS)
def test_the_format_corpus_comes_back(archive: ArchiveUnderTest, corpus: Path, tmp_path: Path, form: str) -> None:
    source = FORMS[form](corpus, tmp_path)
    deposit = archive.deposit(source, key=f"{form} {len(list(corpus.rglob('*')))}")
    assert deposit.state is DepositState.STORED, (deposit.error, deposit.finding_counts)
    out = archive.export(deposit.aip_id)
    if form in ("zip", "tar.gz"):
        source = corpus.parent
    assert snapshot(out, times=form != "zip") == snapshot(source, times=form != "zip")
    shutil.rmtree(out)


def test_one_package_a_folder(archive: ArchiveUnderTest, corpus: Path) -> None:
    sources = sorted(path for path in corpus.iterdir() if path.is_dir() and any(path.iterdir()))
    archive.deposit(*sources)
    deposits = {each.source: each for each in archive.engine.deposits.list(limit=1000).items}
    for source in sources:
        deposit = deposits[str(source)]
        assert deposit.state is DepositState.STORED, (deposit.error, deposit.finding_counts)
        assert snapshot(archive.export(deposit.aip_id)) == snapshot(source)


def eark(archive: ArchiveUnderTest, names: list[str]) -> Iterator[tuple[str, str, bool]]:
    """(name, state, whether something was found) of packages that were deposited."""
    archive.engine.deposits.submit([CORPORA / name for name in names], producer=PRODUCER, progress=_silent())
    ended = {each.source: each for each in archive.engine.deposits.list(limit=1000).items if each.source.startswith(str(CORPORA))}
    for name in names:
        deposit = ended[str(CORPORA / name)]
        if deposit.state is DepositState.STORED:
            assert snapshot(archive.export(deposit.aip_id)) == snapshot(CORPORA / name), name
        assert deposit.state is not DepositState.FAILED, (name, deposit.error)
        yield name, deposit.state.value, bool(deposit.findings)


def _silent() -> object:
    from repository.progress import Silent

    return Silent()


def valid_are_accepted(archive: ArchiveUnderTest, names: list[str]) -> None:
    # A package of the corpus may be a copy of another: repeated is accepted before. Known identifiers are for an officer.
    for name, state, found in eark(archive, names):
        if name.rpartition("/")[2] in LOSSY:
            assert state == "refused", name
            assert found
        else:
            assert state in ("stored", "repeated", "held"), (short(name), state)


def invalid_are_not_silent(archive: ArchiveUnderTest, names: list[str]) -> None:
    for name, state, found in eark(archive, names):
        assert found or state == "repeated", short(name)


@pytest.fixture
def lenient(archive: ArchiveUnderTest) -> ArchiveUnderTest:
    """Packages of the corpus share identifiers: that is for an officer elsewhere, not here."""
    archive.weights(DEP_ID_KNOWN="warn")
    return archive


def test_valid_packages_are_accepted(lenient: ArchiveUnderTest) -> None:
    valid_are_accepted(lenient, random.Random("valid").sample(VALID, 12))


@pytest.mark.proof
def test_all_valid_packages_are_accepted(lenient: ArchiveUnderTest) -> None:
    valid_are_accepted(lenient, VALID)


def test_invalid_packages_are_not_silent(lenient: ArchiveUnderTest) -> None:
    invalid_are_not_silent(lenient, random.Random("invalid").sample(INVALID, 12))


@pytest.mark.proof
def test_half_of_the_invalid_packages_are_not_silent(lenient: ArchiveUnderTest) -> None:
    invalid_are_not_silent(lenient, random.Random("invalid").sample(INVALID, len(INVALID) // 2))


def test_others_find_nothing_in_what_was_written(archive: ArchiveUnderTest, corpus: Path, tmp_path: Path) -> None:
    """ocfl-py, which is not ours, finds no error and no warning; `kho verify` none in any form of export."""
    source = tmp_path / "hồ sơ"
    source.mkdir()
    for name in ("a b.txt", "%41", "tab\t", "e\u0301", "é", "A", "a", "\\", "ế" * 85):
        (source / name).write_text(name)
    aip = archive.deposit(source).aip_id
    for change in ("một", "hai"):
        (source / "a b.txt").write_text(change)
        assert archive.deposit(source, update=aip).state is DepositState.STORED
    for tier in "ab":
        assert ocfl_py_findings(archive.home / "tiers" / tier / "ocfl") == []
        assert verified(archive.home / "tiers" / tier / "ocfl") == ("ocfl", [])

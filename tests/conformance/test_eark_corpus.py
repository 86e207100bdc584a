"""The E-ARK test corpus: packages it calls valid are accepted, those it calls invalid are not silent.

The corpus was made rule by rule: a package is valid or invalid as to the rule it was made for. Three that it calls valid name files that
are altered or missing beyond doubt; an archive must not accept them (docs/decisions/0005), and they are listed here with what is wrong.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from formats.package.csip import FORMAT
from formats.package.directory import FolderSource
from formats.package.reception import spool_path
from formats.package.recognition import arrange, recognise
from formats.package.spool import Spool
from policies.archive import ArchivePolicyError
from policies.findings import Findings, Weight
from repository.model import DepositState
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2] / ".." / "shared" / "corpora")).resolve()
INDEX = CORPORA / "corpora.tsv"

LOSSY = {
    "IP_18000_CSIP17_2": "metadata/descriptive/archiveIndex.xml",
    "IP_18006_CSIP17_1": "metadata/preservation/PREMIS3.xml",
    "IP_18000_CSIP21_2": "metadata/preservation/PREMIS3.xml",
}
"""Package → a file that its METS names, which is missing or has another SHA-256 than METS says."""


def cases() -> dict[str, list[tuple[str, str]]]:
    """Package → its rows (expected, detail)."""
    rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    if INDEX.is_file():
        for line in INDEX.read_text("utf-8", "surrogateescape").splitlines():
            name, expected, detail = line.split("\t")[:3]
            if name.startswith("eark-ip-test-corpus/"):
                rows[name].append((expected, detail))
    return rows


CASES = cases()
VALID = sorted(name for name, rows in CASES.items() if all(expected == "valid" for expected, _ in rows))
INVALID = sorted(set(CASES) - set(VALID))

pytestmark = pytest.mark.skipif(not CASES, reason=f"the corpora are not at {CORPORA} (set KHO_CORPORA)")


def short(name: str) -> str:
    return name.removeprefix("eark-ip-test-corpus/corpus/")


def check(name: str) -> Findings:
    """What a deposit of this folder is told: the format that recognises it checks it."""
    findings = Findings()
    source = FolderSource(CORPORA / name, findings)
    recognise(source).check(source, findings)
    return findings


@pytest.mark.parametrize("name", VALID, ids=short)
def test_valid_is_accepted(name: str) -> None:
    findings = check(name)
    errors = [each for each in findings if each.weight is Weight.ERROR]
    lossy = LOSSY.get(name.rpartition("/")[2])
    if lossy is None:
        assert errors == []
    else:
        assert lossy in {each.path for each in errors if each.code.endswith(("-MISSING", "-ALTERED"))}


@pytest.mark.parametrize("name", INVALID, ids=short)
def test_invalid_is_not_silent(name: str) -> None:
    assert FORMAT.recognises(FolderSource(CORPORA / name))
    assert len(check(name)) > 0


def test_musts_are_errors() -> None:
    """Of the packages that break a rule of level ERROR, these many are refused; the others break what 2.2.0 calls a SHOULD, or a rule
    that valid packages of the corpus and examples of the specification break too."""
    refused = warned = 0
    for name in INVALID:
        if any(" level ERROR " in detail for expected, detail in CASES[name] if expected == "invalid"):
            if check(name).ok:
                warned += 1
            else:
                refused += 1
    assert (refused, warned) == (67, 18)


@pytest.mark.parametrize("name", [*VALID[::7], *INVALID[::9]], ids=short)
def test_every_file_has_its_own_place(name: str, tmp_path: Path) -> None:
    findings = Findings()
    with Spool(tmp_path / "spool") as spool:
        spool_path(CORPORA / name, spool, findings)
        arrange(spool, findings)
        files = [item for item in spool.spooled() if item.file]
        assert all(item.stored for item in files)
        assert len({item.stored for item in files}) == len(files)
        assert len(files) == sum(len(names) for _, _, names in os.walk(CORPORA / name))


@pytest.mark.parametrize("lossy", LOSSY)
def test_no_policy_lets_altered_files_in(lossy: str, tmp_path: Path, identifier: SharedIdentifier) -> None:
    """Refused, with all reasons at once; what is missing an officer may be allowed to decide on, what is altered never."""
    name = next(name for name in VALID if name.endswith(lossy))
    archive = ArchiveUnderTest(tmp_path, identifier)
    try:
        archive.weights(CSIP_METADATA_MISSING="hold", CSIP_FILE_MISSING="hold")
        deposit = archive.deposit(CORPORA / name)
        assert deposit.state is DepositState.REFUSED
        assert LOSSY[lossy] in {each.path for each in deposit.findings}
        assert {each.code for each in deposit.findings if each.weight is Weight.ERROR} >= {"CSIP-FILE-ALTERED"}
        with pytest.raises(ArchivePolicyError, match="may not be made lighter"):
            archive.weights(CSIP_FILE_ALTERED="hold")
        archive.weights()
    finally:
        archive.close()

"""PRONOM's own skeleton files and the format corpus: third-party material beside the project, used where it is there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.identify import Basis, SiegfriedIdentifier

CORPORA = Path(os.environ.get("KHO_CORPORA") or Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
SAMPLE, SEED = 300, 4998

EXACT = 0.98
"""The part of the skeletons that must be named exactly; Siegfried alone gives 98.6 % of a larger set."""

BARE = """
import json, pygfried, sys
found = pygfried.Scanner().identify_many(json.load(sys.stdin))["files"]
json.dump([match["id"] for file in found for match in file["matches"][:1]], sys.stdout)
"""


def cases(folder: str) -> dict[Path, str]:
    """File → expected PUID ("UNKNOWN"; "" for none), for the files of the list that are there."""
    table = CORPORA / "corpora.tsv"
    if not table.exists():
        pytest.skip(f"no corpora in {CORPORA} (set KHO_CORPORA)")
    rows = (line.split("\t") for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:])
    listed = {CORPORA / row[0]: row[1] for row in rows if row[0].startswith(folder + "/")}
    return {path: puid for path, puid in listed.items() if path.is_file()}


@pytest.fixture(scope="module")
def identifier() -> Iterator[SiegfriedIdentifier]:
    with SiegfriedIdentifier() as running:
        yield running


def check_skeletons(identifier: SiegfriedIdentifier, expected: dict[Path, str]) -> None:
    found = dict(identifier.identify(expected))
    exact = {path for path, puid in expected.items() if found[path].puid == puid}
    names = [str(path) for path in expected]
    reply = subprocess.run([sys.executable, "-c", BARE], input=json.dumps(names), capture_output=True, text=True, check=True)
    bare = {path for path, puid in zip(expected, json.loads(reply.stdout), strict=True) if expected[path] == puid}
    wrong = [f"{path.name}: {found[path].puid or found[path].basis}" for path in expected if path not in exact]
    print(f"{len(exact)} of {len(expected)} exact, pygfried alone {len(bare)}; not: {wrong}")
    assert bare <= exact
    assert len(exact) >= EXACT * len(expected)
    assert not [path for path, answer in found.items() if answer.basis is Basis.FAILED]


def test_a_sample_of_the_pronom_skeletons(identifier: SiegfriedIdentifier) -> None:
    expected = cases("pronom-skeleton")
    names = random.Random(SEED).sample(sorted(expected), min(SAMPLE, len(expected)))
    check_skeletons(identifier, {path: expected[path] for path in names})


@pytest.mark.proof
def test_all_pronom_skeletons(identifier: SiegfriedIdentifier) -> None:
    check_skeletons(identifier, cases("pronom-skeleton"))


def test_the_format_corpus(identifier: SiegfriedIdentifier) -> None:
    """The list gives Siegfried's own answers, so this shows that nothing is lost on the way; differences are printed."""
    expected = cases("format-corpus")
    assert expected
    found = dict(identifier.identify(expected))
    assert set(found) == set(expected)
    named = {path: "" if expected[path] == "UNKNOWN" else expected[path] for path in expected}
    different = [path for path, puid in named.items() if found[path].puid != puid]
    for path in different:
        print(
            f"{os.fsencode(path)!r}: listed {expected[path]}, found {found[path].puid or found[path].basis} {found[path].reason}"
        )
    assert [path for path in different if found[path].basis is not Basis.FAILED] == []
    # a name that is not UTF-8 cannot be given to Siegfried; the spool gives every file an ASCII name
    assert all("not UTF-8" in found[path].reason for path in different)

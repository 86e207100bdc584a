"""Evidence whose authority nobody trusts: taken back, or no anchor where anchors were given; asked, and answered with no."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from signatures.anchors import Anchors, load_anchors
from signatures.timestamps import Believed, Trust
from tests.signatures.authorities import NOW, authority, issuing
from tests.signatures.test_stamp_trust import DATA, judged, lineage_by, record_of, year

STAMPED = year(2026.5) + timedelta(hours=12)


@pytest.fixture
def stamped(tmp_path: Path) -> tuple[Path, bytes]:
    """(folder with anchors/root.cer, record.er and data, the root)."""
    known = authority(clock=lambda: STAMPED, begins=year(2020), years=30)
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "root.cer").write_bytes(issuing(known).root)
    (tmp_path / "record.er").write_bytes(record_of(lineage_by(known)))
    (tmp_path / "data").write_bytes(DATA)
    return tmp_path, issuing(known).root


def verify(folder: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    command = [
        sys.executable,
        "-m",
        "repository.cli",
        "evidence",
        "verify",
        str(folder / "record.er"),
        "--data",
        str(folder / "data"),
    ]
    done = subprocess.run([*command, *arguments, "--json"], env={**os.environ, "KHO_LANG": "en"}, capture_output=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def test_anchors_that_are_given_and_hold_none_are_no_trust(stamped: tuple[Path, bytes]) -> None:
    folder, root = stamped
    (folder / "empty").mkdir()
    (folder / "wrong").mkdir()
    (folder / "wrong" / "root.cer.bak").write_bytes(root)
    (folder / "back").mkdir()
    (folder / "back" / "root.cer").write_bytes(root)
    said = f'[[anchor]]\nsha256 = "{hashlib.sha256(root).hexdigest()}"\ntrusted = false\n'
    (folder / "back" / "anchors.toml").write_text(said)
    for name in ("empty", "wrong", "back"):
        code, found = verify(folder, "--anchors", str(folder / name), "--at", "2027-01-01")
        assert (code, found["valid"], found["trust"]) == (4, False, "not trusted")
    both = [argument for name in ("back", "anchors") for argument in ("--anchors", str(folder / name))]
    assert verify(folder, *both, "--at", "2027-01-01")[0] == 4
    assert verify(folder, "--anchors", str(folder / "anchors"), "--at", "2027-01-01")[0] == 0


def test_a_record_is_believed_on_the_day_on_which_it_was_stamped(stamped: tuple[Path, bytes]) -> None:
    folder = stamped[0]
    day, before = STAMPED.date(), STAMPED.date() - timedelta(days=1)
    for at, code in ((day, 0), (before, 4), (f"{day}T00:00", 4), (f"{day}T23:59", 0), (f"{day}T23:59+07:00", 0)):
        assert verify(folder, "--anchors", str(folder / "anchors"), "--at", str(at))[0] == code, at


def test_anchors_that_are_not_given_are_not_asked(stamped: tuple[Path, bytes]) -> None:
    for arguments in ((), ("--at", "2027-01-01")):
        code, found = verify(stamped[0], *arguments)
        assert (code, found["valid"], found["trust"]) == (0, True, "not checked")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("trusted = false", "does not trust for time-stamps"),
        ('purposes = ["signature"]', "does not trust for time-stamps"),
        ("until = 2019-01-01", "it was never trusted"),
        ("until = 2024-01-01", "is trusted only from 2020-01-01 until 2024-01-01"),
    ],
)
def test_it_is_said_that_somebody_took_the_root_back_and_that_it_is_for_good(
    stamped: tuple[Path, bytes], said: str, words: str
) -> None:
    folder, root = stamped
    (folder / "anchors" / "anchors.toml").write_text(f'[[anchor]]\nsha256 = "{hashlib.sha256(root).hexdigest()}"\n{said}\n')
    report = judged((folder / "record.er").read_bytes(), load_anchors(folder / "anchors"), year(2027))
    answer = report.stamps[0].answer
    assert answer is not None
    assert answer.fallen
    assert words in "".join(each.text("en") for each in report.findings)


def test_a_root_that_nobody_spoke_of_is_not_taken_back() -> None:
    token = judged(record_of(lineage_by(authority("A"))), Anchors(), NOW).stamps[0].token
    for anchors in (Anchors(), authority("B").anchors):
        answer = Trust(anchors).of(token, NOW)
        assert (answer.believed, answer.fallen) == (Believed.NO, False)

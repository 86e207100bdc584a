"""The story of one record from 2026 to 2045, told by `kho signatures validate`: the outcome of every date with nothing but roots trusted.

Twice: with a root for each authority of time-stamps, and with one root above signers and authorities, the only certificate that is trusted.
The signer's certificate ends in 2027, its issuing CA in 2032; the authorities end in 2030, 2040 and 2060.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from repository.cli.run import run
from tests.signatures.pki import STAMP_CAS, Pki, day, make_pdf

SUNSET = """version = 1
source = "test"
issued = "2026"
[hash]
sha256 = "{sha256}"
sha384 = ""
sha512 = ""
[signature]
ecdsa = [[224, ""]]
"""


@dataclass(frozen=True)
class Story:
    """One document of 2026 and what became of it, with who is trusted."""

    pki: Pki
    folder: Path
    documents: dict[str, bytes]


@pytest.fixture(scope="module", params=["a root each", "one root"])
def story(
    request: pytest.FixtureRequest, pki: Pki, archived: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Story:
    if request.param == "one root":
        pki = Pki("ec", one_root=True)
        signed = pki.sign_pdf(make_pdf(), day(2026, 3))
        renewed = pki.restamp(signed, "tsa2", day(2029, 6))
        archived = {"2026": signed, "2029": renewed, "2039": pki.restamp(renewed, "tsa3", day(2039, 6))}
    flipped = bytearray(archived["2039"])
    flipped[flipped.index(b"Cong van")] ^= 1
    before = pki.sign_pdf(make_pdf(), day(2026, 3), signer="signer2", level="T")
    after = pki.sign_pdf(make_pdf(), day(2026, 5), signer="signer2", level="T")
    folder = tmp_path_factory.mktemp("story")
    (folder / "anchors").mkdir()
    for each in pki.anchors():
        (folder / "anchors" / f"{each.sha256.hex()}.cer").write_bytes(each.der)
    assert len(list((folder / "anchors").iterdir())) == (1 if request.param == "one root" else 4)
    for year in ("2035", "2050"):
        (folder / f"{year}.toml").write_text(SUNSET.format(sha256=f"{year}-01-01"), encoding="utf-8")
    return Story(pki, folder, {**archived, "flipped": bytes(flipped), "before": before, "after": after})


ROWS: list[tuple[str, str, datetime, str, str, int]] = [
    # what is told of, the document, seen when, end of SHA-256, outcome, exit code
    ("just signed", "2026", day(2026, 6), "", "TOTAL-PASSED", 0),
    ("the signer's certificate has ended", "2026", day(2028), "", "TOTAL-PASSED", 0),
    ("not renewed, the first authority has ended", "2026", day(2031), "", "INDETERMINATE/OUT_OF_BOUNDS_NO_POE", 3),
    ("renewed in 2029", "2029", day(2031), "", "TOTAL-PASSED", 0),
    ("the issuing CA has ended", "2029", day(2035), "", "TOTAL-PASSED", 0),
    ("the renewal of 2039 is missing", "2029", day(2045), "", "INDETERMINATE/OUT_OF_BOUNDS_NO_POE", 3),
    ("renewed in 2029 and 2039", "2039", day(2045), "", "TOTAL-PASSED", 0),
    ("one byte changed", "flipped", day(2045), "", "TOTAL-FAILED/HASH_FAILURE", 4),
    ("the hash ended before the last stamp", "2039", day(2045), "2035", "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE", 3),
    ("the hash ends later", "2039", day(2045), "2050", "TOTAL-PASSED", 0),
    ("signed before the revocation", "before", day(2026, 6), "", "TOTAL-PASSED", 0),
    ("signed after the revocation", "after", day(2026, 6), "", "INDETERMINATE/REVOKED_NO_POE", 3),
]


@pytest.fixture
def kho(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def asked(*arguments: str | Path) -> tuple[int, Any]:
        code = run([*map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


@pytest.mark.parametrize(("told", "document", "at", "sunset", "expected", "code"), ROWS, ids=[row[0] for row in ROWS])
def test_the_dated_outcomes(
    tmp_path: Path,
    story: Story,
    kho: Callable[..., tuple[int, Any]],
    told: str,
    document: str,
    at: datetime,
    sunset: str,
    expected: str,
    code: int,
) -> None:
    file, lists = tmp_path / "document.pdf", tmp_path / "lists"
    file.write_bytes(story.documents[document])
    lists.mkdir()
    for number, der in enumerate(story.pki.crls(at)):  # what the authorities say on that day
        (lists / f"{number}.crl").write_bytes(der)
    for name in STAMP_CAS:  # collected, since tokens do not bring the certificate along that issued theirs
        (lists / f"{name}.cer").write_bytes(story.pki.certificate(name).der)
    policy = ["--algorithms", story.folder / f"{sunset}.toml"] if sunset else []
    arguments = ["--at", at.isoformat(), "--anchors", story.folder / "anchors", "--data", lists, *policy]
    found, said = kho("signatures", "validate", file, *arguments)
    signature = next(each for each in said["files"][0]["signatures"] if each["role"] != "timestamp")
    assert "/".join(filter(None, (signature["indication"], signature["subindication"]))) == expected, (told, signature)
    assert found == code
    if signature["indication"] == "TOTAL-PASSED":
        assert signature["proven"].startswith("2026-03-01T12:00")

"""The veraPDF corpus and jpylyzer's own test files (test input, not part of the project): how often Kho's verdict is right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.inspection import Inspectors
from formats.validate import Validation, Validity
from policies.findings import Puid

CORPORA = Path(os.environ.get("KHO_CORPORA") or Path(__file__).parents[2].parent / "shared" / "corpora")

RIGHT_1B, FALSE_VALID = 0.95, 0.03
FORMS = {".jp2": "x-fmt/392", ".jph": "fmt/1964", ".j2c": "fmt/1794", ".jhc": "fmt/1794"}


def cases(folder: str) -> dict[Path, str]:
    table = CORPORA / "corpora.tsv"
    if not table.exists():
        pytest.skip(f"no corpora in {CORPORA} (set KHO_CORPORA)")
    rows = (line.split("\t") for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:])
    listed = {CORPORA / row[0]: row[1] for row in rows if row[0].startswith(f"{folder}/")}
    return {path: verdict for path, verdict in listed.items() if path.is_file() and verdict in ("valid", "invalid")}


@pytest.fixture(scope="module")
def validators() -> Iterator[Inspectors]:
    with Inspectors() as running:
        yield running


def compared(validators: Inspectors, expected: dict[Path, str], puid: Puid) -> tuple[float, float]:
    """(right, false "valid") as parts of all; every disagreement is printed, with who looked."""
    found: dict[Path, Validation] = dict(validators.validate((path, puid) for path in expected))
    wrong = {path: found[path] for path in expected if found[path].validity != expected[path]}
    false_valid = [path for path, outcome in wrong.items() if outcome.validity is Validity.VALID]
    tools = next(outcome.checks for outcome in found.values() if outcome.checks)
    print(f"\n{len(expected) - len(wrong)} of {len(expected)} right, {len(false_valid)} false valid; looked at by {tools}")
    for path, outcome in wrong.items():
        print(f"  {path.name}: {expected[path]}, Kho says {outcome.validity}: {outcome.reason} {outcome.defects[:2]}")
    return 1 - len(wrong) / len(expected), len(false_valid) / len(expected)


def test_pdfa_1b(validators: Inspectors) -> None:
    expected = cases("verapdf/PDF_A-1b")
    first = next(validators.validate([(next(iter(expected)), Puid("fmt/354"))]))[1]
    if first.missing:
        pytest.skip("PDFBox Preflight is not installed (scripts/install-tools)")
    right, false_valid = compared(validators, expected, Puid("fmt/354"))
    assert right >= RIGHT_1B
    assert false_valid <= FALSE_VALID


@pytest.mark.parametrize(("folder", "puid"), [("PDF_A-2b", "fmt/477"), ("PDF_A-3b", "fmt/480")])
def test_pdfa_2_and_3_measured(validators: Inspectors, folder: str, puid: str) -> None:
    expected = cases(f"verapdf/{folder}")
    if not expected:
        pytest.skip(f"there are no files of {folder}")
    right, _ = compared(validators, expected, Puid(puid))
    assert right >= 0.75


def test_part_3_by_the_files_of_part_2_that_say_they_are_of_part_3(validators: Inspectors, tmp_path: Path) -> None:
    """There are no files of 3b here. Part 3 differs from part 2 in embedded files only (ISO 19005-3, 6.8), so files of part 2 that are made
    to say "3" must fare as they did. Measured and printed; what is not judged are embedded files of part 3 themselves."""
    originals = {path: verdict for path, verdict in cases("verapdf/PDF_A-2b").items() if "6.8" not in str(path)}
    expected = {}
    for number, (path, verdict) in enumerate(originals.items()):
        data = path.read_bytes()
        changed = PART.sub(rb"\g<1>3\g<2>", data)
        if changed != data:
            copy = tmp_path / f"{number:03d} {path.name}"
            copy.write_bytes(changed)
            expected[copy] = verdict
    assert len(expected) >= 0.8 * len(originals) > 0
    right, false_valid = compared(validators, expected, Puid("fmt/480"))
    assert right >= RIGHT_1B
    assert false_valid <= FALSE_VALID


PART = re.compile(rb"(<pdfaid:part>|pdfaid:part=.)2(</pdfaid:part>|.)")
"""Where XMP says of which part a file is; one digit for another leaves every offset as it was."""


@pytest.mark.parametrize(("folder", "puid"), [("PDF_A-1a", "fmt/95"), ("PDF_A-2a", "fmt/476"), ("PDF_A-2u", "fmt/478")])
def test_what_goes_beyond_level_b_is_never_called_valid_without_verapdf(validators: Inspectors, folder: str, puid: str) -> None:
    for path, outcome in validators.validate((path, Puid(puid)) for path in cases(f"verapdf/{folder}")):
        if not any("veraPDF" in check for check in outcome.checks):
            assert outcome.validity is not Validity.VALID, path


def test_part_4_is_not_judged_without_verapdf(validators: Inspectors) -> None:
    expected = dict(list(cases("verapdf/PDF_A-4").items())[:5])
    for _, outcome in validators.validate((path, Puid("fmt/1910")) for path in expected):
        assert outcome.validity is not Validity.VALID or any("veraPDF" in check for check in outcome.checks)


def test_jpylyzer_says_of_its_own_files_what_its_table_says(validators: Inspectors) -> None:
    expected = cases("jpylyzer-test-files")
    found = dict(validators.validate((path, Puid(FORMS.get(path.suffix, "x-fmt/392"))) for path in expected))
    wrong = {path.name: found[path] for path in expected if found[path].validity != expected[path]}
    assert not wrong

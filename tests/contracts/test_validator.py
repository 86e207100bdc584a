"""The contract of `formats.validate.validator.Validator`, run by every implementation: never a pass of what was not looked at whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from formats.validate import Validity, Why
from formats.validate.choice import Choice, one
from formats.validate.validator import Validator
from policies.findings import Puid
from tests.formats.sample_files import SAMPLES, have, make

SILENT_ON_CUTS = {"a.wav", "a.mbox", "a.eml"}
"""A cut that falls between two packets, two messages, or after a header leaves something sound: not every one can be found."""

BIT_FLIPS = ("a.pdf", "a.png", "a.zip", "a.docx", "a.odt", "a.siard", "a.flac", "a.mkv")
"""Formats with checksums over what they hold (in the PDF: what is flipped is its cross-reference table)."""


@pytest.fixture(scope="module")
def choice(tmp_path_factory: pytest.TempPathFactory) -> Choice:
    return Choice()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Puid]:
    name = str(request.param)
    if not have(*SAMPLES[name][1]):
        pytest.skip(f"{' or '.join(SAMPLES[name][1])} is not installed (scripts/install-tools)")
    return make(name, tmp_path)


def validators(choice: Choice, puid: Puid) -> tuple[Validator, ...]:
    chosen = choice.validators(puid)
    assert chosen
    return chosen


def test_a_sound_file_is_valid_and_who_looked_is_said(choice: Choice, sample: tuple[Path, Puid]) -> None:
    path, puid = sample
    for validator in validators(choice, puid):
        assert validator.name
        assert validator.version
        found = validator.validate(path, puid)
        assert found.validity is Validity.VALID, found
        assert found.checks
        assert validator.version in found.checks[0]


def test_a_file_that_was_cut_is_never_valid(choice: Choice, sample: tuple[Path, Puid]) -> None:
    path, puid = sample
    whole = path.read_bytes()
    silent = []
    for part in (0.9, 0.5, 0.1):
        path.write_bytes(whole[: int(len(whole) * part)])
        if choice.validate(path, puid).validity is Validity.VALID:
            silent.append(part)
    assert len(silent) <= (2 if path.name in SILENT_ON_CUTS else 0), silent


def test_noise_is_never_valid(choice: Choice, sample: tuple[Path, Puid]) -> None:
    path, puid = sample
    path.write_bytes(bytes((number * 7919 + number // 251) % 256 for number in range(70_000)))
    for validator in validators(choice, puid):
        found = one(validator, path, puid)
        assert found.validity is not Validity.VALID, (validator.name, found)
        assert found.defects or found.reason


def test_an_empty_file_is_never_valid(choice: Choice, sample: tuple[Path, Puid]) -> None:
    path, puid = sample
    path.write_bytes(b"")
    assert choice.validate(path, puid).validity is not Validity.VALID


@pytest.mark.parametrize("name", BIT_FLIPS)
def test_flipped_bytes_are_found(choice: Choice, name: str, tmp_path: Path) -> None:
    if not have(*SAMPLES[name][1]):
        pytest.skip(f"{' or '.join(SAMPLES[name][1])} is not installed (scripts/install-tools)")
    path, puid = make(name, tmp_path)
    data = bytearray(path.read_bytes())
    start = (
        data.rindex(b"\nxref")
        if name == "a.pdf"
        else data.index(b"word/document.xml") + 40
        if name == "a.docx"
        else len(data) // 2
    )
    for place in range(start, min(start + 24, len(data))):
        data[place] ^= 0x5A
    path.write_bytes(data)
    found = choice.validate(path, puid)
    assert found.validity is Validity.INVALID, found
    assert found.defects[0].words


def test_a_file_that_is_gone_is_an_error_of_ours(choice: Choice, sample: tuple[Path, Puid]) -> None:
    path, puid = sample
    os.remove(path)
    for validator in validators(choice, puid):
        try:
            found = one(validator, path, puid)
        except OSError:
            continue
        assert found.validity is not Validity.VALID


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp4", "a.mkv"])
def test_a_tool_that_is_not_installed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not have(*SAMPLES[name][1]):
        pytest.skip(f"{' or '.join(SAMPLES[name][1])} is not installed (scripts/install-tools)")
    path, puid = make(name, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for validator in validators(Choice(), puid):
        assert validator.version == ""
        found = validator.validate(path, puid)
        assert (found.validity, found.why, found.missing) == (Validity.NOT_VALIDATED, Why.TOOL_MISSING, validator.name)

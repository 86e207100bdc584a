"""Documents that can be checked are checked: made from code, links, and the commands they name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_codes_document_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make-codes-doc"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_every_command_is_described_and_every_described_command_is_there() -> None:
    from repository.cli.app import application

    def names(command: object, path: str) -> set[str]:
        commands = getattr(command, "commands", None)
        if not commands:
            return {path}
        own = {path} if getattr(command, "invoke_without_command", False) else set()
        return own.union(*(names(each, f"{path} {name}") for name, each in commands.items()))

    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    described = {re.sub(r" +[A-Z\[-].*", "", row) for row in re.findall(r"^\| `(kho [^`]+)`", text, re.MULTILINE)}
    assert described == names(application(), "kho")


def test_every_option_of_the_help_is_in_the_document() -> None:
    from repository.cli.app import application

    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    def options(command: object) -> set[str]:
        own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}  # type: ignore[attr-defined]
        return own.union(*(options(each) for each in getattr(command, "commands", {}).values()))

    missing = {option for option in options(application()) if option not in text}
    assert missing <= {"--output", "--version"}, missing


def test_libraries_are_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[\[<>=~ ]", each, maxsplit=1)[0].lower() for each in wanted}
    text = (ROOT / "docs" / "decisions" / "0002-libraries.md").read_text(encoding="utf-8").lower()
    assert {name for name in names if name not in text} == set()
    locked = {line.partition("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert names <= locked


def test_every_package_is_in_the_distribution() -> None:
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"])
    roots = ("policies", "fixity", "formats", "signatures", "storage", "repository")
    there = {".".join(file.parent.relative_to(ROOT).parts) for root in roots for file in (ROOT / root).rglob("__init__.py")}
    assert there == listed

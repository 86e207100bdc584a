"""What is installed: every package of the house and every data file it reads."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSE = ("policies", "fixity", "formats", "signatures", "storage", "repository")


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_of_the_house_is_installed() -> None:
    found = {".".join(file.parent.relative_to(ROOT).parts) for top in HOUSE for file in (ROOT / top).rglob("__init__.py")}
    assert set(project()["tool"]["setuptools"]["packages"]) == found  # type: ignore[index]


def test_every_data_file_of_the_house_is_installed() -> None:
    patterns: dict[str, list[str]] = project()["tool"]["setuptools"]["package-data"]  # type: ignore[index]
    given = {
        file for package, globs in patterns.items() for glob in globs for file in ROOT.joinpath(*package.split(".")).glob(glob)
    }
    found = {file for top in HOUSE for file in (ROOT / top).rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")}
    assert given == found

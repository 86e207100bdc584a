"""What a PDF says, asked of poppler (in the sandbox): another reader than those that write the PDFs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from formats.properties.facts import CannotTell, ask

__all__ = ["attachments", "facts", "pages", "pictures", "properties", "render", "text"]

_NAMES: Final = {"Title": "title", "Author": "author", "Subject": "subject"}


def text(path: Path, work: Path) -> Iterator[str]:
    """Lines in reading order."""
    yield from ask(["pdftotext", "-enc", "UTF-8", "-q", str(path), "-"], work).decode("utf-8", "replace").splitlines()


def facts(path: Path, work: Path) -> dict[str, str]:
    """What pdfinfo prints, name by name. Raises CannotTell."""
    said = ask(["pdfinfo", "-enc", "UTF-8", "-isodates", str(path)], work).decode("utf-8", "replace")
    return {name.strip(): value.strip() for name, found, value in (line.partition(":") for line in said.splitlines()) if found}


def pages(path: Path, work: Path) -> int:
    """Raises CannotTell."""
    try:
        return int(facts(path, work)["Pages"])
    except (KeyError, ValueError) as error:
        raise CannotTell("pdfinfo does not say how many pages there are") from error


def properties(path: Path, work: Path) -> dict[str, str]:
    """Title, author and subject."""
    return {_NAMES[name]: value for name, value in facts(path, work).items() if name in _NAMES and value}


def pictures(path: Path, work: Path) -> int:
    """How many different pictures are drawn on the pages."""
    rows = ask(["pdfimages", "-list", str(path)], work).decode("utf-8", "replace").splitlines()[2:]
    return len({tuple(row.split()[10:12]) for row in rows if len(row.split()) > 11 and row.split()[2] == "image"})


def attachments(path: Path, work: Path) -> list[str]:
    """Names of embedded files."""
    said = ask(["pdfdetach", "-list", str(path)], work).decode("utf-8", "replace")
    return sorted(re.findall(r"^\s*\d+: (.+)$", said, re.MULTILINE))


def render(path: Path, folder: Path, page: int, dpi: float) -> Path:
    """One page as a PNG below ``folder``. Raises CannotTell."""
    target = folder / f"page-{path.stem[:20]}-{page}"
    command = ["pdftoppm", "-png", "-r", f"{dpi:g}", "-f", str(page), "-l", str(page), "-singlefile", str(path), str(target)]
    ask(command, folder)
    made = target.with_name(target.name + ".png")
    if not made.exists():
        raise CannotTell(f"page {page} could not be drawn")
    return made

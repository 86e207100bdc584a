"""``kho verify``: check a package or a storage root that anyone made. Needs no archive and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policies.findings import Finding, Findings, Weight
from repository.cli.door import Door, check_source
from repository.cli.exits import Exit
from repository.cli.help import AsJson
from repository.cli.screen import Screen, number
from repository.texts import words
from repository.views import records as views

__all__ = ["verify"]

Subject = Annotated[Path, typer.Argument(metavar="PATH", help=words("option.verify_path"), show_default=False)]


def verify(context: typer.Context, path: Subject, as_json: AsJson = False) -> int:
    """Check an OCFL root or object, a bag, or an E-ARK package."""
    door = Door.of(context, as_json=as_json)
    check_source(path)
    from repository.verify import verify_path

    findings = Findings()
    form = verify_path(path, findings, door.progress(), helpers=door.helpers)
    errors = sorted(code for code in findings.counts if Finding(code).weight >= Weight.ERROR)
    closing = [] if findings.ok else [Finding("OPS-NOT-VALID", str(path), {"errors": ", ".join(errors)})]

    def text() -> None:
        screen = Screen(door.out)
        screen.findings(findings)
        if findings.ok:
            screen.line(words("verify.valid", path=str(path), warnings=number(len(findings))), "green")

    code = Exit.DONE if findings.ok else Exit.DAMAGE
    return door.answer("verify", views.verify(path, form, findings), text, code=code, findings=findings, closing=closing)

"""``kho formats identify``, ``update``, ``reidentify``: which formats files are of, and by which signatures that is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding
from repository.cli.door import Door, Usage, check_source
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number
from repository.texts import words
from repository.views import identification as views

if TYPE_CHECKING:
    from formats.identify import Identification
    from repository.archive import Archive
    from repository.identification import Again

__all__ = ["identify", "reidentify", "update"]

OPINIONS = ("none", "unsure", "all")

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help=words("option.identify_paths"), show_default=False)]
Second = Annotated[str, typer.Option("--second-opinion", metavar="WHEN", help=words("option.second_opinion"))]
Signature = Annotated[Path | None, typer.Option("--signature", metavar="FILE", help=words("option.signature_file"))]
File = Annotated[Path, typer.Argument(metavar="FILE", help=words("option.signature_file"), show_default=False)]
Older = Annotated[bool, typer.Option("--older", metavar=" ", help=words("option.older"))]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar=" ", help=words("option.reidentify_dry_run"))]
Aips = Annotated[list[str] | None, typer.Option("--aip", metavar="AIP", help=words("option.reidentify_aip"))]


def identify(
    context: typer.Context, paths: Paths, second: Second = "unsure", signature: Signature = None, as_json: AsJson = False
) -> int:
    """Name the format of every file, without an archive."""
    door = Door.of(context, as_json=as_json)
    if second not in OPINIONS:
        raise Usage("USE-CHOICE", option="--second-opinion", value=second, choices=", ".join(OPINIONS))
    for path in paths:
        check_source(path)
    from formats.identify import AskSecond, Limits, SiegfriedIdentifier
    from repository.identification import files_below

    limits = replace(Limits(), second=AskSecond(second))
    with SiegfriedIdentifier(limits=limits, signature=signature.absolute() if signature else None) as identifier:
        signatures = identifier.signatures()
        answers = identifier.identify(files_below(paths))
        return door.answer(
            "formats_identify",
            {"signatures": signatures, "files": map(views.identified, answers)},
            lambda: _show(Screen(door.out), signatures, answers),
        )


def _show(screen: Screen, signatures: str, answers: Iterable[tuple[Path, Identification]]) -> None:
    """A line a file, as it comes: a folder may have a million."""
    files = 0
    for path, answer in answers:
        files += 1
        name = f"{answer.name} {answer.version}".strip() or words("identify.unknown")
        screen.line(f"{answer.puid or '-':<12} {answer.basis.value:<10} {path}  {name}{_second(answer)}")
    screen.line(words("identify.done", files=number(files), signatures=signatures), "dim")


def _second(answer: Identification) -> str:
    second = answer.second
    if second is None or second.agrees is None:
        return ""
    said = words("identify.agrees" if second.agrees else "identify.conflicts")
    return f"  [{second.tool}: {', '.join(second.puids)}, {said}]"


def update(context: typer.Context, file: File, older: Older = False, home: Home = None, as_json: AsJson = False) -> int:
    """Identify by a newer PRONOM from now on."""
    door = Door.of(context, home, as_json)
    if not file.is_file():
        raise Usage("USE-NO-PATH", str(file))
    with door.open() as engine:
        from repository.identification import update as use

        before, now = use(engine.archive, file, older=older)
    return door.answer(
        "formats_update",
        {"before": before.version, "now": now.version, "sha256": now.sha256},
        lambda: Screen(door.out).line(words("identify.updated", before=before.version, now=now.version), "green"),
    )


def reidentify(
    context: typer.Context, dry_run: DryRun = False, aips: Aips = None, home: Home = None, as_json: AsJson = False
) -> int:
    """Say which files are now of another format; nothing is changed."""
    door = Door.of(context, home, as_json)
    if not dry_run:
        raise Usage("USE-DRY-RUN", command="kho formats reidentify")
    with door.open() as engine:
        from repository.identification import again, in_use

        archive = engine.archive
        signatures = in_use(archive).version
        for aip_id in aips or ():
            archive.catalog.holdings.get(aip_id)
        found = again(archive, aips or _all(archive), door.progress())
        counted = _Counted(found)
        code = door.answer(
            "formats_reidentify",
            {"signatures": signatures, "differences": map(views.differs, counted)},
            lambda: _show_again(Screen(door.out), signatures, counted),
        )
    if counted.failed:
        door.close([Finding("IDENT-AGAIN-FAILED", args={"files": counted.failed})])
        return Exit.FAILED
    return code


def _all(archive: Archive) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = archive.catalog.holdings.list(cursor=cursor, limit=500)
        yield from (aip.id for aip in page.items)
        if (cursor := page.cursor) is None:
            return


class _Counted:
    """Differences as they are found; how many of them are files that could not be looked at is known at the end."""

    def __init__(self, found: Iterator[Again]) -> None:
        self._found = found
        self.failed = 0

    def __iter__(self) -> Iterator[Again]:
        for each in self._found:
            self.failed += bool(each.failed)
            yield each


def _show_again(screen: Screen, signatures: str, found: Iterable[Again]) -> None:
    files = 0
    for each in found:
        files += 1
        now = each.failed or f"{each.now or '-'} ({each.basis})"
        screen.line(f"{each.aip_id}  {each.path}  {each.before or '-'} → {now}")
    screen.line(words("identify.again", files=number(files), signatures=signatures), "dim")

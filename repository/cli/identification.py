"""``kho formats identify``, ``update``, ``reidentify``: which formats files are of, and by which signatures that is said."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding, spoken
from repository.cli.campaigns import IDENTIFICATIONS, Resumed, campaign_answer
from repository.cli.door import Door, Usage, check_source
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number
from repository.texts import language, words
from repository.views import identification as views

if TYPE_CHECKING:
    from formats.identify import Identification, Identifier
    from repository.versions.reidentification import Again

__all__ = ["identify", "reidentify", "update"]

Row = tuple[Path, str, "Identification"]
"""A file, the member of it that is meant ("": the file itself), what it is."""

OPINIONS = ("none", "unsure", "all")

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help=words("option.identify_paths"), show_default=False)]
Second = Annotated[str, typer.Option("--second-opinion", metavar="WHEN", help=words("option.second_opinion"))]
Signature = Annotated[Path | None, typer.Option("--signature", metavar="FILE", help=words("option.signature_file"))]
File = Annotated[Path, typer.Argument(metavar="FILE", help=words("option.signature_file"), show_default=False)]
Older = Annotated[bool, typer.Option("--older", metavar=" ", help=words("option.older"))]
InsideToo = Annotated[bool, typer.Option("--inside", metavar=" ", help=words("option.identify_inside"))]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar=" ", help=words("option.reidentify_dry_run"))]
Aips = Annotated[list[str] | None, typer.Option("--aip", metavar="AIP", help=words("option.reidentify_aip"))]


def identify(
    context: typer.Context,
    paths: Paths,
    second: Second = "unsure",
    signature: Signature = None,
    inside: InsideToo = False,
    as_json: AsJson = False,
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
        answers: Iterator[Row] = ((path, "", answer) for path, answer in identifier.identify(files_below(paths)))
        if inside:
            answers = _with_members(identifier, answers)
        return door.answer(
            "formats_identify",
            {"signatures": signatures, "files": map(views.identified, answers)},
            lambda: _show(Screen(door.out), signatures, answers),
        )


def _with_members(identifier: Identifier, answers: Iterator[Row]) -> Iterator[Row]:
    """After each archive the files that lie in it; what was not looked at comes as one more, which failed."""
    from formats.identify import Basis
    from formats.identify import Identification as Answer
    from formats.inside import OPENED, Inside
    from policies.findings import Puid
    from policies.identification import ArchivesPolicy

    for path, member, answer in answers:
        yield path, member, answer
        if answer.puid not in OPENED:
            continue
        rows: list[Row] = []
        with tempfile.TemporaryDirectory(prefix="kho-inside-") as room:
            looking = Inside(identifier, Path(room), ArchivesPolicy())
            contents = looking.look(
                path,
                os.fsencode(path.name),
                lambda each: rows.append((path, each.name, each.known)),  # noqa: B023
                puid=answer.puid,
            )
        yield from rows
        for reason in (
            *contents.reasons.values(),
            *([words("identify.locked", files=number(contents.locked))] * bool(contents.locked)),
        ):
            yield path, "…", Answer(Puid(""), "", "", "", Basis.FAILED, "kho", "", "", reason=spoken(reason, language()))


def _show(screen: Screen, signatures: str, answers: Iterable[Row]) -> None:
    """A line a file, as it comes: a folder may have a million."""
    files = failed = 0
    for path, member, answer in answers:
        files += 1
        failed += answer.basis.value == "failed"
        name = spoken(answer.reason, language()) if answer.basis.value == "failed" else f"{answer.name} {answer.version}".strip()
        place = f"{path} → {member}" if member else str(path)
        screen.line(
            f"{answer.puid or '-':<12} {answer.basis.value:<10} {place}  {name or words('identify.unknown')}{_second(answer)}"
        )
    screen.line(words("identify.done", files=number(files - failed), signatures=signatures), "dim")
    if failed:
        screen.line(words("identify.failed", count=number(failed)), "yellow")


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
    context: typer.Context,
    dry_run: DryRun = False,
    aips: Aips = None,
    campaign: Resumed = "",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Identify what is held again; what is said otherwise comes as new versions."""
    door = Door.of(context, home, as_json)
    if dry_run:
        return _dry_run(door, aips or ())
    with door.open() as engine:
        report = engine.campaigns.reidentify(
            aips or (),
            campaign=campaign,
            progress=door.progress(),
            begun=lambda name: door.goes_on_by(f"kho formats reidentify --campaign {name}"),
        )
    return campaign_answer(door, "formats_reidentified", str(report["campaign"]), report, IDENTIFICATIONS)


def _dry_run(door: Door, aips: Sequence[str]) -> int:
    """Say which files are now of another format; nothing is changed."""
    with door.open() as engine:
        from repository.versions.reidentification import again, every_aip, identifier_in_use

        archive = engine.archive
        for aip_id in aips:
            archive.catalog.holdings.get(aip_id)
        with identifier_in_use(archive) as identifier:
            signatures = identifier.signatures()
            counted = _Counted(again(archive, identifier, aips or every_aip(archive), door.progress()))
            code = door.answer(
                "formats_reidentify",
                {"signatures": signatures, "differences": map(views.differs, counted)},
                lambda: _show_again(Screen(door.out), signatures, counted),
            )
    if counted.failed:
        door.close([Finding("IDENT-AGAIN-FAILED", args={"files": counted.failed})])
        return Exit.FAILED
    return code


class _Counted:
    """What differs or could not be looked at, as it is found; how many of the latter there are is known at the end."""

    def __init__(self, found: Iterator[Again]) -> None:
        self._found = found
        self.failed = 0

    def __iter__(self) -> Iterator[Again]:
        for each in self._found:
            self.failed += bool(each.failed)
            if each.differs or each.failed:
                yield each


def _show_again(screen: Screen, signatures: str, found: Iterable[Again]) -> None:
    files = 0
    for each in found:
        files += each.differs
        now = f"{each.now.puid or '-'} ({each.now.basis.value})" if each.now else spoken(each.failed, language())
        if each.contents is not None and each.inside != each.file.inside:
            formats = (f"{number(one.files)} × {one.puid or '-'}" for one in each.contents.sums().formats)
            now += f", {words('identify.inside')}: {', '.join(formats) or '-'}"
        screen.line(f"{each.aip_id}  {each.file.path}  {each.file.puid or '-'} → {now}")
    screen.line(words("identify.again", files=number(files), signatures=signatures), "dim")

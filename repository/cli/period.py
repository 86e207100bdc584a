"""``kho report fixity --from … --to …``: the checks of a period, as a folder that proves itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from policies.findings import Finding, spoken_all
from policies.phrases import phrase
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.screen import Screen, number
from repository.ledger.verifier import TIME
from repository.texts import language, words

__all__ = ["period"]

DEFAULT_DAYS = 90
"""Days before --to that a report covers when --from is not given: the usual period of checks."""

EARLIEST, LATEST = date(1970, 1, 1), date(9998, 12, 31)
"""Days that a report can be asked for: moments have years of four digits, and the day after is one, too."""


def period(
    door: Door,
    form: str,
    *,
    since: str | None,
    until: str | None,
    tier: str | None,
    collection: str | None,
    sign: bool,
    output: Path | None,
) -> Exit:
    """Gather the report, write it when a folder is named, and tell what it comes to."""
    if (sign or form == "pdf") and output is None:
        raise Usage("USE-MISSING", name=words("period.needs_output"), command="kho report fixity")
    last = _day("--to", until) or datetime.now(UTC).date()
    first = _day("--from", since) or last - timedelta(days=DEFAULT_DAYS)
    if first > last:
        after = phrase("use-date-after", last=str(last))
        raise Usage("USE-VALUE", name="--from", value=str(first), reason=after, command="kho report fixity")
    from repository.reports.period import PeriodScope, figure_rows

    with door.open() as engine:
        if tier:
            engine.archive.tier(tier)
        scope = PeriodScope(first, last, tier or "", collection or "")
        document = (
            engine.periods.gather(scope)
            if output is None
            else engine.periods.write(scope, output, language=language(), sign=sign)
        )
    closing = _closing(document)

    def text() -> None:
        if form == "csv":
            csv.writer(door.out).writerows(figure_rows(document))
        else:
            _show(Screen(door.out), document, output)

    code = Exit.DAMAGE if closing else Exit.DONE
    return door.answer("fixity_report", spoken_all(document, language()), text, code=code, closing=closing)


def _day(name: str, said: str | None) -> date | None:
    try:
        day = date.fromisoformat(said) if said else None
    except ValueError:
        raise Usage("USE-VALUE", name=name, value=str(said), reason=phrase("use-date-as"), command="kho report fixity") from None
    if day is not None and not EARLIEST <= day <= LATEST:
        reach = phrase("use-date-within", first=str(EARLIEST), last=str(LATEST))
        raise Usage("USE-VALUE", name=name, value=str(said), reason=reach, command="kho report fixity")
    return day


def _closing(document: dict[str, Any]) -> list[Finding]:
    """Why nobody may sleep well: damage in the period that was found, or a checker that did not prove itself."""
    closing = []
    damaged = sum(count.get("damaged", 0) for count in document["figures"].values())
    if damaged:
        closing.append(Finding("RPT-DAMAGE", args={"copies": damaged}))
    if not document["believed"]:
        closing.append(Finding("RPT-NOT-BELIEVED"))
    return closing


def _show(screen: Screen, document: dict[str, Any], output: Path | None) -> None:
    figures = {tier: count for tier, count in document["figures"].items() if tier}
    screen.line(words("period.title"), "bold")
    for line in _said_first(document):
        screen.line(line)
    names = ["population", "done", "copies", "good", "damaged", "unreadable", "repaired", "overdue", "not_asked"]
    if not any("population" in count for count in figures.values()):  # counted for the whole only: not known is not 0
        names = [name for name in names if name not in ("population", "overdue")]
    rows = [[words(f"period.row_{name}"), *(number(count.get(name, 0)) for count in figures.values())] for name in names]
    rows += [
        [words(f"period.{name}"), *(number(count.get(f"canaries_{name}", 0)) for count in figures.values())]
        for name in ("planted", "found")
    ]
    if figures:
        screen.table([(words("label.tier"), "id"), *((tier, "number") for tier in figures)], rows)
    ledger = document["ledger"]
    if ledger["open_events"]:
        screen.line(words("period.open", count=number(ledger["open_events"])), "yellow")
    screen.line(ledger["head"] or words("period.no_days"))
    if output is not None:
        screen.line(words("period.written" if ledger["head"] else "period.written_alone", path=str(output)), "green")


def _said_first(document: dict[str, Any]) -> Iterator[str]:
    """Which period, of what, and what it comes to: as the printed report begins."""
    from repository.reports.pages import verdict

    first, until = (datetime.strptime(document["period"][name], TIME).date() for name in ("from", "to"))
    scope = ", ".join(filter(None, (document["scope"]["tier"], document["scope"]["collection"]))) or words("period.everything")
    yield f"{words('period.period')}: {first} – {until - timedelta(days=1)} (UTC) · {scope}"
    what, counts = verdict(document)
    yield words(f"period.verdict_{what}", **{name: number(count) for name, count in counts.items()})
    if document["generated"] < document["period"]["to"]:
        yield words("period.not_over")

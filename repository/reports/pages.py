"""The report on a period of checks as pages for people: HTML, and PDF by WeasyPrint. In Vietnamese it is also the minutes of the check
(biên bản kiểm tra) that the circulars on digital archives ask for, with their list of faulty files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from repository.ledger.verifier import TIME
from repository.reports.charts import bars, shares
from repository.texts import catalog

__all__ = ["PRINTED_FAULTS", "page", "pdf"]

PRINTED_FAULTS = 500
"""Damaged files that are printed; all that are named stand in faulty.csv beside the document."""

ROWS = (
    "population",
    "done",
    "copies",
    "files",
    "bytes",
    "good",
    "damaged",
    "unreadable",
    "files_altered",
    "files_missing",
    "files_extra",
    "files_unreadable",
    "repaired",
    "not_repaired",
    "quarantined",
    "overdue",
    "never_checked",
    "not_asked",
    "by_sha512",
    "by_sha256",
    "looked",
    "looked_off",
)
"""The figures of the first table, in their order."""

_STYLE = """
@page { size: A4; margin: 18mm 16mm 20mm 16mm;
  @bottom-left { content: string(foot); font-family: "DejaVu Sans", sans-serif; font-size: 6.5pt; color: #555 }
  @bottom-right { content: counter(page) " / " counter(pages); font-family: "DejaVu Sans", sans-serif; font-size: 8pt;
    white-space: nowrap; width: 20mm } }
body { font-family: "DejaVu Sans", "Noto Sans", "Liberation Sans", sans-serif; font-size: 9.5pt; line-height: 1.35; color: #111 }
.foot { string-set: foot content(); font-size: 0; line-height: 0; height: 0 }
.state { text-align: center; font-weight: bold; font-size: 10pt; margin: 0 }
.motto { text-align: center; font-weight: bold; margin: 0 0 8mm 0; text-decoration: underline }
h1 { font-size: 15pt; text-align: center; margin: 0 0 5mm 0 } h2 { font-size: 11.5pt; margin: 6mm 0 2mm 0; border-bottom: 0.5pt solid #999 }
h2, h3 { break-after: avoid } figure { margin: 0; break-inside: avoid } h3 { font-size: 9.5pt; margin: 3mm 0 1mm 0 }
table { border-collapse: collapse; width: 100% } td, th { border: 0.5pt solid #888; padding: 1mm 1.5mm; vertical-align: top }
th { background: #eee; text-align: left } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
thead { display: table-header-group }
tr { break-inside: avoid } .bad { color: #b3261e; font-weight: bold }
.verdict { padding: 3mm; border: 1.2pt solid; font-weight: bold; margin: 3mm 0 } .green { border-color: #2c7a4b; color: #1b5e3a }
.red { border-color: #b3261e; color: #b3261e; background: #fdecea }
.mono { font-family: "DejaVu Sans Mono", monospace; font-size: 7.5pt; overflow-wrap: anywhere }
td.path { overflow-wrap: anywhere; font-size: 8pt }
table.faulty { table-layout: fixed } col.number { width: 11mm } col.medium, col.outcome { width: 24mm } col.name { width: 36mm }
.faulty td, .faulty th { overflow-wrap: anywhere } .signs { display: flex; margin-top: 10mm; break-inside: avoid }
.signs div { flex: 1; text-align: center; height: 30mm } .note { font-size: 8pt; color: #333 }
"""


class _Words:
    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._catalog = catalog(lang)

    def __call__(self, key: str, **values: str | int) -> str:
        text = self._catalog[f"period.{key}"]
        return escape(text.format(**values) if values else text)

    def number(self, value: int) -> str:
        return f"{value:,}".replace(",", "." if self.lang == "vi" else ",")

    def span(self, seconds: int) -> str:
        """A time in days and hours."""
        days, hours = divmod(max(seconds, 0) // 3600, 24)
        return self("span", days=self.number(days), hours=hours)

    def day(self, stamp: str, *, before: bool = False) -> str:
        moment = datetime.strptime(stamp, TIME) - timedelta(days=1 if before else 0)
        return moment.strftime("%d/%m/%Y" if self.lang == "vi" else "%Y-%m-%d")


def page(document: dict[str, Any], lang: str) -> str:
    """The whole report as one HTML document."""
    say = _Words(lang)
    parts = [
        f'<p class="foot">{say("foot", head=document["ledger"]["head"] or "-")}</p>',
        *_opening(document, say),
        *_figures(document, say),
        *_canaries(document, say),
        *_times(document, say),
        *_charts(document, say),
        *_not_checked(document, say),
        *_faulty(document, say),
        *_proof(document, say),
    ]
    title = say("title")
    head = f'<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    return f'<!DOCTYPE html><html lang="{lang}">{head}<body>{"".join(parts)}</body></html>'


def pdf(document: dict[str, Any], lang: str) -> bytes:
    """The report as a PDF (unsigned)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what future versions of it will want of the system
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its colour profile to be closed by the interpreter
        from weasyprint import HTML  # type: ignore[import-untyped]

        rendered: bytes = HTML(string=page(document, lang), url_fetcher=_nothing).write_pdf(pdf_variant="pdf/a-2u")
    return rendered


def _nothing(url: str, *arguments: Any, **more: Any) -> Any:
    raise ValueError(f"a report fetches nothing, and was asked for {url}")


def _opening(document: dict[str, Any], say: _Words) -> Iterable[str]:
    if say.lang == "vi":
        yield '<p class="state">CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</p><p class="motto">Độc lập - Tự do - Hạnh phúc</p>'
    yield f"<h1>{say('title')}</h1>"
    figures = document["figures"]
    damage, unread = (sum(count.get(name, 0) for count in figures.values()) for name in ("damaged", "unreadable"))
    if not document["believed"]:
        yield f'<p class="verdict red">{say("verdict_blind")}</p>'
    elif not any(count.get("done") for count in figures.values()):
        yield f'<p class="verdict red">{say("verdict_nothing")}</p>'
    elif damage or unread:
        yield f'<p class="verdict red">{say("verdict_damage", damaged=say.number(damage), unreadable=say.number(unread))}</p>'
    else:
        yield f'<p class="verdict green">{say("verdict_good")}</p>'
    scope = document["scope"]
    facts = [
        (say("period"), f"{say.day(document['period']['from'])} – {say.day(document['period']['to'], before=True)} (UTC)"),
        (say("scope"), escape(", ".join(filter(None, (scope["tier"], scope["collection"])))) or say("everything")),
        (say("generated"), f"{say.day(document['generated'])} {document['generated'][11:19]}"),
        (say("software"), escape(document["software"])),
        (say("policy"), f'{document["policy"]["version"]} · <span class="mono">{document["policy"]["digest"]}</span>'),
        (say("every"), "<br>".join(_rhythms(document["policy"], say))),
    ]
    yield "<table>" + "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts) + "</table>"


def _rhythms(policy: dict[str, Any], say: _Words) -> Iterable[str]:
    """How often copies are read: of the whole, of each collection; and how often they are looked at without reading."""
    yield _by_tier(policy["every"], say)
    for name, every in policy["collections"].items():
        if every:
            yield f"{escape(name)} – {_by_tier(every, say)}"
    if policy["look_every"]:
        yield f"{say('look_every')} – {_by_tier(policy['look_every'], say)}"


def _by_tier(days: dict[str, float], say: _Words) -> str:
    return ", ".join(f"{escape(tier)}: {say('days', days=f'{each:g}')}" for tier, each in days.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=n' if at >= numbers_from else ''}>{cell}</{tag}>" for at, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{cells(heads, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _tiers(document: dict[str, Any]) -> list[str]:
    return [tier for tier in document["figures"] if tier]


def _figures(document: dict[str, Any], say: _Words) -> Iterable[str]:
    tiers = _tiers(document)
    yield f"<h2>{say('figures')}</h2><p class=note>{say('figures_note')}</p>"
    bad = {"damaged", "unreadable", "not_repaired", "not_asked", "overdue", *(row for row in ROWS if row.startswith("files_"))}
    rows, counted = [], any("population" in document["figures"][tier] for tier in tiers)
    for name in ROWS:
        values = [document["figures"][tier].get(name, 0) for tier in tiers]
        if name in ("population", "looked", "looked_off") and not any(values):
            continue
        if name in ("overdue", "never_checked") and not counted:
            continue  # a daily count of the whole, which says nothing of a collection: not known is not 0
        shown = [f'<span class="bad">{say.number(v)}</span>' if v and name in bad else say.number(v) for v in values]
        rows.append([say(f"row_{name}"), *shown])
    yield _table([say("figure"), *map(escape, tiers)], rows)


def _canaries(document: dict[str, Any], say: _Words) -> Iterable[str]:
    yield f"<h2>{say('canaries')}</h2><p class=note>{say('canaries_note')}</p>"
    rows = []
    for tier in _tiers(document):
        count = document["figures"][tier]
        planted, found = count.get("canaries_planted", 0), count.get("canaries_found", 0)
        right = planted == found > 0
        verdict = say("canaries_right") if right else f'<span class="bad">{say("canaries_wrong")}</span>'
        rows.append([escape(tier), say.number(planted), say.number(found), verdict])
    yield _table([say("tier"), say("planted"), say("found"), say("verdict")], rows)


def _times(document: dict[str, Any], say: _Words) -> Iterable[str]:
    rows = []
    for tier in _tiers(document):
        count = document["figures"][tier]
        for kind in ("detected", "mended"):
            if number := count.get(f"{kind}_count", 0):
                mean = say.span(count.get(f"{kind}_seconds", 0) // number)
                rows.append([f"{escape(tier)}: {say(kind)}", say.number(number), mean, say.span(count[f"{kind}_longest"])])
    if rows:
        yield f"<h2>{say('times')}</h2><p class=note>{say('times_note')}</p>"
        yield _table([say("figure"), say("cases"), say("mean"), say("longest")], rows)


def _charts(document: dict[str, Any], say: _Words) -> Iterable[str]:
    tiers = _tiers(document)
    months: dict[str, int] = {}
    for tier in tiers:
        for name, value in document["figures"][tier].items():
            if name.startswith("month "):
                months[name[6:]] = months.get(name[6:], 0) + value
    yield f"<h2>{say('charts')}</h2>"
    if months:
        yield f"<figure><h3>{say('chart_months')}</h3>{bars(sorted(months.items()))}</figure>"
    outcomes = {name: catalog(say.lang)[f"period.row_{name}"] for name in ("good", "damaged", "unreadable")}
    rows = [(tier, document["figures"][tier]) for tier in tiers if document["figures"][tier].get("done")]
    if rows:
        yield f"<figure><h3>{say('chart_outcomes')}</h3>{shares(rows, outcomes)}</figure>"
    ages = {name: catalog(say.lang)[f"period.age_{name}"] for name in ("30", "90", "180", "365", "older", "never")}
    if document["state"]:
        state = [(row["tier"], row["ages"]) for row in document["state"]]
        yield f"<figure><h3>{say('chart_ages')}</h3>{shares(state, ages)}</figure>"


def _not_checked(document: dict[str, Any], say: _Words) -> Iterable[str]:
    yield f"<h2>{say('not_checked')}</h2>"
    rows = [[escape(row["tier"]), say(f"why_{row['reason']}"), say.number(row["count"])] for row in document["not_checked"]]
    if open_events := document["ledger"]["open_events"]:
        rows.append(["-", say("why_open"), say.number(open_events)])
    yield _table([say("tier"), say("why"), say("count")], rows, 2) if rows else f"<p>{say('all_checked')}</p>"


def _faulty(document: dict[str, Any], say: _Words) -> Iterable[str]:
    yield f"<h2>{say('faulty')}</h2>"
    if not document["faulty"]:
        yield f"<p>{say('no_faulty')}</p>"
        return
    columns = ("number", "medium", "path", "name", "outcome")
    head = "".join(f"<th>{say(f'col_{name}')}</th>" for name in columns)
    widths = "".join(f"<col class={name}>" for name in columns)  # fixed: to fit them to the content takes minutes for long paths
    outcomes = catalog(say.lang)
    rows = "".join(
        f"<tr><td class=n>{row['number']}</td><td>{_shown(row['medium'])}</td><td class=path>{_shown(row['path'])}</td>"
        f"<td class=path>{_shown(row['name'])}</td><td>{escape(outcomes['outcome.' + row['outcome']])}{_again(row, say)}</td></tr>"
        for row in document["faulty"][:PRINTED_FAULTS]
    )
    yield f"<table class=faulty><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    if document["faulty_count"] > PRINTED_FAULTS:
        yield f"<p>{say('more_faulty', count=say.number(document['faulty_count'] - PRINTED_FAULTS))}</p>"


def _again(row: dict[str, Any], say: _Words) -> str:
    return f"<br><span class=note>{say('times_met', count=row['times'])}</span>" if row["times"] > 1 else ""


def _shown(text: str) -> str:
    """A file's name, whatever bytes it is made of, as text that can be printed."""
    return escape("".join(c if c.isprintable() else f"\\x{ord(c) & 0xFFFF:02x}" for c in text))


def _proof(document: dict[str, Any], say: _Words) -> Iterable[str]:
    ledger = document["ledger"]
    yield f"<h2>{say('proof')}</h2>"
    if not ledger["head"]:
        yield f"<p class=bad>{say('no_days')}</p>"
    else:
        yield f"<p>{say('proof_text', first=ledger['first'], last=ledger['last'])}</p><p class=mono>{escape(ledger['head'])}</p>"
        yield f"<p class=mono>python3 kho-ledger-verify.py . --head '{escape(ledger['head'])}'</p>"
    if say.lang == "vi":
        signs = ("sign_checker", "sign_witness", "sign_head")
        yield (
            '<div class="signs">' + "".join(f"<div><b>{say(sign)}</b><br>{say('sign_note')}</div>" for sign in signs) + "</div>"
        )

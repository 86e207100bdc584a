"""The report on a period of checks as a page for people. In Vietnamese it is also the minutes of the check
(biên bản kiểm tra) that the circulars on digital archives ask for, with their list of faulty files.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from repository.ledger.keys import LostKey
from repository.reports.charts import bars, shares
from repository.reports.printing import Words, facts, opening, shown, signs, table, whole
from repository.texts import catalog

__all__ = ["PRINTED_FAULTS", "page", "verdict"]

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


def page(document: dict[str, Any], lang: str) -> str:
    """The whole report as one HTML document."""
    say = Words(lang, "period")
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
    return whole(say, parts)


def verdict(document: dict[str, Any]) -> tuple[str, dict[str, int]]:
    """What a report comes to: "blind" (the checker is not believed), "nothing" (was checked), "open" (nothing that a closed
    day tells of, and there are days that are not closed), "damage" or "good"; and the checks that
    found damage, or could not read."""
    figures = document["figures"]
    counts = {name: sum(count.get(name, 0) for count in figures.values()) for name in ("damaged", "unreadable")}
    if not document["believed"]:
        return "blind", counts
    if not any(count.get("done") for count in figures.values()):
        return "open" if document["ledger"]["open_events"] else "nothing", counts
    return "damage" if any(counts.values()) else "good", counts


def _opening(document: dict[str, Any], say: Words) -> Iterable[str]:
    yield opening(say)
    what, counts = verdict(document)
    said = say(f"verdict_{what}", **{name: say.number(count) for name, count in counts.items()})
    yield f'<p class="verdict {"green" if what == "good" else "red"}">{said}</p>'
    scope = document["scope"]
    rows = [
        (say("period"), f"{say.day(document['period']['from'])} – {say.day(document['period']['to'], before=True)} (UTC)"),
        (say("scope"), escape(", ".join(filter(None, (scope["tier"], scope["collection"])))) or say("everything")),
        (say("generated"), f"{say.moment(document['generated'])}"),
        (say("software"), escape(document["software"])),
        (say("policy"), f'{document["policy"]["version"]} · <span class="mono">{document["policy"]["digest"]}</span>'),
        (say("every"), "<br>".join(_rhythms(document["policy"], say))),
    ]
    yield facts(rows)
    if document["generated"] < document["period"]["to"]:
        yield f'<p class="bad">{say("not_over")}</p>'


def _rhythms(policy: dict[str, Any], say: Words) -> Iterable[str]:
    """How often copies are read: of the whole, of each collection; and how often they are looked at without reading."""
    yield _by_tier(policy["every"], say)
    for name, every in policy["collections"].items():
        if every:
            yield f"{escape(name)} – {_by_tier(every, say)}"
    if policy["look_every"]:
        yield f"{say('look_every')} – {_by_tier(policy['look_every'], say)}"


def _by_tier(days: dict[str, float], say: Words) -> str:
    return ", ".join(f"{escape(tier)}: {say('days', days=f'{each:g}')}" for tier, each in days.items())


def _tiers(document: dict[str, Any]) -> list[str]:
    return [tier for tier in document["figures"] if tier]


def _figures(document: dict[str, Any], say: Words) -> Iterable[str]:
    tiers = _tiers(document)
    if not tiers:
        return
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
    yield table([say("figure"), *map(escape, tiers)], rows)


def _canaries(document: dict[str, Any], say: Words) -> Iterable[str]:
    tiers, rows = _tiers(document), []
    if not tiers:
        return
    yield f"<h2>{say('canaries')}</h2><p class=note>{say('canaries_note')}</p>"
    for tier in tiers:
        count = document["figures"][tier]
        planted, found = count.get("canaries_planted", 0), count.get("canaries_found", 0)
        right = planted == found > 0
        verdict = say("canaries_right") if right else f'<span class="bad">{say("canaries_wrong")}</span>'
        rows.append([escape(tier), say.number(planted), say.number(found), verdict])
    yield table([say("tier"), say("planted"), say("found"), say("verdict")], rows)


def _times(document: dict[str, Any], say: Words) -> Iterable[str]:
    rows = []
    for tier in _tiers(document):
        count = document["figures"][tier]
        for kind in ("detected", "mended"):
            if number := count.get(f"{kind}_count", 0):
                mean = say.span(count.get(f"{kind}_seconds", 0) // number)
                rows.append([f"{escape(tier)}: {say(kind)}", say.number(number), mean, say.span(count[f"{kind}_longest"])])
    if rows:
        yield f"<h2>{say('times')}</h2><p class=note>{say('times_note')}</p>"
        yield table([say("figure"), say("cases"), say("mean"), say("longest")], rows)


def _charts(document: dict[str, Any], say: Words) -> Iterable[str]:
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


def _not_checked(document: dict[str, Any], say: Words) -> Iterable[str]:
    yield f"<h2>{say('not_checked')}</h2>"
    rows = [[escape(row["tier"]), say(f"why_{row['reason']}"), say.number(row["count"])] for row in document["not_checked"]]
    if open_events := document["ledger"]["open_events"]:
        rows.append(["-", say("why_open"), say.number(open_events)])
    yield table([say("tier"), say("why"), say("count")], rows, 2) if rows else f"<p>{say('all_checked')}</p>"


def _faulty(document: dict[str, Any], say: Words) -> Iterable[str]:
    yield f"<h2>{say('faulty')}</h2>"
    if not document["faulty"]:
        yield f"<p>{say('no_faulty')}</p>"
        return
    columns = ("number", "medium", "path", "name", "outcome")
    head = "".join(f"<th>{say(f'col_{name}')}</th>" for name in columns)
    widths = "".join(f"<col class={name}>" for name in columns)  # fixed: to fit them to the content takes minutes for long paths
    outcomes = catalog(say.lang)
    rows = "".join(
        f"<tr><td class=n>{row['number']}</td><td>{shown(row['medium'])}</td><td class=path>{shown(row['path'])}</td>"
        f"<td class=path>{shown(row['name'])}</td><td>{escape(outcomes['outcome.' + row['outcome']])}{_again(row, say)}</td></tr>"
        for row in document["faulty"][:PRINTED_FAULTS]
    )
    yield f"<table class=faulty><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    if document["faulty_count"] > PRINTED_FAULTS:
        yield f"<p>{say('more_faulty', count=say.number(document['faulty_count'] - PRINTED_FAULTS))}</p>"


def _again(row: dict[str, Any], say: Words) -> str:
    return f"<br><span class=note>{say('times_met', count=row['times'])}</span>" if row["times"] > 1 else ""


def _proof(document: dict[str, Any], say: Words) -> Iterable[str]:
    ledger = document["ledger"]
    yield f"<h2>{say('proof')}</h2>"
    if not ledger["head"]:
        yield f"<p class=bad>{say('no_days')}</p>"
    else:
        yield f"<p>{say('proof_text', first=ledger['first'], last=ledger['last'])}</p><p class=mono>{escape(ledger['head'])}</p>"
        for key in ledger["lost_keys"]:
            lost = LostKey(key["from"], key["key"], key["time"])
            yield f"<p class=bad>{say('proof_key_lost', first=lost.first, which=escape(lost.key), time=escape(lost.minute))}</p>"
        yield f"<p class=mono>python3 -I kho-ledger-verify.py . --head '{escape(ledger['head'])}'</p>"
    yield signs(say)

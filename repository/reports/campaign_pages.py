"""The report on a campaign of migrations as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from policies.findings import spoken
from policies.phrases import phrase
from repository.reports.printing import Words, facts, opening, shown, signs, table, whole

__all__ = ["PRINTED", "page"]

PRINTED = 500
"""Files of each outcome that are printed; all of them stand in files.csv beside the document."""

Document = dict[str, Any]


def page(document: Document, lang: str) -> str:
    """The whole report as one HTML document."""
    say = Words(lang, "migrated")
    parts = [
        f'<p class="foot">{say("foot", campaign=document["campaign"], generated=say.moment(document["generated"]))}</p>',
        opening(say),
        _verdict(document, say),
        facts(_facts(document, say)),
        *_formats(document, say),
        *_means(document, say),
        *_others(document, say),
        *_refused(document, say),
        *_migrated(document, say),
        signs(say),
    ]
    return whole(say, parts)


def _verdict(document: Document, say: Words) -> str:
    migrated, refused = (sum(each[name] for each in document["formats"]) for name in ("migrated", "refused"))
    figures = {"migrated": say.number(migrated), "refused": say.number(refused), "left": say.number(document["left"] or 0)}
    back = document["rolled_back"]["aips"]
    if document["state"] != "done":
        return f'<p class="verdict red">{say("verdict_open", **figures)}</p>'
    if back:
        return f'<p class="verdict red">{say("verdict_back", aips=say.number(back), **figures)}</p>'
    good = not refused and not document["left"]
    return f'<p class="verdict {"green" if good else "red"}">{say("verdict_all" if good else "verdict_some", **figures)}</p>'


def _facts(document: Document, say: Words) -> Iterable[tuple[str, str]]:
    yield say("campaign"), escape(document["campaign"])
    yield say("path"), escape(document["path"])
    yield say("state"), say.of(f"job.{document['state'].replace('-', '_')}")
    yield say("started"), say.moment(document["started"]) or "–"
    planned = document["planned"]
    yield (
        say("planned"),
        say("not_counted")
        if planned is None
        else say(
            "amount", files=say.number(planned["files"]), aips=say.number(planned["aips"]), bytes=say.number(planned["bytes"])
        ),
    )
    yield say("versions"), say.number(document["counts"]["versions"])
    if back := document["rolled_back"]["aips"]:
        by = escape(", ".join(document["rolled_back"]["asked_by"]))
        last = say.moment(document["rolled_back"]["last"])
        yield say("rolled_back"), f'<span class="bad">{say("rolled_back_text", aips=say.number(back), last=last)}</span> {by}'
    yield say("policies"), "<br>".join(f'<span class="mono">{escape(each)}</span>' for each in document["policies"]) or "–"
    yield say("generated"), say.moment(document["generated"])
    yield say("software"), escape(document["software"])


def _formats(document: Document, say: Words) -> Iterable[str]:
    """What there was to do, and what became of it, format by format."""
    yield f"<h2>{say('formats')}</h2>"
    planned = {each["puid"]: each["files"] for each in (document["planned"] or {"formats": ()})["formats"]}
    done = {each["puid"]: each for each in document["formats"]}
    rows = []
    for puid in sorted({*planned, *done}):
        each = done.get(puid, {})
        figures = [planned.get(puid), *(each.get(name, 0) for name in ("migrated", "refused", "bytes_in", "bytes_out"))]
        rows.append([escape(puid) or say("unknown"), *("–" if figure is None else say.number(figure) for figure in figures)])
    heads = ("format", "files_planned", "files_migrated", "files_refused", "bytes_in", "bytes_out")
    yield table([say(head) for head in heads], rows) if rows else f"<p>{say('nothing')}</p>"


def _means(document: Document, say: Words) -> Iterable[str]:
    """By what it was done, and how it was compared."""
    if document["tools"]:
        yield f"<h2>{say('tools')}</h2>"
        yield table(
            [say("tool"), say("files")], ([escape(each["tool"]), say.number(each["files"])] for each in document["tools"])
        )
    if document["comparisons"]:
        yield f"<h2>{say('comparisons')}</h2><p class=note>{say('comparisons_note')}</p>"
        rows = (
            [
                say.of(f"property.{each['property']}"),
                say.number(each["files"]),
                escape(each["limit"]) or say("exactly"),
                "–" if each["worst"] is None else f"{each['worst']:.4g}",
            ]
            for each in document["comparisons"]
        )
        yield table([say("property"), say("files"), say("limit"), say("worst")], rows)


def _others(document: Document, say: Words) -> Iterable[str]:
    """What has to be known beside."""
    rows = [(say("left_over"), say.number(document["left"]))] if document["left"] else []
    if document["signatures_lost"]:
        rows.append((say("signatures_lost"), say.number(document["signatures_lost"])))
    if document["overtaken"]:
        rows.append((say("overtaken"), say.number(document["overtaken"])))
    if document["not_readable"]:
        rows.append((say("not_readable"), say.number(document["not_readable"])))
    if rows:
        yield f"<h2>{say('others')}</h2>{facts(rows)}"


def _files(document: Document, say: Words, outcome: str, heads: tuple[str, ...], cells: Any) -> Iterable[str]:
    rows = [row for row in document["files"] if row["outcome"] == outcome]
    total = sum(each[outcome] for each in document["formats"])
    yield f"<h2>{say(f'list_{outcome}')}</h2>"
    if not rows:
        yield f"<p>{say(f'none_{outcome}')}</p>"
        return
    widths = "".join(f"<col class={head}>" for head in heads)  # fixed: to fit them to the content takes minutes for long paths
    head = "".join(f"<th>{say(f'col_{name}')}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td class=path>{cell}</td>' for cell in cells(row, say))}</tr>" for row in rows[:PRINTED])
    yield f"<table class=faulty><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    if total > PRINTED:
        yield f"<p>{say('more', count=say.number(total - PRINTED))}</p>"


def _refused(document: Document, say: Words) -> Iterable[str]:
    return _files(document, say, "refused", ("source", "why"), _refused_cells)


def _refused_cells(row: Document, say: Words) -> Iterable[str]:
    yield _named(row["source"], row, say)
    yield f"<b>{escape(row['code'])}</b><br>{shown(row['reason'])}"


def _migrated(document: Document, say: Words) -> Iterable[str]:
    return _files(document, say, "migrated", ("source", "target", "how"), _migrated_cells)


def _migrated_cells(row: Document, say: Words) -> Iterable[str]:
    yield _named(row["source"], row, say)
    target = _file(row["target"], say)
    yield f'{target}<br><span class="bad">{say("taken_back")}</span>' if row["taken_back"] else target
    lost = f'<br><span class="bad">{say("signature_lost")}</span>' if row["signature_lost"] else ""
    if row["lost"]:
        named = (each.rpartition(" ") for each in row["lost"].split(", "))
        words = ", ".join(escape(spoken(phrase(f"part-{kind}", count=int(count)), say.lang)) for kind, _, count in named)
        lost += f'<br><span class="bad">{say("lost", parts=words)}</span>'
    compared = ", ".join(_compared(one, say) for one in row["compared"])
    yield f"{escape(row['tool'])}<br>{say('checked')}: {shown(row['checked'])}<br>{say('compared')}: {compared}{lost}"


def _named(file: Document, row: Document, say: Words) -> str:
    return f'{_file(file, say)}<br><span class="mono">{escape(row["aip"])} v{row["version"]}</span>'


def _file(file: Document, say: Words) -> str:
    name = shown(file["path"].removeprefix("representations/")) or say("erased")
    return f"{name}<br>{escape(file['puid']) or say('unknown')} · {say.number(file['bytes'])} B"


def _compared(one: Document, say: Words) -> str:
    figure = "=" if one["measure"] is None else f"{one['measure']:.4g} ({escape(one['limit'])})"
    return f"{say.of('property.' + one['property'])} {figure}"

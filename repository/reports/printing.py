"""Reports as pages for people, whatever they report: HTML in a reader's language, and PDF/A-2u by WeasyPrint."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

from repository.ledger.verifier import TIME
from repository.texts import catalog

__all__ = ["Words", "facts", "opening", "pdf", "shown", "signs", "table", "whole"]

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
col.source, col.target { width: 33% }
.faulty td, .faulty th { overflow-wrap: anywhere } .signs { display: flex; margin-top: 10mm;
  break-inside: avoid; break-before: avoid }
.signs div { flex: 1; text-align: center; height: 30mm } .note { font-size: 8pt; color: #333 }
"""


class Words:
    """The words of a kind of report (``group``: its section of the texts), escaped for a page."""

    def __init__(self, lang: str, group: str) -> None:
        self.lang, self._group = lang, group
        self._catalog = catalog(lang)

    def __call__(self, key: str, **values: str | int) -> str:
        text = self._catalog[f"{self._group}.{key}"]
        return escape(text.format(**values) if values else text)

    def of(self, key: str) -> str:
        """A word of another section, by its whole key."""
        return escape(self._catalog[key])

    def number(self, value: int) -> str:
        return f"{value:,}".replace(",", "." if self.lang == "vi" else ",")

    def span(self, seconds: int) -> str:
        """A time in days and hours."""
        days, hours = divmod(max(seconds, 0) // 3600, 24)
        return self("span", days=self.number(days), hours=hours)

    def day(self, stamp: str, *, before: bool = False) -> str:
        moment = datetime.strptime(stamp, TIME) - timedelta(days=1 if before else 0)
        return moment.strftime("%d/%m/%Y" if self.lang == "vi" else "%Y-%m-%d")

    def moment(self, stamp: str) -> str:
        """A day and its time, UTC; "" of what never was."""
        return f"{self.day(stamp)} {stamp[11:19]}" if stamp else ""


def whole(say: Words, parts: Iterable[str]) -> str:
    """One HTML document; its first part is the foot of every page."""
    title = say("title")
    head = f'<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    return f'<!DOCTYPE html><html lang="{say.lang}">{head}<body>{"".join(parts)}</body></html>'


def opening(say: Words) -> str:
    """What stands above everything: in Vietnamese the head of the state's papers, then the title."""
    state = '<p class="state">CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</p><p class="motto">Độc lập - Tự do - Hạnh phúc</p>'
    return f"{state if say.lang == 'vi' else ''}<h1>{say('title')}</h1>"


def signs(say: Words) -> str:
    """Where three people sign the paper; in Vietnamese, whose circulars ask for it."""
    if say.lang != "vi":
        return ""
    names = ("sign_checker", "sign_witness", "sign_head")
    fields = "".join(f"<div><b>{say(sign)}</b><br>{say.of('period.sign_note')}</div>" for sign in names)
    return f'<div class="signs">{fields}</div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, which are HTML already."""
    return "<table>" + "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows) + "</table>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """Cells are HTML already; from column ``numbers_from`` on they are numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=n' if at >= numbers_from else ''}>{cell}</{tag}>" for at, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{cells(heads, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def shown(text: str) -> str:
    """A file's name, whatever bytes it is made of, as text that can be printed."""
    return escape("".join(c if c.isprintable() else f"\\x{ord(c) & 0xFFFF:02x}" for c in text))


def pdf(page: str) -> bytes:
    """A page as a PDF (unsigned)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what future versions of it will want of the system
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its colour profile to be closed by the interpreter
        from weasyprint import HTML  # type: ignore[import-untyped]

        rendered: bytes = HTML(string=page, url_fetcher=_nothing).write_pdf(pdf_variant="pdf/a-2u")
    return rendered


def _nothing(url: str, *arguments: Any, **more: Any) -> Any:
    raise ValueError(f"a report fetches nothing, and was asked for {url}")

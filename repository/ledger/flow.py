"""The flow that keeps the ledger: copy the open day, close what is over, stamp and keep closed days."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from policies.findings import KhoError
from repository.archive import Archive
from repository.errors import LedgerBehind
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from repository.ledger.keeper import close_days, keep_day, stamper_of
from repository.ledger.keys import behind
from repository.ledger.open_day import copy_open_day
from signatures.signing_keys import SigningKeyError

__all__ = ["LedgerFlow"]

_log = logging.getLogger("kho.ledger")

PLAN = "fixity plan"
"""The type of the events that tell how many copies there are to be checked (the PREMIS vocabulary has no word for it)."""


class LedgerFlow:
    """No argument but "actor". Returns {"copied": tier → events, "closed": number of the day closed now (0 for none), "kept": [numbers],
    "waiting": {number: why}, "behind": None, or the day that cannot be closed and the tier that has one of its number, "key": None, or why
    the key cannot sign ("code", "path", "args")}."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, steps: Steps, argument: Json) -> Json:
        steps.run("plan", self._plan)
        copied = steps.run("copy open day", lambda step: copy_open_day(self._archive))
        closed = steps.run("close", self._close)
        why = closed if isinstance(closed, dict) else {}
        refused = {"closed": 0 if why else closed, "behind": why.get("behind"), "key": why.get("key")}
        return {"copied": copied, **refused, **steps.run("keep days", self._keep)}

    def _plan(self, step: Step) -> None:
        """Once a day: how many copies each tier has, and how many are overdue or were never checked, as an event a tier."""
        now, ledger = self._archive.clock.now(), ledger_of(self._archive)
        events = []
        for tier in self._archive.catalog.copies.summary(now):
            before = self._archive.catalog.events.latest(PLAN, tier.name)
            if before is None or before.time.date() != now.date():
                counts = {"population": tier.copies, "overdue": tier.overdue, "never_checked": tier.never_checked}
                events.append(replace(ledger.event(PLAN, "success", detail=counts), tier=tier.name))
        # A rebuild takes in the days that an older catalog lacks while nothing new is entered in it: what nobody asked for must not
        # keep them out.
        if events and behind(self._archive) is None:
            ledger.append(events)

    def _close(self, step: Step) -> Json:
        """The number of the day that was closed, 0 when there was none to close; or why none can be: {"behind" or "key": …}."""
        try:
            closed = close_days(self._archive)
        except LedgerBehind as error:
            _log.error("%s", error)
            return {"behind": {"number": int(error.finding.path), "tier": error.finding.args["tier"]}}
        except SigningKeyError as error:
            _log.error("%s", error)
            return {"key": {"code": error.code, "path": error.finding.path, "args": dict(error.finding.args)}}
        return closed.number if closed else 0

    def _keep(self, step: Step) -> dict[str, Any]:
        kept: list[int] = []
        waiting: dict[str, str] = {}
        stamper = stamper_of(self._archive)
        for day in self._archive.catalog.days.unsealed():
            step.check()
            try:
                if keep_day(self._archive, day, stamper):
                    kept.append(day.number)
                else:
                    waiting[str(day.number)] = ""
            except KhoError as error:
                waiting[str(day.number)] = str(error)
        return {"kept": kept, "waiting": waiting}

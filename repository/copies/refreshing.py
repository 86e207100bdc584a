"""A cartridge refreshed, as a job: what counts on it is written to others of its pool, read again there, and only then it is retired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from policies.findings import said
from policies.phrases import phrase
from repository.archive import Archive
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from storage.errors import StorageError
from storage.tape.refreshing import begin, refresh_some, retire
from storage.tape.tier import TapeTier
from storage.tier import Ask, ObjectId

__all__ = ["RefreshFlow"]

STEP_BYTES: Final = 64 << 30
"""Bytes of one step: some minutes of a drive. A process that is stopped in a step has done what it has done; the next goes on."""

TOLD: Final = 100
"""AIPs that did not verify, as many as a report names."""


class RefreshFlow:
    """The argument: {"tier", "volume", "actor"}. Returns {"bundles", "bytes", "aips": read again, "left_out": ids of what was disposed of
    and stays behind, "unsound": id → why (what could not be read, and is on the old volume only, and what was copied and is not sound),
    "unsound_count"}; the volume is retired when that is 0."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, steps: Steps, argument: Json) -> Json:
        tier, volume = argument["tier"], argument["volume"]
        report: dict[str, Any] = {"bundles": 0, "bytes": 0, "aips": 0, "unsound": {}, "unsound_count": 0}
        total = steps.run("begin", self._begin, tier, volume)
        after: int | None = 0
        while after is not None:
            done = steps.run("refresh", self._refresh, tier, volume, after, max(total - report["bytes"], 0))
            report["bundles"], report["bytes"] = report["bundles"] + done["bundles"], report["bytes"] + done["bytes"]
            _unsound(report, done.get("unread", {}))
            after = done["after"]
        after, left = 0, report["bytes"]
        while after is not None:
            done = steps.run("verify", self._verify, tier, volume, after, max(left, 0))
            left -= done.get("bytes", 0)
            report["aips"] += done["aips"]
            _unsound(report, done["unsound"])
            after = done["after"]
        left_out = steps.run("retire", self._retire, tier, volume, report["unsound_count"])
        return {**report, "left_out": left_out}

    def _tier(self, name: str) -> TapeTier:
        tier = self._archive.tier(name)
        assert isinstance(tier, TapeTier)
        return tier

    def _begin(self, step: Step, tier: str, volume: str) -> int:
        with self._tier(tier).shelf(library=False) as shelf:
            return begin(shelf, volume)

    def _refresh(self, step: Step, tier: str, volume: str, after: int, left: int) -> dict[str, Any]:
        advance = _advance(step, "refresh", left)
        with self._tier(tier).shelf() as shelf:
            done = refresh_some(shelf, volume, after, STEP_BYTES, advance)
        return {"bundles": done.bundles, "bytes": done.bytes, "after": done.after, "unread": dict(done.unread)}

    def _verify(self, step: Step, tier: str, volume: str, after: int, left: int) -> dict[str, Any]:
        """What was copied from one tape file. Which that is the register tells, whatever became of the process that wrote it."""
        tape = self._tier(tier)
        with tape.shelf(library=False) as shelf:
            copied = shelf.register.copied_from(volume, after)
        if copied is None:
            return {"aips": 0, "unsound": {}, "after": None}
        holdings = self._archive.catalog.holdings
        known = holdings.known(copied[0])
        inventories = holdings.inventories(sorted(known))
        asks = [Ask(ObjectId(each), inventories[each]) for each in copied[0] if each in known]
        unsound: dict[str, str] = {}
        read = 0
        for index, found in tape.verify_together(asks, _advance(step, "audit", left)):
            if isinstance(found, StorageError):
                unsound[asks[index].object_id] = said(found.finding)
                continue
            read += found.bytes_read
            if not found.ok:
                unsound[asks[index].object_id] = ", ".join(each.path for each in found.problems[:3]) or phrase("tape-not-judged")
        return {"aips": len(asks), "bytes": read, "unsound": unsound, "after": copied[1]}

    def _retire(self, step: Step, tier: str, volume: str, unsound: int) -> list[str]:
        with self._tier(tier).shelf(library=False) as shelf:
            left_out = [object_id for object_id, volumes in shelf.register.disposed().items() if volume in volumes]
            if not unsound:
                retire(shelf, volume, f"refreshed {self._archive.clock.now():%Y-%m-%d}")
        event = ledger_of(self._archive).event("medium refreshed", "fail" if unsound else "success", detail={"volume": volume})
        ledger_of(self._archive).append([replace(event, tier=tier)])
        return left_out


def _unsound(report: dict[str, Any], found: Mapping[str, str]) -> None:
    report["unsound_count"] += len(found)
    report["unsound"] = dict(list({**report["unsound"], **found}.items())[:TOLD])


def _advance(step: Step, phase: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        step.progress(done, total, f"{phase}:bytes")

    return advance

"""The flow that keeps evidence: finish what is pending, close a batch, renew what is due, keep both."""

from __future__ import annotations

import threading
from typing import Any

from policies.findings import KhoError
from repository.archive import Archive
from repository.evidence.keeping import settle
from repository.evidence.making import authorities_by_tree, is_due, make_batch
from repository.evidence.news import ask_for_news
from repository.evidence.pending import pending
from repository.evidence.renewing import renew_due
from repository.evidence.roots import roots_of
from repository.jobs.flow import Json, Step, Steps
from repository.progress import Silent

__all__ = ["EvidenceFlow"]

_ONE = threading.Lock()
"""One step of evidence at a time: two rounds (the worker's, and one that somebody asked for) would stamp the same trees, and keep the same
batches. All jobs of a home run in one process."""


class EvidenceFlow:
    """The argument: {"batch": true (close one now), false (none) or null (when it is due), "renew": bool} and "actor".

    Returns {"batch", "leaves", "trees", "failures", "unprovable", "renewed": kind → trees, "tokens", "findings": [[code, path, args]…],
    "pending": versions not yet on enough tiers}.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, steps: Steps, argument: Json) -> Json:
        steps.run("settle", self._settle)
        steps.run("news", self._news)
        made = steps.run("batch", self._batch, argument["batch"])
        renewed = (
            steps.run("renew", self._renew, argument["batch"] is None)
            if argument["renew"]
            else {"renewed": {}, "tokens": 0, "findings": []}
        )
        return {**made, **renewed, "pending": steps.run("settle", self._settle)}

    def _news(self, step: Step) -> None:
        ask_for_news(self._archive, authorities_by_tree(self._archive))

    def _settle(self, step: Step) -> int:
        with _ONE:
            settle(self._archive, roots_of(self._archive))
        return len(pending(self._archive))

    def _batch(self, step: Step, wanted: bool | None) -> dict[str, Any]:
        nothing: dict[str, Any] = {"batch": "", "leaves": 0, "trees": [], "failures": [], "unprovable": []}
        if wanted is False or (wanted is None and not (self._archive.settings.authorities and is_due(self._archive))):
            return nothing
        try:
            with _ONE:
                made = make_batch(self._archive, authorities_by_tree(self._archive), Silent())
        except KhoError as error:
            return {**nothing, "failures": [str(error.finding.args.get("reason", error))]}
        lists = {"trees": list(made.trees), "failures": list(made.failures), "unprovable": list(made.unprovable)}
        return {"batch": made.batch, "leaves": made.leaves, **lists}

    def _renew(self, step: Step, patient: bool) -> dict[str, Any]:
        with _ONE:
            done = renew_due(self._archive, authorities_by_tree(self._archive), Silent(), patient=patient)
        rows = [[each.code, each.path, dict(each.args)] for each in done.findings]
        return {"renewed": done.renewed, "tokens": done.tokens, "findings": rows}

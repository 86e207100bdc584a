"""A copy that rotted before it counted, put right from the sealed bytes that it was made of.

Until enough tiers have a version no audit knows of it: where a copy of it does not verify, whoever keeps it still has its bytes.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fixity.verify import FixityReport, Outcome, Problem
from storage.errors import NotFound
from storage.ocfl.inventory import InvalidInventory, parse_inventory
from storage.ocfl.objects import INVENTORY, SIDECAR
from storage.ocfl.wanted import Wanted
from storage.tier import SealedVersion, Tier

__all__ = ["PutRight", "in_order", "put_right"]

_VERSION = re.compile(r"v0*([0-9]{1,9})(?:/|$)")


class PutRight(NamedTuple):
    """One file of a copy: what was wrong with it; where it lies now, when it did not belong ("" else); whether its bytes follow from the
    rules, and so came from nowhere."""

    problem: Problem
    place: str
    by_rule: bool


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Content first, root inventory and sidecar last: a copy that is being repaired must never look whole before it is."""
    last = {INVENTORY: 1, SIDECAR: 2}
    return sorted(problems, key=lambda problem: (last.get(problem.path, 0), problem.path))


def put_right(tier: Tier, sealed: SealedVersion, report: FixityReport) -> Iterator[PutRight]:
    """Put right what a copy was found to have wrong, in the order in which it is done; that it is good now, only re-reading says.

    Only what this version brought is put right: what stands there of earlier ones, audits and repairs know. Where the copy went on to a
    newer version, the root files are that one's, and so is what looks like a stranger. Raises StorageError, OSError.
    """
    own = f"v{sealed.number}/"
    newest = not _went_on(tier, sealed, report)
    problems = [problem for problem in report.problems if newest or problem.path.startswith(own)]
    want = Wanted(sealed.object_id, {sealed.number: sealed.inventory_sha512}, parse_inventory(sealed.inventory.read_bytes()))
    paths = {problem.path for problem in problems}
    sources = {str(file.content_path): file.source for file in sealed.files() if file.content_path in paths}
    sources |= dict.fromkeys((INVENTORY, f"{own}{INVENTORY}"), sealed.inventory)
    for problem in in_order(problems):
        if problem.outcome is Outcome.EXTRA:
            if newest and (problem.path.startswith(own) or sealed.number == 1):
                yield PutRight(problem, tier.quarantine(sealed.object_id, problem.path), False)
            continue
        known = want.known(problem.path)
        if problem.outcome not in (Outcome.ALTERED, Outcome.MISSING) or known is None:
            continue
        digest, data = known
        if data is None and problem.path not in sources:
            continue
        with io.BytesIO(data) if data is not None else open(sources[problem.path], "rb") as stream:
            tier.restore(sealed.object_id, problem.path, stream, digest)
        yield PutRight(problem, "", data is not None)


def _went_on(tier: Tier, sealed: SealedVersion, report: FixityReport) -> bool:
    """Whether a copy has anything of a version after this one: an older catalog came back from a backup. Raises StorageError."""
    if any(_version_of(problem.path) > sealed.number for problem in report.problems):
        return True
    with contextlib.suppress(NotFound):
        tier.open(sealed.object_id, f"v{sealed.number + 1}/{INVENTORY}").close()
        return True
    try:
        return parse_inventory(tier.inventory(sealed.object_id)).head > sealed.number
    except (NotFound, InvalidInventory):
        return False


def _version_of(path: str) -> int:
    found = _VERSION.match(path)
    return int(found[1]) if found else 0

"""The plan: what each tree stands on, until when, what kind of renewal it needs by then, and who could stamp it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from policies.findings import Finding
from policies.trust import Algorithms, End, EvidencePolicy, earliest
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.evidence.batch import TIME
from repository.evidence.news import fallen
from repository.evidence.roots import able_to_stamp, root_ends
from repository.settings.authorities import DEMO, TREES, AuthorityPlace

if TYPE_CHECKING:
    from signatures.timestamps import Anchors

__all__ = ["HASH_TREE", "MISSING", "TIME_STAMP", "Due", "plan", "successor"]

MISSING, TIME_STAMP, HASH_TREE = "first stamp", "time-stamp renewal", "hash-tree renewal"

SUCCESSORS = ("sha512", "sha384", "sha3_512", "sha3_256")
"""Hash algorithms for a new generation of a tree, in this order; one that the other tree stands on comes last."""


_Fit = tuple[tuple[str, ...], tuple[str, ...]]
"""Authorities that could stamp, and those that could with a later certificate."""


@dataclass(frozen=True, slots=True)
class Due:
    """The next renewal of one tree: its kind, when it is due, because of what end, and the authorities that could stamp it then, as far as
    their certificates and roots are known today; ``later`` are those that could with a later one.
    ``due`` None: nothing it stands on has a known end. ``one_root`` is the root under which all trees of the batch stand, told with the
    first of them; "" when there are several, or it is not known. ``left_out`` files could not be read again by a hash-tree renewal;
    ``fallen`` says why the newest stamp is worth nothing any more. ``pressing``: the renewal is due within the lead, so that an authority
    must be there; one that is due in decades is made with certificates that nobody has today."""

    batch: str
    tree: str
    kind: str
    due: datetime | None
    because: End | None
    authorities: tuple[str, ...]
    leaves: int
    hash: str
    evidence: bool
    one_root: str = ""
    left_out: int = 0
    fallen: str = ""
    later: tuple[str, ...] = ()
    pressing: bool = True

    def findings(self, now: datetime) -> Iterator[Finding]:
        """What somebody has to know of it now."""
        name = f"{self.batch}/{self.tree}"
        if not self.evidence:
            yield Finding("EVD-DEMO", name)
        if self.fallen:
            yield Finding("EVD-FALLEN", name, {"reason": self.fallen})
        if self.left_out:
            yield Finding("EVD-LEFT-OUT", name, {"count": self.left_out})
        if self.one_root:
            yield Finding("EVD-ONE-ROOT", self.batch, {"root": self.one_root})
        if not self.authorities and (self.pressing or not self.later):
            yield Finding("EVD-NO-AUTHORITY", name, {"due": "-" if self.due is None else self.due.date().isoformat()})
        if self.because is not None and self.because.when is not None and self.because.when <= now:
            args = {"ended": self.because.when.date().isoformat(), "name": self.because.name}
            yield Finding("EVD-LAPSED", name, args)
        elif self.due is not None and self.due <= now:
            never = self.kind == MISSING and not self.fallen
            yield Finding("EVD-NEVER-STAMPED", name) if never else Finding("EVD-DUE", name, {"due": self.due.date().isoformat()})


def plan(
    archive: Archive, rows: Sequence[BatchRow], algorithms: Algorithms, roots: Mapping[str, Anchors], now: datetime
) -> list[Due]:
    """The next renewal of every tree of every batch, the earliest first. ``roots``: authority → whom its stamps are held against
    (`repository.evidence.roots.roots_of`). Raises UnreadableNote."""
    places, worthless = able_to_stamp(archive, roots, now), fallen(archive, rows)
    fit = partial(_fit, places, root_ends(roots), _last_tokens(rows), algorithms)
    policy = archive.policy.evidence
    found = [each for row in rows for each in _trees(row, places, algorithms, policy, fit, now, worthless)]
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda each: (each.due or never, each.batch, each.tree))


def _last_tokens(rows: Sequence[BatchRow]) -> dict[str, Mapping[str, Any]]:
    """Authority → what is known of its newest token."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        for tree in row.trees:
            if tree["time"] >= found.get(tree["authority"], tree)["time"]:
                found[tree["authority"]] = tree
    return found


def _trees(
    row: BatchRow,
    places: Sequence[AuthorityPlace],
    algorithms: Algorithms,
    policy: EvidencePolicy,
    fit: Callable[[str, datetime], _Fit],
    now: datetime,
    worth_nothing: Mapping[tuple[str, str], str],
) -> Iterator[Due]:
    """``worth_nothing``: (batch, tree) → why its newest stamp is worth nothing any more."""
    there = {tree["tree"]: tree for tree in row.trees}
    one_root = _one_root(row)
    for name in TREES:
        facts = there.get(name)
        if facts is None:
            able, later = fit(name, now + policy.lead)
            yield Due(row.id, name, MISSING, now, None, able, row.leaves, name, evidence=True, later=later)
            continue
        left, fell, worthless = int(facts.get("left_out", 0)), worth_nothing.get((row.id, name), ""), not facts["evidence"]
        begin = worthless and any(place.url != DEMO and name in place.trees for place in places)
        begun_with = algorithms.hash_end(name).when
        if (begin or fell) and (begun_with is None or begun_with > now):  # begun again from its leaves as they were first
            able, later = fit(name, now + policy.lead)
            yield Due(row.id, name, MISSING, now, None, able, row.leaves, name, not worthless, one_root, 0, fell, later)
            one_root = ""
            continue
        hash_end = algorithms.hash_end(facts["hash"])
        first = earliest([*_token_ends(facts, algorithms), hash_end])
        due = None if first is None or first.when is None else first.when - policy.lead
        rebuilt = hash_end.when is not None and due is not None and hash_end.when - policy.lead <= max(due, now)
        able, later = fit(name, max(due or now, now) + policy.lead)
        kind, pressing = HASH_TREE if rebuilt else TIME_STAMP, due is not None and due <= now + policy.lead
        told = (not worthless, one_root, left, fell, later, pressing)
        yield Due(row.id, name, kind, due, first, able, row.leaves, facts["hash"], *told)
        one_root = ""


def _one_root(row: BatchRow) -> str:
    keys = {tree.get("root_key", "") for tree in row.trees}
    alone = len(row.trees) < 2 or len(keys) > 1 or "" in keys or not all(tree["evidence"] for tree in row.trees)
    return "" if alone else str(row.trees[0]["root"])


def _token_ends(facts: Mapping[str, Any], algorithms: Algorithms) -> list[End]:
    """All that a token stands on and that ends."""
    certificate = datetime.strptime(facts["certificate_ends"], TIME).replace(tzinfo=UTC)
    return [
        End("certificate", facts["subject"], certificate),
        algorithms.hash_end(facts["signature_hash"]),
        algorithms.signature_end(facts["scheme"], facts["key_bits"]),
        *(end for each in facts.get("path", ()) for end in algorithms.certificate_ends(*each)),
    ]


def _fit(
    places: Sequence[AuthorityPlace],
    roots: Mapping[str, datetime],
    known: Mapping[str, Mapping[str, Any]],
    algorithms: Algorithms,
    tree: str,
    until: datetime,
) -> _Fit:
    """Authorities for a tree whose algorithms last beyond ``until``: those whose last certificate and root do so, too, and those that need
    a later one. Of one that never stamped only the root is known."""
    able: list[str] = []
    later: list[str] = []
    for place in places:
        if tree not in place.trees or place.url == DEMO:
            continue
        certificate, *ends = _token_ends(known[place.name], algorithms) if place.name in known else [End("certificate", "", None)]
        if any(each.when is not None and each.when <= until for each in ends):
            continue
        lasting = [each for each in (certificate.when, roots.get(place.name)) if each is not None]
        (able if all(each > until for each in lasting) else later).append(place.name)
    return tuple(able), tuple(later)


def successor(tree: Mapping[str, Any], other: str, algorithms: Algorithms, needed: datetime) -> str:
    """The hash algorithm of a tree's next generation: usable beyond ``needed``, new to the tree, and best not the other tree's.
    "" when the policy knows none."""
    usable = []
    for name in SUCCESSORS:
        end = algorithms.hash_end(name).when
        if name not in tree["generations"] and (end is None or end > needed):
            usable.append(name)
    usable.sort(key=lambda name: name == other)
    return usable[0] if usable else ""

"""The plan: what each tree stands on, until when, what kind of renewal it needs by then, and who could stamp it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from policies.findings import Finding, Weight
from policies.phrases import phrase
from policies.trust import Algorithms, End, EvidencePolicy
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.evidence.batch import next_tree
from repository.evidence.news import fallen
from repository.evidence.roots import able_to_stamp, root_ends, root_keys
from repository.evidence.states import Left, State, first_end, states_of, token_ends
from repository.settings.authorities import DEMO, TREES, AuthorityPlace

if TYPE_CHECKING:
    from signatures.timestamps import Anchors

__all__ = ["HASH_TREE", "LEFT_OUT", "MISSING", "TIME_STAMP", "Due", "plan", "successor"]

MISSING, TIME_STAMP, HASH_TREE = "first stamp", "time-stamp renewal", "hash-tree renewal"
LEFT_OUT = "renewal of what was left out"

_SAME = timedelta(days=1)
"""How much later the second tree of a batch may have been stamped than the first, without that being a loss when the first falls."""

SUCCESSORS = ("sha512", "sha384", "sha3_512", "sha3_256")
"""Hash algorithms for a new generation of a tree, in this order; one that the other tree stands on comes last."""


_Fit = tuple[tuple[str, ...], tuple[str, ...]]
"""Authorities that could stamp, and those that could with a later certificate."""


@dataclass(frozen=True, slots=True)
class Due:
    """The next renewal of one tree: its kind, when it is due, because of what end, and the authorities that could stamp it then, as far as
    their certificates and roots are known today; ``later`` are those that could with a later one.
    ``due`` None: nothing it stands on has a known end. ``one_root`` is the root under which all trees of the batch stand, told with the
    first of them; "" when there are several, or it is not known; ``parted``: the next renewal has another one to take. ``left`` (of the
    kind `LEFT_OUT`) could not be read by a hash-tree
    renewal. ``instead``: the tree that this one is begun in the place of, and ``fallen`` why that is worth nothing any more. ``anew``, told
    with the first tree of a batch: nothing proves its versions, or some of its files, since as long ago as something did.
    ``pressing``: the renewal is due within the lead, so that an authority
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
    parted: bool = False
    left: Left | None = None
    fallen: str = ""
    instead: str = ""
    anew: tuple[Finding, ...] = ()
    later: tuple[str, ...] = ()
    pressing: bool = True

    def findings(self, now: datetime) -> Iterator[Finding]:
        """What somebody has to know of it now."""
        name = f"{self.batch}/{self.instead or self.tree}"
        if self.left is not None:
            yield self._left(name, self.left)
            return
        if not self.evidence:
            yield Finding("EVD-DEMO", name)
        if self.fallen and self.because is None:
            yield Finding("EVD-FALLEN", name, {"reason": self.fallen})
        if self.one_root:
            yield Finding("EVD-ONE-ROOT", self.batch, {"root": self.one_root}, Weight.INFO if self.parted else None)
        yield from self.anew
        if not self.authorities and (self.pressing or not self.later):
            yield Finding("EVD-NO-AUTHORITY", name, {"due": "-" if self.due is None else self.due.date().isoformat()})
        if self.because is not None and self.because.when is not None and self.because.when <= now:
            args = {"ended": self.because.when.date().isoformat(), "name": self.because.name}
            yield Finding("EVD-LAPSED", name, args)
        elif self.due is not None and self.due <= now:
            never = self.kind == MISSING and not self.fallen
            yield Finding("EVD-NEVER-STAMPED", name) if never else Finding("EVD-DUE", name, {"due": self.due.date().isoformat()})

    def _left(self, name: str, left: Left) -> Finding:
        until = "-" if left.because.when is None else left.because.when.date().isoformat()
        args: dict[str, str | int] = {"count": left.count, "first": left.first, "name": left.because.name, "until": until}
        return Finding("EVD-LEFT-BEHIND" if left.late else "EVD-LEFT-OUT", name, args)


def plan(
    archive: Archive, rows: Sequence[BatchRow], algorithms: Algorithms, roots: Mapping[str, Anchors], now: datetime
) -> list[Due]:
    """The next renewal of every tree of every batch, the earliest first. ``roots``: authority → whom its stamps are held against
    (`repository.evidence.roots.roots_of`). Raises UnreadableNote."""
    places, worthless = able_to_stamp(archive, roots, now), fallen(archive, rows)
    fit = partial(_fit, places, root_ends(roots), _last_tokens(rows), algorithms)
    policy = archive.policy.evidence
    keys = root_keys(roots, places)
    found = [each for row in rows for each in _trees(row, places, keys, algorithms, policy, fit, now, worthless)]
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
    keys: Collection[str],
    algorithms: Algorithms,
    policy: EvidencePolicy,
    fit: Callable[[str, datetime], _Fit],
    now: datetime,
    worth_nothing: Mapping[tuple[str, str], str],
) -> Iterator[Due]:
    """``keys`` of the roots that a renewal could take. ``worth_nothing``: (batch, tree) → why its newest stamp is worth nothing now."""
    states = states_of(row, algorithms, worth_nothing, now)
    told = _Told(_one_root(states, keys), tuple(_anew(row, states)))
    for slot in TREES:
        there = [each for each in states if each.slot == slot]
        begin = _begun(there, slot, places, algorithms, now)
        if begin is not None:
            name, instead, why, because = begin
            able, later = fit(slot, now + policy.lead)
            evidence = not there or there[-1].evidence
            one_root, parted, anew = told.once()
            yield Due(
                *(row.id, name, MISSING, now, because, able, row.leaves, slot, evidence, one_root, parted),
                fallen=why,
                instead=instead,
                anew=anew,
                later=later,
            )
            continue
        for each in there:
            if each.stands or not each.evidence:
                one_root, parted, anew = told.once()
                yield replace(_next(row, each, algorithms, policy, fit, now), one_root=one_root, parted=parted, anew=anew)
            if each.stands and each.left is not None and not _cured(each, there):
                able, later = fit(slot, now + policy.lead)
                name = next_tree(slot, (state.name for state in there)) if each.left.late else each.name
                facts = each.facts["hash"]
                yield Due(
                    *(row.id, name, LEFT_OUT, now, each.left.because, able, row.leaves, facts, True),
                    left=each.left,
                    instead=each.name,
                    later=later,
                )


class _Told:
    """What is told of a batch as a whole, with the first of its trees."""

    def __init__(self, one_root: tuple[str, bool], anew: tuple[Finding, ...]) -> None:
        self._told = *one_root, anew

    def once(self) -> tuple[str, bool, tuple[Finding, ...]]:
        told, self._told = self._told, ("", False, ())
        return told


def _begun(
    there: Sequence[State], slot: str, places: Sequence[AuthorityPlace], algorithms: Algorithms, now: datetime
) -> tuple[str, str, str, End | None] | None:
    """(name, instead of which, why, because of what end) when a tree is to be begun: there is none yet, only what a demo authority stamped,
    or nothing of it stands any more. None: something can be renewed."""
    if not there:
        return slot, "", "", None
    newest = there[-1]
    if newest.evidence:
        name = next_tree(slot, (each.name for each in there))
        ended = None if newest.fallen else newest.ended
        return None if any(each.stands for each in there) else (name, newest.name, newest.why, ended)
    real = any(place.url != DEMO and slot in place.trees for place in places)
    return (newest.name, "", "", None) if real else None


def _cured(state: State, there: Sequence[State]) -> bool:
    """Whether a lineage was begun since: it proves what this one left out, or has left it out again, and is to be asked about that."""
    if state.left is None:
        return False
    younger = (each.since for each in there if each is not state and each.stands)
    return any(since is not None and since > state.left.since for since in younger)


def _next(
    row: BatchRow,
    state: State,
    algorithms: Algorithms,
    policy: EvidencePolicy,
    fit: Callable[[str, datetime], _Fit],
    now: datetime,
) -> Due:
    """The next renewal of a lineage that stands, or of what a demo authority stamped."""
    facts, hash_end = state.facts, algorithms.hash_end(state.facts["hash"])
    first = first_end(facts, algorithms)
    due = None if first is None or first.when is None else first.when - policy.lead
    rebuilt = hash_end.when is not None and due is not None and hash_end.when - policy.lead <= max(due, now)
    able, later = fit(state.slot, max(due or now, now) + policy.lead)
    pressing = due is not None and due <= now + policy.lead
    kind = HASH_TREE if rebuilt else TIME_STAMP
    return Due(
        *(row.id, state.name, kind, due, first, able, row.leaves, facts["hash"], state.evidence),
        fallen=state.fallen,
        later=later,
        pressing=pressing,
    )


def _one_root(states: Sequence[State], known: Collection[str]) -> tuple[str, bool]:
    """The root under which all trees stand, "" for none; and whether another one is among those that are ``known``."""
    standing = [each for each in states if each.stands]
    keys = {each.facts.get("root_key", "") for each in standing}
    alone = len({each.slot for each in standing}) < 2 or len(keys) > 1 or "" in keys
    return ("", False) if alone else (str(standing[0].facts["root"]), not keys.issuperset(known))


def _anew(row: BatchRow, states: Sequence[State]) -> Iterator[Finding]:
    """What proved the versions of a batch, or some of its files, first proves them no more; what does was begun later."""
    loss = _loss((each, each.stands) for each in states)
    if loss is not None:
        yield Finding("EVD-PROVED-ANEW", row.id, {"count": row.leaves, **loss.days, "reason": loss.first.why})
    for parts in zip(*(each.apart for each in states), strict=True):
        pairs = zip(states, parts, strict=True)
        more = _loss((each, each.stands and part.stands) for each, part in pairs if part.ever)
        if more is None or (loss is not None and more.since - loss.since < _SAME):
            continue  # nothing, or no more than what the batch as a whole lost
        count, until = parts[0].count, parts[states.index(more.first)].until
        why = more.first.why or phrase("left-behind", count=count, until="-" if until is None else f"{until:%Y-%m-%d}")
        yield Finding("EVD-FILES-PROVED-ANEW", row.id, {"count": count, "first": parts[0].first, **more.days, "reason": why})


@dataclass(frozen=True, slots=True)
class _Loss:
    """Proof that reached back to the begin of the lineage ``first``, and now does to ``since``."""

    first: State
    before: datetime
    since: datetime

    @property
    def days(self) -> dict[str, str]:
        return {"since": f"{self.since:%Y-%m-%d}", "before": f"{self.before:%Y-%m-%d}"}


def _loss(lineages: Iterable[tuple[State, bool]]) -> _Loss | None:
    """Of lineages that proved something, each with whether it still does. None: nothing is lost; or everything is, which is told of by
    itself."""
    known = [(each.since, each, still) for each, still in lineages if each.evidence and each.since is not None]
    standing = [since for since, _, still in known if still]
    if not standing:
        return None
    before, first, _ = min(known, key=lambda each: each[0])
    since = min(standing)
    return None if since - before < _SAME else _Loss(first, before, since)


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
        certificate, *ends = token_ends(known[place.name], algorithms) if place.name in known else [End("certificate", "", None)]
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

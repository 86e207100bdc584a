"""What the lineages of a batch are worth today, from what the catalog knows of their stamps: whether each was renewed before what it stood
on ended, since when it proves, and what its hash-tree renewals left out and until when that can be taken in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from policies.phrases import phrase
from policies.trust import Algorithms, End, earliest
from repository.catalog.evidence import BatchRow
from repository.evidence.batch import TIME, slot_of

__all__ = ["Left", "Part", "State", "first_end", "states_of", "token_ends"]

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """What a hash-tree renewal left out, ``first`` of it (a version), and ``because`` of what end it must be taken in by: what proves it is
    the last stamp before ``generation`` (from 0), which was begun at ``since``. ``late``: that has ended."""

    count: int
    generation: int
    because: End
    first: str
    late: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """What a lineage does for some files, ``count`` of them, ``first`` of this version: whether it ``ever`` proved them, and whether it
    does as long as it ``stands``; ``until`` when, where it left them out."""

    count: int
    first: str
    ever: bool
    stands: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class State:
    """One lineage: ``since`` is the time of its first stamp. ``ended``: what it stood on when it should have been renewed, or be now;
    ``fallen`` why its newest stamp is worth nothing. ``left``: what waits to be taken in, or, where that is over, was not. ``apart``:
    files that some lineage of the batch left out, the same in each."""

    name: str
    facts: Facts
    since: datetime | None
    ended: End | None
    fallen: str
    left: Left | None
    apart: tuple[Part, ...] = ()

    @property
    def slot(self) -> str:
        return slot_of(self.name)

    @property
    def evidence(self) -> bool:
        return bool(self.facts["evidence"])

    @property
    def stands(self) -> bool:
        """Whether it proves anything today, as far as is known."""
        return self.evidence and self.ended is None and not self.fallen

    @property
    def why(self) -> str:
        """Why it does not, in the words of `policies.phrases`; "" when it does."""
        if self.fallen or self.ended is None or self.ended.when is None:
            return self.fallen
        return phrase("lapsed-on", name=self.ended.name, ended=self.ended.when.date().isoformat())


def states_of(row: BatchRow, algorithms: Algorithms, fallen: Mapping[tuple[str, str], str], now: datetime) -> list[State]:
    """Every lineage of a batch, in the order in which they were begun. ``fallen``: (batch, tree) → why its newest stamp is
    worth nothing."""
    return [_state(facts, algorithms, fallen.get((row.id, facts["tree"]), ""), now) for facts in row.trees]


def _state(facts: Facts, algorithms: Algorithms, fallen: str, now: datetime) -> State:
    stamps = [*facts.get("history", ()), {**facts, "generation": len(facts["generations"]) - 1}]
    since = _time(stamps[0]) if "history" in facts else None  # an older Kho noted the newest stamp only
    left, apart = _left(facts, stamps, algorithms, now), _apart(facts, stamps, algorithms, now)
    return State(facts["tree"], facts, since, _ended(stamps, algorithms, now), fallen, left, apart)


def _ended(stamps: Sequence[Facts], algorithms: Algorithms, now: datetime) -> End | None:
    """What ended before the stamp on it was renewed: the first such. A token must hold until the next one was made, the hash of a tree
    until the next tree was (RFC 4998 §5.3)."""
    for index, each in enumerate(stamps):
        until = _time(stamps[index + 1]) if index + 1 < len(stamps) else now
        later = (_time(one) for one in stamps if one["generation"] > each["generation"])
        ends = [end for end in token_ends(each, algorithms) if end.when is not None and end.when <= until]
        tree = algorithms.hash_end(each["hash"])
        if tree.when is not None and tree.when <= next(later, now):
            ends.append(tree)
        if ends:
            return earliest(ends)
    return None


def _left(facts: Facts, stamps: Sequence[Facts], algorithms: Algorithms, now: datetime) -> Left | None:
    """The first that can still be taken in; else the last that could not be."""
    found = None
    for generation, count in enumerate(facts.get("left", ())):
        if not count:
            continue
        first = _until(facts, stamps, generation, algorithms)
        late = first.when is not None and first.when <= now
        since = next((_time(each) for each in stamps if each["generation"] == generation), _time(stamps[-1]))
        found = Left(count, generation, first, str(facts.get("left_first", "")), late, since)
        if not late:
            break
    return found


def _until(facts: Facts, stamps: Sequence[Facts], generation: int, algorithms: Algorithms) -> End:
    """What ends first of that on which the proof of what ``generation`` left out stands: the last stamp before it, and its hash."""
    before = [each for each in stamps if each["generation"] == generation - 1]
    first = first_end(before[-1], algorithms) if before else None
    return first or End("hash", facts["tree"], None if before else _time(stamps[0]))


def _apart(facts: Facts, stamps: Sequence[Facts], algorithms: Algorithms, now: datetime) -> tuple[Part, ...]:
    found = []
    for count, first, generations in facts.get("apart", ()):
        whole = generations == len(facts["generations"])
        until = None if whole else _until(facts, stamps, generations, algorithms).when
        found.append(Part(count, first, generations > 0, generations > 0 and (until is None or until > now), until))
    return tuple(found)


def first_end(facts: Facts, algorithms: Algorithms) -> End | None:
    """What ends first of that on which a stamp and its tree stand; None: nothing that is known does."""
    return earliest([*token_ends(facts, algorithms), algorithms.hash_end(facts["hash"])])


def token_ends(facts: Facts, algorithms: Algorithms) -> Iterator[End]:
    """All that a token stands on and that ends, the certificate first."""
    yield End("certificate", facts["subject"], _time(facts, "certificate_ends"))
    yield algorithms.hash_end(facts["signature_hash"])
    yield algorithms.signature_end(facts["scheme"], facts["key_bits"])
    for each in facts.get("path", ()):
        yield from algorithms.certificate_ends(*each)


def _time(facts: Facts, name: str = "time") -> datetime:
    return datetime.strptime(facts[name], TIME).replace(tzinfo=UTC)

"""News of authorities: whether the certificate of one that stamped was revoked since, and what the operator says of its root today. A
tree whose newest stamp is worth nothing any more must be begun again, while the hashes hold; nobody would find out before its next renewal,
years later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from policies.findings import KhoError
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.evidence.batch import TIME
from repository.evidence.keeping import newest_token
from repository.evidence.notes import lately, read_note, write_note
from repository.evidence.roots import roots_of
from signatures.timestamps import Anchors, Answer, Authority, Believed, Token, Trust, read_token
from signatures.timestamps.collect import revocations_for

__all__ = ["ask_for_news", "fallen", "trust_today"]

NOTE = "news"

ASKED_EVERY = timedelta(days=1)
"""How often an authority's revocation data is asked for: new lists come daily as a rule."""

Fallen = Mapping[tuple[str, str], str]
"""(batch, tree) → why its newest stamp is worth nothing any more."""


def fallen(archive: Archive, rows: Sequence[BatchRow]) -> Fallen:
    """The trees that stand on a stamp of which it is known that it is worth nothing any more."""
    noted = read_note(archive, NOTE).get("fallen", {})
    found = {}
    for row, tree in _trees(rows):
        facts = noted.get(f"{row.id}/{tree['tree']}")
        if facts is not None and facts["time"] == tree["time"]:  # not yet begun again
            found[row.id, str(tree["tree"])] = str(facts["reason"])
    return found


def ask_for_news(archive: Archive, authorities: Mapping[str, Sequence[Authority]]) -> None:
    """Ask for the revocation data of every certificate that the newest stamps of trees are made with, once in a while."""
    now, note = archive.clock.now(), read_note(archive, NOTE)
    asked, noted = dict(note.get("asked", {})), dict(note.get("fallen", {}))
    together: dict[str, list[tuple[BatchRow, Mapping[str, Any]]]] = defaultdict(list)
    for row, tree in _trees(archive.catalog.evidence.batches()):
        if tree["evidence"]:
            together[f"{tree['authority']} {tree['subject']} {tree['certificate_ends']}"].append((row, tree))
    known = {each.name: each for several in authorities.values() for each in several}
    roots = roots_of(archive)
    for key, stamps in together.items():
        if key in asked and lately(asked[key], now, ASKED_EVERY):
            continue
        asked[key] = now.isoformat()
        name = str(stamps[0][1]["authority"])
        found = _fallen(archive, stamps, known.get(name), roots.get(name, Anchors()), now)
        looked = {f"{row.id}/{tree['tree']}" for row, tree in stamps}
        # What is said of a root may be taken back: a tree that fell for it, and that nothing else befell since, stands again.
        noted = {key: facts for key, facts in noted.items() if key not in looked} | found
    write_note(archive, NOTE, {"asked": {key: asked[key] for key in together}, "fallen": noted})


def trust_today(token: Token, authority: Authority | None, roots: Anchors) -> Trust:
    """What stamps by the certificate of ``token`` are judged by, with all that can be had today of its revocation."""
    return Trust(roots.with_revocations(data for _, data in revocations_for(token, authority)))


def _fallen(
    archive: Archive,
    stamps: Sequence[tuple[BatchRow, Mapping[str, Any]]],
    authority: Authority | None,
    roots: Anchors,
    now: datetime,
) -> dict[str, Any]:
    """Those of ``stamps``, all made with one certificate, that fell with it. A revocation for a harmless reason spares what was made
    before, so that the newest stamp says whether there is anything to look for."""
    found: dict[str, Any] = {}
    trust: Trust | None = None
    for row, tree in sorted(stamps, key=lambda each: str(each[1]["time"]), reverse=True):
        try:
            token = read_token(newest_token(archive, row, tree["tree"])[0])
        except (KhoError, OSError, ValueError, KeyError):
            continue  # a batch that cannot be read is the audit's to tell
        if trust is None:
            trust = trust_today(token, authority, roots)
        answer = trust.of(token, now)
        if not answer.fallen:
            _keep_ends(archive, stamps, answer)
            break
        found[f"{row.id}/{tree['tree']}"] = {"time": tree["time"], "reason": answer.reason}
    return found


def _keep_ends(archive: Archive, stamps: Sequence[tuple[BatchRow, Mapping[str, Any]]], answer: Answer) -> None:
    """Let the plan know what the path of these stamps stands on today: the operator may have given its root another period."""
    if answer.believed is not Believed.YES or answer.ends is None:
        return
    today = {"certificate_ends": answer.ends.strftime(TIME), "path": [list(each) for each in answer.path]}
    for row, tree in stamps:
        if any(tree.get(name) != value for name, value in today.items()):
            at = row.trees.index(dict(tree))
            row.trees[at] = {**tree, **today}
            archive.catalog.evidence.put(row)


def _trees(rows: Sequence[BatchRow] | Iterator[BatchRow]) -> Iterator[tuple[BatchRow, Mapping[str, Any]]]:
    for row in rows:
        for tree in row.trees:
            yield row, tree

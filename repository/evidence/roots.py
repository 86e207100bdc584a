"""The roots of the authorities that ever stamped: evidence outlives its authorities, and their sections in kho.toml.

Whose stamp Kho accepted is remembered in the home (``HOME/evidence/authorities.json``), not on a tier: who can write to a tier must not be
able to say whom the archive trusts. An authority that kho.toml names is believed by what kho.toml says of it; of one that it does not
name any more, what it said last still holds for the stamps that were made then.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from repository.archive import Archive
from repository.evidence.notes import read_note, write_note
from repository.settings.authorities import ANCHORS, DEMO, AuthorityPlace

if TYPE_CHECKING:
    from signatures.anchors import Anchor
    from signatures.timestamps import Anchors

__all__ = ["able_to_stamp", "keep_roots", "no_longer_named", "root_ends", "root_keys", "roots_of"]

NOTE = "authorities"


def _named(archive: Archive) -> dict[str, Anchors]:
    """Authority → what kho.toml says of it, without what the archive's own folder of anchors says."""
    from signatures.timestamps import load_anchors

    return {each.name: load_anchors(each.name, each.anchors) for each in archive.settings.authorities if each.url != DEMO}


def keep_roots(archive: Archive, stamped: Collection[str]) -> None:
    """Remember the roots for time-stamps of those authorities of kho.toml that are among ``stamped`` (names), with what kho.toml says of
    each today; another root is added to those before."""
    from signatures.anchors import Purpose

    before = read_note(archive, NOTE)
    after = {name: list(roots) for name, roots in before.items()}
    for name, anchors in _named(archive).items():
        if name in stamped:
            today = {each.certificate for each in anchors.anchors} | {each for each, _ in anchors.taken_back}
            others = [row for row in after.get(name, []) if _anchor(row).certificate not in today]
            after[name] = list(
                dict.fromkeys([*others, *(_row(each) for each in anchors.anchors if Purpose.TIMESTAMP in each.purposes)])
            )
    if after != before:
        write_note(archive, NOTE, after)


def roots_of(archive: Archive) -> dict[str, Anchors]:
    """Authority → whom its stamps are held against: what kho.toml says, else what was remembered, as far as the archive's own folder of
    anchors does not say otherwise. The demo authority is none of them.

    Raises:
        AuthoritySettings: what kho.toml names cannot be read. UnreadableNote: what was remembered cannot.
    """
    from signatures.anchors import load_anchors
    from signatures.timestamps import Anchors

    own = load_anchors(archive.settings.home / ANCHORS)
    kept = {name: Anchors(tuple(map(_anchor, roots))) for name, roots in read_note(archive, NOTE).items()}
    return {name: anchors.dated_by(own) for name, anchors in {**kept, **_named(archive)}.items()}


def able_to_stamp(archive: Archive, roots: Mapping[str, Anchors], now: datetime) -> list[AuthorityPlace]:
    """The authorities of kho.toml without those whose every root is taken back or has ended; ``roots`` as `roots_of` gives them."""
    from signatures.anchors import Purpose

    def stands(place: AuthorityPlace) -> bool:
        return any(Purpose.TIMESTAMP in each.purposes and max(now, each.since) < each.until for each in roots[place.name].anchors)

    return [place for place in archive.settings.authorities if place.url == DEMO or stands(place)]


def root_ends(roots: Mapping[str, Anchors]) -> dict[str, datetime]:
    """Authority → when the last of its roots for time-stamps ends; long ago where none is trusted."""
    from signatures.anchors import Purpose

    ended = datetime.min.replace(tzinfo=UTC)
    return {
        name: max((each.until for each in anchors.anchors if Purpose.TIMESTAMP in each.purposes), default=ended)
        for name, anchors in roots.items()
    }


def root_keys(roots: Mapping[str, Anchors], places: Iterable[AuthorityPlace]) -> frozenset[str]:
    """The SHA-256 (hexadecimal) of the keys of the roots that stamps of these authorities may lead to; the demo authority's is none."""
    from signatures.anchors import Purpose

    named = [each for place in places if place.url != DEMO for each in roots[place.name].anchors]
    return frozenset(each.certificate.key_sha256.hex() for each in named if Purpose.TIMESTAMP in each.purposes)


def _row(anchor: Anchor) -> str:
    """A root as the note has it: its certificate, and its period where somebody set one."""
    certificate = base64.b64encode(anchor.certificate.der).decode()
    return f"{certificate} {anchor.since.isoformat()} {anchor.until.isoformat()}" if anchor.dated else certificate


def _anchor(row: str) -> Anchor:
    from signatures.anchors import anchor_of
    from signatures.certificates import Certificate

    encoded, *period = row.split()
    anchor = anchor_of(Certificate(base64.b64decode(encoded)), NOTE)
    since, until = map(datetime.fromisoformat, period) if period else (anchor.since, anchor.until)
    return replace(anchor, since=since, until=until)


def no_longer_named(archive: Archive) -> list[str]:
    """Authorities that stamped and that kho.toml does not name any more."""
    named = {place.name for place in archive.settings.authorities}
    return sorted(read_note(archive, NOTE).keys() - named)

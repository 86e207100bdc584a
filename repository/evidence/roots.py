"""The roots of the authorities that ever stamped: evidence outlives its authorities, and their sections in kho.toml.

Whose stamp Kho accepted is remembered in the home (``HOME/evidence/authorities.json``), not on a tier: who can write to a tier must not be
able to say whom the archive trusts. An authority that kho.toml names is believed by what kho.toml says of it; of one that it does not
name any more, what it said last still holds for the stamps that were made then.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from repository.archive import Archive
from repository.evidence.notes import read_note, write_note
from repository.settings.authorities import DEMO, as_dated, authorities_of

if TYPE_CHECKING:
    from signatures.anchors import Anchor
    from signatures.timestamps import Anchors

__all__ = ["keep_roots", "no_longer_named", "roots_of"]

NOTE = "authorities"


def _named(archive: Archive) -> dict[str, Anchors]:
    places = [place for place in archive.settings.authorities if place.url != DEMO]
    return {each.name: each.anchors for each in authorities_of(archive.settings.home, places, archive.clock.now)}


def keep_roots(archive: Archive, stamped: Collection[str]) -> None:
    """Remember the roots of those authorities of kho.toml that are among ``stamped`` (names); another root is added to those before."""
    before = read_note(archive, NOTE)
    after = {name: list(roots) for name, roots in before.items()}
    for name, anchors in _named(archive).items():
        if name in stamped:
            after[name] = list(dict.fromkeys([*after.get(name, []), *map(_row, anchors.anchors)]))
    if after != before:
        write_note(archive, NOTE, after)


def roots_of(archive: Archive) -> dict[str, Anchors]:
    """Authority → whom its stamps are held against: what kho.toml says, else what was remembered. The demo authority is none of them.

    Raises:
        AuthoritySettings: what kho.toml names cannot be read. UnreadableNote: what was remembered cannot.
    """
    from signatures.timestamps import Anchors

    kept = {name: Anchors(tuple(map(_anchor, roots))) for name, roots in read_note(archive, NOTE).items()}
    dated = {name: as_dated(archive.settings.home, anchors) for name, anchors in kept.items()}
    return {**dated, **_named(archive)}


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

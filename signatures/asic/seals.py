"""Members that are CMS or time-stamps: the structures in them, each of which is read as if it were the only one."""

from __future__ import annotations

import io
from collections.abc import Callable

from formats.package.zip_members import ZipMembers
from signatures.asic.outcomes import alone
from signatures.ber import Malformed
from signatures.cms import MOST_BYTES
from signatures.collected import Collected
from signatures.detect import detect
from signatures.report import Kind
from signatures.structures import Structures, structures
from signatures.unread import unread

__all__ = ["read_each", "structures_in"]


def structures_in(members: ZipMembers, name: str) -> Structures:
    """Raises BadZip."""
    data = members.read(name, MOST_BYTES)
    found = detect(io.BytesIO(data))
    return structures(data, text=found is not None and found.armoured)


def read_each(members: ZipMembers, name: str, mine: Collected, read: Callable[[bytes, str, Collected], None]) -> None:
    """Read each structure in a member by ``read`` (structure, what it is called). Raises Malformed: the only one cannot be read; BadZip,
    and what ``read`` raises besides."""
    bodies = structures_in(members, name).bodies
    for number, body in enumerate(bodies, 1):
        label, one = f"{name} {number}" if len(bodies) > 1 else name, Collected()
        try:
            if isinstance(body, Malformed):
                raise body
            read(bytes(body[:]), label, one)
        except Malformed as error:
            if len(bodies) == 1:
                raise
            one = alone(unread(error, Kind.ASIC, label, place=label))
        mine.take(one)

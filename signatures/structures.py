"""The structures of a file, or of a member, that is taken for a signature: in text, or one behind another in BER; and whether anything else
stands there, which nobody signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from policies.findings import Finding
from policies.phrases import phrase
from signatures.armour import MOST_BLOCKS, armoured
from signatures.ber import SEQUENCE, Beyond, Buffer, Malformed, element
from signatures.cms import MOST_BYTES
from signatures.left_words import BESIDE
from signatures.signed import SignedObject
from signatures.stamp_response import SIGNED_DATA, token_in

__all__ = ["Structures", "in_part", "structures"]

HEADER = 10
"""Bytes that the header of an element has at most."""


@dataclass(frozen=True, slots=True)
class Structures:
    """In order; in place of one that could not be had, why. ``beside``: whether anything stands around them (around PEM: anything but
    blanks)."""

    bodies: tuple[Buffer | Malformed, ...]
    beside: bool = False


def structures(data: Buffer, *, text: bool = False) -> Structures:
    """What stands in ``data``, which is PEM or base64 (``text``), or binary. Of the answer of an authority it is the token."""
    if not text:
        return _together([_one_behind_another(data)], beside=False)
    found = armoured(bytes(data[:]))
    inner = [Structures((each,)) if isinstance(each, Malformed) else _one_behind_another(each) for each in found.bodies]
    return _together(inner, beside=found.beside)


def _together(found: list[Structures], *, beside: bool) -> Structures:
    bodies = tuple(islice((body for each in found for body in each.bodies), MOST_BLOCKS + 1))
    if len(bodies) > MOST_BLOCKS:
        bodies = (*bodies[:MOST_BLOCKS], Beyond(phrase("det-many-blocks", most=MOST_BLOCKS)))
    return Structures(bodies, beside or any(each.beside for each in found))


def _one_behind_another(data: Buffer) -> Structures:
    bodies = list(islice(_each(data), MOST_BLOCKS + 1))
    ends = [end for _, end in bodies]
    return Structures(tuple(body for body, _ in bodies), ends[-1] < len(data))


def _each(data: Buffer) -> Iterator[tuple[Buffer | Malformed, int]]:
    """The structures, each with where it ends. Only the first may be no signature: it is what the whole was taken for."""
    at = 0  # the first of a file that is not held in memory is given with what stands behind it: it may be of any size
    while not at or _stands_at(data, at):
        try:
            whole = element(data, at)
        except Malformed as error:
            yield error, len(data)
            return
        end = whole.end
        if at and end - at > MOST_BYTES:  # it would be copied
            yield Beyond(phrase("cms-many-bytes", most=MOST_BYTES)), end
        else:
            body = bytes(data[at:end]) if at or isinstance(data, bytes) else data
            token = token_in(body)
            yield body if token is None else bytes(body[token.start : token.end]), end
        at = end


def _stands_at(data: Buffer, at: int) -> bool:
    """Whether a ContentInfo with SignedData, or an answer with a token, begins at ``at``."""
    head = bytes(data[at : at + HEADER + len(SIGNED_DATA)])
    if head[:1] != bytes((SEQUENCE,)) or len(head) < 2:
        return False
    body = 2 + (head[1] & 0x7F if head[1] & 0x80 else 0)
    return head[body:].startswith(SIGNED_DATA) or _answers(data, at)


def _answers(data: Buffer, at: int) -> bool:
    try:
        end = element(data, at).end
    except Malformed:
        return False
    return end - at <= MOST_BYTES and token_in(bytes(data[at:end])) is not None


def in_part(read: SignedObject, more: Sequence[str] = (BESIDE,)) -> SignedObject:
    """One beside which ``more`` stands, which nobody signed: by default, something around its structure."""
    if set(more) <= set(read.coverage.left):
        return read
    left = (*read.coverage.left, *more)
    note = Finding("SIG-PART-ONLY", "", {"covered": read.coverage.name or "-", "left": ", ".join(left)})
    notes = (*(each for each in read.notes if each.code != note.code), note)
    return replace(read, coverage=replace(read.coverage, scope="part", left=left), notes=notes)

"""Canonical XML of what evidence records hash: whole documents, and elements of a record."""

from __future__ import annotations

from typing import Any

from formats.xml import NotLookedAt, NotWellFormed, TooLarge, exact
from policies.phrases import phrase
from signatures.xmldsig.c14n import METHODS, Nodes, Refused, Work
from signatures.xmldsig.native import joined

__all__ = ["canonical", "canonical_element"]


def canonical_element(
    element: Any, method: str, *, whole: bool = False, without: frozenset[Any] = frozenset(), work: Work | None = None
) -> bytes:
    """The canonical form of an element in its document, less some elements in it; ``whole`` takes in what stands around a root,
    ``work`` is what may be done for it. Raises TooLarge, KeyError."""
    chosen = METHODS[method]
    nodes = Nodes(element, whole=whole, comments=chosen.comments)
    try:
        return joined(nodes.filtered("subtract", without) if without else nodes, chosen, work or Work())
    except Refused as error:
        raise TooLarge(phrase("can-none", why=error.reason)) from error


def canonical(data: bytes, method: str, work: Work | None = None) -> bytes | None:
    """The canonical form of a whole document; None when ``data`` is no XML that is accepted, or the method is not known. ``work`` is what
    may be done for it.

    Raises:
        NotLookedAt: it is of a sort that is not read, so that nothing can be said of it.
    """
    if method not in METHODS:
        return None
    try:
        return canonical_element(exact(data), method, whole=True, work=work)
    except NotLookedAt:
        raise
    except NotWellFormed:
        return None

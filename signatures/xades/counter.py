"""Counter-signatures: over the value of another signature, and of nothing else (EN 319 132-1, 5.2.7).

A counter-signature says who saw another signature, and nothing of a document. So it is one only where that other signature stands in the
same file and is read there, too: a value alone can be taken along with its counter-signature into any file.
"""

from __future__ import annotations

from typing import Any

from signatures.xades.properties import local
from signatures.xmldsig.c14n import Nodes
from signatures.xmldsig.names import ds
from signatures.xmldsig.references import State
from signatures.xmldsig.signature import XmlSignature

__all__ = ["countersigned", "covers_value", "signs_values_only"]


def countersigned(element: Any) -> Any:
    """The ds:Signature that ``element`` stands in as xades:CounterSignature, or None."""
    parent = element.getparent()
    if parent is None or local(parent) != "CounterSignature":
        return None
    return next(parent.iterancestors(ds("Signature")), None)


def signs_values_only(signature: XmlSignature) -> bool:
    """Whether a signature signs nothing but the values of other signatures that stand in its document (5.2.7.1: Type
    CountersignedSignature)."""
    sets = [each.nodes for each in signature.references if each.nodes is not None]
    objects = [nodes for nodes in sets if not local(nodes.top)]
    return bool(objects) and len(sets) == len(signature.references) and all(_is_value(each, signature) for each in objects)


def _is_value(nodes: Nodes, signature: XmlSignature) -> bool:
    parent = nodes.top.getparent()
    of_another = parent is not None and parent.tag == ds("Signature") and parent is not signature.element
    return of_another and nodes.top.tag == ds("SignatureValue") and _keeps(nodes, nodes.top)


def covers_value(signature: XmlSignature, over: Any) -> bool:
    """Whether a signature covers the value of the signature ``over``, alone or with all of it."""
    value = over.find(ds("SignatureValue"))
    good = [each.nodes for each in signature.references if each.nodes is not None and each.state is State.GOOD]
    return value is not None and any(nodes.top in (value, over) and _keeps(nodes, value) for nodes in good)


def _keeps(nodes: Nodes, element: Any) -> bool:
    """Whether filters leave ``element`` in a node set that is around it."""
    path = {element, *element.iterancestors()}
    return all(each.tops.isdisjoint(path) == (each.operation == "subtract") for each in nodes.filters)

"""XML files with signatures: enveloped, enveloping, detached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from formats.xml import MAX_EXACT_BYTES, NotLookedAt, NotWellFormed
from formats.xml_prolog import is_xml
from policies.findings import Finding
from policies.phrases import phrase
from signatures.certificates import Certificate
from signatures.collected import Collected
from signatures.report import Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from signatures.unread import unread
from signatures.xades.reader import read_document
from signatures.xmldsig.document import Document
from signatures.xmldsig.guess import Guess, Unnamed
from signatures.xmldsig.names import ds
from signatures.xmldsig.references import Resolver

__all__ = ["XadesVerifier", "unreadable"]


class XadesVerifier:
    """`signatures.signed.Verifier` for XML. ``known`` are certificates that may be a signer's when the signature lacks it."""

    kinds = frozenset({Kind.XADES})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            data = stream.read(MAX_EXACT_BYTES + 1)
        if not is_xml(data):
            return SignedFile((unread(phrase("xml-damaged-front"), Kind.XADES, sure=False),))
        collected = Collected()
        try:
            document = Document(data, source.work)
        except NotWellFormed as error:
            return SignedFile((unreadable(error, Kind.XADES),))
        del data
        read_document(document, _beside(source, document), collected, known=self._known)
        if _in_no_signature(document):
            collected.objects.append(unread(phrase("xad-namespace"), Kind.XADES, sure=False))
        return collected.file()


def _in_no_signature(document: Document) -> bool:
    """Whether what makes a signature stands there together, in an element that is none, for its name or namespace is another: it cannot be
    read as one."""
    parents = (each.getparent() for each in document.root.iter("{*}SignatureValue"))
    return any(each is not None and each.tag != ds("Signature") and each.find("{*}SignedInfo") is not None for each in parents)


def unreadable(error: NotWellFormed, kind: Kind, name: str = "") -> SignedObject:
    """What is known of a document that was not read: nothing, or (where it is no XML) that it is broken."""
    if isinstance(error, NotLookedAt):
        why = Finding("SIG-XML-REFUSED", "", {"reason": error.reason})
        return SignedObject(kind, Role.SIGNATURE, name, b"", Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE, why)
    why = Finding("SIG-FORMAT", "", {"reason": error.reason})
    return SignedObject(kind, Role.SIGNATURE, name, b"", Integrity.BROKEN, SubIndication.FORMAT_FAILURE, why)


def _beside(source: Source, document: Document) -> Resolver:
    """Files that a signature names: by their name, in the same folder; where it names a single one, what lies beside is that one.

    A file is never found by a path that leads out of the folder, nor by an address."""
    names = {each.get("URI", "") for each in document.root.iter(ds("Reference"))}
    single = len({each for each in names if not each.startswith("#")}) == 1

    def resolve(name: str) -> Callable[[], BinaryIO] | None:
        if name and (found := source.named(name)) is not None:
            return found
        others = list(source.beside())
        # With a folder in it, the name of a file elsewhere is another file's, but where nothing else can be meant.
        loose = single or "/" not in name
        for exact in (True, False) if loose else (True,):
            for each, opened in others:
                if each == name or (not exact and each.rpartition("/")[2] == name.rpartition("/")[2]):
                    return opened
        if not (others and single):
            return None
        return Guess(others[0][1]) if name else Unnamed(*others[0])

    return resolve

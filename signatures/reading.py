"""Every family of signatures behind one door: detect what a file carries, and let the right verifier read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from signatures.asic.container import AsicVerifier
from signatures.cades import CadesVerifier
from signatures.called import unread_by_name
from signatures.certificates import Certificate
from signatures.detect import detected
from signatures.evidence_files import EvidenceVerifier
from signatures.inside import Inside, noted, signed_inside
from signatures.odd import ODD, not_understood
from signatures.odd_account import one_account
from signatures.odf import OdfVerifier
from signatures.ooxml import OoxmlVerifier
from signatures.other_verifier import OtherVerifier
from signatures.pades import PadesVerifier
from signatures.report import Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source, Verifier
from signatures.xades.verifier import XadesVerifier
from signatures.xaip_verifier import XaipVerifier

__all__ = ["read_signatures", "verifiers"]


def verifiers(known: Sequence[Certificate] = ()) -> tuple[Verifier, ...]:
    """One verifier a family. A new format is one more line here, and one more in `signatures.detect`."""
    families = (
        PadesVerifier,
        CadesVerifier,
        XadesVerifier,
        OoxmlVerifier,
        OdfVerifier,
        AsicVerifier,
        EvidenceVerifier,
        XaipVerifier,
        OtherVerifier,
    )
    return tuple(family(known) for family in families)


def read_signatures(source: Source, known: Sequence[Certificate] = ()) -> SignedFile | None:
    """What is signed in a file, and in the files that it holds; None when it carries no signature, and is not called one. Raises OSError
    and CouldNotRead as they are."""
    inside = Inside.of(source)
    with one_account() as account:
        file = noted(_signed(tuple(known), source, inside) or SignedFile(), inside)
    if account.beyond:
        file = replace(file, objects=tuple(map(_unsure, file.objects)), beyond=(*file.beyond, *account.findings))
    return file if file.objects else None


def _unsure(read: SignedObject) -> SignedObject:
    """The same where certificates were not read: a value that is wrong by one of the others may be right by the signer's own."""
    if read.integrity is not Integrity.BROKEN or read.failure is not SubIndication.SIG_CRYPTO_FAILURE:
        return read
    return replace(read, integrity=Integrity.UNKNOWN, failure=SubIndication.GENERIC)


def _signed(known: tuple[Certificate, ...], source: Source, inside: Inside) -> SignedFile | None:
    lost: list[SignedFile] = []
    try:
        with source.path.open("rb") as stream:
            kinds = dict.fromkeys(each.kind for each in detected(stream))
    except ODD as error:
        kinds, lost = {}, [SignedFile((_lost(Kind.OTHER, error),))]
    families = [each for each in verifiers(known) if not each.kinds.isdisjoint(kinds)]
    files = lost + [file for each in families if (file := _read(each, source)).objects]
    files += signed_inside(source, kinds.keys(), inside, partial(_signed, known))
    if files:
        return SignedFile.together(files)
    called = unread_by_name(source)
    return SignedFile((called,)) if called else None


def _read(verifier: Verifier, source: Source) -> SignedFile:
    try:
        return verifier.read(source)
    except ODD as error:
        # Not seen, and not to be believed impossible: a file over which a reader stumbles is not understood, and nothing more.
        kind = min(verifier.kinds, key=list(Kind).index)
        return SignedFile((_lost(kind, error),))


def _lost(kind: Kind, error: Exception) -> SignedObject:
    return SignedObject(kind, Role.SIGNATURE, "", b"", Integrity.UNKNOWN, SubIndication.GENERIC, not_understood(error))

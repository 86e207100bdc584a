"""Counter-signatures of CMS (RFC 5652, 11.4): each signs the value of the signature it hangs on, which may be one itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policies.phrases import phrase
from signatures.attributes import COUNTERSIGNATURE
from signatures.ber import Beyond, Malformed
from signatures.certificates import Certificate
from signatures.cms import CmsFile, Content, Message
from signatures.collected import Collected
from signatures.report import Coverage, Role
from signatures.signed import SignedObject
from signatures.signer import ReadSigner, read_signer
from signatures.unread import unread

__all__ = ["Countersigning"]

DEEPEST, MOST = 10, 500
"""Counter-signatures in one another, and in all under one signature, that are judged."""


_Attached = Callable[[ReadSigner, SignedObject, Collected, Content, Sequence[Certificate], CmsFile | None], SignedObject]
"""What takes along what hangs on a signer."""


@dataclass
class Countersigning:
    """Reads all that hang on one signer into ``collected``. One that cannot be read is told: it was there."""

    collected: Collected
    certificates: Sequence[Certificate]
    attached: _Attached
    left: int = MOST

    def read(self, signer: ReadSigner, over: SignedObject, depth: int = 1) -> None:
        for number, info in enumerate(_infos(signer), 1):
            name = f"{over.name or '1'}.{number}"
            self.left -= 1
            if self.left < 0 or depth > DEEPEST:
                self._lost(Beyond(phrase("cms-many-counters", most=MOST, deepest=DEEPEST)), over, name)
                return
            if info is None:
                self._lost(phrase("cms-attribute"), over, name)
                continue
            self._one(info, over, name, depth)

    def _one(self, info: Any, over: SignedObject, name: str, depth: int) -> None:
        read, own = read_signer(
            info,
            kind=over.kind,
            role=Role.COUNTERSIGNATURE,
            name=name,
            content=lambda algorithm: hashlib.new(algorithm, over.value).digest(),
            content_type="",
            certificates=self.certificates,
            coverage=Coverage("part"),
            message=Message(lambda most: over.value[:most]),
        )
        if own is not None:
            read = self.attached(own, read, self.collected, lambda _: None, self.certificates, None)
        self.collected.objects.append(read)
        if own is not None:
            self.read(own, read, depth + 1)

    def _lost(self, why: Malformed | str, over: SignedObject, name: str) -> None:
        """Nobody protects what is not signed: that it is damaged says nothing of the signature that it hangs on."""
        self.collected.objects.append(unread(why, over.kind, name, role=Role.COUNTERSIGNATURE, sure=isinstance(why, Beyond)))


def _infos(signer: ReadSigner) -> Iterator[Any]:
    """Those that hang on a signer; None for one that cannot be read."""
    from asn1crypto import cms  # type: ignore[import-untyped]

    for raw in signer.unsigned.all(COUNTERSIGNATURE):
        try:
            info = cms.SignerInfo.load(raw)
            info["sid"], info["signature"].native
        except (ValueError, TypeError, KeyError):
            info = None
        yield info
    if COUNTERSIGNATURE in signer.unsigned.unreadable:
        yield None

"""Attachments of an edXML message (QCVN 102:2016/BTTTT), which its signature may name by ``cid:``: they stand in the message itself."""

from __future__ import annotations

from typing import Any

from policies.phrases import phrase
from signatures.xmldsig.c14n import Refused
from signatures.xmldsig.document import Document, text_of

__all__ = ["SCHEME", "attachment", "is_message"]

SCHEME = "cid:"

NAMESPACE = "{http://www.mic.gov.vn/TBT/QCVN_102_2016}"


def is_message(document: Document) -> bool:
    """Whether it says itself where its parts are."""
    return bool(document.root.tag == f"{NAMESPACE}edXML")


def attachment(document: Document, uri: str) -> Any | None:
    """The ContentTransferEncoded of the one attachment with that ContentId; None: the message has none. Raises `Refused`: there are
    several."""
    found = []
    for each in document.root.iterfind(f"{NAMESPACE}AttachmentEncoded/{NAMESPACE}Attachment"):
        document.work.visit()
        name = each.find(f"{NAMESPACE}ContentId")
        if name is not None and text_of(name).strip().removeprefix(SCHEME) == uri.removeprefix(SCHEME):
            found += each.findall(f"{NAMESPACE}ContentTransferEncoded")
    if len(found) > 1:
        raise Refused(phrase("dsig-id-twice", count=len(found), id=uri[:80]))
    return found[0] if found else None

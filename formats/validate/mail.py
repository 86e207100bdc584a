"""E-mail: one message (RFC 5322, MIME), and mailboxes in the mbox format (RFC 4155)."""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

from formats.families import family_of
from formats.validate.archives import NotWhole
from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["MailParser", "messages"]

LARGEST_MESSAGE = 256 << 20
"""Bytes of one message that are parsed; servers refuse messages of a tenth of that."""

DEMANDED = ("From", "Date")
"""RFC 5322, 3.6: the only two fields that every message has."""


class MailParser:
    """Headers that must be there, and a MIME structure that closes where it should."""

    name = "kho mail"
    version = "RFC 5322"

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} ({self.version})"
        try:
            return self._looked_at(path, puid, check)
        except NotWhole as reason:
            return could_not(Why.TOOL_DIED, str(reason), check=check)

    @staticmethod
    def _looked_at(path: Path, puid: Puid, check: str) -> Validation:
        if family_of(puid) == "email":
            with path.open("rb") as stream:
                return defective(check, list(_defects(stream.read(LARGEST_MESSAGE + 1))))
        with path.open("rb") as stream:
            if not stream.readline(1000).startswith(b"From "):
                return defective(check, [Defect("RFC 4155", phrase("mailbox-begin"))])
        defects = [
            Defect(each.rule, phrase("mailbox-message", number=number, words=each.words))
            for number, message in enumerate(messages(path), 1)
            for each in _defects(message)
        ]
        return defective(check, defects)


def messages(path: Path) -> Iterator[bytes]:
    """The messages of a mailbox, one in memory at a time: a line "From " after an empty one begins the next."""
    message = bytearray()
    empty = True
    with path.open("rb") as stream:
        for line in stream:
            if line.startswith(b"From ") and empty:
                if message:
                    yield bytes(message)
                message.clear()
            elif len(message) <= LARGEST_MESSAGE:
                message += line
            empty = line in (b"\n", b"\r\n")
    yield bytes(message)


def _defects(data: bytes) -> Iterator[Defect]:
    if len(data) > LARGEST_MESSAGE:
        raise NotWhole(phrase("message-large", most=LARGEST_MESSAGE))
    message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(data)
    for field in DEMANDED:
        if message[field] is None:
            yield Defect("RFC 5322 3.6", phrase("mail-field", field=field))
    for part in message.walk():
        if not part.is_multipart():
            part.get_payload(decode=True)  # finds what is wrong with its encoding
        yield from _of_part(part)


def _of_part(part: Message) -> Iterator[Defect]:
    for defect in part.defects:
        yield Defect("MIME", (defect.__doc__ or type(defect).__name__).strip())

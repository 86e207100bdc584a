"""Evidence records in XML for tests, written by hand as RFC 6283 shows them: stamps of virtual authorities over given lists."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from signatures.evidence import climb
from signatures.timestamps import Authority
from tests.signatures.evidence_builder import stamped

NS = "urn:ietf:params:xml:ns:ers"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
URIS = {"sha256": "http://www.w3.org/2001/04/xmlenc#sha256", "sha512": "http://www.w3.org/2001/04/xmlenc#sha512"}


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def c14n(text: str) -> bytes:
    out = io.BytesIO()
    etree.ElementTree(etree.fromstring(text)).write_c14n(out)
    return out.getvalue()


@dataclass
class XmlErs:
    """A record that grows. ``pretty`` puts white space between elements, as some producers do."""

    chains: list[tuple[str, list[str]]] = field(default_factory=list)
    pretty: bool = False

    def stamp(self, authority: Authority, hash_name: str, lists: Sequence[Sequence[bytes]], *, tree: bool = True) -> str:
        """An ArchiveTimeStamp without its Order; ``tree`` False leaves the hash tree out (one value only)."""
        token = stamped(authority, hash_name, climb(hash_name, lists))
        sequences = "".join(
            f'<Sequence Order="{number}">'
            + "".join(f"<DigestValue>{_text(each)}</DigestValue>" for each in sorted(values))
            + "</Sequence>"
            for number, values in enumerate(lists, 1)
        )
        holder = f"<HashTree>{sequences}</HashTree>" if tree else ""
        return f'{holder}<TimeStamp><TimeStampToken Type="RFC3161">{_text(token)}</TimeStampToken></TimeStamp>'

    def begin(self, authority: Authority, hash_name: str, digests: Sequence[bytes], *others: Sequence[bytes]) -> None:
        """A new chain over ``digests``: the first, or a hash-tree renewal."""
        first = list(digests)
        if self.chains:
            first.append(hashlib.new(hash_name, c14n(self.sequence())).digest())
        self.chains.append((hash_name, [self.stamp(authority, hash_name, [first, *others])]))

    def renew(self, authority: Authority) -> None:
        hash_name, stamps = self.chains[-1]
        part = stamps[-1][stamps[-1].index("<TimeStamp>") :]
        whole = part.replace("<TimeStamp>", f'<TimeStamp xmlns="{NS}">', 1)
        stamps.append(self.stamp(authority, hash_name, [[hashlib.new(hash_name, c14n(whole)).digest()]], tree=False))

    def sequence(self) -> str:
        gap = "\n  " if self.pretty else ""
        chains = ""
        for number, (hash_name, stamps) in enumerate(self.chains, 1):
            inside = "".join(
                f'<ArchiveTimeStamp Order="{index}">{each}</ArchiveTimeStamp>' for index, each in enumerate(stamps, 1)
            )
            methods = f'<DigestMethod Algorithm="{URIS[hash_name]}"/><CanonicalizationMethod Algorithm="{C14N}"/>'
            chains += f'{gap}<ArchiveTimeStampChain Order="{number}">{methods}{inside}</ArchiveTimeStampChain>'
        end = "\n" if self.pretty else ""
        return f'<ArchiveTimeStampSequence xmlns="{NS}">{chains}{end}</ArchiveTimeStampSequence>'

    def record(self) -> bytes:
        inner = self.sequence().replace(f' xmlns="{NS}"', "", 1)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<EvidenceRecord xmlns="{NS}" Version="1.0">{inner}</EvidenceRecord>'.encode()

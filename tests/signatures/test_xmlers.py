"""Evidence records in XML (RFC 6283): what they prove, and everything that is tried to make them prove more."""

from __future__ import annotations

import functools
import hashlib
import json
import time
import tracemalloc
from datetime import timedelta

import pytest

from policies.findings import spoken
from policies.trust import default_algorithms
from repository.views.evidence import evidence as view
from signatures.evidence import DataObject, object_of_bytes, verify_record
from signatures.timestamps import Believed, Trust, read_token
from tests.signatures.authorities import NOW, VirtualClock, authority
from tests.signatures.test_evidence import FLIPS, found
from tests.signatures.xmlers_builder import C14N, NS, XmlErs

PLAIN = {"a": b"cong van", "b": b"phu luc"}
XML = b'<?xml version="1.0"?><!-- note --><vb:vanBan xmlns:vb="urn:vb" so=\'1\'><vb:noiDung/></vb:vanBan>'


def objects(**extra: bytes) -> list[DataObject]:
    return [object_of_bytes(name, data) for name, data in (PLAIN | extra).items()]


def digests(hash_name: str) -> list[bytes]:
    return [hashlib.new(hash_name, each).digest() for each in PLAIN.values()]


@functools.cache
def renewed(*, pretty: bool = False) -> tuple[bytes, Trust, VirtualClock]:
    """A record with both kinds of renewal, by four authorities."""
    clock = VirtualClock()
    made = XmlErs(pretty=pretty)
    authorities = []

    def another(name: str, kind: str = "p256") -> object:
        authorities.append(authority(name, kind, clock=clock, begins=clock.now() - timedelta(days=1), years=10))
        return authorities[-1]

    made.begin(another("one"), "sha256", digests("sha256"), [hashlib.sha256(b"beside").digest()])  # type: ignore[arg-type]
    clock.pass_days(900)
    made.renew(another("two"))  # type: ignore[arg-type]
    clock.pass_days(900)
    made.begin(another("three", "p384"), "sha512", digests("sha512"))  # type: ignore[arg-type]
    clock.pass_days(900)
    made.renew(another("four"))  # type: ignore[arg-type]
    clock.pass_days(900)
    made.begin(another("five"), "sha512", digests("sha512"))  # type: ignore[arg-type]
    anchors = authorities[0].anchors
    for each in authorities[1:]:
        anchors = anchors + each.anchors
    return made.record(), Trust(anchors), clock


@pytest.mark.parametrize("pretty", [False, True])
def test_both_renewals_are_followed_and_the_first_time_is_kept(pretty: bool) -> None:
    record, trust, clock = renewed(pretty=pretty)
    report = verify_record(record, objects(), at=clock.now(), trust=trust, algorithms=default_algorithms(), whole_group=True)
    assert found(report) == []
    assert (report.proved, report.trust, report.quirks) == (NOW, Believed.YES, [])
    assert [each.kind for each in report.stamps] == [
        "initial",
        "time-stamp renewal",
        "hash-tree renewal",
        "time-stamp renewal",
        "hash-tree renewal",
    ]


def test_a_changed_object_is_named_and_each_alone_is_proved() -> None:
    record, _, _ = renewed()
    report = verify_record(record, objects(b=b"changed"))
    assert {code for code, _ in found(report)} == {"EVD-NOT-COVERED"}
    assert (report.covered, report.missing) == (["a"], ["b"])
    assert verify_record(record, [object_of_bytes("b", PLAIN["b"])]).valid


def test_an_xml_object_is_proved_in_its_canonical_form_and_that_is_said() -> None:
    made = XmlErs()
    canonical = b'<vb:vanBan xmlns:vb="urn:vb" so="1"><vb:noiDung></vb:noiDung></vb:vanBan>'
    made.begin(authority(), "sha256", [hashlib.sha256(canonical).digest()], [b"\1" * 32])
    report = verify_record(made.record(), [object_of_bytes("vb.xml", XML)])
    assert found(report) == []
    assert [each.code for each in report.findings if each.code == "EVD-CANONICAL"] == ["EVD-CANONICAL"]
    assert not verify_record(made.record(), [object_of_bytes("vb.xml", XML.replace(b"'1'", b"'2'"))]).valid
    raw = XmlErs()
    raw.begin(authority(), "sha256", [hashlib.sha256(XML).digest()], [b"\1" * 32])
    report = verify_record(raw.record(), [object_of_bytes("vb.xml", XML)])
    assert report.valid
    assert "not canonicalised" in spoken(report.quirks[0])


def test_where_a_schema_is_said_to_be_is_passed_over() -> None:
    location = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="urn:x http://127.0.0.1:9/x.xsd"'
    made = XmlErs()
    made.begin(authority(), "sha256", digests("sha256"), [b"\1" * 32])
    assert verify_record(made.record().replace(b"<EvidenceRecord", f"<EvidenceRecord {location}".encode()), objects()).valid


def changed(before: str, after: str, count: int = 1) -> bytes:
    text = renewed()[0].decode()
    assert before in text
    return text.replace(before, after, count).encode()


NEVER = {
    "a DOCTYPE": changed("<EvidenceRecord", "<!DOCTYPE EvidenceRecord><EvidenceRecord"),
    "an entity": changed("<EvidenceRecord", '<!DOCTYPE e [<!ENTITY x "y">]><EvidenceRecord'),
    "an external DTD": changed("<EvidenceRecord", '<!DOCTYPE e SYSTEM "http://127.0.0.1:9/x.dtd"><EvidenceRecord'),
    "another version": changed('Version="1.0"', 'Version="2.0"'),
    "an unknown element": changed("<ArchiveTimeStampSequence>", "<More/><ArchiveTimeStampSequence>"),
    "an element of another name space": changed("<HashTree>", '<HashTree xmlns="urn:other">'),
    "an attribute besides": changed("<HashTree>", '<HashTree Id="1">'),
    "text between elements": changed("<HashTree>", "<HashTree>text"),
    "an Order that stands twice": changed('ArchiveTimeStampChain Order="2"', 'ArchiveTimeStampChain Order="1"'),
    "an Order with a gap": changed('ArchiveTimeStampChain Order="3"', 'ArchiveTimeStampChain Order="4"'),
    "an Order of nought": changed('ArchiveTimeStamp Order="1"', 'ArchiveTimeStamp Order="0"'),
    "an Order in other digits": changed('ArchiveTimeStamp Order="1"', 'ArchiveTimeStamp Order="١"'),
    "chains that changed places": changed('Chain Order="1"', 'Chain Order="x"')
    .replace(b'Chain Order="2"', b'Chain Order="1"')
    .replace(b'Chain Order="x"', b'Chain Order="2"'),
    "a canonicalisation that is none": changed(C14N, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    "a hash that is none": changed("xmlenc#sha256", "xmldsig-more#md5"),
    "another hash than the token's": changed("xmlenc#sha256", "xmlenc#sha512"),
    "a comment inside a value": changed("<DigestValue>", "<DigestValue><!-- -->"),
    "a time-stamp of another type": changed('Type="RFC3161"', 'Type="XMLENTRUST"'),
    "no time-stamp": changed("<TimeStamp>", "<TimeStamps>").replace(b"</TimeStamp>", b"</TimeStamps>", 1),
    "nested beyond bounds": f'<EvidenceRecord xmlns="{NS}" Version="1.0">{"<a>" * 5000}'.encode(),
}


@pytest.mark.parametrize("name", NEVER)
def test_refused(name: str) -> None:
    started = time.process_time()
    report = verify_record(NEVER[name], objects())
    assert not report.valid, name
    assert found(report)
    assert time.process_time() - started < 2


def test_a_renewal_of_another_record_is_no_renewal() -> None:
    clock = VirtualClock()
    one, two = XmlErs(), XmlErs()
    for made, names in ((one, digests("sha256")), (two, [b"\2" * 32])):
        made.begin(authority("a", clock=clock), "sha256", names, [b"\1" * 32])
    clock.pass_days(10)
    two.renew(authority("b", clock=clock))
    one.chains[0][1].append(two.chains[0][1][1])
    assert found(verify_record(one.record(), objects())) == [("EVD-RENEWAL", "chain[1]/archiveTimeStamp[2]/timeStamp")]
    other = XmlErs()
    other.begin(authority("a", clock=clock), "sha256", digests("sha256"))
    three = XmlErs(chains=[*two.chains, ("sha256", [other.chains[0][1][0]])])  # the list lacks the hash of what was before
    assert ("EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/reducedHashtree[1]") in found(
        verify_record(three.record(), objects())
    )


def test_a_canonical_form_that_would_be_huge_is_refused_in_little_memory() -> None:
    """Exclusive canonicalisation writes a declaration at each sibling: 2 MB become 40 GB."""
    long = "urn:" + "x" * 1_000_000
    bomb = f'<r xmlns:p="{long}">{"<p:a/>" * 40_000}</r>'.encode()
    made = XmlErs()
    made.begin(authority(), "sha256", digests("sha256"), [b"\1" * 32])
    record = made.record().replace(C14N.encode(), b"http://www.w3.org/2001/10/xml-exc-c14n#")
    started = time.process_time()
    report = verify_record(record, [object_of_bytes("bomb.xml", bomb)])
    assert [code for code, _ in found(report)] == ["EVD-NOT-LOOKED"]  # which is not to say that it was altered
    assert time.process_time() - started < 4  # 60 GB would take minutes; about half a second on a quiet machine
    tracemalloc.start()
    verify_record(record, [object_of_bytes("bomb.xml", bomb)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 << 20


def test_of_a_thousand_copied_chains_or_stamps_not_one_is_read() -> None:
    """Each chain is hashed with all before it: without a bound a few megabytes would take hours."""
    made = XmlErs()
    made.begin(authority(), "sha256", digests("sha256"), [b"\1" * 32])
    started = time.process_time()
    for copied in (
        XmlErs(chains=made.chains * 1000),
        XmlErs(chains=[("sha256", made.chains[0][1] * 1000)]),
    ):
        assert found(verify_record(copied.record(), objects()))[0][0] == "EVD-BEYOND"
    assert time.process_time() - started < 2


_remembering = functools.lru_cache(read_token)


def shown(record: bytes) -> str | None:
    report = verify_record(record, objects(), read=_remembering)
    return json.dumps(view(report)) if report.valid else None


def flipped(step: int, ways: tuple[int, ...]) -> None:
    """A flip makes the record invalid; or it changes nothing that is told, as within a name space's prefix that nobody uses."""
    record = renewed()[0]
    sound = shown(record)
    assert sound is not None
    survivors = 0
    for offset in range(0, len(record), step):
        for flip in ways if len(ways) > 3 else (ways[offset % len(ways)],):
            damaged = bytearray(record)
            damaged[offset] ^= flip
            said = shown(bytes(damaged))
            if said is not None:
                survivors += 1
                assert said == sound, (offset, flip)
    assert survivors <= 24 * len(ways)  # the XML declaration, and white space for white space


def test_flipped_bytes_never_pass() -> None:
    flipped(7, FLIPS)


@pytest.mark.proof
def test_every_flipped_byte_in_every_way_never_passes() -> None:
    flipped(1, (1, 2, 4, 8, 16, 32, 64, 128, 255))

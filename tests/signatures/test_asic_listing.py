"""The list of members that no signature of a container covers (META-INF/manifest.xml): passed over where it says nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from signatures.asic.listing import LISTING
from signatures.report import Integrity
from signatures.signed import SignedObject
from tests.signatures.asic_builder import EXTENDED, WHEN, manifest, zipped
from tests.signatures.judging import read
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import Ref, Signing

SPACE = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
FILES = {"công văn.txt": b"Cong van", "b/bang.csv": b"a,b"}
TYPES = {"công văn.txt": "text/plain", "b/bang.csv": "text/csv"}


@cache
def pki() -> Pki:
    return Pki("ec")


def entry(name: str, kind: str, more: str = "") -> str:
    return f'<m:file-entry m:full-path="{name}" m:media-type="{kind}"{more}/>'


def listing(types: Mapping[str, str] = TYPES, *, more: str = "", around: str = "", root: str = "", all_: str = EXTENDED) -> bytes:
    entries = entry("/", all_) + "\n".join(entry(*each) for each in types.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<m:manifest xmlns:m="{SPACE}"{root}>\n{entries}{more}\n</m:manifest>{around}'
    return text.encode()


def signature(types: Mapping[str, str] = TYPES) -> bytes:
    formats = "".join(
        f'<xades:DataObjectFormat ObjectReference="#r{list(FILES).index(name)}"><xades:MimeType>{kind}</xades:MimeType>'
        "</xades:DataObjectFormat>"
        for name, kind in types.items()
    )
    references = [Ref(name.replace(" ", "%20"), data, name=f"r{number}") for number, (name, data) in enumerate(FILES.items())]
    return bytes(etree.tostring(Signing(pki(), references=references, content_stamps=formats).signature()))


def only(folder: Path, listed: bytes, seal: bytes | None = None, **more: bytes) -> SignedObject:
    members = {**FILES, "META-INF/signatures0.xml": signature() if seal is None else seal, LISTING: listed, **more}
    (found,) = read(folder, zipped(members), "x.asice").objects
    assert found.integrity is Integrity.INTACT
    return found


@pytest.mark.parametrize(
    "listed",
    [
        listing(),
        listing(root=' m:version="1.2"'),
        listing().replace(b"<m:", b"<").replace(b"</m:", b"</").replace(b" m:", b" ").replace(b"xmlns:m=", b"xmlns="),
        listing({}),
        b"\xef\xbb\xbf" + listing(),
    ],
)
def test_a_list_that_says_nothing_of_its_own_is_passed_over(tmp_path: Path, listed: bytes) -> None:
    found = only(tmp_path, listed)
    assert (found.coverage.whole, found.coverage.left) == (True, ())


MORE = {
    "a member that is not there": listing({**TYPES, "c.txt": "text/plain"}),
    "a member twice": listing(more=entry("b/bang.csv", "text/csv")),
    "another type": listing({**TYPES, "b/bang.csv": "text/html"}),
    "another type of the whole": listing(all_="application/vnd.oasis.opendocument.text"),
    "text": listing(more="Pay"),
    "text in an entry": listing(more=f'<m:file-entry m:full-path="{LISTING}" m:media-type="text/xml">Pay</m:file-entry>'),
    "an element": listing(more="<m:encryption-data/>"),
    "an element in an entry": listing(more='<m:file-entry m:full-path="/"><m:algorithm/></m:file-entry>'),
    "an element of another kind": listing(more="<p>Pay</p>"),
    "an attribute": listing(root=' note="Pay"'),
    "an attribute of an entry": listing({}, more=entry("b/bang.csv", "text/csv", ' m:size="3"')),
    "an attribute twice": listing({}, more=entry("b/bang.csv", "text/csv", ' full-path="công văn.txt"')),
    "a version of nothing": listing(root=' m:version="Pay"'),
    "a comment": listing(more="<!-- Pay -->"),
    "a comment behind": listing(around="<!-- Pay -->"),
    "an instruction": listing(around="<?pay now?>"),
    "a DOCTYPE": listing().replace(b"?>\n", b"?>\n<!DOCTYPE m:manifest>\n", 1),
    "another root": listing().replace(b"m:manifest", b"m:manifests"),
    "no XML": b"Pay",
}


@pytest.mark.parametrize("what", MORE)
def test_a_list_that_says_more_is_named(tmp_path: Path, what: str) -> None:
    found = only(tmp_path, MORE[what])
    assert (found.coverage.whole, found.coverage.left) == (False, (LISTING,))
    assert "SIG-PART-ONLY" in [each.code for each in found.notes]


def test_types_count_only_where_they_were_signed(tmp_path: Path) -> None:
    one = {"b/bang.csv": "text/csv"}
    assert only(tmp_path, listing(), signature(one)).coverage.left == (LISTING,)
    assert only(tmp_path, listing(one), signature(one)).coverage.whole
    assert only(tmp_path, listing(one), signature({})).coverage.left == (LISTING,)


def test_a_member_beside_stays_named(tmp_path: Path) -> None:
    found = only(tmp_path, listing({**TYPES, "c.txt": "text/plain"}), **{"c.txt": b"Pay"})
    assert found.coverage.left == ("c.txt",)


def test_types_of_a_manifest(tmp_path: Path) -> None:
    own = manifest("META-INF/signature.p7s", FILES)
    typed = own.replace(b'.csv"', b'.csv" MimeType="text/csv"').replace(b'.txt"', b'.txt" MimeType="text/plain"')
    for made, whole in ((own, False), (typed, True)):
        seal = {"META-INF/ASiCManifest.xml": made, "META-INF/signature.p7s": pki().sign_cms(made, WHEN)}
        (found,) = read(tmp_path, zipped({**FILES, **seal, LISTING: listing()}), "x.asice").objects
        assert (found.integrity, found.coverage.whole) == (Integrity.INTACT, whole)

"""Signature containers: what is covered, what is not, and everything that is tried with zips, manifests and names."""

from __future__ import annotations

import io
import random
import re
import struct
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from formats.xml import NotWellFormed
from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.asic.container import AsicVerifier
from signatures.asic.manifest import read_manifest
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.reading import read_signatures
from signatures.report import Integrity, Role, SignatureReport
from signatures.signed import SignedFile, Source
from tests.signatures.asic_builder import EXTENDED, FILES, SIMPLE, WHEN, manifest, parts, simple, with_xades, zipped
from tests.signatures.asic_builder import manifest as manifest_of
from tests.signatures.pki import Pki, day


@cache
def pki() -> Pki:
    return Pki("ec")


@cache
def sound() -> bytes:
    return zipped(parts(pki()))


def read(folder: Path, data: bytes, name: str = "ho-so.asice") -> SignedFile:
    path = folder / "container"
    path.write_bytes(data)
    found = read_signatures(Source(path, name))
    assert found is not None, "no signature was detected"
    return found


def integrities(file: SignedFile) -> list[Integrity]:
    return [each.integrity for each in file.objects]


def test_extended_with_cades(tmp_path: Path) -> None:
    (signed,) = read(tmp_path, sound()).objects
    assert (signed.integrity, signed.level) == (Integrity.INTACT, "CAdES-T")
    assert signed.coverage.whole
    assert signed.coverage.files == ("META-INF/ASiCManifest001.xml", *FILES)
    assert not signed.coverage.left


@pytest.mark.parametrize("kind", [SIMPLE, ""])
def test_simple_with_cades(tmp_path: Path, kind: str) -> None:
    (signed,) = read(tmp_path, zipped(simple(pki()), kind=kind), "ho-so.asics").objects
    assert signed.integrity is Integrity.INTACT
    assert signed.coverage.files == ("cong van.txt",)


def test_extended_with_xades(tmp_path: Path) -> None:
    (signed,) = read(tmp_path, zipped(with_xades(pki()))).objects
    assert (signed.integrity, signed.level) == (Integrity.INTACT, "XAdES-T")
    assert set(signed.coverage.files) == set(FILES)
    changed = with_xades(pki()) | {"phu-luc/bang.csv": b"a,c"}
    assert integrities(read(tmp_path, zipped(changed))) == [Integrity.BROKEN]


def judged(folder: Path, data: bytes, year: int) -> list[SignatureReport]:
    at = day(year)
    context = Context(Anchors.of(pki().anchors()), default_algorithms(), at)
    certificates = (pki().certificate("interm"), pki().certificate("tsa"))
    first = ValidationData(
        certificates, tuple(pki().crls(WHEN)), (pki().ocsp("signer1", WHEN),), Proof(day(2026, 3, 2), "evidence")
    )
    news = ValidationData(crls=(pki().crl("tsaca1", day(2029, 6)),), existed=Proof(day(2029, 6), "evidence"))
    now = ValidationData(crls=tuple(pki().crls(at)))
    return list(judge(read(folder, data), context, beside=[first, news, now]))


def test_an_archive_manifest_with_its_time_stamp_carries_the_signature(tmp_path: Path) -> None:
    assert str(judged(tmp_path, sound(), 2031)[0].verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"
    signature, stamp = judged(tmp_path, zipped(parts(pki(), stamped=day(2029, 6))), 2031)
    assert stamp.role is Role.TIMESTAMP
    assert (str(signature.verdict), signature.proven) == ("TOTAL-PASSED", WHEN)


def test_an_evidence_record_with_its_manifest_carries_the_signature(tmp_path: Path) -> None:
    signature, evidence = judged(tmp_path, zipped(parts(pki(), sealed=day(2029, 6))), 2031)
    assert (evidence.role, str(evidence.verdict)) == (Role.EVIDENCE, "TOTAL-PASSED")
    assert (str(signature.verdict), signature.proven) == ("TOTAL-PASSED", WHEN)
    assert set(evidence.coverage.files) == {*parts(pki())}


SAID = {
    "comment": (b"<a:SigReference", b"<!-- I approve --><a:SigReference", True),
    "comment before": (b"<a:ASiCManifest", b"<!-- I approve --><a:ASiCManifest", True),
    "text": (b"<a:SigReference", b"I approve<a:SigReference", True),
    "element": (b"</a:ASiCManifest>", b"<a:ASiCManifestExtensions>I approve</a:ASiCManifestExtensions></a:ASiCManifest>", True),
    "attribute": (b"<a:DataObjectReference ", b'<a:DataObjectReference Rootfile="true" ', True),
    "words as a type": (b"<a:DataObjectReference ", b'<a:DataObjectReference MimeType="I approve" ', True),
    "type": (b"<a:DataObjectReference ", b'<a:DataObjectReference MimeType="text/plain" ', False),
}


@pytest.mark.parametrize("what", SAID)
def test_the_manifest_of_an_evidence_record_is_under_no_hash(tmp_path: Path, what: str) -> None:
    """A record has the hashes of what its manifest names, and none of the manifest: what that says besides is named."""
    old, new, told = SAID[what]
    made, name = parts(pki(), sealed=day(2029, 6)), "META-INF/ASiCEvidenceRecordManifest001.xml"
    made[name] = made[name].replace(old, new, 1)
    for each in read(tmp_path, zipped(made)).objects:
        assert (each.integrity, each.coverage.left) == (Integrity.INTACT, (name,) if told else ())


def test_two_records_each_have_the_manifest_of_their_own(tmp_path: Path) -> None:
    """They name the same members; in the second with a wrong digest."""
    made = parts(pki(), sealed=day(2029, 6))
    record, again = "META-INF/evidencerecord001.ers", "META-INF/evidencerecord002.ers"
    named = made["META-INF/ASiCEvidenceRecordManifest001.xml"].replace(record.encode(), again.encode())
    wrong = b"A" * 43 + b"="
    named = re.sub(rb"(<d:DigestValue>)[^<]*", rb"\1" + wrong, named, count=1)
    made |= {"META-INF/ASiCEvidenceRecordManifest002.xml": named, again: made[record]}
    found = {each.name.strip(): each.integrity for each in read(tmp_path, zipped(made)).objects if each.role is Role.EVIDENCE}
    assert found == {record: Integrity.INTACT, again: Integrity.BROKEN}


def test_what_was_added_is_named_and_not_covered(tmp_path: Path) -> None:
    (signed,) = read(tmp_path, zipped(parts(pki()) | {"them.txt": b"added"})).objects
    assert signed.integrity is Integrity.INTACT
    assert not signed.coverage.whole
    assert signed.coverage.left == ("them.txt",)
    assert [each.code for each in signed.notes] == ["SIG-PART-ONLY"]


def test_a_comment_of_the_zip_harms_nothing(tmp_path: Path) -> None:
    assert integrities(read(tmp_path, zipped(parts(pki()), comment=b"mimetype=" + EXTENDED.encode()))) == [Integrity.INTACT]


def test_a_signature_by_another_name_is_one_because_its_manifest_says_so(tmp_path: Path) -> None:
    own = manifest("ky-so.p7s", FILES)  # relative to META-INF, as some write it
    members = {**FILES, "META-INF/ASiCManifest.xml": own, "META-INF/ky-so.p7s": pki().sign_cms(own, WHEN)}
    path = tmp_path / "container"
    path.write_bytes(zipped(members))
    (signed,) = AsicVerifier().read(Source(path, "ho-so.asice")).objects
    assert signed.integrity is Integrity.INTACT


# -- attacks ------------------------------------------------------------------------------------------------------------------


def changed(**members: bytes | None) -> bytes:
    """The sound container with members replaced, added or (None) taken away."""
    names = {"object": "cong van.txt", "manifest": "META-INF/ASiCManifest001.xml", "seal": "META-INF/signature001.p7s"}
    found: dict[str, bytes | None] = {**parts(pki()), **{names.get(key, key): value for key, value in members.items()}}
    return zipped({name: data for name, data in found.items() if data is not None})


def appended(name: str, data: bytes) -> bytes:
    out = io.BytesIO(sound())
    with zipfile.ZipFile(out, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name that stands twice
        archive.writestr(name, data)
    return out.getvalue()


def renamed_in_local_header() -> bytes:
    return sound().replace(b"cong van.txt", b"cong vAn.txt", 1)


def gap() -> bytes:
    """Bytes between the last member and the directory, which no reader shows."""
    data = sound()
    end = data.rindex(b"PK\5\6")
    _, offset = struct.unpack_from("<LL", data, end + 12)
    moved = struct.pack("<L", offset + 7)
    return data[:offset] + b"hidden!" + data[offset : end + 16] + moved + data[end + 20 :]


def encrypted() -> bytes:
    data = bytearray(sound())
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    data[data.index(b"PK\3\4") + 6] |= 1
    return bytes(data)


def bomb() -> bytes:
    files = FILES | {"bomb.bin": bytes(200 << 20)}
    return zipped(parts(pki(), files=files))


def forged_manifest() -> bytes:
    """A second manifest says that the same signature covers other files. The signature is over the first, and covers what that says."""
    forged = manifest("META-INF/signature001.p7s", {"gia-mao.txt": b"forged"})
    return changed(**{"META-INF/ASiCManifest000.xml": forged, "gia-mao.txt": b"forged"})


def enclosing() -> bytes:
    return changed(seal=pki().sign_cms(b"something else", WHEN, detached=False))


def doctype() -> bytes:
    own = parts(pki())["META-INF/ASiCManifest001.xml"]
    return changed(manifest=b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + own)


def naming(uri: str) -> Callable[[], bytes]:
    def made() -> bytes:
        own = manifest("META-INF/signature001.p7s", FILES).replace(b"cong%20van.txt", uri.encode())
        return changed(manifest=own, seal=pki().sign_cms(own, WHEN))

    return made


NOT_INTACT: dict[str, Callable[[], bytes]] = {
    "an object that was changed": lambda: changed(object=b"Cong van so 2"),
    "an object that was taken away": lambda: changed(object=None),
    "a manifest that was changed": lambda: changed(manifest=manifest("META-INF/signature001.p7s", FILES | {"x": b""})),
    "a manifest that was taken away": lambda: changed(manifest=None),
    "a manifest for another signature": lambda: changed(manifest=manifest("META-INF/signature002.p7s", FILES)),
    "a manifest with a document type": doctype,
    "a manifest that names a file outside": naming("../../etc/passwd"),
    "a manifest that names an address": naming("http://127.0.0.1:9/x"),
    "a manifest that names by a fragment": naming("cong%20van.txt#x"),
    "a signature that encloses content of its own": enclosing,
    "a member that stands twice": lambda: appended("cong van.txt", b"another"),
    "a member that stands twice but for its case": lambda: appended("CONG VAN.TXT", b"another"),
    "a name that leads outside": lambda: appended("../cong van.txt", b"another"),
    "an absolute name": lambda: appended("/cong van.txt", b"another"),
    "bytes before the zip": lambda: b"PK\3\4 or a program" + sound(),
    "bytes after the zip": lambda: sound() + b"trailing",
    "bytes that belong to no member": gap,
    "two names for one member": renamed_in_local_header,
    "a member that is encrypted": encrypted,
    "a member that is a bomb": bomb,
    "two objects in a simple container": lambda: zipped(simple(pki()) | {"them.txt": b"added"}, kind=SIMPLE),
    "a simple container's other object": lambda: zipped(simple(pki()) | {"cong van.txt": b"other"}, kind=SIMPLE),
    "too many members": lambda: zipped(parts(pki()) | {f"{n}.txt": b"" for n in range(20_001)}),
}


@pytest.mark.parametrize("name", NOT_INTACT)
def test_attack(tmp_path: Path, name: str) -> None:
    data = NOT_INTACT[name]()
    path = tmp_path / "container"
    path.write_bytes(data)
    del data
    tracemalloc.start()
    started = time.process_time()
    found = read_signatures(Source(path, "ho-so.asice"))
    took, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for each in found.objects if found else ():
        assert each.integrity is not Integrity.INTACT, each
        assert each.why is not None
        assert each.why.text("vi")
    assert peak < 200 << 20
    assert took < 10  # traced; without the tracing below two seconds


def test_of_two_manifests_that_one_counts_over_which_the_signature_is_made(tmp_path: Path) -> None:
    (signed,) = read(tmp_path, forged_manifest()).objects
    assert signed.integrity is Integrity.INTACT
    assert signed.coverage.left == ("gia-mao.txt", "META-INF/ASiCManifest000.xml")
    assert "gia-mao.txt" not in signed.coverage.files


def test_an_archive_stamp_or_record_over_something_else_proves_nothing(tmp_path: Path) -> None:
    both = parts(pki(), stamped=day(2029, 6))
    both["META-INF/ASiCArchiveManifest.xml"] = manifest("META-INF/timestamp001.tst", {"x": b"y"})
    file = read(tmp_path, zipped(both))
    assert [each.token.integrity for each in file.stamps if each.kind == "archive"] == [Integrity.BROKEN]
    sealed = parts(pki(), sealed=day(2029, 6))
    sealed["cong van.txt"] = b"other"
    assert {each.object.integrity for each in read(tmp_path, zipped(sealed)).records} == {Integrity.BROKEN}
    sealed = parts(pki(), sealed=day(2029, 6))
    covered = {name: data for name, data in sealed.items() if "vidence" not in name}
    sealed["META-INF/ASiCEvidenceRecordManifest001.xml"] = manifest("META-INF/evidencerecord001.ers", covered, "sha512")
    (record,) = read(tmp_path, zipped(sealed)).records
    assert record.object.why is not None
    assert record.object.why.code == "EVD-MANIFEST-ALGORITHM"


def test_one_large_member_named_ten_thousand_times_is_hashed_once(tmp_path: Path) -> None:
    large = random.Random(1).randbytes(8 << 20)
    one = manifest("META-INF/signature001.p7s", {"large.bin": large})
    start, end = one.index(b"<a:DataObjectReference"), one.index(b"</a:ASiCManifest>")
    many = one[:start] + one[start:end] * 10_000 + one[end:]
    data = zipped(
        {"large.bin": large, "META-INF/ASiCManifest.xml": many, "META-INF/signature001.p7s": pki().sign_cms(many, WHEN)}
    )
    started = time.process_time()
    assert integrities(read(tmp_path, data)) == [Integrity.INTACT]
    assert time.process_time() - started < 5


def test_a_comment_inside_a_digest_of_a_manifest_changes_nothing() -> None:
    data = manifest_of("META-INF/s.p7s", {"a.txt": b"a"})
    commented = data.replace(b"<d:DigestValue>", b"<d:DigestValue><!-- c -->")
    assert commented != data
    assert read_manifest("m", commented, {"a.txt"}).named == read_manifest("m", data, {"a.txt"}).named


def test_a_digest_of_a_manifest_that_is_no_base64_is_told_in_both_languages() -> None:
    data = manifest_of("META-INF/s.p7s", {"a.txt": b"a"})
    with pytest.raises(NotWellFormed, match="digest-base64"):
        read_manifest("m", data.replace(b"<d:DigestValue>", b"<d:DigestValue>\xc3\xa9*"), {"a.txt"})

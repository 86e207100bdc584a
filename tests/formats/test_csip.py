"""E-ARK packages: a valid one has no findings, and each defect has its own."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.mets import MetsFile, MetsHeader, write_representation_mets
from formats.package.csip import FORMAT, Eark
from formats.package.csip_arrangement import RESERVED, place
from formats.package.csip_references import _with_line_ends
from formats.package.directory import FolderSource
from formats.package.names import received_name
from formats.package.reception import spool_path
from formats.package.seen import Seen
from formats.package.source import Role
from formats.package.spool import Spool
from policies.codes import register
from policies.findings import Finding, Findings, Weight
from tests.formats.eark_builder import FILES, REP, WHEN, Package
from tests.rights import ordinary_rights

ALWAYS = {"CSIP17"}  # the representation has no description of its own: a SHOULD


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "sip-1")


def codes(package: Package | Path) -> dict[str, int]:
    findings = Findings()
    FORMAT.check(FolderSource(package.folder if isinstance(package, Package) else package), findings)
    return {code: count for code, count in findings.counts.items() if code not in ALWAYS}


def worst(found: dict[str, int]) -> Weight:
    return max((Finding(code).weight for code in found), default=Weight.INFO)


def test_a_valid_package_has_no_findings(package: Package) -> None:
    assert FORMAT.recognises(FolderSource(package.folder))
    found = codes(package)
    assert found == {"SIP5": 1, "SIP33": 1}  # MAYs
    assert worst(found) is Weight.INFO


def test_an_aip_of_ours_has_no_findings(tmp_path: Path) -> None:
    from formats.mets import AIP_PROFILE

    assert codes(Package(tmp_path / "aip", package_type="AIP", profile=AIP_PROFILE)) == {}


DEFECTS = [
    # root and header
    (r' OBJID="[^"]*"', "", "CSIP1"),
    (r' OBJID="[^"]*"', ' OBJID="another"', "CSIP1-NAME"),
    (r' TYPE="Mixed"', "", "CSIP2"),
    (r' TYPE="Mixed"', ' TYPE="Database"', "CSIP2-TERM"),
    (r' TYPE="Mixed"', ' TYPE="OTHER"', "CSIP3"),
    (r' csip:CONTENTINFORMATIONTYPE="MIXED"', "", "CSIP4"),
    (r' csip:CONTENTINFORMATIONTYPE="MIXED"', ' csip:CONTENTINFORMATIONTYPE="OTHER"', "CSIP5"),
    (r' PROFILE="[^"]*"', "", "CSIP6"),
    (r' PROFILE="[^"]*"', ' PROFILE="http://example.org/x"', "CSIP6-UNKNOWN"),
    (r"<metsHdr.*</metsHdr>", "", "CSIP117"),
    (r' CREATEDATE="[^"]*"', "", "CSIP7"),
    (r' CREATEDATE="[^"]*"', ' CREATEDATE="yesterday"', "CSIP7"),
    (r' CREATEDATE=', ' LASTMODDATE="x" CREATEDATE=', "CSIP8"),
    (r' csip:OAISPACKAGETYPE="SIP"', "", "CSIP9"),
    (r' csip:OAISPACKAGETYPE="SIP"', ' csip:OAISPACKAGETYPE="AIP"', "SIP4"),
    (r"<agent.*</agent>", "", "CSIP10"),
    (r"<agent.*</agent>", '<agent ROLE="EDITOR" TYPE="OTHER" OTHERTYPE="SOFTWARE"><name>x</name></agent>', "CSIP11"),
    (r' TYPE="OTHER" OTHERTYPE="SOFTWARE"', ' OTHERTYPE="SOFTWARE"', "CSIP12"),
    (r' OTHERTYPE="SOFTWARE"', "", "CSIP13"),
    (r"<name>tool</name>", "<name/>", "CSIP14"),
    (r"<note [^>]*>1</note>", "", "CSIP15"),
    (r' csip:NOTETYPE="SOFTWARE VERSION"', "", "CSIP16"),
    (r' LABEL="[^"]*"', "", "SIP1"),
    (r' RECORDSTATUS="NEW"', ' RECORDSTATUS="OLD"', "SIP3"),
    (r'<agent ROLE="CREATOR" TYPE="ORGANIZATION">.*?</agent>', "", "SIP15"),
    (r"<name>Sở Tài nguyên</name>", "<name/>", "SIP18"),
    # metadata
    (r"<dmdSec .*</dmdSec>", "", "CSIP92"),
    (r'<dmdSec ID="[^"]*"', "<dmdSec", "CSIP18"),
    (r'(<dmdSec [^>]*)CREATED="[^"]*"', r"\1", "CSIP19"),
    (r'(<dmdSec [^>]*)STATUS="CURRENT"', r'\1STATUS="OLD"', "CSIP20"),
    (r"(<dmdSec [^>]*>).*?</dmdSec>", r"\1</dmdSec>", "CSIP21"),
    (r'LOCTYPE="URL"', 'LOCTYPE="URN"', "CSIP22"),
    (r' xlink:type="simple"', "", "CSIP23"),
    (r' xlink:href="[^"]*"', "", "CSIP24"),
    (r'MDTYPE="DC"', "", "CSIP25"),
    (r' MIMETYPE="text/plain"', "", "CSIP26"),
    (r' SIZE="\d+"', "", "CSIP27"),
    (r' SIZE="\d+"', ' SIZE="-1"', "CSIP27"),
    (r'(<mdRef [^>]*)CREATED="[^"]*"', r"\1", "CSIP28"),
    (r' CHECKSUM="[^"]*"', "", "CSIP29"),
    (r' CHECKSUMTYPE="[^"]*"', "", "CSIP30"),
    (r"<amdSec.*</amdSec>", "", "CSIP31"),
    (r"</amdSec>", "</amdSec><amdSec/>", "CSIP31-SEVERAL"),
    (r"<digiprovMD .*</digiprovMD>", "", "CSIP32"),
    (r'<digiprovMD ID="[^"]*"', "<digiprovMD", "CSIP33"),
    (r'(<digiprovMD .*?)STATUS="CURRENT"', r"\1", "CSIP34"),
    (r"(<digiprovMD [^>]*>).*?</digiprovMD>", r"\1</digiprovMD>", "CSIP35"),
    (r'(<digiprovMD .*?)LOCTYPE="URL"', r"\1", "CSIP36"),
    (r"(<digiprovMD .*?)CHECKSUMTYPE=\"[^\"]*\"", r"\1", "CSIP44"),
    (r'(<digiprovMD .*?)MIMETYPE="[^"]*"', r'\1MIMETYPE="xml"', "CSIP-MIMETYPE"),
    (r"<digiprovMD", '<rightsMD STATUS="CURRENT"/><digiprovMD', "CSIP46"),
    (r"<digiprovMD", '<rightsMD ID="r"><mdRef xlink:href="schemas/dc.xsd"/></rightsMD><digiprovMD', "CSIP49"),
    # files
    (r"<fileSec.*</fileSec>", "", "CSIP58"),
    (r'<fileSec ID="files">', "<fileSec>", "CSIP59"),
    (r'<fileGrp ID="group-1" USE="Documentation">.*?</fileGrp>', "", "CSIP60"),
    (r'(<fileGrp ID="group-3")', r'\1 ADMID="dmd-1"', "CSIP61"),
    (r'(<fileGrp ID="group-3".*?) csip:CONTENTINFORMATIONTYPE="OTHER"', r"\1", "CSIP62"),
    (r' USE="Documentation"', "", "CSIP64"),
    (r' USE="Documentation"', ' USE="Papers"', "CSIP64-TERM"),
    (r' USE="Schemas"', ' USE="Documentation"', "CSIP64-FOLDER"),
    (r'<fileGrp ID="group-1"', "<fileGrp", "CSIP65"),
    (r'(<fileGrp ID="group-1" USE="Documentation">).*?</fileGrp>', r"\1</fileGrp>", "CSIP66"),
    (r'<file ID="file-1"', "<file", "CSIP67"),
    (r'(<file ID="file-1".*?)MIMETYPE="[^"]*"', r"\1", "CSIP68"),
    (r'(<file ID="file-1".*?)SIZE="[^"]*"', r"\1", "CSIP69"),
    (r'(<file ID="file-1".*?)CREATED="[^"]*"', r"\1", "CSIP70"),
    (r'(<file ID="file-1".*?)CHECKSUM="[^"]*"', r"\1", "CSIP71"),
    (r'(<file ID="file-1".*?)CHECKSUMTYPE="[^"]*"', r"\1", "CSIP72"),
    (r"(<file ID=\"file-1\"[^>]*>)<FLocat[^>]*/>", r"\1", "CSIP76"),
    (r'<FLocat LOCTYPE="URL"', "<FLocat", "CSIP77"),
    (r'(<FLocat[^>]*) xlink:type="simple"', r"\1", "CSIP78"),
    (r'(<FLocat[^>]*) xlink:href="[^"]*"', r"\1", "CSIP79"),
    # structure
    (r' LABEL="CSIP"', ' LABEL="mine"', "CSIP80"),
    (r"(<structMap.*</structMap>)", r"\1\1", "CSIP80"),
    (r' LABEL="CSIP"', ' LABEL="CSIP structMap"', "CSIP82"),
    (r' TYPE="PHYSICAL"', "", "CSIP81"),
    (r'<structMap ID="structure"', "<structMap", "CSIP83"),
    (r"</div>\s*</structMap>", '</div><div ID="x"/></structMap>', "CSIP84"),
    (r' ID="div-package"', "", "CSIP85"),
    (r' LABEL="Metadata"', "", "CSIP88"),
    (r' ID="div-metadata"', "", "CSIP89"),
    (r'ADMID="adm-1"', 'ADMID="adm-9"', "CSIP91"),
    (r'<div ID="div-1" LABEL="Documentation">.*?</div>', "", "CSIP93"),
    (r'<div ID="div-1"( LABEL="Documentation">.*?</div>)', r'<div ID="div-1"\1<div ID="y"\1', "CSIP93-TWICE"),
    (r'<div ID="div-1" LABEL', "<div LABEL", "CSIP94"),
    (r'<fptr FILEID="group-1"/>', "", "CSIP96"),
    (r'<fptr FILEID="group-1"/>', '<fptr FILEID="nothing"/>', "CSIP116"),
    (r'<fptr FILEID="group-2"/>', "", "CSIP100"),
    (r'<fptr FILEID="group-2"/>', '<fptr FILEID="nothing"/>', "CSIP118"),
    (r'<div ID="div-3".*?</div>', "", "CSIP101"),
    (r'<div ID="div-3" ', "<div ", "CSIP106"),
    (r' LABEL="Representations/rep1"', ' LABEL="Rep1"', "CSIP107"),
    (r' xlink:title="group-3"', "", "CSIP108"),
    (r'(<mptr.*?) xlink:href="[^"]*"', r"\1", "CSIP110"),
    (r'(<mptr.*?) xlink:type="simple"', r"\1", "CSIP111"),
    (r'(<mptr.*?) ?LOCTYPE="URL"', r"\1", "CSIP112"),
    (r' ID="div-2"', ' ID="div-1"', "CSIP-ID-TWICE"),
    # references
    (r'xlink:href="schemas/dc.xsd"', 'xlink:href="schemas/none.xsd"', "CSIP-FILE-MOVED"),
    (r'xlink:href="schemas/dc.xsd"', 'xlink:href="Schemas/DC.xsd"', "CSIP-HREF-CASE"),
    (r'xlink:href="schemas/dc.xsd"', r'xlink:href="schemas\\dc.xsd"', "CSIP-HREF-BACKSLASH"),
    (r'xlink:href="schemas/dc.xsd"', 'xlink:href="../schemas/dc.xsd"', "CSIP-HREF-OUTSIDE"),
    (r'xlink:href="schemas/dc.xsd"', 'xlink:href="https://example.org/dc.xsd"', "CSIP-HREF-REMOTE"),
    (r'(<mptr.*?)xlink:href="[^"]*"', r'\1xlink:href="representations/rep9/METS.xml"', "CSIP-METS-MISSING"),
    (r'(<file ID="file-2".*?)SIZE="\d+"', r'\1SIZE="99999"', "CSIP-FILE-SIZE"),
    (r'(<mdRef.*?)SIZE="\d+"', r'\1SIZE="99999"', "CSIP-METADATA-SIZE"),
    (r'CHECKSUMTYPE="SHA-256"', 'CHECKSUMTYPE="WHIRLPOOL"', "CSIP-CHECKSUM-UNKNOWN"),
    (r"^", "<!DOCTYPE mets>", "CSIP-NOT-WELL-FORMED"),
    (r"</mets>", "", "CSIP-NOT-WELL-FORMED"),
    (r'xmlns="http://www.loc.gov/METS/"', 'xmlns="http://www.loc.gov/METS/v2"', "CSIP-NOT-WELL-FORMED"),
]  # fmt: skip


LEAVES_DANGLING = {"CSIP58", "CSIP60"}
"""The structural map then points at groups that are gone, which is an error of its own."""


@pytest.mark.parametrize(("pattern", "new", "code"), DEFECTS, ids=[f"{number}-{row[2]}" for number, row in enumerate(DEFECTS)])
def test_each_defect_has_its_finding(package: Package, pattern: str, new: str, code: str) -> None:
    if pattern == "^":
        package.edit(lambda text: text.replace("<mets ", new + "<mets ", 1))
    else:
        package.replace(pattern, new)
    found = codes(package)
    assert code in found, found
    if Finding(code).weight < Weight.ERROR and code not in LEAVES_DANGLING:
        assert worst(found) < Weight.ERROR, found


def test_codes_of_the_table_are_registered() -> None:
    family = {code for code, row in register().items() if row.family == "csip"}
    assert {row[2] for row in DEFECTS} <= family


@pytest.mark.parametrize("name", [*FILES])
def test_every_file_is_compared(package: Package, name: str) -> None:
    path = package.folder / name
    data = path.read_bytes()
    kind = "METADATA" if "metadata" in name else "FILE"
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert f"CSIP-{kind}-ALTERED" in codes(package)
    path.write_bytes(data[:-1])
    assert f"CSIP-{kind}-ALTERED" in codes(package)
    path.unlink()
    found = codes(package)
    assert f"CSIP-{kind}-MISSING" in found
    assert worst(found) is Weight.ERROR


def test_a_representation_that_no_pointer_names_is_compared_too(package: Package) -> None:
    package.replace(r"<mptr[^>]*/>", "")
    (package.folder / REP / "data/b/two.txt").write_bytes(b"2")
    assert "CSIP-FILE-ALTERED" in codes(package)


def test_an_extra_file_is_a_warning(package: Package) -> None:
    package.write("notes.txt", b"x")
    package.write(f"{REP}/data/more.txt", b"x")
    found = codes(package)
    assert found["CSIP-FILE-UNREFERENCED"] == 2
    assert worst(found) is Weight.WARNING


def test_two_copies_of_one_name_do_not_hide_a_loss(package: Package) -> None:
    """A file of the same bytes elsewhere that is itself referred to stands for nothing but itself."""
    package.write(f"{REP}/data/b/same.txt", b"two\n")
    package.seal()
    (package.folder / REP / "data/b/same.txt").unlink()
    assert "CSIP-FILE-MISSING" in codes(package)


def test_line_ends_are_told_from_damage(package: Package) -> None:
    path = package.folder / "documentation/read me.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    found = codes(package)
    assert found["CSIP-LINE-ENDS"] == 1
    assert worst(found) is Weight.WARNING
    path.write_bytes(b"line one\r\nline  two\r\n")
    assert "CSIP-FILE-ALTERED" in codes(package)


@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 20])
def test_line_ends_across_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chunk: int) -> None:
    monkeypatch.setattr("formats.package.csip_references.CHUNK", chunk)
    for data in (b"a\r\nb\nc\r\r\n\rd\r", b"\r", b"\n", b"", b"\r\n\r\n"):
        (tmp_path / "x").write_bytes(data)
        plain = data.replace(b"\r\n", b"\n")
        for wanted, name in ((plain, "LF"), (plain.replace(b"\n", b"\r\n"), "CRLF")):
            with open(tmp_path / "x", "rb") as stream:
                answer = _with_line_ends(stream, "md5", hashlib.md5(wanted).hexdigest(), str(len(wanted)))
            assert answer in (name, "LF" if plain.replace(b"\n", b"\r\n") == plain else name)


@pytest.mark.parametrize(
    ("type_", "algorithm"),
    [("MD5", "md5"), ("SHA-1", "sha1"), ("SHA-384", "sha384"), ("SHA256", "sha256"), ("sha-512", "sha512")],
)
def test_other_checksums_are_calculated(package: Package, type_: str, algorithm: str) -> None:
    digest = hashlib.new(algorithm, FILES["documentation/read me.txt"]).hexdigest().upper()
    package.replace(
        r'(<file ID="file-1".*?)CHECKSUM="[^"]*" CHECKSUMTYPE="[^"]*"', rf'\1CHECKSUM="{digest}" CHECKSUMTYPE="{type_}"'
    )
    assert worst(codes(package)) is Weight.INFO
    (package.folder / "documentation/read me.txt").write_bytes(b"other")
    assert "CSIP-FILE-ALTERED" in codes(package)


def test_folders_that_should_be_there(tmp_path: Path) -> None:
    (tmp_path / "METS.xml").write_bytes(b"")
    (tmp_path / "representations/r").mkdir(parents=True)
    found = codes(tmp_path)
    assert set(found) >= {"CSIPSTR5", "CSIPSTR11", "CSIPSTR12", "CSIPSTR15", "CSIPSTR16", "CSIP-NOT-WELL-FORMED"}


@pytest.mark.parametrize("wrong", ["Mets.xml", "METSA.xml", "ME_TS.xml", None])
def test_a_package_that_lost_its_mets(package: Package, wrong: str | None) -> None:
    mets = package.folder / "METS.xml"
    if wrong:
        mets.rename(package.folder / wrong)
    else:
        mets.unlink()
    assert FORMAT.recognises(FolderSource(package.folder))
    findings = Findings()
    FORMAT.check(FolderSource(package.folder), findings)
    (lost,) = (each for each in findings if each.code == "CSIPSTR4")
    assert lost.args["found"] == (wrong or "")


def test_other_folders_are_no_eark(tmp_path: Path) -> None:
    (tmp_path / "representations").mkdir()
    assert not Eark().recognises(FolderSource(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "mets.txt").write_bytes(b"")
    assert not Eark().recognises(FolderSource(tmp_path))


def test_what_cannot_be_read_is_unreadable_not_altered(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    from fixity import CouldNotRead

    real = FolderSource.digest

    def failing(self, name: bytes, algorithm: str):
        if name.endswith(b"two.txt"):
            raise CouldNotRead("two.txt", "Input/output error")
        return real(self, name, algorithm)

    monkeypatch.setattr(FolderSource, "digest", failing)
    found = codes(package)
    assert found["FIX-UNREADABLE"] == 1
    assert not any("ALTERED" in code or "MISSING" in code for code in found)


@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_what_may_not_be_looked_at_is_not_called_missing(package: Package, mode: int) -> None:
    closed = next(each for each in sorted(package.folder.rglob("*")) if each.is_dir() and each.name == "data")
    closed.chmod(mode)
    findings = Findings()
    with ordinary_rights():
        FORMAT.check(FolderSource(package.folder, findings), findings)
    closed.chmod(0o755)
    assert "FIX-UNREADABLE" in findings.counts
    assert not [each for each in findings.counts if each.endswith("-MISSING")], findings.counts


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_mets_never_raises(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever a METS file holds, checking and arranging end, with findings or without."""
    folder = tmp_path / "fuzz"
    package = Package(folder) if not folder.exists() else None
    mets = folder / "METS.xml"
    if package is not None:
        (tmp_path / "good.xml").write_bytes(mets.read_bytes())
    good = (tmp_path / "good.xml").read_bytes()
    start = data.draw(st.integers(0, len(good) - 1))
    length = data.draw(st.integers(0, 60))
    mets.write_bytes(good[:start] + data.draw(st.binary(max_size=8)) + good[start + length :])
    codes(folder)


# --- arranging ---


def arranged(package: Package, tmp_path: Path):
    findings = Findings()
    spool = Spool(tmp_path / "spool")
    spool_path(package.folder, spool, findings)
    return spool, FORMAT.arrange(spool, findings)


def test_arranged_into_the_aip(package: Package, tmp_path: Path) -> None:
    package.write("notes/x.txt", b"x")
    package.write("metadata/preservation/premis.xml", b"taken by Kho")
    package.write("metadata/preservation/events-v12.xml", b"taken by Kho")
    package.write(f"{REP}/metadata/preservation/premis-kho.xml", b"taken by Kho")
    package.write(f"{REP}/other/y.txt", b"y")
    package.write("METS.xml.bak", b"no METS")
    spool, found = arranged(package, tmp_path)
    stored = {item.item.name.decode(): (item.stored, item.role) for item in spool.spooled() if item.file}
    kept = {name: place for name, (place, _) in stored.items() if name == place}
    assert set(kept) == set(FILES)
    for name in set(stored) - set(FILES):
        assert stored[name] == (f"submission/sip-1/{name}", Role.SUBMISSION)
    assert stored[f"{REP}/data/b/two.txt"][1] is Role.CONTENT
    assert stored["metadata/descriptive/dc.xml"][1] is Role.DESCRIPTIVE
    assert stored["metadata/preservation/premis1.xml"][1] is Role.PRESERVATION
    assert stored["schemas/dc.xsd"][1] is Role.SCHEMA
    assert stored["documentation/read me.txt"][1] is Role.DOCUMENTATION
    places = [place for place, _ in stored.values()]
    assert len(set(places)) == len(places)
    assert not any(RESERVED.fullmatch(place) for place in places)
    assert found.format == "eark"
    assert (found.identifier, found.title, found.content_category) == ("sip-1", "Hồ sơ", "Mixed")
    assert found.producer == "Sở Tài nguyên"
    assert found.fields["agent:CREATOR:code"] == ("H49",)
    assert found.descriptive == (("metadata/descriptive/dc.xml", "dc"),)


def test_the_title_of_the_description_when_mets_has_none(tmp_path: Path) -> None:
    _, found = arranged(Package(tmp_path / "sip", label=""), tmp_path)
    assert found.title == "Hồ sơ đất"


def test_a_broken_mets_is_still_arranged(package: Package, tmp_path: Path) -> None:
    (package.folder / "METS.xml").write_bytes(b"<nothing")
    spool, found = arranged(package, tmp_path)
    assert all(item.stored for item in spool.spooled() if item.file)
    assert found.identifier == ""


@pytest.mark.parametrize(
    "name",
    [
        b"METS.xml",
        b"mets.XML",
        b"METS.xml/x",
        b"metadata/preservation/premis.xml/x",
        b"metadata/other/kho-submission.jsonl",
        b"representations/r/METS.xml",
        b"representations/r/METS.xml/x",
        b"submission/x",
        b"metadata",
        b"\xff",
        b"schemas",
        b"representations/r",
    ],
)
def test_nothing_stands_where_kho_writes(name: bytes) -> None:
    stored, role = place(name, "submission/s")
    assert stored.startswith("submission/s/")
    assert role is Role.SUBMISSION
    assert received_name(stored.removeprefix("submission/s/")) == name


# --- size ---


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    count = 20_000
    data = tmp_path / "data"
    data.mkdir()
    digest = hashlib.sha256(b"").digest()
    for number in range(count):
        os.close(os.open(data / f"{number:06d}.txt", os.O_CREAT | os.O_WRONLY))
    with open(tmp_path / "METS.xml", "wb") as out:
        files = (MetsFile(f"data/{number:06d}.txt", 0, digest, "text/plain", WHEN) for number in range(count))
        write_representation_mets(out, MetsHeader("x", WHEN, "tool", "1"), name="x", files=files)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = codes(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    assert not {"CSIP-FILE-MISSING", "CSIP-FILE-UNREFERENCED", "CSIP-ID-TWICE"} & set(found)


def test_seen() -> None:
    seen = Seen()
    assert all(seen.add(f"name {number}") for number in range(10_000))
    assert not any(seen.add(f"name {number}") for number in range(10_000))
    assert "name 5" in seen
    assert "name x" not in seen
    assert seen.count == 10_000

"""METS of an AIP: valid by the published schemas, complete by the rules of CSIP and AIP, exact for every name."""

from __future__ import annotations

import io
import re
import resource
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from formats.hrefs import decode_href
from formats.mets import (
    AIP_PROFILE,
    MetadataFile,
    MetsAgent,
    MetsFile,
    MetsHeader,
    RepresentationRef,
    write_representation_mets,
    write_root_mets,
)
from tests.formats import schemas

NS = {
    "m": "http://www.loc.gov/METS/",
    "x": "http://www.w3.org/1999/xlink",
    "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
}
WHEN = datetime(2026, 3, 1, 8, 30, tzinfo=timezone(timedelta(hours=7)))

needs_schemas = pytest.mark.skipif(not schemas.available(), reason=schemas.REASON)


def a_file(path: str, size: int = 3) -> MetsFile:
    return MetsFile(path, size, bytes(range(32)), "application/pdf", WHEN)


def a_header(**more) -> MetsHeader:
    return MetsHeader("urn:uuid:385a3080-b714-4b0f-a975-8fd8e214d752", WHEN, "Kho", "0.1.0", **more)


def root(**more) -> etree._Element:
    out = io.BytesIO()
    archivist = MetsAgent("ARCHIVIST", "ORGANIZATION", "Sở Nội vụ")
    header = more.pop("header", None) or a_header(label='Hồ sơ <đất đai> & "thuế"', agents=(archivist,))
    parts = {
        "descriptive": [
            MetadataFile(a_file("metadata/descriptive/EAD.xml"), "EAD", "2002"),
            MetadataFile(a_file("metadata/descriptive/hoso.csv"), "CSV"),
        ],
        "preservation": [MetadataFile(a_file("metadata/preservation/premis.xml"), "PREMIS", "3.0")],
        "other": [MetadataFile(a_file("metadata/other/kho-submission.jsonl"), "KHO-SUBMISSION")],
        "representations": [
            RepresentationRef("rep 1", a_file("representations/rep 1/METS.xml")),
            RepresentationRef("rep2", a_file("representations/rep2/METS.xml"), "SIARD2"),
        ],
        "documentation": [a_file("documentation/Đọc tôi.txt")],
        "schemas": [a_file("schemas/ead.xsd")],
        "submission": [a_file("submission/sip/METS.xml")],
    }
    write_root_mets(out, header, **(parts | more))
    return etree.fromstring(out.getvalue())


def representation(**more) -> etree._Element:
    out = io.BytesIO()
    parts = {
        "files": [a_file("data/a.pdf"), a_file("data/Quyết định số 01.pdf")],
        "preservation": [MetadataFile(a_file("metadata/preservation/premis-kho.xml"), "PREMIS", "3.0")],
        "empty_folders": ["data/trống", "data/a/b"],
    }
    write_representation_mets(out, a_header(category="Databases"), name="rep1", **(parts | more))
    return etree.fromstring(out.getvalue())


@needs_schemas
@pytest.mark.parametrize("build", [root, representation])
def test_valid_by_the_schemas(build) -> None:
    schema = schemas.mets()
    assert schema.validate(build()), schema.error_log


@needs_schemas
def test_valid_with_almost_nothing_in_it() -> None:
    nothing = dict.fromkeys(["descriptive", "other", "representations", "documentation", "schemas", "submission"], ())
    assert schemas.mets().validate(root(**nothing)), schemas.mets().error_log
    assert schemas.mets().validate(representation(files=(), preservation=())), schemas.mets().error_log


@needs_schemas
def test_the_schemas_do_reject() -> None:
    broken = root()
    broken.find(".//m:file", NS).set("SIZE", "many")
    assert not schemas.mets().validate(broken)


@pytest.mark.parametrize(
    "path",
    [
        "/m:mets[@OBJID][@TYPE][@PROFILE][@csip:CONTENTINFORMATIONTYPE]",  # CSIP1 2 4 6
        "/m:mets/m:metsHdr[@CREATEDATE][@csip:OAISPACKAGETYPE='AIP']",  # CSIP7 9, AIPM3
        "/m:mets/m:metsHdr/m:agent[@ROLE='CREATOR'][@TYPE='OTHER'][@OTHERTYPE='SOFTWARE'][m:name='Kho']"
        "/m:note[@csip:NOTETYPE='SOFTWARE VERSION'][.='0.1.0']",  # CSIP10-16
        "/m:mets/m:dmdSec[@ID][@CREATED][@STATUS='CURRENT']/m:mdRef[@MDTYPE='EAD']",  # CSIP17-25, AIPM4
        "/m:mets/m:dmdSec/m:mdRef[@MDTYPE='OTHER'][@OTHERMDTYPE='CSV']",
        "/m:mets/m:amdSec/m:digiprovMD[@ID][@STATUS='CURRENT']/m:mdRef[@MDTYPE='PREMIS']"
        "[starts-with(@MDTYPEVERSION,'3')]",  # CSIP32-35, AIPM5-7
        "/m:mets/m:fileSec[@ID]/m:fileGrp[@ID][@USE='Documentation']/m:file",  # CSIP59 60 65
        "/m:mets/m:fileSec/m:fileGrp[@USE='Schemas']/m:file",  # CSIP113
        "/m:mets/m:fileSec/m:fileGrp[@USE='Representations/rep 1'][@csip:CONTENTINFORMATIONTYPE]/m:file",  # CSIP114 62
        "/m:mets/m:structMap[@ID][@TYPE='PHYSICAL'][@LABEL='CSIP']/m:div[@ID]",  # CSIP80-85
        "//m:structMap/m:div/m:div[@ID][@LABEL='Metadata'][@ADMID='adm-1 adm-2'][@DMDID='dmd-1 dmd-2']",  # CSIP88-92
        "//m:structMap/m:div/m:div[@ID][@LABEL='Documentation']/m:fptr[@FILEID=//m:fileGrp[@USE='Documentation']/@ID]",
        "//m:structMap/m:div/m:div[@ID][@LABEL='Schemas']/m:fptr[@FILEID=//m:fileGrp[@USE='Schemas']/@ID]",  # CSIP97-100
        "//m:structMap/m:div/m:div[@ID][@LABEL='Representations/rep 1']/m:mptr[@LOCTYPE='URL'][@x:type='simple']"
        "[@x:href='representations/rep%201/METS.xml'][@x:title=//m:fileGrp[@USE='Representations/rep 1']/@ID]",  # CSIP105-112
        "//m:div[@LABEL='Representations/rep2']/m:fptr[@FILEID=//m:fileGrp[@USE='Representations/rep2']/m:file/@ID]",  # AIP3
    ],
)
def test_root_has_what_the_rules_ask(path: str) -> None:
    assert root().getroottree().xpath(path, namespaces=NS)


@pytest.mark.parametrize("build", [root, representation])
def test_every_reference_is_complete_and_ids_are_unique(build) -> None:
    tree = build()
    references = tree.findall(".//m:mdRef", NS) + tree.findall(".//m:file", NS)
    assert references
    for each in references:
        assert {"ID", "MIMETYPE", "SIZE", "CREATED", "CHECKSUM", "CHECKSUMTYPE"} <= set(each.attrib)
        assert each.get("CREATED") == "2026-03-01T01:30:00Z"
        locator = each if each.tag.endswith("mdRef") else each[0]
        assert locator.get("LOCTYPE") == "URL"
        assert locator.get(f"{{{NS['x']}}}type") == "simple"
    ids = tree.xpath("//@ID")
    assert len(ids) == len(set(ids))


def test_profile_is_that_of_the_aip() -> None:
    assert root().get("PROFILE") == AIP_PROFILE == "https://earkdip.dilcis.eu/profile/E-ARK-AIP-v2-2-0.xml"


@pytest.mark.parametrize(
    ("category", "type_", "other"),
    [
        ("Databases", "Databases", None),
        ("Database", "Other", "Database"),
        ("Other", "Other", "OTHER"),
        ("", "Mixed", None),
        ("Textual works – Digital", "Textual works – Digital", None),
        ("Textual works - Digital", "Other", "Textual works - Digital"),
    ],
)
def test_type_is_from_the_vocabulary_or_other(category: str, type_: str, other: str | None) -> None:
    tree = root(header=a_header(category=category))
    assert tree.get("TYPE") == type_
    assert tree.get(f"{{{NS['csip']}}}OTHERTYPE") == other


def test_empty_folders_are_divisions() -> None:
    labels = representation().xpath("//m:div[@TYPE='empty folder']/@LABEL", namespaces=NS)
    assert [decode_href(label) for label in labels] == ["data/trống", "data/a/b"]
    alone = representation(files=()).xpath("//m:div[@TYPE='empty folder']/@LABEL", namespaces=NS)
    assert len(alone) == 2


def test_a_group_without_files_is_left_out() -> None:
    tree = root(documentation=(), schemas=(), submission=(), representations=())
    assert tree.find(".//m:fileSec", NS) is None
    assert tree.xpath("//m:div/@LABEL", namespaces=NS)[1:] == ["Metadata"]


def test_many_metadata_sections_are_referred_to_in_parts() -> None:
    tree = root(descriptive=(MetadataFile(a_file(f"metadata/descriptive/{n}.xml"), "DC") for n in range(25_000)))
    divisions = tree.xpath("//m:div[@LABEL='Metadata']/descendant-or-self::m:div", namespaces=NS)
    ids = [each for division in divisions for each in (division.get("DMDID") or "").split()]
    assert ids == tree.xpath("//m:dmdSec/@ID", namespaces=NS)
    assert len(divisions) == 3


names = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(names, min_size=1, max_size=5), st.binary(min_size=1, max_size=12))
def test_every_name_survives(segments: list[str], raw: bytes) -> None:
    path = "data/" + "/".join(segments)
    odd = "data/" + raw.replace(b"/", b"_").decode("utf-8", "surrogateescape")
    tree = representation(files=[a_file(path), a_file(odd)])
    hrefs = tree.xpath("//m:FLocat/@x:href", namespaces=NS)
    assert [decode_href(href) for href in hrefs] == [path, odd]
    assert all(re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*", href) for href in hrefs)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_every_label_can_be_read_back(label: str) -> None:
    illegal = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
    assert root(header=a_header(label="x" + label)).get("LABEL") == "x" + illegal.sub("\ufffd", label)


def test_same_facts_same_bytes() -> None:
    assert etree.tostring(root()) == etree.tostring(root())


class Sink:
    """Forgets what it is given."""

    def write(self, data: bytes) -> int:
        return len(data)


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    def files(count: int):
        return (a_file(f"data/thư mục {n % 100}/tệp {n}.pdf", n) for n in range(count))

    write_representation_mets(Sink(), a_header(), name="r", files=files(1_000))  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_representation_mets(Sink(), a_header(), name="r", files=files(100_000))  # type: ignore[arg-type]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        root(documentation=[MetsFile("documentation/a", 1, b"", "text/plain", datetime(2026, 1, 1))])
    assert root(documentation=[MetsFile("documentation/a", 1, b"", "text/plain", datetime(2026, 1, 1, tzinfo=UTC))]) is not None

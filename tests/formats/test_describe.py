"""Descriptions flattened for search: which file is what, which value goes where, and nothing hostile gets far."""

from __future__ import annotations

import io
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.describe import KINDS, MAX_FIELDS, MAX_LENGTH, MAX_TOTAL, MAX_VALUES, _mapping, flatten, fold, kind_of, trouble
from policies.findings import spoken

DC = """<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Bản đồ địa chính</dc:title><dc:creator>Sở Địa chính</dc:creator><dc:contributor>Lan</dc:contributor>
<dc:date>1995</dc:date><dc:identifier>H49.1</dc:identifier><dc:rights>Hạn chế</dc:rights></oai_dc:dc>"""

QUALIFIED = """<metadata xmlns:dcterms="http://purl.org/dc/terms/"><dcterms:created>1995</dcterms:created>
<dcterms:alternative>Khác</dcterms:alternative></metadata>"""

EAD2002 = """<ead xmlns="urn:isbn:1-931666-22-9"><eadheader><eadid>VN-1</eadid><filedesc><titlestmt>
<titleproper>Mục lục</titleproper></titlestmt></filedesc></eadheader><archdesc level="fonds"><did>
<unittitle>Phông <emph>Sở</emph> Địa chính, <unitdate>1990-1999</unitdate></unittitle><unitid>P-7</unitid>
<origination><corpname>Sở Địa chính</corpname></origination><langmaterial><language langcode="vie">Tiếng Việt</language></langmaterial>
</did><scopecontent><p>Một.</p><p>Hai.</p></scopecontent><accessrestrict><p>Hạn chế</p></accessrestrict>
<dsc><c01><did><unittitle>Hồ sơ 1</unittitle></did></c01></dsc></archdesc></ead>"""

EAD3 = """<ead xmlns="http://ead3.archivists.org/schema/"><control><recordid>R-9</recordid></control><archdesc level="file"><did>
<unittitle>Hồ sơ 9</unittitle><unitdatestructured><datesingle>2001</datesingle></unitdatestructured></did></archdesc></ead>"""

TT05 = """<simpledc><fileCode>000.00.36.H49.2001.12</fileCode><title>Cấp giấy chứng nhận</title><maintenance>01</maintenance>
<mode>02</mode><language>01</language><startDate>01/02/2001</startDate><endDate>03/04/2001</endDate><totalDoc>3</totalDoc></simpledc>"""

TT02 = """<Document><DocCode>H49.1</DocCode><FileCode>F1</FileCode><Subject>Trích yếu</Subject><IssuedDate>01/01/1999</IssuedDate>
<OrganName>UBND</OrganName><Maintenance>Vĩnh viễn</Maintenance></Document>"""

CSV = 'Mã hồ sơ,Tiêu đề,Ngày,Thời hạn bảo quản,Cột lạ\nH1,"Đất đai, nhà ở",1999,Vĩnh viễn,x\nH2,Thuế,2000,,y\n'


def flat(kind: str, text: str | bytes):
    return flatten(kind, io.BytesIO(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.xml", DC, "dc"),
        ("x.xml", QUALIFIED, "dc"),
        ("x.xml", "<simpledc><title>x</title></simpledc>", "dc"),
        ("EAD.xml", EAD2002, "ead"),
        ("EAD.xml", EAD3, "ead"),
        ("EAD.xml", TT05, "vn"),
        ("x.xml", TT02, "vn"),
        ("x.csv", CSV, "csv"),
        ("X.CSV", "", "csv"),
        ("x.xml", "<mods xmlns='http://www.loc.gov/mods/v3'><titleInfo/></mods>", "other"),
        ("x.xml", "<!DOCTYPE ead><ead/>", "other"),
        ("x.pdf", "%PDF-1.7", "other"),
        ("x", "", "other"),
    ],
)
def test_kind_of(name: str, text: str, kind: str) -> None:
    assert kind_of(name, io.BytesIO(text.encode())) == kind


def test_dublin_core() -> None:
    fields = flat("dc", DC)
    assert fields["title"] == ("Bản đồ địa chính",)
    assert fields["creator"] == ("Sở Địa chính", "Lan")
    assert fields["contributor"] == ("Lan",)
    assert fields["access"] == fields["rights"] == ("Hạn chế",)
    qualified = flat("dc", QUALIFIED)
    assert qualified["date"] == ("1995",)
    assert qualified["title"] == ("Khác",)


def test_ead_2002() -> None:
    fields = flat("ead", EAD2002)
    assert fields["title"] == ("Phông Sở Địa chính, 1990-1999", "Hồ sơ 1")
    assert fields["identifier"] == ("VN-1", "P-7")
    assert fields["creator"] == ("Sở Địa chính",)
    assert fields["language"] == ("Tiếng Việt",)
    assert fields["description"] == ("Một. Hai.",)
    assert fields["access"] == ("Hạn chế",)
    assert fields["finding_aid"] == ("Mục lục",)
    assert fields["date"] == fields["unitdate"] == ("1990-1999",)


def test_ead3() -> None:
    fields = flat("ead", EAD3)
    assert (fields["title"], fields["date"], fields["identifier"]) == (("Hồ sơ 9",), ("2001",), ("R-9",))


@pytest.mark.parametrize("text", [TT05, TT05.replace("fileCode", "arcFileCode")])
def test_circular_05(text: str) -> None:
    fields = flat("vn", text)
    assert fields["title"] == ("Cấp giấy chứng nhận",)
    assert fields["file_code"] == fields["identifier"] == ("000.00.36.H49.2001.12",)
    assert fields["date"] == ("01/02/2001", "03/04/2001")
    assert (fields["retention"], fields["access"], fields["language"]) == (("01",), ("02",), ("01",))
    assert fields["maintenance"] == ("01",)
    assert fields["totalDoc"] == ("3",)


def test_circular_02() -> None:
    fields = flat("vn", TT02)
    assert fields["subject"] == fields["Subject"] == ("Trích yếu",)
    assert fields["creator"] == ("UBND",)
    assert fields["identifier"] == ("H49.1", "F1")
    assert fields["retention"] == ("Vĩnh viễn",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(delimiter: str) -> None:
    text = CSV if delimiter == "," else CSV.replace('"Đất đai, nhà ở"', "Đất đai. nhà ở").replace(",", delimiter)
    fields = flat("csv", text)
    assert [each[:7] for each in fields["title"]] == ["Đất đai", "Thuế"]
    assert fields["file_code"] == ("H1", "H2")
    assert fields["retention"] == ("Vĩnh viễn",)
    assert fields["Cột lạ"] == ("x", "y")


def test_csv_as_spreadsheets_write_it() -> None:
    text = unicodedata.normalize("NFD", CSV).replace("\n", "\r\n")
    for encoding in ("utf-8-sig", "utf-16"):
        assert "title" in flat("csv", text.encode(encoding))
    wide = flat("csv", 'title,note\n"two\nlines",x\nshort\n\n"no end')
    assert wide["title"] == ("two lines", "short", "no end")


def test_other_kinds_give_nothing() -> None:
    assert flat("other", DC) == {}
    assert flat("", DC) == {}


def test_limits() -> None:
    many = "<dc>" + "".join(f"<f{n}>x</f{n}>" for n in range(MAX_FIELDS + 50)) + "</dc>"
    assert len(flat("dc", many)) == MAX_FIELDS
    repeated = "<dc>" + "".join(f"<title>{n}</title>" for n in range(MAX_VALUES + 50)) + "</dc>"
    assert len(flat("dc", repeated)["title"]) == MAX_VALUES
    assert len(flat("dc", f"<dc><title>{'x' * (MAX_LENGTH * 3)}</title></dc>")["title"][0]) == MAX_LENGTH
    long = "<dc>" + "".join(f"<title>{n:05d}{'y' * 3900}</title>" for n in range(500)) + "</dc>"
    assert sum(len(each) for values in flat("dc", long).values() for each in values) <= MAX_TOTAL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><dc><title>&x;</title></dc>',
        b"<dc>" * 5000,
        b"\x00" * 100_000,
        b"\xff\xfe\x00",
        b'"' * 300_000,
        b"a," * 300_000,
        b'title\n"' + b"x" * 400_000,
        b"",
        b"<dc><title>cut",
    ],
)
def test_damaged_and_hostile(kind: str, content: bytes) -> None:
    begun = time.monotonic()
    assert "root:" not in str(flat(kind, content))
    assert time.monotonic() - begun < 5


def test_what_came_before_the_damage_is_kept() -> None:
    assert flat("dc", "<dc><title>whole</title><title>cut")["title"] == ("whole",)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("đất đai", "dat dai"),
        ("ĐẤT ĐAI", "dat dai"),
        ("Quyết định", "quyet dinh"),
        ("Ưu Ơn", "uu on"),
        ("Straße", "strasse"),
        ("01/QĐ", "01/qd"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == folded


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_fold_is_stable(text: str) -> None:
    once = fold(text)
    assert fold(once) == fold(fold(once))
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == once


@pytest.mark.parametrize("kind", KINDS)
def test_every_mapping_is_complete(kind: str) -> None:
    fields = {rule.partition("=")[2] for rules in _mapping(kind).values() for rule in rules}
    assert {"title", "creator", "date", "identifier", "subject", "description", "language", "access"} <= fields
    if kind == "csv":
        assert all(name == fold(name) for name in _mapping(kind))


@pytest.mark.parametrize(
    ("kind", "data", "word"),
    [
        ("dc", DC.encode(), ""),
        ("other", b"<mods><title>a</title></mods>", ""),
        ("csv", "tiêu đề;năm\nBản đồ;1995\n".encode(), ""),
        ("other", b"", "empty"),
        ("csv", b"", "empty"),
        ("dc", DC.encode()[:-20], "well-formed"),
        ("other", b"a text", "well-formed"),
        ("other", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"),
        ("csv", b'title\n"' + b"a,\n" * 100_000, "longer than"),
        ("csv", "title\nbản đồ\n".encode("cp1258", "replace") + b"\xd0\n", "UTF-8"),
        ("csv", "title\nbản đồ\n".encode("utf-16"), ""),
        ("csv", "title\nbản đồ\n".encode("utf-16") + b"x", "UTF-8"),
    ],
)
def test_why_a_description_cannot_be_read_to_its_end(kind: str, data: bytes, word: str) -> None:
    reason = trouble(kind, io.BytesIO(data))
    assert bool(reason) == bool(word)
    english, vietnamese = spoken(reason, "en"), spoken(reason, "vi")
    assert word in english
    assert english != vietnamese or not word

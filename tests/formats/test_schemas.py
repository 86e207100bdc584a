"""XML held against schemas that came along: the right one speaks, nothing else is read, and what cannot be used says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from formats.inspection import InspectionLimits, Inspectors
from formats.validate import Validation, ValidationFacts, Validity
from formats.validate.choice import Choice
from formats.validate.schemas import Schemas
from policies.codes import register
from policies.findings import Puid, said
from tests.formats import schemas as published

XML = Puid("fmt/101")


def schema(namespace: str, body: str, head: str = "") -> str:
    target = f' targetNamespace="{namespace}" xmlns="{namespace}" elementFormDefault="qualified"' if namespace else ""
    return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"{target}>{head}{body}</xs:schema>'


PAGES = (
    '<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" type="xs:int" maxOccurs="9"/></xs:sequence>'
    "</xs:complexType></xs:element>"
)


def folder(place: Path, **files: str) -> Path:
    made = place / "schemas"
    made.mkdir()
    for name, text in files.items():
        (made / f"{name}.xsd").write_text(text, encoding="utf-8")
    return made


def held(place: Path, text: str, schemas: Path | None) -> Validation:
    path = place / "0001"
    path.write_text(text, encoding="utf-8")
    return Choice().validate(path, XML, schemas)


def test_a_document_is_held_against_the_schema_of_its_namespace(tmp_path: Path) -> None:
    there = folder(tmp_path, công_văn=schema("urn:a", PAGES), other=schema("urn:b", PAGES))
    good = held(tmp_path, '<a xmlns="urn:a"><b>1</b><b>2</b></a>', there)
    assert (good.validity, good.schema) == (Validity.VALID, "công_văn.xsd")
    assert [check.partition(" ")[0] for check in good.checks] == ["libxml2", "schema"]
    bad = held(tmp_path, '<a xmlns="urn:a"><b>x</b><b>y</b><c/></a>', there)
    assert (bad.validity, bad.schema, len(bad.defects)) == (Validity.INVALID, "công_văn.xsd", 3)
    assert "not a valid value" in bad.defects[0].words
    assert Validation.of(bad.document()) == bad
    none = held(tmp_path, '<a xmlns="urn:c"><b>x</b></a>', there)
    assert (none.validity, none.schema, said_words(none.reason)) == (Validity.VALID, "", "none came along for it")
    assert held(tmp_path, '<a xmlns="urn:a"><b>1</b>', there).validity is Validity.INVALID  # cut, and never looked at further
    alone = held(tmp_path, "<a/>", None)
    assert (alone.validity, alone.schema) == (Validity.VALID, "")


def test_a_document_has_no_defects_of_those_before_it(tmp_path: Path) -> None:
    """libxml2 keeps a log of all complaints of a thread."""
    there = folder(tmp_path, a=schema("urn:a", PAGES))
    for _ in range(5):
        bad = held(tmp_path, '<a xmlns="urn:a"><b>x</b></a>', there)
        assert len(bad.defects) == 1
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring("<a><b><c></a>")
    (defect,) = held(tmp_path, '<a xmlns="urn:a"><b>y</b></a>', there).defects
    assert "'y'" in defect.words


def said_words(text: str) -> str:
    from policies.findings import spoken

    return spoken(text, "en")


def test_without_a_namespace_only_the_schema_that_is_asked_for(tmp_path: Path) -> None:
    there = folder(tmp_path, one=schema("", PAGES), two=schema("", PAGES.replace('name="b"', 'name="c"')))
    hint = (
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://127.0.0.1:9/x/two.xsd">'
    )
    assert held(tmp_path, f"{hint}<c>1</c></a>", there).schema == "two.xsd"
    assert held(tmp_path, f"{hint}<b>1</b></a>", there).validity is Validity.INVALID
    assert held(tmp_path, "<a><b>1</b></a>", there).schema == ""


def test_parts_are_taken_from_the_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    """An address, a path that leads out, and one to a file of this machine: only what lies in the folder under that name is read."""
    (tmp_path / "secret.xsd").write_text(schema("urn:a", '<xs:element name="z" type="xs:int"/>'))
    whole = schema("urn:a", PAGES)
    for number, place in enumerate(("http://127.0.0.1:9/deep/part.xsd", "../part.xsd", "file:///part.xsd")):
        room = tmp_path / str(number)
        room.mkdir()
        there = folder(room, head=schema("urn:h", "", f'<xs:import namespace="urn:a" schemaLocation="{place}"/>'), part=whole)
        assert Schemas(there).compile_all() == {"head.xsd": "", "part.xsd": ""}
    room = tmp_path / "out"
    room.mkdir()
    secret = (tmp_path / "secret.xsd").as_uri()
    there = folder(room, head=schema("urn:a", PAGES, f'<xs:include schemaLocation="{secret}"/>'))
    found = held(room, '<a xmlns="urn:a"><b>1</b></a>', there)
    assert (found.validity, found.schema) == (Validity.VALID, "")
    assert "head.xsd cannot be used (without secret.xsd" in said_words(found.reason)
    assert held(room, '<z xmlns="urn:a">1</z>', there).schema == ""


def test_entities_of_a_schema_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("xs:int")
    text = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>' + schema(
        "urn:a", '<xs:element name="a"><xs:annotation><xs:documentation>&e;</xs:documentation></xs:annotation></xs:element>'
    )
    there = folder(tmp_path, a=text, b="no schema at all", c="<a/>")
    assert set(Schemas(there).compile_all()) <= {"a.xsd"}


@pytest.mark.skipif(not published.available(), reason=published.REASON)
def test_published_schemas_speak_of_what_kho_writes(tmp_path: Path) -> None:
    there = tmp_path / "schemas"
    there.mkdir()
    for place in ("mets/1.12/mets.xsd", "xlink/xlink.xsd", "premis/premis-v3-0.xsd"):
        (there / Path(place).name).symlink_to(published.SPECS / place)
    assert set(Schemas(there).compile_all().values()) == {""}
    mets = '<mets xmlns="http://www.loc.gov/METS/"><metsHdr/>{}</mets>'
    body = '<structMap><div xmlns:xlink="http://www.w3.org/1999/xlink"><mptr LOCTYPE="URL" xlink:href="a"/></div></structMap>'
    good = held(tmp_path, mets.format(body), there)
    assert (good.validity, good.schema) == (Validity.VALID, "mets.xsd")
    assert held(tmp_path, mets.format(body.replace('LOCTYPE="URL" ', "")), there).validity is Validity.INVALID


def test_a_schema_that_keeps_the_compiler_busy_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A content model of many thousand states, a kilobyte of text: the worker is ended, and the files are looked at without it."""
    deep = '<xs:element name="a" minOccurs="0" maxOccurs="9999"/>'
    for _ in range(6):
        deep = f'<xs:sequence minOccurs="0" maxOccurs="9999">{deep}{deep}</xs:sequence>'
    there = folder(tmp_path, busy=schema("urn:a", f'<xs:element name="r"><xs:complexType>{deep}</xs:complexType></xs:element>'))
    monkeypatch.setattr("formats.inspection.inspectors.COMPILING", 3.0)
    path = tmp_path / "a.xml"
    path.write_text("<a/>")
    with Inspectors(InspectionLimits(workers=1)) as inspectors:
        assert inspectors.usable(there) != ""
        ((_, found),) = inspectors.validate([(path, XML)])
    assert (found.validity, found.schema) == (Validity.VALID, "")


def test_what_is_said_of_schemas() -> None:
    facts = ValidationFacts()
    found = [
        *facts.of("a.xml", XML, Validation(Validity.VALID, schema="a.xsd")),
        *facts.of("b.xml", XML, Validation(Validity.VALID, schema="", reason="why")),
        *facts.of("c.xml", XML, Validation(Validity.VALID, schema="", reason="why")),
        *facts.of("d.png", Puid("fmt/11"), Validation(Validity.VALID)),
        *facts.summary(),
    ]
    assert [(each.code, dict(each.args)) for each in found] == [
        ("VAL-SCHEMA", {"schema": "a.xsd", "files": 1}),
        ("VAL-NO-SCHEMA", {"reason": "why", "files": 2}),
    ]
    assert all(each.code in register() for each in found)
    assert said(found[0])

"""Files of a deposit are validated and characterised on the way in; what was found is told, weighed and kept in the AIP."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from formats.inside import EARLIER, JUDGED, NAMED_ONLY
from formats.inspection import InspectionLimits, Inspectors
from formats.premis import PremisFile, read_premis
from repository.model import DepositState
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.formats.sample_files import make
from tests.formats.sample_files import sound as wav
from tests.formats.test_characterise import scan
from tests.packed import zipped


def recorded(archive: ArchiveUnderTest, aip: str) -> dict[str, dict[str, str]]:
    """Name of a file → the technical metadata that PREMIS has of it on a tier."""
    found: dict[str, dict[str, str]] = {}
    for premis in archive.object(aip, "a").rglob("premis*.xml"):
        with premis.open("rb") as stream:
            found |= {
                each.path.rpartition("/")[2]: dict(each.technical) for each in read_premis(stream) if isinstance(each, PremisFile)
            }
    return found


def set_policy(archive: ArchiveUnderTest, before: str, after: str) -> None:
    file = archive.home / "policy.toml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    archive.reopen()


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A sound picture and a sound PDF, a PDF without its cross-references, a text and an empty file."""
    folder = write_tree(tmp_path / "hồ sơ", {"ghi chú.txt": "một\n".encode() * 50, "rỗng.xml": b""})
    make("a.png", folder)
    path, _ = make("a.pdf", folder)
    (folder / "broken.pdf").write_bytes(path.read_bytes().replace(b"\nxref", b"\nx.ef"))
    return folder


def test_what_is_found_is_told_and_kept(archive: ArchiveUnderTest, record: Path) -> None:
    deposit = archive.deposit(record)
    assert deposit.state is DepositState.STORED, deposit.error
    assert deposit.finding_counts.get("VAL-INVALID") == 1, deposit.findings
    assert deposit.finding_counts["VAL-NO-VALIDATOR"] == 1
    told = {finding.code: finding for finding in deposit.findings}
    assert told["VAL-INVALID"].path.endswith("broken.pdf")
    assert told["VAL-NO-VALIDATOR"].args["files"] == 1
    known = recorded(archive, deposit.aip_id)
    assert (known["a.png"]["validation"], known["a.png"]["width"], known["a.png"]["dpi_x"]) == ("valid", "320", "300")
    assert known["a.png"]["validated by"].startswith("Pillow ")
    assert (known["a.pdf"]["validation"], known["a.pdf"]["pages"]) == ("valid", "1")
    assert known["broken.pdf"]["validation"] == "invalid"
    assert "defect" in known["broken.pdf"]
    assert known["ghi chú.txt"]["validation"] == "not validated"
    assert known["rỗng.xml"] == {}
    events = [event for event in archive.engine.holdings.events(deposit.aip_id) if event.type == "validation"]
    counted = next(event for event in events if event.detail.get("of") == "file formats")
    assert {key: counted.detail[key] for key in ("valid", "invalid", "not validated")} == {
        "valid": 2,
        "invalid": 1,
        "not validated": 1,
    }
    assert counted.outcome == "warning"
    assert snapshot(archive.export(deposit.aip_id)) == snapshot(record)


def test_the_policy_gives_the_weight(archive: ArchiveUnderTest, record: Path) -> None:
    archive.weights(VAL_INVALID="hold")
    assert archive.deposit(record).state is DepositState.HELD


def test_the_policy_turns_it_off(archive: ArchiveUnderTest, record: Path) -> None:
    set_policy(archive, "[validate]\nenabled = true\ncharacterise = true", "[validate]\nenabled = false\ncharacterise = false")
    deposit = archive.deposit(record)
    assert deposit.state is DepositState.STORED
    assert deposit.finding_counts["VAL-OFF"] == 1
    assert not any(code.startswith("VAL-") and code != "VAL-OFF" for code in deposit.finding_counts)
    assert not any(recorded(archive, deposit.aip_id).values())


def test_properties_without_validation(archive: ArchiveUnderTest, record: Path) -> None:
    set_policy(archive, "[validate]\nenabled = true", "[validate]\nenabled = false")
    deposit = archive.deposit(record)
    assert deposit.finding_counts["VAL-OFF"] == 1
    known = recorded(archive, deposit.aip_id)
    assert known["a.png"]["width"] == "320"
    assert "validation" not in known["a.png"]


def test_without_identification_nothing_is_validated(archive: ArchiveUnderTest, record: Path) -> None:
    archive.policy(enabled="false")  # the first of that name: [identify]
    deposit = archive.deposit(record)
    assert deposit.state is DepositState.STORED
    assert {"IDENT-OFF", "VAL-OFF"} <= deposit.finding_counts.keys()


def test_an_archive_without_external_tools(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "r", {"a.txt": b"a"})
    wav(folder / "a.wav")
    with Inspectors(InspectionLimits(workers=1), environment={"PATH": str(tmp_path / "nothing")}) as bare:
        archive.inspectors = bare
        archive.reopen()
        deposit = archive.deposit(folder)
    assert deposit.state is DepositState.STORED
    told = {finding.code: finding for finding in deposit.findings}
    assert told["VAL-TOOL-MISSING"].args == {"tool": "ffmpeg", "files": 1}
    assert recorded(archive, deposit.aip_id)["a.wav"]["validation"] == "not validated"


def test_intake_rules_by_policy(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "số hóa"
    (folder / "bản đồ").mkdir(parents=True)
    scan(folder / "mờ.pdf", dpi=150, mode="L")
    scan(folder / "rõ.pdf", dpi=200, text=b"Quyet dinh")
    scan(folder / "bản đồ" / "tờ 1.pdf", dpi=200, text=b"Ban do")
    assert not any(code.startswith("INTAKE-") for code in archive.deposit(folder).finding_counts)
    set_policy(archive, 'rules = "none"', 'rules = "vn-tt05"\ndrawings = ["*bản đồ/*"]')
    os.utime(folder)
    (folder / "thêm.txt").write_text("khác")
    deposit = archive.deposit(folder)
    codes = {code: count for code, count in deposit.finding_counts.items() if code.startswith("INTAKE-")}
    assert codes == {"INTAKE-NOT-PDFA": 3, "INTAKE-NO-TEXT": 1, "INTAKE-RESOLUTION": 2, "INTAKE-COLOUR": 1}
    assert deposit.state is DepositState.STORED


XSD = (
    b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:vn:hs" elementFormDefault="qualified">'
    b'<xs:element name="hs"><xs:complexType><xs:attribute name="nam" type="xs:gYear" use="required"/></xs:complexType></xs:element>'
    b"</xs:schema>"
)


def test_xml_is_held_against_schemas_that_came_along(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    files = {
        "đúng.xml": b'<?xml version="1.0"?><hs xmlns="urn:vn:hs" nam="1987"/>',
        "sai.xml": b'<?xml version="1.0"?><hs xmlns="urn:vn:hs" nam="xx"/>',
        "khác.xml": b'<?xml version="1.0"?><khac/>',
        "schemas/hs.xsd": XSD,
        "bản khác/hs.xsd": XSD + b"\n",
        "lớn/to.xsd": XSD + b" " * (2 << 20),
    }
    deposit = archive.deposit(write_tree(tmp_path / "hồ sơ", files))
    assert deposit.state is DepositState.STORED, deposit.error
    told = {finding.code: finding for finding in deposit.findings}
    assert (told["VAL-INVALID"].path.rpartition("/")[2], deposit.finding_counts["VAL-INVALID"]) == ("sai.xml", 1)
    assert told["VAL-INVALID"].args["tools"].endswith(")")
    assert "schema hs.xsd" in str(told["VAL-INVALID"].args["tools"])
    assert told["VAL-SCHEMA"].args == {"schema": "hs.xsd", "files": 2}
    assert told["VAL-NO-SCHEMA"].args["files"] == 1
    assert deposit.finding_counts["VAL-SCHEMA-LEFT"] == 2
    known = recorded(archive, deposit.aip_id)
    assert "schema hs.xsd" in known["đúng.xml"]["validated by"]
    assert "schema" not in known["khác.xml"]["validated by"]


def test_what_lies_in_archives_is_validated_too(archive: ArchiveUnderTest, record: Path, tmp_path: Path) -> None:
    packed = write_tree(tmp_path / "gói", {"a.zip": zipped({each.name: each.read_bytes() for each in record.iterdir()})})
    deposit = archive.deposit(packed)
    told = {finding.code: finding for finding in deposit.findings}
    assert told["VAL-INSIDE"].args == {"files": 4, "valid": 2, "invalid": 1, "rest": 1}
    assert told["VAL-INSIDE-INVALID"].args == {"files": 1, "names": "broken.pdf"}
    assert "2 are sound" in told["VAL-INSIDE"].text()
    notes = "".join(each.read_text("utf-8") for each in archive.object(deposit.aip_id, "a").rglob("premis*.xml"))
    assert "inside, validated: 2 valid, 1 invalid, 1 not validated" in notes
    set_policy(archive, "[validate]\n", "[validate]\narchives = false\n")
    again = archive.deposit(write_tree(tmp_path / "gói 2", {"b.zip": (packed / "a.zip").read_bytes(), "c.txt": b"c"}))
    assert not {"VAL-INSIDE", "VAL-INSIDE-INVALID"} & {finding.code for finding in again.findings}
    assert "IDENT-INSIDE" in {finding.code for finding in again.findings}


def test_what_was_validated_in_an_archive_is_not_forgotten_when_it_is_named_again(
    archive: ArchiveUnderTest, tmp_path: Path
) -> None:
    """Nobody validates then: the newest version says what was found when somebody did, and that it was before."""
    set_policy(archive, "# archive_files = 20000", "archive_files = 1")
    packed = zipped({"cut.pdf": b"%PDF-1.4\n%%EOF\n", "b.txt": b"b", "c.txt": b"c"})
    aip = archive.deposit(write_tree(tmp_path / "gói", {"a.zip": packed})).aip_id
    first = noted(archive, aip)
    assert "inside, validated: 0 valid, 1 invalid, 0 not validated" in first
    for before, files in ((1, 3), (3, 2)):
        set_policy(archive, f"archive_files = {before}", f"archive_files = {files}")
        assert archive.engine.campaigns.reidentify(progress=Silent())["counts"]["versions"] == 1
        notes = noted(archive, aip)
        assert any(each.startswith(f"inside: {files} files, ") for each in notes)
        assert NAMED_ONLY not in notes
        assert [each for each in notes if each.startswith(JUDGED)] == [each for each in first if each.startswith(JUDGED)]
        assert notes.count(EARLIER) == 1
    archive.whole()


def noted(archive: ArchiveUnderTest, aip: str) -> tuple[str, ...]:
    """What the newest version says of the format of its archive."""
    folder = archive.export(aip, uuid.uuid4().hex, form="folder")
    with (folder / "representations/rep1/metadata/preservation/premis-kho.xml").open("rb") as stream:
        return next(each.format_notes for each in read_premis(stream) if isinstance(each, PremisFile) and ".zip" in each.path)


def test_the_archives_own_schemas_go_first(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    own = write_tree(tmp_path / "lược đồ", {"hs.xsd": XSD.replace(b"gYear", b"date")})
    toml = archive.home / "kho.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + f'\n[package]\nschemas = "{own}"\n', encoding="utf-8")
    archive.reopen()
    files = {"a.xml": b'<?xml version="1.0"?><hs xmlns="urn:vn:hs" nam="1987"/>', "hs.xsd": XSD}
    deposit = archive.deposit(write_tree(tmp_path / "hồ sơ", files))
    assert deposit.finding_counts["VAL-INVALID"] == 1
    assert deposit.finding_counts["VAL-SCHEMA-LEFT"] == 1

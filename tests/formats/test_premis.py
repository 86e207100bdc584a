"""PREMIS 3: valid by the published schema, read back equal, agents described."""

from __future__ import annotations

import io
import resource
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from formats.premis import Agent, Event, PremisEntity, PremisFile, agent_of, read_premis, write_premis
from formats.xml import NotWellFormed
from tests.formats import schemas

WHEN = datetime(2026, 3, 1, 8, 30, 15, 250, tzinfo=timezone(timedelta(hours=7)))
AIP = "urn:uuid:385a3080-b714-4b0f-a975-8fd8e214d752"
ODD = "representations/rep1/data/a b%.pdf"


def a_file(path: str, size: int = 12, puid: str = "", **more) -> PremisFile:
    return PremisFile(path, size, b"\1" * 32, b"\2" * 64, puid, **more)


OBJECTS = [
    PremisEntity(AIP, original_name="Phông Sở Địa chính"),
    PremisEntity(f"{AIP}/rep1", "representation", part_of=AIP),
    a_file(
        ODD,
        puid="fmt/276",
        format_name="Acrobat PDF 1.7",
        format_version="1.7",
        format_notes=("by signature", "fido: the same"),
        original_name="gốc/a.pdf",
        modified=WHEN,
        application="LibreOffice",
        technical=(
            ("validation", "valid"),
            ("validated by", "qpdf 12 & <kho>"),
            ("defect", "một"),
            ("defect", ""),
            ("pages", "3"),
        ),
    ),
    a_file("representations/rep1/data/empty", 0),
    a_file("representations/rep2/data/a.pdf", puid="fmt/95", derived_from=ODD),
]
EVENTS = [
    Event("e1", "ingestion", WHEN, "kho 0.1.0", "success", AIP, 1, "d1", "", {"files": 3, "code": "X-1"}),
    Event("e2", "fixity check", datetime(2026, 4, 1, tzinfo=UTC), "user:lan", "fail", AIP, 2, tier="đĩa-a"),
    Event("e3", "deletion", WHEN, "org:Chi cục <Văn thư>", "warning"),
]
AGENTS = [Agent("kho 0.1.0", "Kho", "software", "0.1.0", "the archive's engine")]


def written(objects=OBJECTS, events=EVENTS, agents=AGENTS) -> bytes:
    out = io.BytesIO()
    write_premis(out, objects=objects, events=events, agents=agents)
    return out.getvalue()


@pytest.mark.skipif(not schemas.available(), reason=schemas.REASON)
@pytest.mark.parametrize(
    ("objects", "events", "agents"), [(OBJECTS, EVENTS, AGENTS), (OBJECTS[:1], EVENTS, ()), (OBJECTS[3:4], (), ())]
)
def test_valid_by_the_schema(objects, events, agents) -> None:
    schema = schemas.premis()
    assert schema.validate(etree.fromstring(written(objects, events, agents))), schema.error_log


@pytest.mark.skipif(not schemas.available(), reason=schemas.REASON)
def test_the_schema_does_reject() -> None:
    tree = etree.fromstring(written())
    tree.append(tree[0])  # an object after the agents
    assert not schemas.premis().validate(tree)


def test_read_back_equal_and_agents_are_complete() -> None:
    back = list(read_premis(io.BytesIO(written())))
    assert [each for each in back if isinstance(each, PremisEntity | PremisFile)] == OBJECTS
    assert [each for each in back if isinstance(each, Event)] == EVENTS
    agents = {each.id: each for each in back if isinstance(each, Agent)}
    assert agents["kho 0.1.0"] == AGENTS[0]
    assert set(agents) == {event.agent for event in EVENTS}  # AIP16, AIP18
    assert agents["user:lan"].type == "person"


@pytest.mark.parametrize(
    ("identifier", "agent"),
    [
        ("kho 0.1.0", Agent("kho 0.1.0", "kho", "software", "0.1.0")),
        ("clamd", Agent("clamd", "clamd", "software")),
        ("user:lan", Agent("user:lan", "lan", "person")),
        ("org:Sở", Agent("org:Sở", "Sở", "organization")),
    ],
)
def test_agent_of(identifier: str, agent: Agent) -> None:
    assert agent_of(identifier) == agent


words = st.text(max_size=15)
safe = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=15)
details = st.dictionaries(words, words | st.integers(-(2**40), 2**40), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=10), safe, details, st.datetimes())
def test_whatever_a_value_holds(raw: bytes, name: str, detail, when: datetime) -> None:
    original = raw.decode("utf-8", "surrogateescape")
    file = a_file("x/" + original, original_name=original, format_name=name)
    event = Event("e", "ingestion", when.replace(tzinfo=UTC), "kho 1", "success", detail=detail)
    back = list(read_premis(io.BytesIO(written([file], [event]))))
    assert back[:2] == [file, event]


def test_needs_an_object() -> None:
    with pytest.raises(ValueError, match="at least one object"):
        written([])


def test_a_cut_document_is_no_premis() -> None:
    with pytest.raises(NotWellFormed):
        list(read_premis(io.BytesIO(written()[:-10])))


def test_another_tools_words_are_kept() -> None:
    document = written().replace(b"&quot;", b"")
    events = [each for each in read_premis(io.BytesIO(document)) if isinstance(each, Event)]
    assert "files: 3" in str(events[0].detail["text"])


def test_memory_does_not_grow_with_the_number_of_objects(tmp_path) -> None:
    def both_ways(count: int) -> int:
        objects = (a_file(f"representations/r/data/tệp {n}", n, "fmt/1") for n in range(count))
        with open(tmp_path / "premis.xml", "wb") as out:
            write_premis(out, objects=objects)
        with open(tmp_path / "premis.xml", "rb") as stream:
            return sum(1 for _ in read_premis(stream))

    assert both_ways(1_000) == 1_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert both_ways(40_000) == 40_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000

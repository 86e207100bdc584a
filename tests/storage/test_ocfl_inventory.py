"""Reading and writing inventories: both readers alike, what is written is read back, nothing but the documented error."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.ocfl import documents
from storage.ocfl.inventory import (
    InvalidInventory,
    Inventory,
    VersionBlock,
    parse_inventory,
    sidecar_text,
    write_inventory,
)
from tests.builders_ocfl import digest, two_versions
from tests.oracles import ocfl_py_findings

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def block(number: int, **keywords: str) -> VersionBlock:
    return VersionBlock(number, NOW, **({"message": "m", "user_name": "Trần", "user_address": "urn:x:tran"} | keywords))


def written(contents: dict[str, bytes], number: int = 1, previous: Inventory | None = None, token: str = "t") -> bytes:
    """An inventory for the files of one version (logical path → bytes), as Kho's writer makes it."""
    old = dict(previous.content_paths()) if previous else {}
    known = {stored: path for path, stored in old.items()}
    fixity = dict(previous.fixity("sha256")) if previous else {}
    for path, data in contents.items():
        sha512 = hashlib.sha512(data).digest()
        if sha512 not in known:
            known[sha512] = f"v{number}/content/{token}/{path}"  # type: ignore[assignment]
            fixity[known[sha512]] = hashlib.sha256(data).digest()
    rows = sorted(known.items())
    out = io.BytesIO()
    write_inventory(
        out,
        object_id="urn:x:1",
        version=block(number),
        manifest=rows,
        state=sorted((hashlib.sha512(data).digest(), path) for path, data in contents.items()),
        fixity_sha256=((fixity[path], path) for _sha512, path in rows),
        previous=previous,
    )
    return out.getvalue()


names = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/"), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..")
)
states = st.dictionaries(names, st.binary(max_size=3), max_size=6)


@settings(max_examples=60, deadline=None)
@given(first=states, second=states)
def test_what_is_written_is_read_back(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    one = parse_inventory(written(first))
    two = parse_inventory(written(second, 2, one, "u"))
    assert (two.object_id, two.head, two.spec, two.digest_algorithm, two.width) == ("urn:x:1", 2, "1.1", "sha512", 0)
    for number, files in ((1, first), (2, second)):
        assert dict(two.state(number)) == {path: hashlib.sha512(data).digest() for path, data in files.items()}
        for path in files:
            assert dict(two.content_paths())[two.content_of(path, number)] == two.digest_of(path, number)
    assert two.versions[1].user_name == "Trần"
    assert two.versions[0].created == "2026-11-23T08:30:00Z"
    assert dict(two.fixity("sha256")).keys() == dict(two.content_paths()).keys()
    assert dict(two.fixity("md5")) == {}


@settings(max_examples=40, deadline=None)
@given(first=states, second=states)
def test_both_readers_read_alike(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    data = written(second, 2, parse_inventory(written(first)), "u")
    whole = parse_inventory(data)
    limit, documents.STREAM_FROM = documents.STREAM_FROM, 10
    try:
        assert parse_inventory(io.BytesIO(data)) == whole
        with pytest.raises(InvalidInventory):
            parse_inventory(io.BytesIO(data[:-4]))
        with pytest.raises(InvalidInventory):
            parse_inventory(io.BytesIO(data + b"{}"))
    finally:
        documents.STREAM_FROM = limit


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 3000), junk=st.binary(max_size=6), cut=st.integers(0, 30), streamed=st.booleans())
def test_any_bytes_give_an_inventory_or_the_documented_error(at: int, junk: bytes, cut: int, streamed: bool) -> None:
    data = two_versions().bytes_of("v2")
    limit = documents.STREAM_FROM
    documents.STREAM_FROM = 10 if streamed else limit
    try:
        parse_inventory(data[:at] + junk + data[at + cut :])
    except InvalidInventory:
        pass
    finally:
        documents.STREAM_FROM = limit


def test_a_zero_padded_object_in_upper_case_is_read() -> None:
    text = two_versions().bytes_of("v2").decode()
    for name in ("v1", "v2"):
        text = text.replace(f'"{name}"', f'"v0{name[1]}"').replace(f'"{name}/', f'"v0{name[1]}/')
    text = text.replace(digest(b"a"), digest(b"a").upper())
    inventory = parse_inventory(text.encode())
    assert (inventory.width, inventory.head, inventory.version_name(2)) == (2, 2, "v02")
    assert inventory.digest_of("a.txt") == hashlib.sha512(b"a").digest()
    with pytest.raises(ValueError, match="cannot follow"):
        write_inventory(io.BytesIO(), object_id=inventory.object_id, version=block(3), manifest=(), state=(), previous=inventory)


def test_questions_without_answer() -> None:
    inventory = parse_inventory(two_versions().bytes_of("v2"))
    for version in (0, 3):
        with pytest.raises(KeyError):
            list(inventory.state(version))
    with pytest.raises(KeyError):
        inventory.content_of("none")


def test_what_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        write_inventory(io.BytesIO(), object_id="x:1", version=VersionBlock(1, datetime(2026, 1, 1)), manifest=(), state=())
    with pytest.raises(ValueError, match="before"):
        write_inventory(io.BytesIO(), object_id="x:1", version=block(2), manifest=(), state=())
    with pytest.raises(ValueError, match="surrogates"):
        write_inventory(io.BytesIO(), object_id="x:1", version=block(1, message="\udc80"), manifest=(), state=())


def test_times_are_written_in_utc() -> None:
    out = io.BytesIO()
    when = datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=7)))
    write_inventory(out, object_id="x:1", version=VersionBlock(1, when), manifest=(), state=())
    assert json.loads(out.getvalue())["versions"]["v1"] == {"created": "2026-01-01T00:00:00Z", "state": {}}


def test_the_oracle_finds_nothing_in_what_is_written(tmp_path: Path) -> None:
    files = [{"a": b"1", "đất đai.txt": b"2", "x/y": b"1"}, {"a": b"3", "x/y": b"1"}]
    previous = None
    for number, contents in enumerate(files, start=1):
        data = written(contents, number, previous)
        previous = parse_inventory(data)
        for folder in (tmp_path, tmp_path / f"v{number}"):
            folder.mkdir(exist_ok=True)
            (folder / "inventory.json").write_bytes(data)
            (folder / "inventory.json.sha512").write_bytes(sidecar_text(hashlib.sha512(data).digest()))
        stored = {hashlib.sha512(content).digest(): content for content in contents.values()}
        for path, sha512 in previous.content_paths():
            if path.startswith(f"v{number}/"):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_bytes(stored[sha512])
    (tmp_path / "0=ocfl_object_1.1").write_bytes(b"ocfl_object_1.1\n")
    assert ocfl_py_findings(tmp_path) == []


_MEASURE = """
import hashlib, sys
from datetime import UTC, datetime
from storage.ocfl.inventory import VersionBlock, parse_inventory, write_inventory

def peak():  # VmHWM: ru_maxrss would show what the parent had when it forked
    with open("/proc/self/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmHWM"))

def rows(kind):
    for number in range(200_000):
        name = f"representations/rep1/data/ho-so-{number:07d}.pdf"
        yield hashlib.new(kind, b"%d" % number).digest(), name

with open(sys.argv[1], "wb") as out:
    write_inventory(out, object_id="urn:x:1", version=VersionBlock(1, datetime.now(UTC)),
        manifest=((d, "v1/content/0123456789ab/" + n) for d, n in rows("sha512")), state=rows("sha512"),
        fixity_sha256=((d, "v1/content/0123456789ab/" + n) for d, n in rows("sha256")))
print(peak())
with open(sys.argv[1], "rb") as stream:
    inventory = parse_inventory(stream)
assert len(inventory.manifest) == 200_000
print(peak())
"""


def test_memory_of_200_000_files(tmp_path: Path) -> None:
    """Peak resident memory in KiB of a fresh process: writing holds nothing, reading about 0.7 KB a file."""
    ran = subprocess.run([sys.executable, "-c", _MEASURE, tmp_path / "i.json"], capture_output=True, text=True, check=True)
    writing, reading = map(int, ran.stdout.split())
    assert writing < 40_000
    assert reading < 200_000

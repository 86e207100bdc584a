"""Files over HTTP: whole, in ranges, by condition, under any name; and what a damaged copy does to them."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.access.reading import SMALL
from repository.api.language import accepted_language
from repository.api.ranges import Unsatisfiable, range_of
from tests.repository.api_server import Server, zipped
from tests.rights import writable

LARGE = os.urandom(SMALL + (3 << 20) + 17)
NAMES = {
    "Tờ trình số 12.txt": "Tờ trình\n".encode(),
    "zero.bin": b"",
    'quote " and % and #?.txt': b"marks",
    "page.html": b"<script>alert(1)</script>",
    "large.bin": LARGE,
    "small.bin": bytes(range(256)) * 40,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("api-files"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def aip(server: Server) -> str:
    return str(server.ended(server.deposit(zipped({f"top/{name}": data for name, data in NAMES.items()})))["aip"])


@pytest.fixture(scope="module")
def files(server: Server, aip: str) -> dict[str, dict[str, object]]:
    """The rows of the list of files, by the last part of their names; fetched in small pages."""
    rows, cursor = [], ""
    while True:
        page = server.get(f"/api/v1/aips/{aip}/files?limit=3{cursor}").json()
        rows += page["files"]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert [row["path"] for row in rows] == sorted({row["path"] for row in rows})
    return {str(row["original_name"] or row["path"]).rpartition("/")[2]: row for row in rows}


def place(aip: str, path: object) -> str:
    return f"/api/v1/aips/{aip}/files/{quote(str(path))}"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_comes_back_as_it_was(server: Server, aip: str, files: dict[str, dict[str, object]], name: str) -> None:
    row = files[name]
    response = server.get(place(aip, row["path"]))
    assert response.status_code == 200
    assert response.content == NAMES[name]
    digest = hashlib.sha512(NAMES[name])
    assert response.headers["ETag"] == f'"{digest.hexdigest()}"' == f'"{row["sha512"]}"'
    assert f"sha-512=:{base64.b64encode(digest.digest()).decode()}:" in response.headers["Repr-Digest"]
    assert response.headers["Kho-Verified"] == ("at-end" if name == "large.bin" else "before")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    said = Message()
    said["Content-Disposition"] = response.headers["Content-Disposition"]
    assert said.get_content_disposition() == "attachment"
    assert unquote(response.headers["Content-Disposition"].partition("UTF-8''")[2]) == name
    assert response.headers["Content-Disposition"].isascii()
    with server.client() as client:
        head = client.head(place(aip, row["path"]))
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(NAMES[name])))


def test_metadata_is_there_too(server: Server, aip: str, files: dict[str, dict[str, object]]) -> None:
    assert server.get(place(aip, files["METS.xml"]["path"])).content.startswith(b"<?xml")
    events = server.get(f"/api/v1/aips/{aip}/events?limit=2").json()
    assert (events["kind"], len(events["events"])) == ("events", 2)
    rest = server.get(f"/api/v1/aips/{aip}/events?cursor={events['cursor']}").json()
    assert {"ingestion"} <= {event["type"] for event in [*events["events"], *rest["events"]]}


@pytest.mark.parametrize("name", ["small.bin", "large.bin"])
@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-0",
        "bytes=5-99",
        "bytes=100-",
        "bytes=-7",
        "bytes=0-99999999999",
        "bytes=-99999999999",
        f"bytes=1-{10**40}",
        f"bytes=-{'9' * 5000}",
    ],
)
def test_one_range(server: Server, aip: str, files: dict[str, dict[str, object]], name: str, asked: str) -> None:
    data = NAMES[name]
    response = server.get(place(aip, files[name]["path"]), Range=asked)
    found = range_of(asked, len(data))
    assert found is not None
    start, end = found
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
    assert response.content == data[start:end]
    assert response.headers["Kho-Verified"] == ("no" if name == "large.bin" else "before")


def test_ranges_that_are_none(server: Server, aip: str, files: dict[str, dict[str, object]]) -> None:
    small, size = place(aip, files["small.bin"]["path"]), len(NAMES["small.bin"])
    for asked in (f"bytes={size}-", "bytes=-0", f"bytes={10**40}-", f"bytes={'9' * 5000}-{'9' * 5001}"):
        response = server.get(small, Range=asked)
        assert (response.status_code, response.json()["code"]) == (416, "API-RANGE")
        assert response.headers["Content-Range"] == f"bytes */{size}"
    assert server.get(place(aip, files["zero.bin"]["path"]), Range="bytes=0-").status_code == 416
    for asked in ("bytes=0-1,4-5", "lines=1-2", "bytes=5-4", "bytes=x", "bytes=1-2-3"):
        response = server.get(small, Range=asked)
        assert (response.status_code, response.content) == (200, NAMES["small.bin"])


def test_conditions(server: Server, aip: str, files: dict[str, dict[str, object]]) -> None:
    path = place(aip, files["small.bin"]["path"])
    etag = f'"{files["small.bin"]["sha512"]}"'
    for value in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        response = server.get(path, **{"If-None-Match": value})
        assert (response.status_code, response.content) == (304, b"")
    assert server.get(path, **{"If-None-Match": '"x"'}).status_code == 200
    assert server.get(path, **{"If-Match": '"x"'}).status_code == 412
    assert server.get(path, **{"If-Match": etag}).status_code == 200
    assert server.get(path, **{"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert server.get(path, **{"Range": "bytes=0-1", "If-Range": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "path", ["../../../catalog.db", "..%2f..%2fcatalog.db", "%2e%2e/%2e%2e/kho.toml", "/etc/passwd", "a%00b", "x%0A"]
)
def test_no_path_leads_out(server: Server, aip: str, path: str) -> None:
    with server.client() as client:
        response = client.get(httpx.URL(server.url, raw_path=f"/api/v1/aips/{aip}/files/{path}".encode()))
    assert response.status_code == 404
    assert response.json()["code"] in ("AIP-NO-FILE", "API-NOT-FOUND", "AIP-UNKNOWN")


def test_versions(server: Server, aip: str, files: dict[str, dict[str, object]]) -> None:
    path = place(aip, files["small.bin"]["path"])
    assert server.get(f"{path}?version=1").status_code == 200
    assert server.get(f"{path}?version=2").status_code == 404
    assert server.get(f"{path}?version=0").status_code == 422


def stored_file(server: Server, tier: str, data: bytes) -> Path:
    """The file of a tier that has these bytes."""
    (found,) = [
        file
        for file in (server.home / "tiers" / tier).rglob("*")
        if file.is_file() and file.stat().st_size == len(data) and file.read_bytes() == data
    ]
    return found


def alter(file: Path) -> None:
    """Flip the last bit, on this name alone (the tiers may share a file with nobody, but be sure)."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.unlink()
    file.write_bytes(bytes(data))


def test_an_altered_small_file_comes_from_the_other_tier(server: Server) -> None:
    data = os.urandom(50_000)
    aip = server.ended(server.deposit(zipped({"top/x.bin": data})))["aip"]
    (row,) = [row for row in server.get(f"/api/v1/aips/{aip}/files").json()["files"] if row["path"].endswith("x.bin")]
    alter(stored_file(server, "a", data))
    assert server.get(place(str(aip), row["path"])).content == data
    alter(stored_file(server, "b", data))
    response = server.get(place(str(aip), row["path"]))
    assert (response.status_code, response.json()["code"]) == (503, "AIP-NO-GOOD-COPY")
    stored = [file for tier in "ab" for file in (server.home / "tiers" / tier).rglob("x.bin")]
    for file in stored:
        file.unlink()
    assert server.get(place(str(aip), row["path"])).status_code == 503


def test_an_altered_large_file_does_not_end_well(server: Server) -> None:
    data = os.urandom(SMALL + 100_000)
    aip = server.ended(server.deposit(zipped({"top/y.bin": data})))["aip"]
    (row,) = [row for row in server.get(f"/api/v1/aips/{aip}/files").json()["files"] if row["path"].endswith("y.bin")]
    alter(stored_file(server, "a", data))
    with pytest.raises(httpx.RemoteProtocolError):
        server.get(place(str(aip), row["path"]))
    assert "AIP-READ-BROKEN-OFF" in server.log()
    assert server.get(place(str(aip), row["path"])).content == data  # another tier is asked first from now on
    os.truncate(writable(stored_file(server, "b", data)), SMALL)
    with pytest.raises(httpx.RemoteProtocolError):
        server.get(place(str(aip), row["path"]))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="bytes=-,0123456789 ", max_size=24), st.integers(0, 50))
def test_any_range_header_is_inside_or_nothing(header: str, size: int) -> None:
    try:
        found = range_of(header, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found[0] < found[1] <= size


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("vi-VN;q=0.5, en;q=0.4", "vi"),
        ("de, en;q=0.1", "en"),
        ("en;q=0", "vi"),
        ("*", "vi"),
        ("de", "vi"),
        (";;;,q=", "vi"),
    ],
)
def test_the_language_that_is_liked_most(header: str, expected: str) -> None:
    assert accepted_language(header, "vi") == expected

"""The HTTP door through a real server process: deposits end to end, keys, broken uploads, tokens, verdicts."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.packed import tarred
from tests.repository.api_server import NO_TLS, TOKENS, Server, until, with_limit, zipped

TEXT = "Quyết định số 12 về đất đai\n".encode()
FILES = {"hồ sơ/Quyết định.txt": TEXT, "hồ sơ/tệp lớn.bin": os.urandom(9 << 20)}
LIMIT = 32 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("api"), with_limit(LIMIT))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def stored(server: Server) -> dict[str, object]:
    """One deposit that is stored."""
    response = server.deposit(
        zipped(FILES), "stored", headers={"Content-Type": "application/zip"}, title="Hồ sơ một", label="một"
    )
    return server.ended(response)


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["detail"]
    assert body["todo"]
    assert body["findings"][0]["code"] == body["code"]
    assert "Traceback" not in response.text
    return str(body["code"])


def field(algorithm: str, data: bytes) -> str:
    return f"{algorithm}=:{base64.b64encode(hashlib.new(algorithm.replace('-', ''), data).digest()).decode()}:"


def test_a_zip_becomes_an_aip_with_two_copies(server: Server, stored: dict[str, object]) -> None:
    assert (stored["state"], stored["verdict"], stored["ok"], stored["producer"]) == ("stored", "accept", True, "so-noi-vu")
    assert stored["actor"] == "api:so-noi-vu"
    assert stored["source"] == f"upload:sha256:{hashlib.sha256(zipped(FILES)).hexdigest()}"
    aip = server.get(f"/api/v1/aips/{stored['aip']}").json()
    assert {copy["tier"]: copy["state"] for copy in aip["copies"]} == {"a": "good", "b": "good"}
    assert aip["title"] == "Hồ sơ một"
    listed = server.get("/api/v1/aips?query=ho%20so%20mot").json()
    assert [each["id"] for each in listed["aips"]] == [stored["aip"]]
    assert server.kho("show", str(stored["aip"]))["aip"]["id"] == stored["aip"]
    assert not any(stored["id"] in place for place in (server.arrivals(), os.listdir(server.home / "spool")))


def test_the_receipt_names_both_digests_of_what_arrived(server: Server, stored: dict[str, object]) -> None:
    from repository.engine import Engine

    with Engine.open(server.home, actor="test") as engine:
        (event,) = engine.archive.catalog.events.list(deposit_id=str(stored["id"]), type="transfer").items
    data = zipped(FILES)
    assert event.detail["sha256"] == hashlib.sha256(data).hexdigest()
    assert event.detail["sha512"] == hashlib.sha512(data).hexdigest()
    assert event.agent == "api:so-noi-vu"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tars_of_any_kind(server: Server, mode: str) -> None:
    data = tarred({"a/b.txt": mode.encode() + TEXT}, mode)
    type_ = {"w": "application/x-tar", "w:gz": "application/gzip"}[mode]
    assert server.ended(server.deposit(data, headers={"Content-Type": type_}))["state"] == "stored"


def test_the_same_key_and_bytes_are_the_same_deposit(server: Server) -> None:
    data = zipped({"a.txt": b"the same"})
    first = server.deposit(data, "same-key")
    during = server.deposit(data, "same-key")
    server.ended(first)
    after = server.deposit(data, "same-key")
    quoted = server.deposit(data, '"same-key"')
    assert {each.headers["Location"] for each in (first, during, after, quoted)} == {first.headers["Location"]}
    assert after.json()["state"] == "stored"
    until(lambda: server.arrivals() == [])


def test_the_same_key_with_other_bytes_is_refused(server: Server) -> None:
    first = server.deposit(zipped({"a.txt": b"one"}), "other-bytes")
    during = server.deposit(zipped({"a.txt": b"two"}), "other-bytes")
    ended = server.ended(first)
    after = server.deposit(zipped({"a.txt": b"three"}), "other-bytes")
    assert (during.status_code, after.status_code) == (409, 409)
    assert code(during) == code(after) == "DEP-KEY-REUSED"
    assert ended["id"] in after.json()["detail"]
    assert server.get(f"/api/v1/deposits/{ended['id']}").json() == ended
    until(lambda: server.arrivals() == [])


def test_the_same_files_packed_again_are_the_same_deposit(server: Server) -> None:
    files = {"a.txt": b"packed twice"}
    first = server.deposit(zipped(files), "packed")
    server.ended(first)
    again = server.deposit(zipped(files, (2026, 5, 5, 5, 5, 6)), "packed")
    assert again.headers["Location"] == first.headers["Location"]


def test_packed_again_while_the_first_is_not_examined(server: Server) -> None:
    """Many programs pack anew for every try, and a packer writes the time into the archive."""
    files = {"a.txt": b"packed for every try"}
    locations = set()
    for second in range(0, 12, 2):
        again = server.deposit(zipped(files, (2026, 1, 2, 3, 4, second)), "packed-for-every-try")
        assert again.status_code == 202, again.text
        locations.add(again.headers["Location"])
    assert len(locations) == 1


def test_another_producer_may_use_the_same_key(server: Server) -> None:
    first = server.deposit(zipped({"a.txt": b"of one"}), "shared")
    other = server.deposit(zipped({"a.txt": b"of another"}), "shared", name="so-y-te")
    assert first.headers["Location"] != other.headers["Location"]
    assert server.ended(other)["producer"] == "so-y-te"


def test_eight_at_once_with_one_key_make_one_aip(server: Server) -> None:
    data = zipped({"a.txt": b"eight at once", "b.bin": os.urandom(3 << 20)})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.deposit(data, "eight"), range(8)))
    assert len({each.headers["Location"] for each in answers}) == 1
    ended = server.ended(answers[0])
    rows = [each for each in server.get("/api/v1/deposits?limit=1000").json()["deposits"] if each["key"] == "eight"]
    assert [row["aip"] for row in rows] == [ended["aip"]]
    until(lambda: server.arrivals() == [])


def test_without_a_key_the_bytes_are_the_key(server: Server) -> None:
    data = zipped({"a.txt": b"no key"})
    first = server.ended(server.deposit(data))
    again = server.ended(server.deposit(data))
    assert (again["state"], again["aip"], again["reason"]) == ("repeated", first["aip"], first["id"])


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
def test_a_digest_is_checked(server: Server, name: str, algorithm: str) -> None:
    data = zipped({"a.txt": f"{name} {algorithm}".encode()})
    before = len(server.get("/api/v1/deposits?limit=1000").json()["deposits"])
    wrong = server.deposit(data, headers={name: f"{field('sha-256', data)}, {field(algorithm, data + b'x')}"})
    assert (wrong.status_code, code(wrong)) == (400, "API-DIGEST")
    assert len(server.get("/api/v1/deposits?limit=1000").json()["deposits"]) == before
    assert server.arrivals() == [] or not any("partial" in str(each) for each in server.arrivals())
    assert server.deposit(data, headers={name: field(algorithm, data)}).status_code == 202


@pytest.mark.parametrize("value", ["sha-256=abc", "sha-256=:AAAA:", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "sha-256=:@@:", ""])
def test_a_digest_that_nobody_can_check_is_no_promise(server: Server, value: str) -> None:
    response = server.deposit(zipped({"a": b"x"}), headers={"Content-Digest": value})
    assert (response.status_code, code(response)) == (400, "API-HEADER")
    assert "sha-512" in response.headers["Want-Content-Digest"]


def test_a_body_that_is_not_what_it_says_is_refused(server: Server) -> None:
    data = zipped({"a": b"x"})
    for type_, body in (("application/gzip", data), ("application/zip", b"no zip"), ("application/x-tar", data)):
        response = server.deposit(body, headers={"Content-Type": type_})
        assert (response.status_code, code(response)) == (400, "API-CONTENT-MISMATCH")
    for more in ({"Content-Type": "text/html"}, {"Content-Type": "application/zip", "Content-Encoding": "gzip"}):
        response = server.deposit(data, headers=more)
        assert (response.status_code, code(response)) == (415, "API-CONTENT-TYPE")
    assert code(server.deposit(b"")) == "API-EMPTY"


def test_too_much_is_refused_at_once_or_on_the_way(server: Server) -> None:
    announced = server.deposit(bytes(LIMIT + 1))
    assert (announced.status_code, code(announced)) == (413, "API-TOO-LARGE")
    with server.client() as client:
        chunks = (bytes(1 << 20) for _ in range(64))
        try:
            found = client.post("/api/v1/deposits", content=chunks)
        except httpx.TransportError:
            pass  # the server closes; the answer may be lost behind what was still being sent
        else:
            assert (found.status_code, code(found)) == (413, "API-TOO-LARGE")
    until(lambda: not [each for each in server.arrivals() if (server.home / "spool/incoming" / each / "body.partial").exists()])


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_broken_off_upload_leaves_nothing(server: Server, how: str) -> None:
    before = server.get("/api/v1/deposits?limit=1000").json()["deposits"]
    until(lambda: server.arrivals() == [])
    data = zipped({"a.bin": os.urandom(8 << 20)})
    head = f"POST /api/v1/deposits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['so-noi-vu']}\r\nIdempotency-Key: cut\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        if how == "length":
            connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[: 4 << 20])
        else:
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n{4 << 20:x}\r\n".encode() + data[: 4 << 20] + b"\r\n")
        until(lambda: len(server.arrivals()) == 1)
    until(lambda: server.arrivals() == [])
    assert server.get("/api/v1/deposits?limit=1000").json()["deposits"] == before
    assert server.ended(server.deposit(data, f"cut {how}"))["state"] == "stored"


def test_what_is_no_package_is_refused_with_findings_and_kept(server: Server) -> None:
    ended = server.ended(server.deposit(b"no archive at all", "garbage"))
    assert (ended["state"], ended["verdict"], ended["ok"]) == ("refused", "refuse", False)
    assert ended["finding_counts"]["PKG-NOT-A-PACKAGE"] == 1
    assert all(finding["text"] and finding["code"] for finding in ended["findings"])
    kept = list((server.home / "refused" / str(ended["id"]) / "upload").iterdir())
    assert [file.read_bytes() for file in kept] == [b"no archive at all"]
    assert server.get(f"/api/v1/deposits/{ended['id']}", **{"Accept-Language": "vi"}).json()["findings"] != ended["findings"]
    assert ended["id"] in [each["id"] for each in server.get("/api/v1/deposits?state=refused").json()["deposits"]]
    # A refused key is free again, as on the command line: nothing was stored under it.
    assert server.ended(server.deposit(zipped({"a.txt": b"mended"}), "garbage"))["state"] == "stored"


def test_a_held_deposit_waits_with_its_upload(server: Server) -> None:
    bag = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": b"External-Identifier: ho-so-7\n",
    }

    def of(text: bytes) -> bytes:
        manifest = f"{hashlib.sha512(text).hexdigest()}  data/a.txt\n".encode()
        return zipped(
            {f"bag/{name}": data for name, data in {**bag, "manifest-sha512.txt": manifest, "data/a.txt": text}.items()}
        )

    first = server.ended(server.deposit(of(b"one"), "bag-1"))
    assert first["state"] == "stored", first
    held = server.ended(server.deposit(of(b"two"), "bag-2"))
    assert (held["state"], held["verdict"]) == ("held", "hold")
    assert held["finding_counts"]["DEP-ID-KNOWN"] == 1
    assert held["id"] in server.arrivals()
    released = server.kho("deposits", "release", held["id"], "--reason", "another record")["deposit"]
    assert released["state"] == "stored", released
    assert held["id"] not in server.arrivals()
    updated = server.ended(server.deposit(of(b"three"), "bag-3", update=first["aip"]))
    assert (updated["state"], updated["aip"], updated["aip_version"]) == ("stored", first["aip"], 2)


def test_only_tokens_open(server: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer é"}):
        raw = {name: value.encode() for name, value in headers.items()}
        for path in ("/api/v1/deposits", "/api/v1/aips", "/api/v1/aips/x/files/y"):
            response = server.asked(path, raw)
            assert (response.status_code, code(response)) == (401, "API-TOKEN")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (
            httpx.post(f"{server.url}/api/v1/deposits", headers=raw, content=zipped({"a": b"x"}), verify=NO_TLS).status_code
            == 401
        )
    assert not any(token in server.log() for token in TOKENS.values())


def test_a_token_deposits_under_its_own_name_and_those_it_was_given(server: Server) -> None:
    data = zipped({"a.txt": b"for another"})
    wrong = server.deposit(data, name="so-y-te", producer="so-noi-vu")
    assert (wrong.status_code, code(wrong)) == (403, "API-PRODUCER")
    own = server.ended(server.deposit(data, name="so-y-te", producer="so-y-te"))
    other = server.ended(server.deposit(data, name="truc", producer="so-noi-vu"))
    assert (own["producer"], other["producer"], other["actor"]) == ("so-y-te", "so-noi-vu", "api:truc")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("label=a%2Fb", "label"),
        ("label=..", "label"),
        ("label=a%00b", "label"),
        ("title=%0A", "title"),
        ("label=" + "x" * 300, "label"),
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(server: Server, query: str, name: str) -> None:
    with server.client() as client:
        response = client.post(f"/api/v1/deposits?{query}", content=zipped({"a": b"x"}))
    assert (response.status_code, code(response)) == (422, "API-PARAMETER")
    assert name in response.json()["detail"]


@pytest.mark.parametrize("key", [b"", b'""', b"x" * 256, b"pending:1", b'"', b'"a', b"\xff\xfe"])
def test_keys_that_are_none_are_refused(server: Server, key: bytes) -> None:
    with server.client() as client:
        headers = [(b"Idempotency-Key", key)]
        response = client.post("/api/v1/deposits", content=zipped({"a": b"x"}), headers=headers)
    assert (response.status_code, code(response)) == (400, "API-HEADER")


def test_lists_go_on_where_they_ended(server: Server, stored: dict[str, object]) -> None:
    whole = [each["id"] for each in server.get("/api/v1/deposits?limit=1000").json()["deposits"]]
    found, cursor = [], ""
    while True:
        page = server.get(f"/api/v1/deposits?limit=2{cursor}").json()
        found += [each["id"] for each in page["deposits"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert found == whole
    assert stored["id"] in found
    assert server.get("/api/v1/deposits?cursor=nonsense").status_code == 400
    for path in ("/api/v1/deposits?limit=0", "/api/v1/deposits?state=nonsense", "/api/v1/aips?limit=x"):
        response = server.get(path)
        assert (response.status_code, code(response)) == (422, "API-PARAMETER")


@pytest.mark.parametrize(
    ("asked", "english", "vietnamese"),
    [
        ("deposits?limit=0", "at least 1", "ít nhất là 1"),
        ("deposits?limit=5000", "at most 1000", "nhiều nhất là 1000"),
        ("aips?limit=x", "whole number", "số nguyên"),
        (f"aips?limit={'9' * 5000}", "whole number", "số nguyên"),
        (f"aips?query={'x' * 5000}", "characters", "ký tự"),
        ("deposits?state=nonsense", "one of these: received, spooled", "một trong các giá trị: received, spooled"),
        ("aips/urn:uuid:0/files/a?version=99999999999", "at most 2147483647", "nhiều nhất là 2147483647"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_said_in_both_languages(
    server: Server, asked: str, english: str, vietnamese: str
) -> None:
    for language, words in (("en", english), ("vi", vietnamese)):
        said = server.get(f"/api/v1/{asked}", **{"Accept-Language": language}).json()
        assert words in said["detail"]
        assert ("Input" in said["detail"]) is False


def test_what_is_not_there(server: Server) -> None:
    assert code(server.get("/api/v1/deposits/nobody")) == "DEP-UNKNOWN"
    for path in ("", "/files", "/files/a", "/events"):
        assert code(server.get(f"/api/v1/aips/urn:uuid:0{path}")) == "AIP-UNKNOWN"
    assert code(server.get("/api/v2")) == "API-NOT-FOUND"
    with server.client() as client:
        response = client.delete("/api/v1/deposits")
        file = client.put("/api/v1/aips/urn:uuid:0/files/a")
    assert (response.status_code, code(response)) == (405, "API-METHOD")
    assert response.headers["Allow"] == "GET, POST"  # all of them (RFC 9110 §15.5.6), whichever is declared first
    assert (file.status_code, file.headers["Allow"]) == (405, "GET, HEAD")
    for path in ("/docs", "/redoc"):
        assert server.get(path).status_code == 404


def test_a_command_beside_the_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("beside the server")
    (done,) = server.kho("deposit", str(tmp_path / "folder"), "--producer", "so-noi-vu")["deposits"]
    assert done["state"] == "stored"
    assert server.get(f"/api/v1/deposits/{done['id']}").json()["aip"] == done["aip"]


def test_metrics_need_a_token_and_are_in_the_format_of_prometheus(server: Server, stored: dict[str, object]) -> None:
    response = server.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert any(line.startswith("kho_aips ") and float(line.split()[1]) >= 1 for line in response.text.splitlines())
    assert code(server.asked("/metrics")) == "API-TOKEN"


def test_a_receipt_brings_the_newest_line_of_the_ledger(server: Server, stored: dict[str, object]) -> None:
    assert "head" in stored
    assert str(stored["head"]) == "" or str(stored["head"]).startswith("kho-ledger-head 1 ")

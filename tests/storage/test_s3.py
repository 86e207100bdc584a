"""A tier in a real S3 store: races, damage that is done behind Kho's back, and stores that must be refused."""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from fixity.verify import Outcome
from policies.findings import Findings, spoken
from storage.errors import AlreadyExists, Conflict, Damaged, NotFound, Unavailable
from storage.ocfl.check import check_path
from storage.ocfl.layout import LAYOUT_FILES
from storage.retrying import Again
from storage.s3.bucket import BLOCK, Bucket
from storage.s3.calls import BotoCalls
from storage.s3.records import read_log
from storage.s3.reread import HIDDEN
from storage.s3.selftest import Unfit
from storage.s3.tier import S3Tier
from storage.tier import SealedVersion, Written
from tests.oracles import ocfl_py_findings
from tests.seaweed import Seaweed, guard
from tests.storage.sealed import SealedObject, two_versions
from tests.storage.strays import strays_of


class Store:
    """One bucket with a tier, and what somebody does to it with a plain client."""

    def __init__(self, seaweed: Seaweed, *, lock: bool = True) -> None:
        self.seaweed = seaweed
        self.place = seaweed.place(lock=lock)
        self.tier = S3Tier.create(self.place, "a")
        self.tier.close()
        self.tier = self.opened()
        self.client = seaweed.client("everyday")
        self.bucket = Bucket(self.place, BotoCalls(self.place))

    def opened(self, **options: Any) -> S3Tier:
        return S3Tier(self.place, "a", again=Again(pause=0.01), settled_after=0, **options)

    def key(self, sealed: SealedObject, path: str) -> str:
        return f"tier/ocfl/{self.tier.place_of(sealed.object_id)}/{path}"

    def put_over(self, sealed: SealedObject, path: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.place.bucket, Key=self.key(sealed, path), Body=data)

    def delete(self, sealed: SealedObject, path: str) -> None:
        self.client.delete_object(Bucket=self.place.bucket, Key=self.key(sealed, path))

    def problems(self, sealed: SealedObject) -> dict[str, Outcome]:
        report = self.tier.verify(sealed.object_id, sealed.expected)
        return {problem.path: problem.outcome for problem in report.problems}

    def download(self, sealed: SealedObject, target: Path) -> Path:
        start = f"ocfl/{self.tier.place_of(sealed.object_id)}/"
        for key, _, _ in self.bucket.current(start):
            file = target / key.removeprefix(start)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.bucket.block(key).data)
        return target


@pytest.fixture
def store(seaweed: Seaweed) -> Iterator[Store]:
    made = Store(seaweed)
    yield made
    made.tier.close()


@pytest.fixture
def sealed(tmp_path: Path) -> SealedObject:
    return two_versions(tmp_path / "spool")


def write(store: Store, sealed: SealedObject) -> None:
    assert [each.error for each in store.tier.write(sealed.versions)] == [None] * len(sealed.versions)
    assert store.tier.verify(sealed.object_id, sealed.expected).ok


CONTENT = "v1/content/w/data/báo cáo.txt"
EVERY_KIND = [
    CONTENT,
    "inventory.json",
    "inventory.json.sha512",
    "v1/inventory.json",
    "v2/inventory.json.sha512",
    "0=ocfl_object_1.1",
]


@pytest.mark.parametrize("path", EVERY_KIND)
def test_a_put_over_a_key_is_altered_and_mended_from_the_recorded_version(store: Store, sealed: SealedObject, path: str) -> None:
    write(store, sealed)
    with store.tier.open(sealed.object_id, path) as stream:
        good = stream.read()
    store.put_over(sealed, path, b"not what was sealed")
    assert store.problems(sealed) == {path: Outcome.ALTERED}
    with store.tier.open(sealed.object_id, path) as stream:
        assert stream.read() == good  # by the recorded id, whatever lies over it
        stream.seek(0)
        store.tier.restore(sealed.object_id, path, stream, hashlib.sha512(good).digest())
    assert store.opened().verify(sealed.object_id, sealed.expected).ok


@pytest.mark.parametrize("path", [CONTENT, "inventory.json", "v2/inventory.json.sha512"])
def test_a_delete_hides_and_is_mended(store: Store, sealed: SealedObject, path: str) -> None:
    write(store, sealed)
    store.delete(sealed, path)
    report = store.tier.verify(sealed.object_id, sealed.expected)
    assert [(each.path, each.outcome) for each in report.problems] == [(path, Outcome.MISSING)]
    assert report.problems[0].found == HIDDEN
    with store.tier.open(sealed.object_id, path) as stream:
        good = stream.read()
    store.tier.restore(sealed.object_id, path, io.BytesIO(good), hashlib.sha512(good).digest())
    assert store.problems(sealed) == {}


def test_the_same_bytes_put_again_are_not_the_version_that_was_recorded(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    store.put_over(sealed, CONTENT, "Nội dung".encode())
    report = store.tier.verify(sealed.object_id, sealed.expected)
    assert [(each.path, each.outcome) for each in report.problems] == [(CONTENT, Outcome.ALTERED)]
    assert "was put over" in spoken(report.problems[0].found)


def test_what_another_process_puts_right_meanwhile_is_good(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    store.put_over(sealed, CONTENT, b"!")

    class Mends(BotoCalls):
        """Another process mends just after the log was read."""

        done = False

        def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
            if operation == "get_object" and key.endswith("/inventory.json") and not self.done:
                self.done = True
                good = "Nội dung".encode()
                store.tier.restore(sealed.object_id, CONTENT, io.BytesIO(good), hashlib.sha512(good).digest())
            return super().call(operation, key, parameters)

    calls = Mends(store.place)
    assert store.opened(calls=calls).verify(sealed.object_id, sealed.expected).ok
    assert calls.done


def test_what_nothing_names_is_extra_once_nobody_can_be_on_the_way(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    for path in ("x", "v1/y", "v2/content/z"):
        store.put_over(sealed, path, b"?")
    assert store.problems(sealed) == dict.fromkeys(("x", "v1/y", "v2/content/z"), Outcome.EXTRA)
    assert S3Tier(store.place, "a").verify(sealed.object_id, sealed.expected).counts[Outcome.EXTRA] == 1  # x
    moved = [store.tier.quarantine(sealed.object_id, path) for path in ("x", "v1/y", "v2/content/z")]
    assert store.problems(sealed) == {}
    assert all("versionId=" in each for each in moved)
    with pytest.raises(NotFound):
        store.tier.quarantine(sealed.object_id, "x")


def test_the_whole_object_hidden_is_no_empty_tier(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    for key, _, _ in list(store.bucket.current("ocfl/")):
        if "inventory" in key or "content" in key:
            store.client.delete_object(Bucket=store.place.bucket, Key=f"tier/{key}")
    (found,) = store.tier.versions()
    assert found.object_id == sealed.object_id
    assert isinstance(found.problem, Damaged)
    (again,) = store.tier.write([sealed.versions[0]])
    assert isinstance(again.error, Damaged)  # and no second first version


def test_records_that_are_written_over_change_nothing(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    for key, _, _ in list(store.bucket.current("versions/")):
        store.client.put_object(Bucket=store.place.bucket, Key=f"tier/{key}", Body=b"[]")
    assert store.opened().verify(sealed.object_id, sealed.expected).ok
    for key, _, _ in list(store.bucket.current("versions/")):
        store.client.delete_object(Bucket=store.place.bucket, Key=f"tier/{key}")
    store.put_over(sealed, CONTENT, b"!")
    assert store.problems(sealed) == {CONTENT: Outcome.ALTERED}
    with store.tier.open(sealed.object_id, CONTENT) as stream:
        assert stream.read() == "Nội dung".encode()


def test_a_record_that_is_listed_and_not_given_says_nothing_of_the_copy(store: Store, sealed: SealedObject) -> None:
    class Losing(BotoCalls):
        def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
            if operation == "get_object" and key.startswith("versions/"):
                raise NotFound(key)
            return super().call(operation, key, parameters)

    write(store, sealed)
    tier = store.opened(calls=Losing(store.place))
    with pytest.raises(Unavailable):
        tier.verify(sealed.object_id, sealed.expected)
    tier.close()


def test_the_marker_that_counts_is_the_first(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    store.client.put_object(Bucket=store.place.bucket, Key="tier/kho-tier.json", Body=b"{}")
    assert store.tier.verify(sealed.object_id, sealed.expected).ok
    store.client.delete_object(Bucket=store.place.bucket, Key="tier/kho-tier.json")
    assert store.tier.verify(sealed.object_id, sealed.expected).ok


def test_a_making_that_was_taken_back_leaves_room_for_the_next(seaweed: Seaweed) -> None:
    place = seaweed.place()
    first = S3Tier.create(place, "a")
    first.unmake()
    with pytest.raises(Unavailable):
        S3Tier(place, "a").check()
    second = S3Tier.create(place, "a")
    assert S3Tier(place, "a").identifier == second.identifier != first.place
    S3Tier(place, "a", identifier=second.identifier).check()


def test_keys_that_belong_to_no_object_are_strays(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    assert strays_of(store.tier) == []
    for name in ("x", "abc/y", "extensions/z", "hidden"):
        store.client.put_object(Bucket=store.place.bucket, Key=f"tier/ocfl/{name}", Body=b"?")
    store.client.delete_object(Bucket=store.place.bucket, Key="tier/ocfl/hidden")
    assert set(strays_of(store.tier)) == {"x", "abc/y", "extensions/z"}
    halved = store.opened(calls=LosesLatest(store.place))
    assert set(strays_of(halved)) == {"x", "abc/y", "extensions/z"}, "a key whose latest entry a listing left out is asked for"
    halved.close()


class LosesLatest(BotoCalls):
    """A store whose listing does not say which entry of a key is the latest."""

    def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
        answer = super().call(operation, key, parameters)
        if operation == "list_object_versions" and key == "ocfl/":
            for kind in ("Versions", "DeleteMarkers"):
                for each in answer.get(kind, []):
                    each["IsLatest"] = False
        return answer


@pytest.mark.parametrize("passed", [False, True], ids=["unknown", "where a known object belongs"])
def test_content_without_any_inventory_is_a_stray_when_no_writer_can_be_on_its_way(
    store: Store, sealed: SealedObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    whole = two_versions(tmp_path / "whole", "urn:uuid:1")
    write(store, whole)
    top = store.tier.place_of(sealed.object_id)
    for name in (CONTENT, "0=ocfl_object_1.1"):
        store.client.put_object(Bucket=store.place.bucket, Key=store.key(sealed, name), Body=b"?")

    def strays() -> list[str]:
        return strays_of(store.tier, lambda place: passed)

    assert strays() == []
    monkeypatch.setattr("storage.s3.listing.ABANDONED_AFTER", datetime.timedelta(0))
    assert strays() == [f"{top}/0=ocfl_object_1.1", f"{top}/{CONTENT}"]
    store.client.put_object(Bucket=store.place.bucket, Key=store.key(sealed, "v1/inventory.json"), Body=b"?")
    assert strays() == []
    store.delete(sealed, "v1/inventory.json")
    assert strays() == [], "a hidden inventory is one: the object is told of"


def test_large_files_go_in_parts_and_come_back(store: Store, tmp_path: Path) -> None:
    large = SealedObject(tmp_path / "large")
    data = bytes(range(256)) * (2 * BLOCK // 256) + b"end"
    large.version({"large": data, "exact": data[:BLOCK]})
    write(store, large)
    with store.tier.open(large.object_id, "v1/content/w/large") as stream:
        stream.seek(2 * BLOCK - 5)
        assert stream.read() == data[-8:]
        stream.seek(1)
        assert stream.read(9) == data[1:10]
    head = store.client.head_object(Bucket=store.place.bucket, Key=store.key(large, "v1/content/w/large"))
    assert head["Metadata"]["kho-sha512"] == hashlib.sha512(data).hexdigest()
    store.put_over(large, "v1/content/w/large", data[:-1] + b"!")
    assert store.problems(large) == {"v1/content/w/large": Outcome.ALTERED}
    store.tier.restore(large.object_id, "v1/content/w/large", io.BytesIO(data), hashlib.sha512(data).digest())
    assert store.problems(large) == {}
    uploads = store.client.list_multipart_uploads(Bucket=store.place.bucket).get("Uploads", [])
    assert uploads == []


def test_a_large_file_that_was_damaged_in_the_spool_is_never_completed(store: Store, tmp_path: Path) -> None:
    large = SealedObject(tmp_path / "large")
    sealed = large.version({"large": bytes(BLOCK + 5)})
    victim = next(sealed.files()).source
    victim.write_bytes(b"!" + bytes(BLOCK + 4))
    (written,) = store.tier.write([sealed])
    assert written.error is not None
    assert written.error.finding.code == "STO-SPOOL"
    assert list(store.bucket.current(f"ocfl/{store.tier.place_of(large.object_id)}")) == []
    assert list(store.tier.versions()) == []
    assert store.client.list_multipart_uploads(Bucket=store.place.bucket).get("Uploads", []) == []


def test_thirty_two_writers_have_one_winner_and_leave_nothing(store: Store, tmp_path: Path) -> None:
    sealed = SealedObject(tmp_path / "spool")
    write(store, _with(sealed, {"a": b"a"}))
    rivals = [sealed.branch(tmp_path / f"rival{n}").version({"x": b"rival %d" % n}, token=f"r{n:02d}") for n in range(32)]
    tiers = [store.opened(concurrency=2) for _ in rivals]
    ready = threading.Barrier(len(rivals))

    def race(n: int) -> object:
        ready.wait()
        return tiers[n].write([rivals[n]])[0].error

    with ThreadPoolExecutor(len(rivals)) as pool:
        errors = list(pool.map(race, range(len(rivals))))
    (winner,) = [n for n, error in enumerate(errors) if error is None]
    assert all(isinstance(error, Conflict) for n, error in enumerate(errors) if n != winner), errors
    sealed.versions.append(rivals[winner])
    assert store.problems(sealed) == {}  # with no time to settle: nobody's key is left
    folder = f"ocfl/{store.tier.place_of(sealed.object_id)}/v2/"
    names = {key.removeprefix(folder) for key, _, _ in store.bucket.current(folder)}
    assert names == {"inventory.json", "inventory.json.sha512", f"content/r{winner:02d}/x"}
    copy = store.download(sealed, tmp_path / "copy")
    findings = Findings()
    check_path(copy, findings)
    assert [finding.code for finding in findings] == []
    assert ocfl_py_findings(copy) == []


def _with(sealed: SealedObject, files: dict[str, bytes]) -> SealedObject:
    sealed.version(files)
    return sealed


@pytest.mark.parametrize("first_call", [pytest.param(1, marks=pytest.mark.proof), 5], ids=["every", "some"])
def test_a_writer_that_was_stopped_anywhere_is_gone_on_with(store: Store, sealed: SealedObject, first_call: int) -> None:
    """Every (here: every seventh) call of two commits is the last; then the same versions are written by another process."""
    first, second = sealed.versions
    number, step = first_call, 1 if first_call == 1 else 7
    while True:
        stopped = Stops(BotoCalls(store.place), number)
        tier = S3Tier(store.place, "a", calls=stopped, again=Again(1), settled_after=0, concurrency=1)
        results = [each.error for each in _write(tier, [first, second])]
        if results == [None, None] and not stopped.hit:
            break
        found = list(store.tier.versions())
        assert [each.problem for each in found] == [None] * len(found), number
        assert [each.error for each in store.tier.write([first, second])] == [None, None], number
        assert store.problems(sealed) == {}, number
        log = read_log(store.tier._root, sealed.object_id)
        assert log.number == 2
        for key, _, _ in store.bucket.current(f"ocfl/{store.tier.place_of(sealed.object_id)}/"):
            path = key.split("/", 5)[5]
            assert log.get(path) == store.bucket.block(key).version, (number, path)
        store.tier.forget(sealed.object_id)
        assert list(store.tier.versions()) == [], number
        number += step
    assert number > 40


def _write(tier: S3Tier, versions: list[SealedVersion]) -> list[Written]:
    try:
        return tier.write(versions)
    except Unavailable as error:
        return [Written(versions[0].object_id, 1, error)]


class Stops:
    """A store from which this process is cut off at call ``at``: before that call when it is odd, after it took effect when even."""

    def __init__(self, calls: BotoCalls, at: int) -> None:
        self._calls, self._left, self.hit = calls, (at + 1) // 2, False
        self._before = at % 2 == 1
        self._lock = threading.Lock()

    def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
        with self._lock:
            if operation in ("put_object", "upload_part", "complete_multipart_upload", "delete_object"):
                self._left -= 1
            if self.hit or (self._left == 0 and self._before):
                self.hit = True
                raise Unavailable(key, "cut off")
            self.hit = self._left == 0
        answer = self._calls.call(operation, key, parameters)
        if self.hit:
            raise Unavailable(key, "cut off")
        return answer


def test_a_store_that_does_not_keep_what_kho_builds_on_is_refused(seaweed: Seaweed) -> None:
    cases = {
        "versioning is not enabled": seaweed.place(lock=False, versioning=False),
        "may delete versions": seaweed.place(guarded=False),
        "object lock": seaweed.place(lock=False, worm=True),
    }
    for words, place in cases.items():
        with pytest.raises(Unfit) as refused:
            S3Tier.create(place, "a")
        assert words in str(refused.value), words
    place = seaweed.place()
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    seaweed.client("admin").put_object_lock_configuration(
        Bucket=place.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    with pytest.raises(Unfit, match="default retention"):
        S3Tier.create(place, "a")


def rule(prefix: str, **what: Any) -> dict[str, Any]:
    return {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": prefix}, **what}]}


def lifecycle(seaweed: Seaweed, bucket: str) -> list[dict[str, Any]]:
    try:
        return list(seaweed.client("admin").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError:
        return []


@pytest.mark.parametrize("what", [{"Expiration": {"Days": 9_000}}, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}])
@pytest.mark.parametrize("prefix", ["", "tier/ocfl/", "tie"])
def test_a_bucket_whose_lifecycle_deletes_what_is_kept_is_refused(seaweed: Seaweed, prefix: str, what: dict[str, Any]) -> None:
    """Such a rule is a credential that deletes: it takes true versions, once something was put over them."""
    place = seaweed.place()
    seaweed.client("admin").put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration=rule(prefix, **what))
    with pytest.raises(Unfit) as refused:
        S3Tier.create(place, "a")
    assert "lifecycle rule r" in refused.value.finding.text()
    assert "vòng đời r" in refused.value.finding.text("vi")


def test_lifecycle_rules_that_take_nothing_of_a_tier_do_no_harm(seaweed: Seaweed) -> None:
    harmless = [
        rule("", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        rule("other/", Expiration={"Days": 1}),
    ]
    for rules in harmless:
        place = seaweed.place()
        seaweed.client("admin").put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration=rules)
        S3Tier.create(place, "a").close()
        assert len(lifecycle(seaweed, place.bucket)) == 1


@pytest.mark.parametrize("there", [False, True], ids=["none", "one"])
def test_a_credential_that_may_have_versions_deleted_by_a_rule_is_refused(seaweed: Seaweed, there: bool) -> None:
    """SeaweedFS lets whoever may write change the lifecycle of a bucket. What was tried has left nothing behind."""
    place = seaweed.place(guarded=False)
    policy = guard(place.bucket, "everyday")
    policy["Statement"][0]["Action"].remove("s3:PutLifecycleConfiguration")
    admin = seaweed.client("admin")
    admin.put_bucket_policy(Bucket=place.bucket, Policy=json.dumps(policy))
    if there:
        rules = rule("", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7})
        admin.put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration=rules)
    before = lifecycle(seaweed, place.bucket)
    with pytest.raises(Unfit, match="s3:PutLifecycleConfiguration"):
        S3Tier.create(place, "a")
    assert lifecycle(seaweed, place.bucket) == before


class Ignores:
    """A store that answers 200 and ignores a condition."""

    def __init__(self, calls: BotoCalls, condition: str, operation: str) -> None:
        self._calls, self._condition, self._operation = calls, condition, operation

    def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
        if operation == self._operation:
            parameters = {name: value for name, value in parameters.items() if name != self._condition}
        return self._calls.call(operation, key, parameters)


@pytest.mark.parametrize("operation", ["put_object", "complete_multipart_upload"])
@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_a_store_that_ignores_a_condition_is_refused(seaweed: Seaweed, operation: str, condition: str) -> None:
    place = seaweed.place()
    with pytest.raises(Unfit, match="does not honour"):
        S3Tier.create(place, "a", calls=Ignores(BotoCalls(place), condition, operation))
    assert list(Bucket(place, BotoCalls(place)).current("kho-tier.json")) == []


def test_a_credential_that_is_not_known_is_refused_and_says_nothing_of_the_copy(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    with pytest.raises(Unavailable, match="nobody"):
        S3Tier(replace(store.place, profile="nobody"), "a").verify(sealed.object_id, sealed.expected)
    with pytest.raises(Unavailable):
        S3Tier(replace(store.place, bucket="kho-not-there"), "a").verify(sealed.object_id, sealed.expected)
    with pytest.raises(Unavailable, match="another tier"):
        S3Tier(store.place, "b").verify(sealed.object_id, sealed.expected)
    with pytest.raises(AlreadyExists):
        S3Tier.create(store.place, "a")


def test_many_keys_are_listed_in_pages_and_none_is_lost_between_them(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names are such that the listing of versions of SeaweedFS loses some between its pages: they are asked for."""
    monkeypatch.setattr("storage.s3.bucket.PAGE", 10)
    many = SealedObject(tmp_path / "many")
    many.version({name: name.encode() for n in range(20) for name in (f"d{n}/a.c", f"d{n}/a/b", f"d{n}/a-b/c")})
    write(store, many)
    listed = {entries.key for entries in store.bucket.versions("ocfl/")}
    assert len(listed) < 60 + 5 + len(LAYOUT_FILES)  # else the store was put right: rejoice, and take this line out
    store.delete(many, "v1/content/w/d3/a/b")
    store.put_over(many, "v1/content/w/d0/a.c", b"!")
    store.put_over(many, "v1/content/w/d7/a/x", b"?")
    assert store.problems(many) == {
        "v1/content/w/d3/a/b": Outcome.MISSING,
        "v1/content/w/d0/a.c": Outcome.ALTERED,
        "v1/content/w/d7/a/x": Outcome.EXTRA,
    }


def test_a_delete_of_what_never_was_makes_no_object_twice(store: Store, tmp_path: Path) -> None:
    """A listing tells versions and delete markers apart: what has markers only must not come behind the objects that follow it."""
    objects = [two_versions(tmp_path / f"s{n}", f"urn:uuid:{n:08}") for n in range(3)]
    for each in objects:
        write(store, each)
        store.delete(each, "v1/content/never-was")
    keys = [each.key for each in store.bucket.versions("ocfl/")]
    assert keys == sorted(keys, key=str.encode)
    assert sorted(each.object_id for each in store.tier.versions()) == [each.object_id for each in objects]
    assert [store.problems(each) for each in objects] == [{}] * 3


def test_a_lock_holds_each_recorded_version_and_is_only_made_longer(store: Store, sealed: SealedObject) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    write(store, sealed)
    assert store.tier.locked_until(sealed.object_id) is None
    first, later = now + datetime.timedelta(hours=1), now + datetime.timedelta(hours=2)
    assert store.tier.lock(sealed.object_id, first) == first
    assert store.tier.locked_until(sealed.object_id) == first
    assert store.tier.lock(sealed.object_id, later) == later
    assert store.tier.lock(sealed.object_id, first) == later  # never shorter
    store.put_over(sealed, CONTENT, b"!")
    store.delete(sealed, "inventory.json")
    assert store.tier.locked_until(sealed.object_id) == later  # of what is recorded, whatever lies over it
    log = read_log(store.tier._root, sealed.object_id)
    deleter = store.seaweed.client("deleter")
    for path in (CONTENT, "inventory.json", "v1/inventory.json"):
        key = {"Bucket": store.place.bucket, "Key": store.key(sealed, path), "VersionId": log.get(path)}
        with pytest.raises(ClientError, match="AccessDenied"):
            deleter.delete_object(**key, BypassGovernanceRetention=True)
    with store.tier.open(sealed.object_id, CONTENT) as stream:
        assert stream.read() == "Nội dung".encode()


def test_what_a_writer_left_is_not_locked(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    store.put_over(sealed, "v2/content/left", b"?")
    store.tier.lock(sealed.object_id, datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1))
    head = store.client.head_object(Bucket=store.place.bucket, Key=store.key(sealed, "v2/content/left"))
    assert "ObjectLockMode" not in head

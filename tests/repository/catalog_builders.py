"""One valid AIP, deposit or event, and ways to vary it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from repository.catalog import Registration
from repository.model import Aip, AipFile, AipVersion, CheckRecord, Copy, CopyState, Damage, Deposit, DepositState

NOW = datetime(2027, 1, 1, 8, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


def aip_id(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def a_file(path: str, content: str = "", *, stored_in: int = 1, **more: str) -> AipFile:
    data = (content or path).encode("utf-8", "surrogateescape")
    return AipFile(
        path=path,
        content_path=more.pop("content_path", f"v{stored_in}/content/{path}"),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
        **more,
    )


def a_copy(
    number: int, tier: str, *, version: int = 1, state: CopyState = CopyState.GOOD, due: timedelta = 90 * DAY, size: int = 100
) -> Copy:
    return Copy(aip_id(number), tier, version, state, NOW, NOW, NOW + due, size, 3)


def a_registration(
    number: int,
    *,
    version: int = 1,
    files: Sequence[AipFile] | None = None,
    title: str = "Hồ sơ đất đai",
    fields: Mapping[str, tuple[str, ...]] | None = None,
    tiers: str = "ab",
    **more: str,
) -> Registration:
    state = [a_file("METS.xml", f"{number} {version}"), a_file("data/a.txt"), a_file("data/b.txt")] if files is None else files
    size = sum(each.size for each in state)
    facts = Aip(
        id=aip_id(number),
        producer=more.get("producer", "Sở Nội vụ"),
        title=title,
        package="folder",
        version=version,
        created=NOW + number * DAY,
        updated=NOW + number * DAY,
        files=len(state),
        bytes=size,
        fields=fields or {},
        identifier=more.get("identifier", ""),
    )
    inventory = hashlib.sha512(f"{number} {version}".encode()).hexdigest()
    row = AipVersion(version, inventory, NOW, f"deposit-{number}-{version}", "message", len(state), size)
    return Registration(facts, row, state, tuple(a_copy(number, tier, version=version, size=size) for tier in tiers))


def a_deposit(number: int, **more: object) -> Deposit:
    fields: dict[str, object] = {
        "id": f"d{number}",
        "key": f"key {number}",
        "producer": "Sở Nội vụ",
        "label": "hồ sơ",
        "source": "/in/hồ sơ",
        "state": DepositState.RECEIVED,
        "created": NOW + number * DAY,
        "updated": NOW + number * DAY,
        "actor": "user:an",
    }
    return Deposit(**{**fields, **more})  # type: ignore[arg-type]


def a_check(
    number: int, tier: str, *, state: CopyState = CopyState.GOOD, damages: Sequence[tuple[str, str]] = (), **more: object
) -> CheckRecord:
    fields: dict[str, object] = {
        "aip_id": aip_id(number),
        "tier": tier,
        "time": NOW + DAY,
        "state": state,
        "algorithm": "sha512",
        "files": 3,
        "bytes": 100,
        "inventory_sha512": "ab" * 64,
        "check_next": NOW + 91 * DAY,
        "damages": tuple(Damage(aip_id(number), tier, path, outcome, "aa", "bb") for path, outcome in damages),
    }
    return CheckRecord(**{**fields, **more})  # type: ignore[arg-type]

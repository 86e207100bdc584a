"""Small batches of several threads share one group on the tape."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.errors import Unavailable
from storage.tape.cartridge import Cartridge
from storage.tape.gathering import Gathering
from storage.tape.shelf import Shelf
from storage.tape.volumes import Group
from storage.tier import ObjectId, SealedVersion, Written
from tests.storage.sealed import SealedObject
from tests.storage.tape.tapes import tapes
from tests.storage.tape.target import needs_target

NEVER = 3600.0


def version(number: int, size: int = 1) -> SealedVersion:
    return SealedVersion(ObjectId(f"urn:x:{number}"), 1, Path("none"), b"", None, lambda: iter(()), bytes=size)


class Writer:
    """Notes each group; the first one is held until it is told to go on."""

    def __init__(self, *, held: bool = False) -> None:
        self.groups: list[list[str]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        if not held:
            self.go_on.set()

    def __call__(self, versions: Sequence[SealedVersion]) -> list[Written]:
        self.groups.append([each.object_id for each in versions])
        self.begun.set()
        assert self.go_on.wait(60)
        if any(each.object_id == "urn:x:99" for each in versions):
            raise Unavailable("a", "planted")
        return [Written(each.object_id, each.number) for each in versions]


def test_who_comes_while_a_group_is_written_is_in_the_next() -> None:
    writer = Writer(held=True)
    gathering = Gathering("a", writer, enough=1 << 30)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(gathering, [version(0)])
        assert writer.begun.wait(60)
        others = [pool.submit(gathering, [version(number), version(number + 10)]) for number in range(1, 6)]
        while len(gathering._waiting) < 5:
            threading.Event().wait(0.01)
        writer.go_on.set()
        assert [each.object_id for each in first.result()] == ["urn:x:0"]
        for number, other in enumerate(others, start=1):
            assert [each.object_id for each in other.result()] == [f"urn:x:{number}", f"urn:x:{number + 10}"]
    assert [len(group) for group in writer.groups] == [1, 10]


def test_a_group_waits_for_more_until_enough_is_together() -> None:
    writer = Writer()
    gathering = Gathering("a", writer, enough=4, seconds=NEVER)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(gathering, [[version(number)] for number in range(4)]))
    assert [len(group) for group in writer.groups] == [4]


def test_what_went_wrong_with_a_group_is_told_to_all_of_it_and_to_no_other() -> None:
    writer = Writer()
    gathering = Gathering("a", writer, enough=2, seconds=NEVER)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(gathering, [version(number)]) for number in (1, 99)]
        for each in both:
            with pytest.raises(Unavailable, match="planted"):
                each.result()
    assert [each.object_id for each in gathering([version(3, size=2)])] == ["urn:x:3"]


@needs_target
def test_threads_share_a_group_on_a_cartridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for number in range(5):
        made.append(SealedObject(tmp_path / f"spool{number}", f"urn:x:{number}"))
        made[-1].version({"a": b"%d" % number * 1000})
    groups: list[int] = []
    group = Shelf._group

    def counted(self: Shelf, cartridge: Cartridge, bundles: Sequence[Any]) -> Group:
        groups.append(len(bundles))
        return group(self, cartridge, bundles)

    monkeypatch.setattr(Shelf, "_group", counted)
    with tapes(tmp_path / "tier", {"LPD001L8": 64}) as scene:
        scene.create("LPD001L8").close()
        tier = scene.tier(bundle=5000, gather=int(NEVER))
        with ThreadPoolExecutor(5) as pool:
            results = list(pool.map(tier.write, [[replace(each.versions[0], bytes=1000)] for each in made]))
        assert [each.error for result in results for each in result] == [None] * 5
        assert len(groups) == 1
        for each in made:
            assert tier.verify(each.object_id, each.expected).ok

"""Memory of writing, re-reading and opening does not grow with what is written: the kernel's peak of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from storage.s3.bucket import BLOCK as PART
from storage.s3.tier import S3Tier
from storage.tape.drive import BLOCK
from tests.seaweed import Seaweed
from tests.storage.tape.tapes import tapes
from tests.storage.tape.target import needs_target

CONCURRENCY = 2
MIB = 1 << 20

_MEASURE = """
import json, os, sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files

def peak():
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) << 10

def measured(made, folder, size):
    file = folder / "data"
    with open(file, "wb") as out:
        for _ in range(size >> 20):
            out.write(os.urandom(1 << 20))
    sealed = seal_files(uuid.uuid4().urn, {"data": file}, VersionBlock(1, datetime.now(UTC)), folder / "inventory.json")
    path = next(iter(sealed.files())).content_path
    tier = made()
    tier.write([])
    tier.check()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    start, peaks = peak(), []
    (written,) = tier.write([sealed])
    assert written.error is None, written.error
    peaks.append(peak() - start)
    tier.close()
    tier = made()  # which knows nothing of what was read back
    report = tier.verify(sealed.object_id, {1: sealed.inventory_sha512}, algorithm="sha256")
    assert report.ok and report.bytes_read > size, report.problems
    peaks.append(peak() - start)
    with tier.open(sealed.object_id, path) as stream:
        while stream.read(1 << 20):
            pass
    peaks.append(peak() - start)
    tier.close()
    print(json.dumps(peaks))

asked = json.loads(sys.argv[1])
if asked["kind"] == "s3":
    from storage.s3.place import S3Place
    from storage.s3.tier import S3Tier
    place = S3Place(**asked["place"])
    made = lambda: S3Tier(place, "a", concurrency=asked["concurrency"])
else:
    from storage.tape.library import Library, Place
    from storage.tape.tier import TapeTier
    place = Place(asked["changer"], tuple(asked["drives"]), Path(asked["lock"]))
    made = lambda: TapeTier(Path(asked["tier"]), "a", Library(place))
measured(made, Path(asked["work"]), asked["size"])
"""


def peaks(folder: Path, size: int, **asked: object) -> list[int]:
    """Bytes by which memory grew at most, from before the write on: until it was written, re-read, and opened."""
    folder.mkdir()
    argument = json.dumps({**asked, "size": size, "work": str(folder)})
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURE, argument], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert ran.returncode == 0, ran.stderr
    for file in folder.iterdir():
        os.unlink(file)
    found: list[int] = json.loads(ran.stdout)
    told = ", ".join(f"{each / MIB:.1f}" for each in found)
    print(f"{asked['kind']}: {size >> 20} MiB of data; peaks when written, re-read, opened: {told} MiB")
    return found


@pytest.mark.parametrize("size", [128 * MIB, pytest.param(2048 * MIB, marks=pytest.mark.proof)], ids=["128MiB", "2GiB"])
def test_a_bucket_needs_as_much_memory_for_a_large_object_as_for_a_small_one(seaweed: Seaweed, tmp_path: Path, size: int) -> None:
    """Bounded by part size × concurrency: what is sent or asked for at once, twice, since the client copies a part on its way."""
    place = seaweed.place()
    S3Tier.create(place, "a").close()
    asked = {"kind": "s3", "place": asdict(place), "concurrency": CONCURRENCY}
    small, large = (peaks(tmp_path / str(each), each, **asked) for each in (64 * MIB, size))
    assert max(large) - max(small) < 2 * PART * CONCURRENCY
    assert max(large) < 4 * PART * (CONCURRENCY + 1)


@needs_target
@pytest.mark.parametrize("size", [96 * MIB, pytest.param(2048 * MIB, marks=pytest.mark.proof)], ids=["96MiB", "2GiB"])
def test_a_tape_needs_as_much_memory_for_a_large_object_as_for_a_small_one(tmp_path: Path, size: int) -> None:
    with tapes(tmp_path / "tier", {"LPD001L8": (size >> 20) + 128}) as scene:
        scene.create("LPD001L8").close()
        target = scene.target
        asked = {"kind": "tape", "changer": target.changer, "drives": target.drives, "lock": str(target.folder / "lock")}
        asked["tier"] = str(tmp_path / "tier")
        small, large = (peaks(tmp_path / str(each), each, **asked) for each in (4 * MIB, size))
    assert max(large) - max(small) < 16 * BLOCK
    assert max(large) < 64 * BLOCK

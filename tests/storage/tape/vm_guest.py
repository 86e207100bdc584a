"""Run in the guest of `make test-tape-vm`: the host's tier, its devices now /dev/sg*, verifies all by SG_IO and writes an object."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from storage.errors import Unavailable
from storage.tape.device import Device
from storage.tape.library import Library, Place
from storage.tape.sg import SgTransport
from storage.tape.tier import TapeTier
from storage.tier import Ask, ObjectId
from tests.storage.sealed import SealedObject


def devices() -> tuple[str, tuple[str, ...]]:
    """The changer and the drives among /dev/sg*, drives by serial number."""
    changers, drives = [], []
    for path in sorted(Path("/dev").glob("sg[0-9]*")):
        try:
            device = Device(SgTransport(str(path)))
            identity = device.identity()
            device.close()
        except Unavailable as error:
            print(error)
            continue
        print(path, identity)
        if identity.type == 8:
            changers.append(str(path))
        elif identity.type == 1:
            drives.append((identity.serial, str(path)))
    return changers[0], tuple(path for _, path in sorted(drives))


def main(shared: Path) -> None:
    changer, drives = devices()
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(shared / "tier", folder / "tier")
    tier = TapeTier(folder / "tier", "a", Library(Place(changer, drives, folder / "lock")))
    expected = {
        object_id: {int(number): bytes.fromhex(digest) for number, digest in digests.items()}
        for object_id, digests in json.loads((shared / "expected.json").read_text()).items()
    }
    asks = [Ask(ObjectId(object_id), digests) for object_id, digests in expected.items()]
    found = dict(tier.verify_together(asks))
    bad = [asks[index].object_id for index, report in found.items() if not getattr(report, "ok", False)]
    print(f"{len(found)} objects verified through SG_IO, not good: {bad}")
    assert len(found) == len(asks)
    assert not bad
    made = SealedObject(folder / "spool", "urn:uuid:from-the-guest")
    made.version({"a.txt": b"written through SG_IO", "b.bin": bytes(range(256)) * 4000})
    (written,) = tier.write(made.versions)
    assert written.error is None, written.error
    assert tier.verify(made.object_id, made.expected).ok
    with tier.shelf() as shelf:
        for volume in shelf.register.volumes():
            shelf.library.take_out(volume.barcode)
        print({each.barcode: each.sequence for each in shelf.register.volumes()})
    tier.close()
    print("an object was written, read back and verified through SG_IO")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

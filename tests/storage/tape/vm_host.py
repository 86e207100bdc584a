"""Run by `make test-tape-vm` on the host: writes cartridges with Kho, boots the guest, compares what mt and tar unpacked there."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.oracles import ocfl_py_findings
from tests.storage.sealed import SealedObject, two_versions
from tests.storage.tape.tapes import Tapes, tapes, unpack
from tests.storage.tape.target import FIRST_SLOT, NAME

ONE, TWO = "LPD001L8", "LPD002L8"
ROOT = Path(__file__).resolve().parents[3]
GUEST_SECONDS = 600
APPLETS = ("sh", "mount", "mkdir", "cat", "echo", "insmod", "ip", "chroot", "poweroff")


def written(scene: Tapes, folder: Path) -> list[SealedObject]:
    """Versions 1 to 3 of an object over two cartridges, large versions cut into parts, and some others."""
    scene.create(ONE, TWO)
    tier = scene.tier(bundle=2 << 20)
    noise = random.Random(1)
    large = SealedObject(folder / "large", "urn:uuid:0000-large")
    files = {f"data/hồ sơ {n}.bin": noise.randbytes(700_000) for n in range(9)}
    large.version(files)
    large.version({**files, "data/new": noise.randbytes(900_000)})
    large.version({**files, "data/newer": b"three"})
    made = [two_versions(folder / "small"), large]
    for each in made:
        results = tier.write(each.versions)
        assert [result.error for result in results] == [None] * len(each.versions), results
    with tier.shelf() as shelf:
        volumes = {part.volume for each in made for part in shelf.register.parts_of(each.object_id)}
        assert volumes == {ONE, TWO}, volumes
        for barcode in (ONE, TWO):
            shelf.library.take_out(barcode)
    tier.close()
    return made


def initrd(scripts: Path, kernel: str, guest: str, folder: Path) -> Path:
    """The guest's first file system: busybox, the drivers, ``init``."""
    tree = folder / "initrd"
    for name in ("bin", "proc", "sys", "dev", "mods", "ro", "layer", "new"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin" / "busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    names = (scripts / "modules").read_text().split()
    for name in names:
        shutil.copy(f"/lib/modules/{kernel}/{name}", tree / "mods")
    (tree / "mods" / "order").write_text("\n".join(Path(name).name for name in names) + "\n")
    (tree / "mods" / "guest").write_text(guest)
    shutil.copy(scripts / "init", tree / "init")
    (tree / "init").chmod(0o755)
    listed = subprocess.run(["find", "."], cwd=tree, capture_output=True, check=True).stdout
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=listed, capture_output=True, check=True)
    target = folder / "initrd.gz"
    target.write_bytes(gzip.compress(packed.stdout, 1))
    return target


def boot(scripts: Path, shared: Path, folder: Path) -> int:
    """Boot the guest and show what it says; its exit code."""
    kernel = max(os.listdir("/lib/modules"), key=lambda name: [int(part) for part in re.findall(r"[0-9]+", name)])
    image = initrd(scripts, kernel, str(scripts / "guest.sh"), folder)
    words = [
        "qemu-system-x86_64",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-m",
        "1024",
        "-smp",
        "1",
        "-display",
        "none",
        "-nodefaults",
    ]
    words += [
        "-display",
        "none",
        "-nodefaults",
        "-serial",
        "stdio",
        "-no-reboot",
        "-kernel",
        f"/boot/vmlinuz-{kernel}",
        "-initrd",
        str(image),
    ]
    words += [
        "-append",
        "console=ttyS0 quiet panic=1 no_timer_check",
        "-netdev",
        "user,id=n",
        "-device",
        "virtio-net-pci,netdev=n,romfile=",
    ]
    words += ["-fsdev", "local,id=r,path=/,security_model=none,readonly=on,multidevs=remap"]
    words += ["-device", "virtio-9p-pci,fsdev=r,mount_tag=hostroot"]
    words += ["-fsdev", f"local,id=s,path={shared},security_model=none", "-device", "virtio-9p-pci,fsdev=s,mount_tag=results"]
    with open(ROOT / "tape-vm.log", "wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            sys.stdout.write(line.decode("utf-8", "replace"))
            sys.stdout.flush()
    return process.wait(GUEST_SECONDS)


def sums(root: Path) -> dict[str, str]:
    files = [each for each in root.rglob("*") if each.is_file()]
    return {f"./{each.relative_to(root)}": hashlib.sha512(each.read_bytes()).hexdigest() for each in files}


def main(scripts: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="kho-vm-"))
    try:
        with tapes(folder / "tier", {ONE: 7, TWO: 64}) as scene:
            made = written(scene, folder)
            root = unpack(scene.library(), [ONE, TWO], folder / "plain")
            found = ocfl_py_findings(root)
            print(f"ocfl-py finds in what plain tar unpacked from two cartridges: {found or 'nothing'}")
            assert found == []
            shared = folder / "shared"
            shared.mkdir()
            shutil.copytree(folder / "tier", shared / "tier")
            expected = {each.object_id: {n: digest.hex() for n, digest in each.expected.items()} for each in made}
            (shared / "expected.json").write_text(json.dumps(expected))
            slots = {}
            library = scene.library()
            with library.held():
                for barcode in (ONE, TWO):
                    slots[barcode] = library.take_out(barcode).address - FIRST_SLOT + 1  # mtx counts storage elements from 1
            library.close()
            tier = scene.tier()
            with tier.shelf(library=False) as shelf:
                counts = {each.barcode: each.sequence for each in shelf.register.volumes()}
            tier.close()
            rows = " ".join(f"{slots[barcode]}:{counts[barcode]}" for barcode in (ONE, TWO))
            settings = f'PORT={scene.target.port}\nTARGET={NAME}\nPYTHON={sys.executable}\nSOURCE={ROOT}\nFILES="{rows}"\n'
            (shared / "settings").write_text(settings)
            boot(scripts, shared, folder)
            said = (ROOT / "tape-vm.log").read_text(encoding="utf-8", errors="replace")
            assert "GUEST: ALL OF IT HELD" in said, "the guest failed"
            unpacked = dict(reversed(line.split("  ", 1)) for line in (shared / "found").read_text().splitlines())
            wanted = sums(root)
            assert unpacked == wanted, {
                name for name in unpacked.keys() | wanted.keys() if unpacked.get(name) != wanted.get(name)
            }
            line = f"{len(wanted)} files: mt and tar in the guest gave exactly the bytes that Kho wrote"
            print(line)
            with open(ROOT / "tape-vm.log", "a", encoding="utf-8") as log:
                log.write(line + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

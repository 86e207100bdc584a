"""The rows: which job is run by whom, on which data, and what is aimed at (docs/bench.md)."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import measure
import postgres
from kho import ROOT, Archive
from measure import Failed, Took
from results import Aim, Result
from stage import Stage, size_of

__all__ = ["DEFAULT", "ROWS"]

CORES = 2
"""Processes of the floors: all measurements behind the aims were made with two."""


def ingest_a(stage: Stage) -> Result:
    """Everything on: manifest, identification, METS/PREMIS, two tiers, durable, both copies re-read, catalog, receipt."""
    data = stage.a

    def kho(number: int) -> Took:
        archive = stage.archive()
        took = archive.deposit(data.objects)
        stage.keep("a", archive)
        return took

    taken = stage.race(
        3,
        kho=kho,
        kho_without_identification=lambda number: stage.archive(identify=False).deposit(data.objects),
        floor=lambda number: stage.floor("copy", data.path, _made(stage.fresh("floor")), 2),
        ocfl_py=lambda number: stage.peer("ocfl-add", data.path, stage.fresh("scratch"), stage.fresh("ocfl-py")),
    )
    aims = [
        Aim("kho", "ocfl py", least=1.0),
        Aim("kho", "floor"),
        Aim("kho without identification", "floor", least=0.5),
        Aim("kho without identification", "ocfl py", least=2.0),
    ]
    return Result("ingest-A", "files", data.files, taken, aims)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def ingest_b(stage: Stage) -> Result:
    """Large files. The floor is what hashing alone costs: SHA-512 and SHA-256 once, SHA-256 for each copy that is re-read."""
    data = stage.b

    def kho(number: int) -> Took:
        archive = stage.archive()
        took = archive.deposit(data.objects)
        stage.keep("b", archive)
        return took

    def hashing(number: int) -> Took:
        took = stage.floor("hash", "sha512,sha256,sha256,sha256", 1, data.path)
        return Took(took.cpu / CORES, took.cpu, took.peak)

    taken = stage.race(
        2,
        kho=kho,
        hash_floor=hashing,
        ocfl_py=lambda number: stage.peer("ocfl-add", data.path, stage.fresh("scratch"), stage.fresh("ocfl-py")),
    )
    aims = [Aim("kho", "hash floor", least=0.6), Aim("kho", "ocfl py", least=2.0)]
    return Result("ingest-B", "MB", data.bytes / 1e6, taken, aims)


def ingest_c(stage: Stage) -> Result:
    """One wide object: whether time grows in proportion with files."""
    full, part, few = stage.number(200_000), stage.number(50_000), stage.number(8_000)
    most, some, peers = stage.c(full), stage.c(part), stage.c(few)

    def kept(name: str, archive: Archive, took: Took) -> Took:
        stage.keep(name, archive)
        return took

    def deposit(name: str) -> Callable[[int], Took]:
        def once(number: int) -> Took:
            archive = stage.archive()
            data = {"all": most, "c": some, "few": peers}[name]
            return kept(name, archive, archive.deposit(data.objects))

        return once

    taken = stage.race(
        1,
        kho_200000=deposit("all"),
        kho_50000=deposit("c"),
        kho_8000=deposit("few"),
        ocfl_py_8000=lambda number: stage.peer("ocfl-add", peers.path, stage.fresh("scratch"), stage.fresh("ocfl-py")),
    )
    amounts = {"kho 200000": full, "kho 50000": part}
    aims = [
        Aim("kho 200000", most=400),
        Aim("kho 8000", "ocfl py 8000", least=3.0),
    ]
    ratio = taken["kho 200000"][0].wall / taken["kho 50000"][0].wall
    by_cpu = taken["kho 200000"][0].cpu / taken["kho 50000"][0].cpu
    note = f"time({full:,}) ÷ time({part:,}) = {ratio:.2f} ({by_cpu:.2f} by CPU), aimed at ≤ 4.4"
    return Result("ingest-C", "files", few, taken, aims, amounts, note)


def _audit(stage: Stage, row: str, archive: Archive, rounds: int, aims: Mapping[str, float], *, peers: bool) -> Result:
    """Re-reading everything on one tier with SHA-512, the outcome durable. All contenders are given the same files.

    Kho reads them from the medium, as its audit must; what is aimed at holds against peers that do so, too. Each peer also runs as
    people run it, after a round that left the files in the page cache: shown beside, with nothing aimed at.
    """
    folder = archive.tier
    files, size = size_of(folder)
    sums = stage.sums("sha512sum", folder)
    contenders: dict[str, Callable[[int], Took]] = {
        "kho": lambda number: archive.kho("audit", "--all", "--tier", "a"),
        "two_hashlib": lambda number: stage.floor("hash", "sha512", CORES, folder, "cold"),
        "two_hashlib_warm": lambda number: stage.floor("hash", "sha512", CORES, folder),
    }
    others: dict[str, tuple[Path, Callable[[int], Took]]] = {
        "sha512sum": (folder, lambda number: stage.command("sha512sum", "--quiet", "-c", sums))
    }
    if peers:
        bag = stage.fresh("bag")
        shutil.copytree(folder, bag)
        stage.peer("bag-make", bag)
        others["bagit_py"] = bag, lambda number: stage.peer("bag-validate", bag)
        others["ocfl_py"] = folder, lambda number: stage.peer("ocfl-validate", folder)
    for name, (files_of, contender) in others.items():
        contenders[name] = stage.cold(files_of, contender)
        contenders[f"{name}_warm"] = contender
    taken = stage.race(rounds, **contenders)
    unit, amount = ("MB", size / 1e6) if row == "audit-large" else ("files", files)
    wanted = [Aim("kho", name, least=aims.get(name, 0.0)) for name in taken if name != "kho"]
    read = ", ".join(f"{name} {statistics.median(took.read for took in each) / size:.0%}" for name, each in taken.items())
    return Result(row, unit, amount, taken, wanted, note=f"read from the medium, of {size / 1e6:,.0f} MB: {read}")


def audit_small(stage: Stage) -> Result:
    """Many small objects."""
    aims = {"two hashlib": 0.8, "sha512sum": 1.7, "bagit py": 5.0, "ocfl py": 7.0}
    return _audit(stage, "audit-small", stage.filled("a", stage.a), 3, aims, peers=True)


def audit_large(stage: Stage) -> Result:
    """Large files."""
    return _audit(stage, "audit-large", stage.filled("b", stage.b), 3, {"two hashlib": 0.9, "sha512sum": 3.0}, peers=False)


def audit_object(stage: Stage) -> Result:
    """One wide object."""
    archive = stage.filled("c", stage.c(stage.number(50_000)))
    return _audit(stage, "audit-object", archive, 3, {"two hashlib": 0.6, "sha512sum": 1.05}, peers=False)


def audit_cold_large(stage: Stage) -> Result:
    """Large files from the device, against reads that pass the page cache by, one after the other (as dd iflag=direct does). They hash
    nothing: where the device gives more than all cores hash, the hashing is the bound, which stands beside it."""
    archive = stage.filled("b", stage.b)
    _, size = size_of(archive.tier)
    taken = stage.race(
        3,
        kho=lambda number: archive.kho("audit", "--all", "--tier", "a"),
        direct=lambda number: stage.floor("direct", archive.tier, 1),
        two_hashlib=lambda number: stage.floor("hash", "sha512", CORES, archive.tier, "cold"),
    )
    aims = [Aim("kho", "direct", least=0.9), Aim("kho", "two hashlib", least=0.9)]
    return Result("audit-cold-large", "MB", size / 1e6, taken, aims)


def audit_cold_small(stage: Stage) -> Result:
    """Small files from the device, against such reads with 32 of them asked for at a time, and one at a time. (The device asks 32 at
    a time, too, when two processes of Kho ask for 32 each; a virtual disk may answer from its host's cache.)"""
    archive = stage.filled("a", stage.a)
    files, _ = size_of(archive.tier)
    taken = stage.race(
        3,
        kho=lambda number: archive.kho("audit", "--all", "--tier", "a"),
        direct_32=lambda number: stage.floor("direct", archive.tier, 32),
        direct_1=lambda number: stage.floor("direct", archive.tier, 1),
    )
    aims = [Aim("kho", "direct 32", least=0.6), Aim("kho", "direct 1", least=1.8)]
    return Result("audit-cold-small", "files", files, taken, aims)


def verify(stage: Stage) -> Result:
    """A storage root that Kho did not make."""
    data, root = stage.a, stage.fresh("foreign")
    stage.peer("ocfl-add", data.path, stage.fresh("scratch"), root)
    archive = Archive(stage.work, stage.log)
    taken = stage.race(
        3, kho=lambda number: archive.kho("verify", root), ocfl_py=lambda number: stage.peer("ocfl-validate", root)
    )
    return Result("verify", "files", data.files, taken, [Aim("kho", "ocfl py", least=5.0)])


def rebuild(stage: Stage) -> Result:
    """The catalog made again from a tier."""
    data = stage.a
    archive = stage.filled("a", data)
    taken = stage.race(
        3, kho=lambda number: archive.without_catalog(stage.fresh("home")).kho("catalog", "rebuild", "--from", "a")
    )
    files, _ = size_of(archive.tier)
    result = Result("rebuild", "files", files, taken, [Aim("kho", least=5000)])
    objects = len(data.objects) / (files / result.rate("kho"))
    result.note = f"{objects:,.0f} objects/s (aimed at 500); {data.files:,} of the {files:,} files are content"
    return result


def identify(stage: Stage) -> Result:
    """Formats of small files."""
    data = stage.a
    few = min(300, data.files)
    taken = stage.race(
        3,
        kho=lambda number: stage.python("identify_work.py", "kho", data.path),
        pygfried=lambda number: stage.python("identify_work.py", "pygfried", data.path),
        fido=lambda number: stage.python("identify_work.py", "fido", data.path, few),
    )
    aims = [Aim("kho", "pygfried", least=0.95), Aim("kho", "fido", least=9.0)]
    return Result("identify", "files", data.files, taken, aims, {"fido": few})


def due(stage: Stage) -> Result:
    """The next 10,000 due of a million, on SQLite."""
    return _due(stage, "due", stage.number(1_000_000, 20_000), f"sqlite:///{stage.fresh('catalog')}", 20)


def due_postgresql(stage: Stage) -> Result:
    """The same on PostgreSQL."""
    with postgres.running(stage.fresh("postgresql")) as url:
        return _due(stage, "due-postgresql", stage.number(1_000_000, 20_000), url, 20)


def due_10m(stage: Stage) -> Result:
    """The next 10,000 due of ten million, on SQLite."""
    return _due(stage, "due-10M", stage.number(10_000_000, 200_000), f"sqlite:///{stage.fresh('catalog')}", 100)


def due_10m_postgresql(stage: Stage) -> Result:
    """The same on PostgreSQL."""
    with postgres.running(stage.fresh("postgresql")) as url:
        return _due(stage, "due-10M-postgresql", stage.number(10_000_000, 200_000), url, 100)


def _due(stage: Stage, row: str, rows: int, url: str, most: float) -> Result:
    stage.python("due_work.py", "fill", url, rows)
    taken = stage.race(
        3,
        kho=lambda number: stage.timed("due_work.py", "kho", url),
        raw=lambda number: stage.timed("due_work.py", "raw", url),
    )
    milliseconds = 1000 * statistics.median(took.wall for took in taken["kho"])
    note = f"p50 {milliseconds:.1f} ms of {rows:,} copies (aimed at {most:g} ms)"
    return Result(row, "answers", 1, taken, [Aim("kho", "raw", most=2.0)], note=note)


def report(stage: Stage) -> Result:
    """The report on sixty days in which a million copies were checked: figures, minutes as PDF, days of the ledger with their verifier."""
    checks = stage.number(1_000_000, 10_000)
    archive = Archive(stage.fresh("reported"), stage.log)
    stage.python("report_work.py", "make", archive.home, checks)
    period = ("--from", "2026-01-01", "--to", "2026-03-01")
    found = (4,)  # some of the copies are damaged, which the exit code says
    taken = stage.race(
        3, kho=lambda number: archive.kho("report", "fixity", *period, "--output", stage.fresh("report"), good=found)
    )
    wall, cpu = (statistics.median(getattr(took, each) for took in taken["kho"]) for each in ("wall", "cpu"))
    note = f"a report over {checks:,} copies took {wall:.1f} s, {cpu:.1f} s of processor (aimed at 60 s)"
    return Result("report", "copies", checks, taken, [Aim("kho", least=checks / 60), Aim("kho", most=500)], note=note)


def catalog(stage: Stage) -> Result:
    """Copies entered into the catalog."""
    rows = stage.number(200_000, 10_000)
    taken = stage.race(
        3,
        kho=lambda number: stage.timed("catalog_work.py", "copies-kho", stage.fresh("catalog"), rows),
        raw=lambda number: stage.timed("catalog_work.py", "copies-raw", stage.fresh("catalog"), rows),
    )
    return Result("catalog", "copies", rows, taken, [Aim("kho", "raw", least=0.7)])


def signatures(stage: Stage) -> Result:
    """One signed PDF with time-stamps and revocation data inside, validated offline with everything told."""
    folder = stage.fresh("signed")
    stage.python("signature_work.py", "make", folder)
    taken = stage.race(
        5,
        kho=lambda number: stage.timed("signature_work.py", "kho", folder),
        pyhanko=lambda number: stage.timed("signature_work.py", "pyhanko", folder),
    )
    return Result("signatures", "files", 1, taken, [Aim("kho", "pyhanko", most=1.2)])


def tape(stage: Stage) -> Result:
    """A large file to a cartridge of the virtual library, and back."""
    file, size = stage.fresh("tape"), stage.number(512, 32)
    with open(file, "wb") as target:
        for _ in range(size):
            target.write(os.urandom(1 << 20))
    contenders: dict[str, Callable[[int], Took]] = {
        name.replace("-", "_"): lambda number, name=name: stage.timed("tape_work.py", name, file)  # type: ignore[misc]
        for name in ("kho-stream", "plain-stream", "kho", "plain")
    }
    taken = stage.race(5, **contenders)
    aims = [Aim("kho stream", "plain stream", least=0.8), Aim("kho", "plain", least=0.8)]
    return Result("tape", "MB", size * 1.048576, taken, aims)


def memory(stage: Stage) -> Result:
    """The peak of the largest process when one AIP has 200,000 files."""
    return _memory(stage, "memory", stage.number(200_000))


def memory_1m(stage: Stage) -> Result:
    """The same with a million files."""
    return _memory(stage, "memory-1M", stage.number(1_000_000))


def _memory(stage: Stage, row: str, files: int) -> Result:
    data, archive = stage.c(files), stage.archive()
    out = stage.fresh("export")
    steps: dict[str, Callable[[int], Took]] = {
        "ingest": lambda number: archive.deposit(data.objects),
        "audit": lambda number: archive.kho("audit", "--all", "--tier", "a"),
        "export": lambda number: archive.kho("export", _only_aip(archive), "-o", out, "--as", "bagit"),
        "rebuild": lambda number: archive.without_catalog(stage.fresh("home")).kho("catalog", "rebuild", "--from", "a"),
        "verify": lambda number: archive.kho("verify", archive.tier),
    }
    taken = {name: [step(0)] for name, step in steps.items()}
    return Result(row, "files", files, taken, [Aim(name, most=400) for name in taken])


def _evidence(stage: Stage, work: str, count: int) -> Callable[[int], Took]:
    return lambda number: stage.timed("evidence_work.py", work, count)


def evidence_build(stage: Stage) -> Result:
    """A hash tree over a million leaves."""
    count = 1 << (20 if stage.number(1_000_000, 1) > 1 << 18 else 16)
    taken = stage.race(5, kho=_evidence(stage, "tree", count), hashlib=_evidence(stage, "floor", count))
    return Result("evidence-build", "leaves", count, taken, [Aim("kho", "hashlib", most=2.0)])


def evidence_renew(stage: Stage) -> Result:
    """Time-stamp renewal of a million records in batches of 10,000: one request."""
    count = stage.number(1_000_000, 10_000)
    taken = stage.race(5, kho=_evidence(stage, "renew", count))
    return Result("evidence-renew", "records", count, taken, [Aim("kho", least=count / 5)], note="one token")


def evidence_verify(stage: Stage) -> Result:
    """Records of three objects in batches of 1,024, each with a token of its own; *batch*: all of one batch, on one token."""
    count, few = stage.number(500, 50), 20
    taken = stage.race(
        5,
        kho=_evidence(stage, "verify", count),
        batch=_evidence(stage, "batch", count),
        token=_evidence(stage, "tokens", count),
        openssl=_evidence(stage, "openssl", few),
    )
    aims = [Aim("kho", "token", least=0.7), Aim("kho", "openssl", least=15.0)]
    return Result("evidence-verify", "records", count, taken, aims, {"openssl": few})


def evidence_leaf(stage: Stage) -> Result:
    """A group of 50,000 files becomes a leaf: less than 100 ms beyond what hashing alone takes."""
    count = 50_000
    taken = stage.race(5, **{name: _evidence(stage, name, count) for name in ("leaf", "listed", "hashing")})
    beyond = [ours.wall - floor.wall for ours, floor in zip(taken["leaf"], taken["hashing"], strict=True)]
    note = f"{statistics.median(beyond) * 1000:.0f} ms beyond hashing (aimed at less than 100)"
    return Result("evidence-leaf", "files", count, taken, [], note=note)


def evidence_export(stage: Stage) -> Result:
    """Records of a batch of 100,000 leaves, renewed once: less than 100 µs each."""
    count = stage.number(10_000, 1_000)
    taken = stage.race(5, kho=_evidence(stage, "export", count))
    return Result("evidence-export", "records", count, taken, [Aim("kho", least=10_000)])


def campaign(stage: Stage) -> Result:
    """Migrations: how much of both cores a campaign of real conversions uses, comparison, sealing and keeping included."""
    from campaign_data import CAMPAIGNS

    contenders: dict[str, Callable[[int], Took]] = {}
    amounts: dict[str, float] = {}
    for name, each in CAMPAIGNS.items():
        folders = [_made(stage.fresh(name)) for _ in range(stage.number(each.objects, 2))]
        each.fill(folders)
        amounts[name] = len(folders) * each.files

        def once(round_: int, path: str = each.path, folders: Sequence[Path] = folders) -> Took:
            archive = stage.archive()
            archive.deposit(folders)
            return archive.kho("formats", "campaign", "run", path)

        contenders[name] = once
    taken = stage.race(1, **contenders)
    note = "; ".join(f"{name}: {_cores(taken[name])}" for name in taken)
    return Result("campaign", "files", sum(amounts.values()), taken, [], amounts, f"{note} (aimed at ≥ 85 %)")


def _cores(taken: Sequence[Took]) -> str:
    used, wanted = (statistics.median(values) for values in zip(*((took.used, took.wanted) for took in taken), strict=True))
    together = max(took.together for took in taken)
    return f"{used:.0%} of {measure.CORES} cores used, work for {wanted:.0%}, {together / 1e6:.0f} MB in all processes together"


def s3(stage: Stage) -> Result:
    """One large file into a real S3 store (SeaweedFS on this machine) and back. Peaks show memory: part size × concurrency."""
    made = subprocess.run([ROOT / "scripts" / "seaweed-env"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failed(made.stderr)
    sys.path.insert(0, str(ROOT))
    from storage.s3.tier import S3Tier
    from tests.seaweed import Seaweed

    file, size = stage.fresh("large"), stage.number(256, 32) << 20
    with open(file, "wb") as out:
        for _ in range(size >> 20):
            out.write(os.urandom(1 << 20))
    server = Seaweed(stage.fresh("seaweed"), Path(made.stdout.strip()))
    server.start()
    try:
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(server.credentials)
        place = server.place()
        S3Tier.create(place, "a").close()
        taken = stage.race(
            4,
            kho=lambda number: stage.timed("s3_work.py", "kho", server.endpoint, place.bucket, file),
            boto3=lambda number: stage.timed("s3_work.py", "plain", server.endpoint, place.bucket, file),
        )
    finally:
        server.kill()
    return Result("s3", "MB", size / 1e6, taken, [Aim("kho", "boto3", least=0.85)])


def _only_aip(archive: Archive) -> str:
    inventory = next(archive.tier.rglob("0=ocfl_object_1.1")).parent / "inventory.json"
    text = inventory.read_text(encoding="utf-8")
    return text[text.index("urn:uuid:") :].partition('"')[0]


ROWS: Mapping[str, Callable[[Stage], Result]] = {
    "ingest-A": ingest_a,
    "audit-small": audit_small,
    "audit-cold-small": audit_cold_small,
    "verify": verify,
    "rebuild": rebuild,
    "ingest-B": ingest_b,
    "audit-large": audit_large,
    "audit-cold-large": audit_cold_large,
    "ingest-C": ingest_c,
    "audit-object": audit_object,
    "memory": memory,
    "identify": identify,
    "due": due,
    "due-postgresql": due_postgresql,
    "catalog": catalog,
    "report": report,
    "signatures": signatures,
    "evidence-build": evidence_build,
    "evidence-renew": evidence_renew,
    "evidence-verify": evidence_verify,
    "evidence-leaf": evidence_leaf,
    "evidence-export": evidence_export,
    "campaign": campaign,
    "tape": tape,
    "s3": s3,
    "due-10M": due_10m,
    "due-10M-postgresql": due_10m_postgresql,
    "memory-1M": memory_1m,
}

DEFAULT = [name for name in ROWS if "10M" not in name and name != "memory-1M"]
"""Rows of a run that names none: about half an hour on two cores."""

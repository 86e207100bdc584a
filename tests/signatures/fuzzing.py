"""The loop that reads and judges damaged input, and what it does not let pass: time, memory, exceptions that fell through a door, what was
swallowed, and what nobody signed so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from policies.findings import Finding
from policies.phrases import CLOSE, OPEN
from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.etsi_report import etsi_report
from signatures.judgement import Context, ValidationData, judge
from signatures.report import Integrity, Role
from signatures.signed import SignedFile
from tests.signatures.pki import Pki, day

__all__ = ["Change", "Reader", "fuzz", "pki"]

SEED = os.environ.get("KHO_FUZZ_SEED", "")
LONGEST = 2.0
"""Seconds of processor time that one input may take."""
LARGEST_INPUT = 16 << 20
LARGEST = 500 << 10
"""KiB that the process may grow by."""
ADDRESSES = 1 << 30
"""Bytes of addresses that may be asked for beyond those at hand: what asks for gigabytes and does not use them is seen, too."""

AT = day(2029, 8)

Change = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Reader:
    """``stock`` is sound input, ``changes`` damage it, ``read`` is tried; the values of its sound objects are all that may
    pass. ``parts`` gives the files that another program finds in an input: one that is in ``signed`` must be told, or that something was
    left."""

    stock: Sequence[bytes]
    changes: Sequence[Change]
    read: Callable[[Path, bytes], SignedFile]
    parts: Callable[[bytes], Iterable[bytes]] = field(default=lambda _: ())
    signed: Sequence[bytes] = ()


@cache
def pki() -> Pki:
    return Pki("ec")


@cache
def _trust() -> tuple[Context, ValidationData]:
    return Context(Anchors.of(pki().anchors()), default_algorithms(), AT), ValidationData(crls=tuple(pki().crls(day(2026, 6))))


class _Odd(logging.Handler):
    """Keeps what fell through the door of `signatures.odd`: it is ours to mend."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


@contextlib.contextmanager
def _watched() -> Iterator[_Odd]:
    log, handler = logging.getLogger("kho.signatures.odd"), _Odd()
    log.addHandler(handler)
    try:
        yield handler
    finally:
        log.removeHandler(handler)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """No more addresses than `ADDRESSES` beyond those of now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ADDRESSES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _values(objects: Iterable[SignedFile]) -> set[bytes]:
    return {each.value for file in objects for each in file.objects if each.failure is None}


def _findings(file: SignedFile) -> Iterator[Finding]:
    for each in file.objects:
        yield from (each.why,) if each.why else ()
        yield from each.notes


def _check(file: SignedFile, sound: set[bytes], findings: Iterable[Finding]) -> None:
    """That what was read can be: an object is intact or has a reason, and of what passes nothing is new."""
    for each in file.objects:
        assert (each.failure is None) == (each.why is None)
        assert each.failure is not None or each.integrity is Integrity.INTACT
        # A record, as a token, has bytes that nothing protects; what of it is intact is held against the rest elsewhere.
        assert each.failure is not None or each.value in sound or each.role in (Role.EVIDENCE, Role.TIMESTAMP)
    for finding in findings:
        assert finding.code != "SIG-NOT-UNDERSTOOD", finding
        assert OPEN in str(finding.args.get("reason", OPEN)), f"no words in two languages: {finding}"
        for language in ("vi", "en"):
            text = finding.text(language)
            assert OPEN not in text, finding
            assert CLOSE not in text, finding
            assert "not in the register" not in text, finding


def _told(reader: Reader, data: bytes, file: SignedFile) -> None:
    """That nothing that is signed was swallowed: each sound part that another program finds is one more object, or something was left."""
    found = sum(each in reader.signed for each in reader.parts(data))
    intact = sum(each.integrity is Integrity.INTACT and each.role is Role.SIGNATURE for each in file.objects)
    left = any(each.failure is not None for each in file.objects) or any(e.code == "SIG-INSIDE-LEFT" for e in _findings(file))
    assert left or intact >= found, f"of {found} parts that are signed {intact} were told, and nothing was left"


def _tried(reader: Reader, folder: Path, data: bytes, sound: set[bytes]) -> float:
    """Read and judge one input. Returns the seconds of processor time that it took."""
    context, beside = _trust()
    with _watched() as odd, _bounded():
        start = time.process_time()
        file = reader.read(folder, data)
        reports = judge(file, context, beside=[beside])
        took = time.process_time() - start
        assert all(each.as_json() for each in reports)
        assert not reports or etsi_report(reports)
    assert not odd.seen, "\n".join(logging.Formatter().format(each) for each in odd.seen)
    assert took < LONGEST, f"it took {took:.1f} s"
    _check(file, sound, (*_findings(file), *(one for each in reports for one in each.findings())))
    _told(reader, data, file)
    return took


def fuzz(reader: Reader, name: str, folder: Path, rounds: Iterator[int]) -> int:
    """Returns how many inputs were tried. Keeps the one that failed."""
    sound = _values(reader.read(folder, each) for each in reader.stock)
    draw, before = random.Random(name + SEED), _peak()
    count, longest = 0, 0.0
    for count in rounds:
        data = draw.choice(reader.changes)(draw, draw.choice(reader.stock))
        if len(data) > LARGEST_INPUT:
            continue  # a length that was changed, and then filled up
        try:
            longest = max(longest, _tried(reader, folder, data, sound))
            assert _peak() - before < LARGEST, f"it took {(_peak() - before) >> 10} MiB"
        except Exception:
            kept = Path(os.environ.get("KHO_FUZZ_KEEP", folder)) / f"fuzz-{name}-{SEED or 'x'}-{count}"
            kept.write_bytes(data)
            print(f"{name}: round {count} failed over {kept}")
            raise
    print(f"{name}: {count + 1} inputs, the longest took {longest:.2f} s, memory grew by {(_peak() - before) >> 10} MiB")
    return count + 1


def _peak() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

#!/usr/bin/env python3
"""Check a ledger of Kho with nothing but Python (3.8 or newer, standard library only) and, for time stamps, the openssl command.

    python3 -I kho-ledger-verify.py FOLDER [--head LINE-OR-FILE]... [--ca FILE] [--key ID]... [--unbroken] [--json] [--lang vi|en]

FOLDER holds days of a ledger (head.json, head.sig, events.ndjson, keys.ndjson and, where there is one, head.tst), at any depth: an
exported report, or a whole storage root. It may hold report.json (its figures are summed again), proofs (*.proof.json), and other
documents that the archive signed, each beside its signature (drill.json and drill.json.sig).
``--head`` is a line "kho-ledger-head 1 …" that came to you by another way than this folder (a receipt, a letter, a printed
report): everything up to it is then proven. ``--ca`` is the certificate (PEM) of the time-stamp authority, likewise from elsewhere.
Each key is vouched for by the one before it, but for the first one, and for one that began because the key before it was lost. ``--key`` is
the id of such a key as the archive published it: when any is given, all of them must be. ``--unbroken``: no key may have been lost.

Exit: 0 nothing contradicts itself (read what is *not* proven), 1 the ledger was tampered with or is damaged, 2 wrong usage, 3 nothing
contradicts itself, but an outside head is of a day that is not here, or no day is here that --key, --unbroken or --ca could be held
against: what was asked for is not proven.

With -I Python takes no module from the folder of this file: whoever made an export could have put one there. For the same reason take this
file from elsewhere than from what you check, or compare it.

This file is the definition of the checks and trusts neither Kho nor its operators; docs/on-disk.md describes the format.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    sys.path.pop(0)  # the folder of this file: modules in it are nobody's that Python knows

import argparse
import base64
import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, BinaryIO

DAY_FILES = ("head.json", "head.sig", "events.ndjson", "keys.ndjson")
HEAD_PREFIX = b"kho ledger head 1\n"
KEY_PREFIX = b"kho ledger key 1\n"
REPORT_PREFIX = b"kho report 1\n"
KEY_LOST = "ledger key lost"  # the type of the event that tells of it; its statement stands in the detail
GAP = r"[\s>]+"  # letters and mails break a line where they like, and answers to them quote it
HEAD_LINE = re.compile(
    GAP.join(
        (r"kho-ledger-head", "1", r"([0-9A-Fa-f-]{36})", r"([0-9]{1,12})", r"([0-9]{4}-[0-9]{2}-[0-9]{2})", r"([0-9A-Fa-f]{64})")
    )
)
PAPERS = {"policy.toml": "policy", "formats.toml": "formats"}
"""What steered the archive at the end of a day: the file in the day, and the member of its head that tells its SHA-256."""
EARLIER = "policies"  # the member that tells of policies under which something happened on a day before the last one
PAPER = re.compile(r"(policy|formats)(-.*)?\.toml")
KEY_ID = re.compile("[0-9a-f]{64}")
HEX = re.compile("[1-9a-f][0-9a-f]*|0[0-9a-f]{63}")  # as keys are written: a second writing of one would have a second id
TOKEN_WITHIN = timedelta(hours=24)  # a token must be made within this time after the end of the day
CLOCKS_APART = timedelta(minutes=5)  # by which two honest clocks may differ
CLOSING = timedelta(hours=1)  # so long the closing of a day may take: a report that was made meanwhile does not have it
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
"""`TIME` as it is written: such texts sort as the times do."""
YEARS = ("1970", "9999")  # from the one to before the other: what calendars can count from and to
CAMPAIGN = "formats_campaign_report"  # the kind of a report whose figures are no sums over events
BROKEN = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, MemoryError)
"""What comes of reading what is not what it should be: whoever wrote it may have meant to keep a verifier from ending."""
OPENED = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
BARRED = [os.strerror(each) for each in (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)]
"""Why the system keeps somebody from reading what may well be as it was."""
HIDING = ("HEAD-UNREADABLE", "FOLDER-UNREADABLE")  # of what may hold a day
SCOPES = ("scope.json", "report.json")  # what says with which day this begins and ends
LARGEST = 16 << 20  # bytes of a head, a signature, a token, a list of keys; of one line of events
LARGEST_DOCUMENT = 1 << 28  # bytes of a report, of a table, of a proof
LONGEST_NUMBER = 20  # digits


# -- What lies there: anybody may have put it there --------------------------------------------------------------------------------


def opened(path: str) -> BinaryIO:
    """A file to be read; a pipe or a device, which would never end or never answer, is none. Raises OSError."""
    _plain(os.stat(path), path)
    stream = open(os.open(path, OPENED), "rb")  # noqa: SIM115 - whoever asked for it closes it
    try:
        _plain(os.fstat(stream.fileno()), path)  # it may have been exchanged meanwhile
    except OSError:
        stream.close()
        raise
    return stream


def _plain(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "no file", path)


def contents(path: str) -> bytes:
    """What a small file holds, or as much of it as tells that it is none. Raises OSError."""
    with opened(path) as stream:
        return stream.read(LARGEST + 1)


def bytes_of(path: str) -> bytes:
    """A document of any size that documents have: read once, so that what is summed is what was signed. Raises OSError."""
    with opened(path) as stream:
        data = stream.read(LARGEST_DOCUMENT + 1)
    if len(data) > LARGEST_DOCUMENT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return data


def document(data: bytes) -> Any:
    """What a JSON document says to whoever reads it: one where two readers could read different things is refused. Raises of `BROKEN`."""
    # Names of files that are not UTF-8 stand in reports as they are.
    said = _STRICT.decode(data.decode("utf-8", "surrogateescape"))
    if isinstance(said, dict) and whole(said.get("kho", 1)) != 1:
        raise ValueError("of a version that is not known here")
    return said


def written(line: bytes) -> Any:
    """What a line with its end says. It has one writing (canonical JSON), and any other is refused: of two equal names readers take the one
    or the other, and some know no great numbers. Raises of `BROKEN`."""
    said = _LINE.decode(line.decode("ascii"))
    if canonical(said) + b"\n" != line:
        raise ValueError("not the one writing")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a name is there twice")
    return told


def _refused(name: str) -> Any:
    raise ValueError(name)


def _short(digits: str) -> int:
    """A number that is not worked on for hours; older Pythons have no bound of their own."""
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("no number")
    return int(digits)


_LINE = json.JSONDecoder(parse_constant=_refused, parse_int=_short)
_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused, parse_int=_short)


def whole(value: Any) -> int:
    """A whole number; 1.0 and true are equal to one, and other readers show them as something else. Raises TypeError."""
    if type(value) is not int:
        raise TypeError("no whole number")
    return value


def moment(text: Any) -> datetime:
    """The time that a text written by `TIME` tells; another one would sort elsewhere than it happened. Raises ValueError, TypeError."""
    if not MOMENT.fullmatch(text):
        raise ValueError("no time")
    return datetime.strptime(text, TIME)


def shown(value: Any) -> Any:
    """An argument of a sentence as people may see it: names can hold what drives a terminal, or whole sentences on lines of their own."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in value)


# -- Trees: RFC 6962 hashing over leaves that are sorted by SHA-256 of the event's id, so that absence can be proven, too -----------


_CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
"""Made once: a day has a million lines."""


def canonical(value: Any) -> bytes:
    return _CANONICAL.encode(value).encode("ascii")


def key_of(event_id: str) -> bytes:
    return hashlib.sha256(b"id:" + event_id.encode("utf-8", "surrogatepass")).digest()


def leaf_of(key: bytes, line_digest: bytes) -> bytes:
    return hashlib.sha256(b"\0" + key + line_digest).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf digests: pairs are joined level by level, an odd last one moves up as it is (the same tree as RFC 6962)."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        above = [node_of(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return level[0]


def climbed(leaf: bytes, index: int, count: int, path: Iterable[bytes]) -> bytes | None:
    """The root that a leaf at ``index`` of ``count`` leads to; None when the path does not fit."""
    path = list(path)
    while count > 1:
        if not (index == count - 1 and count % 2):
            if not path:
                return None
            other = path.pop(0)
            leaf = node_of(other, leaf) if index % 2 else node_of(leaf, other)
        index, count = index // 2, (count + 1) // 2
    return None if path else leaf


# -- Signatures by plain arithmetic: Ed25519 (RFC 8032 §5.1) and RSASSA-PSS with SHA-256 (RFC 8017 §8.1.2) ------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _point(data: bytes) -> tuple[int, int, int, int] | None:
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P or (x == 0 and data[31] >> 7):
        return None
    if x & 1 != data[31] >> 7:
        x = P - x
    return x, y, 1, x * y % P


def _sum(p: Any, q: Any) -> tuple[int, int, int, int]:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number: int, point: Any) -> Any:
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _sum(total, point)
        point, number = _sum(point, point), number >> 1
    return total


_BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = _times(s, _BASE), _sum(r, _times(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def rsa_pss(n: int, e: int, message: bytes, signature: bytes, salt: int = 32) -> bool:
    bits = n.bit_length()
    size, length = (bits + 7) // 8, (bits + 6) // 8  # of the modulus; of the encoded message, which has one bit less
    number = int.from_bytes(signature, "big")
    if not 2048 <= bits <= 16384 or not 3 <= e < 2**64 or len(signature) != size or number >= n:
        return False  # greater numbers would be worked on for hours
    encoded = pow(number, e, n).to_bytes(size, "big")[size - length :]
    masked, h = encoded[: length - 33], encoded[length - 33 : -1]
    unused = 8 * length - bits + 1
    if encoded[-1] != 0xBC or masked[0] >> (8 - unused):
        return False
    mask = b"".join(hashlib.sha256(h + i.to_bytes(4, "big")).digest() for i in range(len(masked) // 32 + 1))
    block = bytearray(a ^ b for a, b in zip(masked, mask))
    block[0] &= 0xFF >> unused
    if any(block[: -salt - 1]) or block[-salt - 1] != 1:
        return False
    return hashlib.sha256(bytes(8) + hashlib.sha256(message).digest() + bytes(block[-salt:])).digest() == h


def signed_by(key: Any, message: bytes, signature: bytes) -> bool:
    """Whether the key (as its statement says it) made this signature."""
    try:
        if key["algorithm"] == "ed25519" and HEX.fullmatch(key["public"]):
            return ed25519(bytes.fromhex(key["public"]), message, signature)
        if key["algorithm"] == "rsa-pss-sha256" and HEX.fullmatch(key["public"]["n"]):
            return rsa_pss(int(key["public"]["n"], 16), whole(key["public"]["e"]), message, signature)
    except (KeyError, TypeError, ValueError):
        pass
    return False


def key_id(key: Any) -> str:
    return hashlib.sha256(canonical({"algorithm": key["algorithm"], "public": key["public"]})).hexdigest()


# -- Time-stamp tokens (RFC 3161): what was stamped and when; that the authority really said so, openssl checks --------------------


def _der(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """(tag, start, end) of the element at ``at``."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + length > len(data):
        raise ValueError("cut off")
    return tag, start, start + length


def _children(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    found = []
    while start < end:
        tag, inner, after = _der(data, start)
        found.append((tag, inner, after))
        start = after
    return found


def token_says(token: bytes) -> tuple[bytes, datetime]:
    """(digest that was stamped, its time) of a token. Raises ValueError, IndexError when it is none."""
    _, start, end = _der(token)
    signed = _children(token, *_children(token, *_children(token, start, end)[1][1:])[0][1:])
    content = _children(token, *signed[2][1:])  # version, digestAlgorithms, encapContentInfo
    _, start, end = _children(token, *content[1][1:])[0]
    fields = _children(token, *_der(token, start)[1:])
    imprint = _children(token, *fields[2][1:])
    when = next(token[s:e] for tag, s, e in fields if tag == 0x18).decode("ascii")
    whole, _, fraction = when.rstrip("Z").partition(".")  # which may be finer than what is told apart here
    said = datetime.strptime(whole, "%Y%m%d%H%M%S") + timedelta(microseconds=int((fraction + "000000")[:6]))
    return token[imprint[1][1] : imprint[1][2]], said


def openssl_says(token: bytes, data: bytes, ca: str) -> bool | None:
    """Whether openssl believes the token over these bytes; None when it cannot be asked. It is given what was read, and not the files
    that it was read from, which may be others by now."""
    program = shutil.which("openssl")
    if program is None or not ca:
        return None
    when = str(int((token_says(token)[1] - datetime(1970, 1, 1)).total_seconds()))
    try:
        with tempfile.TemporaryDirectory() as folder:
            places = [os.path.join(folder, name) for name in ("token", "data")]
            for place, said in zip(places, (token, data)):
                with open(place, "wb") as stream:
                    stream.write(said)
            command = [
                program,
                "ts",
                "-verify",
                "-token_in",
                "-in",
                places[0],
                "-data",
                places[1],
                "-CAfile",
                ca,
                "-attime",
                when,
            ]
            return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return None


# -- Figures of reports: sums over events ----------------------------------------------------------------------------------------

FILES = ("altered", "missing", "extra", "unreadable")
STATES = {"success": "good", "warning": "unreadable"}  # of a copy, by the outcome of its check; any other is damaged


class Sums:
    """What a report of checks may say: every figure is a sum over the events of its period (and scope)."""

    def __init__(self, since: str, until: str, tier: str = "", aips: Any = None) -> None:
        self.since, self.until, self.tier = since, until, tier
        self.aips: Any = aips
        self.tiers: dict[str, dict[str, int]] = {}
        self.seen: dict[str, set[int]] = {}
        self.planned: dict[str, str] = {}
        self.checks: dict[
            tuple[str, str, str, str], list[int]
        ] = {}  # (tier, outcome, month, algorithm) -> [checks, bytes, files]

    def add(self, event: Any) -> None:
        if not self.since <= event["time"] < self.until or (self.tier and event.get("tier") != self.tier):
            return
        kind, detail = event["type"], event.get("detail", {})
        if not isinstance(event.get("tier", ""), str) or not isinstance(detail.get("algorithm", ""), str):
            raise TypeError("figures are named by texts")
        if self.aips is not None and event.get("aip") and event["aip"] not in self.aips:
            return
        count = self.tiers.setdefault(event.get("tier", ""), {})
        if kind == "fixity check" and "seen" in detail:
            self._up(count, {"seen_elsewhere": 1})  # found while something else was done: no check of the copy
        elif kind == "fixity check" and event.get("aip"):
            self._check(event, detail, count)
        elif kind == "fixity check":
            self._up(count, {"not_asked": 1})
        elif kind == "recovery":
            done = "repaired" if event["outcome"] == "success" else "not_repaired"
            self._up(count, {done: 1})
            if done == "repaired" and "detected" in detail:
                self._latency(count, "mended", detail["detected"], event["time"])
        elif kind == "quarantine":
            self._up(count, {"quarantined": 1})
        elif kind == "canary check":
            self._up(count, {"canaries_planted": detail.get("planted", 0), "canaries_found": detail.get("found", 0)})
            self._up(count, {"canary_cycles": 1, "canary_false": detail.get("wrong", 0)})
        elif kind == "presence check" and self.aips is None:  # no check: nothing was read
            self._up(count, {"looked": detail.get("copies", 0), "looked_off": detail.get("off", 0)})
        elif kind == "fixity plan" and self.aips is None and event["time"] >= self.planned.get(event.get("tier", ""), ""):
            self.planned[event.get("tier", "")] = event["time"]  # the newest count of copies in the period
            count.update({name: whole(detail.get(name, 0)) for name in ("population", "overdue", "never_checked")})

    def _check(self, event: Any, detail: Any, count: dict[str, int]) -> None:
        """One check of one copy: there may be millions, so what all of them have is added up here and named by `figures`."""
        tier, outcome = event.get("tier", ""), event["outcome"]
        key = (tier, outcome, event["time"][:7], detail.get("algorithm", "unknown"))
        sums = self.checks.get(key)
        if sums is None:
            sums = self.checks[key] = [0, 0, 0]
            self.seen.setdefault(tier, set())
        sums[0] += 1
        sums[1] += whole(detail.get("bytes", 0))
        sums[2] += whole(detail.get("files", 0))
        # 8 bytes of a digest stand for a copy: a set of whole names would need five times the memory.
        short = hashlib.blake2b(event["aip"].encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self.seen[tier].add(int.from_bytes(short, "big"))
        if outcome == "success" and detail.keys().isdisjoint(FILES):
            return
        for name in FILES:
            if name in detail:
                self._up(count, {"files_" + name: detail[name]})
        if STATES.get(outcome, "damaged") == "damaged" and "last" in detail:
            self._latency(count, "detected", detail["last"], event["time"])

    @staticmethod
    def _up(count: dict[str, int], more: dict[str, int]) -> None:
        for name, number in more.items():
            if whole(number):
                count[name] = count.get(name, 0) + number

    def _latency(self, count: dict[str, int], name: str, before: str, after: str) -> None:
        seconds = int((datetime.strptime(after, TIME) - datetime.strptime(before, TIME)).total_seconds())
        self._up(count, {name + "_count": 1, name + "_seconds": seconds})
        count[name + "_longest"] = max(count.get(name + "_longest", 0), seconds)

    def figures(self) -> dict[str, dict[str, int]]:
        """Tier -> figure -> number; a figure that is not there is 0. ``copies`` counts different copies that were read."""
        tiers = {tier: dict(count) for tier, count in self.tiers.items()}
        for (tier, outcome, month, algorithm), (done, size, files) in self.checks.items():
            names = ("done", STATES.get(outcome, "damaged"), "month " + month, "by_" + algorithm)
            self._up(tiers[tier], {**dict.fromkeys(names, done), "bytes": size, "files": files})
        for tier, seen in self.seen.items():
            tiers[tier]["copies"] = len(seen)
        return {tier: dict(sorted(count.items())) for tier, count in sorted(tiers.items()) if count}


def believable(figures: dict[str, dict[str, int]]) -> bool:
    """Whether the checker may be believed: on every tier where copies were checked damage was planted, and all of it was found."""
    checked = [count for count in figures.values() if count.get("done")]
    return all(count.get("canaries_planted", 0) == count.get("canaries_found", 0) > 0 for count in checked)


FAULTY = ["number", "medium", "path", "name", "outcome", "aip", "time", "times"]  # columns of the faulty list


# -- Days ------------------------------------------------------------------------------------------------------------------------


class Day:
    """One day as it lies in a folder, among files that have these ``names``. ``head`` is None when head.json cannot be believed to be one."""

    def __init__(self, folder: str, names: Iterable[str]) -> None:
        self.folder = folder
        self.names = [name for name in names if PAPER.fullmatch(name)]
        self.unread: dict[str, str] = {}  # files that are there and could not be read, and why
        self.data = contents(os.path.join(folder, "head.json"))
        self.digest = hashlib.sha256(self.data).hexdigest()
        self.head = head_of(self.data)
        self.signature = self.read("head.sig")  # once: what is stamped is what was checked

    def read(self, name: str) -> bytes | None:
        try:
            return contents(os.path.join(self.folder, name))
        except FileNotFoundError:
            return None
        except OSError as error:
            self.unread[name] = str(error.strerror)
            return None

    def print_of(self, name: str) -> str | None:
        """The SHA-256 of a file of any size; None when it cannot be read."""
        whole = hashlib.sha256()
        try:
            with opened(os.path.join(self.folder, name)) as stream:
                for piece in iter(lambda: stream.read(1 << 20), b""):
                    whole.update(piece)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.unread[name] = str(error.strerror)
            return None
        return whole.hexdigest()

    def line(self) -> str:
        return "kho-ledger-head 1 %s %d %s %s" % (self.head["archive"], self.head["number"], self.head["date"], self.digest)


def papers_of(head: Any) -> dict[str, str]:
    """What steered the archive on a day, by its head: name of the file → SHA-256."""
    last = {name: head[member] for name, member in PAPERS.items() if member in head}
    return {**last, **{"policy-%s.toml" % each: each for each in head.get(EARLIER, ())}}


def _is_ledger(folder: str) -> bool:
    """Whether an OCFL object holds a day; one whose inventory is gone is looked at, too."""
    try:
        with opened(os.path.join(folder, "inventory.json")) as stream:
            return re.search(rb'"id"\s*:\s*"urn:kho:ledger:', stream.read(65536)) is not None
    except OSError:
        return True


def head_of(data: bytes) -> Any:
    """What the bytes of a head say; None when they cannot be believed to be one."""
    try:
        head = written(data)
        moment(head["closed"])
        sound = whole(head["kho_ledger"]) == 1 and whole(head["number"]) >= 1 and whole(head["events"]) >= 0
        sound = sound and all(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", head[name]) for name in ("since", "date"))
        sound = sound and all(YEARS[0] <= head[name] < YEARS[1] for name in ("since", "date", "closed"))
        sound = sound and date.fromisoformat(head["since"]) <= date.fromisoformat(head["date"])
        sound = sound and all(KEY_ID.fullmatch(head[name]) for name in ("root", "segment", "keys", "key"))
        sound = sound and isinstance(head.get(EARLIER, []), list) and all(map(KEY_ID.fullmatch, papers_of(head).values()))
        return head if sound and isinstance(head["archive"], str) and isinstance(head["previous"], str) else None
    except BROKEN:
        return None


def statements(data: bytes) -> list[tuple[Any, bytes]]:
    """What keys.ndjson says of each key, and the signature of that. Raises of `BROKEN`."""
    rows = [written(line) for line in data.splitlines(keepends=True)]
    return [(stated(row["statement"]), base64.b64decode(row["signature"], validate=True)) for row in rows]


def stated(text: str) -> Any:
    """What the text of a statement says. Raises of `BROKEN`."""
    return written(text.encode("ascii") + b"\n")


def _is_loss(said: Any, keys: list[Any]) -> bool:
    """Whether a statement is one of a key that begins because the key before it was lost."""
    known, lost = [key_id(each["key"]) for each in keys], said["lost"]
    moment(said["time"])
    named = isinstance(lost["event"], str) and (lost["head"] == "" if said["from"] == 1 else KEY_ID.fullmatch(lost["head"]))
    named = named and whole(said["kho_ledger_key"]) == 2
    return bool(named and known and said["previous"] == known[-1] and key_id(said["key"]) not in known)


def _given_up(said: Any, keys: list[Any]) -> bool:
    """Whether a statement brings back a key that was said to be lost."""
    lost = [key_id(before["key"]) for before, after in zip(keys, keys[1:]) if "lost" in after]
    return key_id(said["key"]) in lost


class Report:
    """A report on a period: what it says, and the sums over the events of those days of which, by its own account, it is made: from
    number ``first`` to ``last`` (0: of none). Days that lie here beside them, for another report, may tell late of its period. Raises of
    `BROKEN`."""

    def __init__(self, place: str, data: bytes, said: Any) -> None:
        self.place, self.data, self.said, self.name = place, data, said, os.path.basename(place)
        period, scope, self.ledger = said["period"], said["scope"], said["ledger"]
        counts = [self.ledger.get(name) for name in ("first", "last", "open_events")]
        self.first, self.last, self.open_events = (0 if count is None else whole(count) for count in counts)
        self.generated: str | None = said.get("generated")
        for each in (period["from"], period["to"], *([] if self.generated is None else [self.generated])):
            moment(each)
        self.figures, self.faulty = said["figures"], said.get("faulty", [])
        for count in self.figures.values():
            for number in count.values():
                whole(number)
        tier, aips = scope.get("tier", ""), scope.get("aips")
        lists = isinstance(self.faulty, list) and isinstance(aips, (list, type(None)))
        if not (lists and isinstance(tier, str) and all(isinstance(each, dict) for each in self.faulty)):
            raise TypeError(place)
        self.sums = Sums(period["from"], period["to"], tier, None if aips is None else set(aips))

    def no_further(self) -> str:
        """The date from which on days cannot be in it: its period was over then, or it was made before they were closed."""
        return min(self.sums.until[:10], (self.generated or self.sums.until)[:10])

    def is_of(self, day: Day) -> bool:
        """Whether a day holds its period, or is the one after it, into which events went that were under way at its end."""
        return bool(day.head["date"] >= self.sums.since[:10] and day.head["since"] <= self.sums.until[:10])

    def was_there(self, day: Day) -> bool:
        """Whether a day was closed when the report was made."""
        return self.generated is None or moment(day.head["closed"]) + CLOSING <= moment(self.generated)


class Verifier:
    """Gathers what contradicts itself (``found``: code, place, arguments) and what cannot be known from here (``unproven``)."""

    def __init__(
        self, folder: str, outside: Iterable[str] = (), ca: str = "", keys: Iterable[str] = (), unbroken: bool = False
    ) -> None:
        """``keys``: ids of all keys that may begin without the word of the key before; none given: whichever. ``unbroken``: after the
        first one there may be none."""
        self.folder, self.ca, self.outside = folder, ca, list(outside)
        self.given, self.unbroken = {each.lower() for each in keys}, unbroken
        self.found: list[tuple[str, str, dict[str, Any]]] = []
        self.proven: list[tuple[str, dict[str, Any]]] = []
        self.unproven: list[tuple[str, dict[str, Any]]] = []
        self.days: list[Day] = []
        self.timed: list[int] = []
        self.roots: dict[int, tuple[str, int, str]] = {}
        self.reports: list[Report] = []
        self.known_keys: list[Any] = []
        self.losses: dict[str, tuple[str, Any]] = {}
        self.papers: dict[str, dict[int, str]] = {name: {} for name in PAPERS}
        self.earlier: set[str] = set()
        self.without_policy = 0
        self.starts: list[int] = []
        self.ends: list[tuple[int, str]] = []
        self.alone: set[str] = set()
        self.late_entries = self.early_entries = self.sure = 0
        self.archive = ""

    def bad(self, code: str, place: str, **more: Any) -> None:
        self.found.append((code, place, more))

    def _barred_from(self, error: Exception, place: str) -> bool:
        """Whether the system kept a file from being read: nothing is known of it then, and that is told, once."""
        row = ("FILE-UNREADABLE", place, {"reason": str(getattr(error, "strerror", ""))})
        if row[2]["reason"] not in BARRED:
            return False
        if row not in self.found:
            self.found.append(row)
        return True

    def _is_barred(self) -> bool:
        return any(more.get("reason") in BARRED for _, _, more in self.found)

    def _hides_days(self, *names: str) -> bool:
        """Whether days may lie in what the system kept from being read; or it kept files of these ``names`` from that, which may say why
        days are not here."""
        barred = [(code, os.path.basename(place)) for code, place, more in self.found if more.get("reason") in BARRED]
        return any(code in HIDING or name in names for code, name in barred)

    def _newest_keys_barred(self) -> bool:
        return bool(self.days) and self.days[-1].unread.get("keys.ndjson") in BARRED

    @property
    def blind(self) -> bool:
        """Whether nothing was found but that something may not, or cannot, be read: then it is not known whether the ledger holds."""
        return bool(self.found) and all(more.get("reason") in BARRED for _, _, more in self.found)

    @property
    def elsewhere(self) -> list[int]:
        """Days of outside heads that are not here, by the account of what is: asked for, and neither proven nor found wrong."""
        return [more["number"] for code, more in self.unproven if code in ("BEYOND", "BEFORE")]

    @property
    def idle(self) -> list[str]:
        """Options that were given, and of which nothing is proven nor found wrong, since no day is here."""
        asked = {"--key": self.given, "--unbroken": self.unbroken, "--ca": self.ca}
        return [] if self.days else [name for name, given in asked.items() if given]

    def run(self) -> Verifier:
        self._gather()
        self._reports()
        before = None
        for day in self.days:
            self._chain(before, day)
            self._signature(day)
            self._segment(day)
            self._token(day)
            self._papers(day)
            before = day
        self._proofs()
        self._outside()
        self._compare_reports()
        self._documents()
        self._lost_keys()
        self._conclude()
        return self

    def _walk(self) -> Iterator[tuple[str, list[str]]]:
        """Each folder, and the names of the files in it. In a whole storage root records of the archive are not looked at: whatever their
        files are called, they say nothing of the ledger."""
        for top, folders, names in os.walk(self.folder, onerror=self._unread):
            folders.sort()
            if any(name.startswith("0=ocfl_object_") for name in names) and not _is_ledger(top):
                folders.clear()
            else:
                yield top, sorted(names)

    def _unread(self, error: OSError) -> None:
        """A folder that cannot be read may hold anything."""
        told = ("FOLDER-UNREADABLE", str(error.filename), {"reason": str(error.strerror)})
        if told not in self.found:
            self.found.append(told)

    def _lacks(self, code: str, of: Day, name: str, **more: Any) -> None:
        """A file of a day is not there, or could not be read: then nothing is known of it."""
        if name in of.unread:
            row = ("FILE-UNREADABLE", os.path.join(of.folder, name), {"reason": of.unread[name]})
            if row not in self.found:
                self.found.append(row)
        else:
            self.bad(code, of.folder, **more)

    def _gather(self) -> None:
        known: dict[str, Day] = {}
        gone = set()
        for top, names in self._walk():
            if "head.json" in names:
                try:
                    day = Day(top, names)
                except OSError as error:
                    self.bad("HEAD-UNREADABLE", top, reason=str(error.strerror))
                    continue
                if day.head is None:
                    self.bad("HEAD-BROKEN", top)
                elif day.digest in known:
                    self._same(known[day.digest], day)
                else:
                    known[day.digest] = day
            elif set(names) & {"head.sig", "events.ndjson"}:
                gone.add(top)
        for top in sorted(gone):
            self.bad("HEAD-GONE", top)
        self.days = sorted(known.values(), key=lambda day: (day.head["number"], day.digest))
        self.archive = self.days[0].head["archive"] if self.days else ""

    def _same(self, one: Day, other: Day) -> None:
        for name in (*DAY_FILES, *papers_of(one.head)):
            prints = {one.print_of(name), other.print_of(name)}
            for day in (one, other):
                if name in day.unread:
                    self._lacks("", day, name)
            if len(prints) > 1 and name not in {**one.unread, **other.unread}:
                self.bad("COPIES-DIFFER", other.folder, file=name)

    def _chain(self, before: Day | None, day: Day) -> None:
        head, place = day.head, day.folder
        if head["archive"] != self.archive:
            self.bad("OTHER-ARCHIVE", place)
        if before is None:
            if head["number"] == 1 and head["previous"]:
                self.bad("CHAIN", place, day=head["date"])
            elif head["number"] != 1:
                self._begins_late(day)
            return
        old = before.head
        if head["number"] == old["number"]:
            self.bad("TWO-HEADS", place, day=head["date"])
        elif head["number"] != old["number"] + 1:
            gap = {"first": old["number"] + 1, "last": head["number"] - 1}
            if self._hides_days():
                self.unproven.append(("DAYS-UNREAD", gap))
            else:
                self.bad("DAY-MISSING", place, **gap)
        else:
            if head["previous"] != before.digest:
                self.bad("CHAIN", place, day=head["date"])
            if date.fromisoformat(head["since"]) != date.fromisoformat(old["date"]) + timedelta(days=1):
                self.bad("DATE-GAP", place, day=head["date"])
            if head["closed"] < old["closed"]:
                self.bad("BACK-DATED", place, day=head["date"])

    def _begins_late(self, day: Day) -> None:
        before = {digest for _, number, _, digest in self._lines() if number == day.head["number"] - 1}
        if before - {day.head["previous"]}:
            self.bad("OUTSIDE-DIFFERS", day.folder, number=day.head["number"] - 1)
        if day.head["previous"] in before:
            return
        if self._expected_first() == day.head["number"]:
            self.unproven.append(("BEGINNING", {"number": day.head["number"]}))
        elif self._hides_days(*SCOPES):
            self.unproven.append(("DAYS-UNREAD", {"first": self._expected_first(), "last": day.head["number"] - 1}))
        else:
            self.bad("BEGINNING-GONE", day.folder, number=day.head["number"])

    def _expected_first(self) -> int:
        """An export says in scope.json, a report in report.json, from which day on it brings days along; elsewhere that is day 1."""
        said = [report.first for report in self.reports if report.first]
        return min(said + self.starts, default=1)

    def _ends_before(self, day: str, last: int) -> bool:
        """Whether what is here was made, by its own account, of the days up to ``last`` and none of this date: an export of some days, a
        report of an earlier period, or one made before that day was closed."""
        ends = [*self.ends, *((report.last, report.no_further()) for report in self.reports)]
        return bool(ends) and all(number <= last and day >= begins for number, begins in ends)

    def _keys(self, day: Day) -> Any:
        """The statements of keys as this day tells them; None when they are not what they should be."""
        data = day.read("keys.ndjson")
        if data is None or hashlib.sha256(data).hexdigest() != day.head["keys"]:
            self._lacks("KEYS", day, "keys.ndjson")
            return None
        return self._statements(data, day.folder)

    def _statements(self, data: bytes, place: str) -> Any:
        """The statements of keys, each signed by the key before; one that says that this was lost by its own key, like the first."""
        keys: list[Any] = []
        try:
            for number, (said, signature) in enumerate(statements(data), 1):
                lost = "lost" in said
                signer = keys[-1] if keys and not lost else said
                fits = whole(said["number"]) == number and said["archive"] == self.archive
                fits = fits and (not keys or whole(said["from"]) >= keys[-1]["from"]) and said["key_id"] == key_id(said["key"])
                fits = fits and (_is_loss(said, keys) if lost else not _given_up(said, keys))
                if not (fits and signed_by(signer["key"], KEY_PREFIX + canonical(said), signature)):
                    self.bad("KEY-CHAIN", place, number=number)
                    return None
                keys.append(said)
        except BROKEN:
            self.bad("KEYS", place)
            return None
        return keys

    def _signature(self, day: Day) -> None:
        keys = self._keys(day)
        if keys is None:
            return
        if keys[: len(self.known_keys)] != self.known_keys:
            self.bad("KEY-CHANGED", day.folder)
        self.known_keys = keys
        in_force = [said["key"] for said in keys if said["from"] <= day.head["number"]]
        text = day.signature
        if text is None:
            self._lacks("SIGNATURE-GONE", day, "head.sig", day=day.head["date"])
            return
        try:
            signature = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            signature = b""
        ours = in_force and key_id(in_force[-1]) == day.head["key"]
        if not ours or not signed_by(in_force[-1], HEAD_PREFIX + day.data, signature):
            self.bad("SIGNATURE", day.folder, day=day.head["date"])

    def _lost_keys(self) -> None:
        """Keys that began because the one before them was lost: whether what is said of that fits the days, and what stands on it."""
        held = {day.head["number"]: day for day in self.days}
        for number, said in enumerate(self.known_keys, 1):
            if "lost" not in said:
                continue
            first, before = held.get(said["from"]), held.get(said["from"] - 1)
            follows = first.head["previous"] if first else before.digest if before else said["lost"]["head"]
            told = moment(said["time"])
            late = first and told > moment(first.head["closed"])
            early = before and told < moment(before.head["closed"])
            place = (first or before or self.days[-1]).folder
            if follows != said["lost"]["head"]:
                self.bad("KEY-LOST-FALSE", place, number=number)
            elif late or early:
                self._lost_at_another_time(said, place)
            if self.unbroken:
                self.bad("KEY-BROKEN", self.folder, number=said["from"], key=key_id(said["key"]))
            self._lost_key(said)
        for event, (place, statement) in self.losses.items() if not self._newest_keys_barred() else ():
            if not any(said == statement and said["lost"]["event"] == event for said in self.known_keys if "lost" in said):
                self.bad("KEY-LOST-DENIED", place, event=event)

    def _lost_at_another_time(self, said: Any, place: str) -> None:
        """By its own time a key was not lost between the closing of the days around it. That is no proof against it: whoever makes a
        statement up chooses a time that fits, and its place among the days is bound by a digest. What was there when a head was given out
        or stamped was not made up later; then a clock was wrong."""
        about = self._about(said)
        if about["key"] in self.given or self._tied() >= said["from"]:
            self.unproven.append(("KEY-LOST-CLOCK", about))
        else:
            self.bad("KEY-LOST-TIME", place, **about)

    @staticmethod
    def _about(said: Any) -> dict[str, Any]:
        return {"number": said["from"], "key": key_id(said["key"]), "time": said["time"][:16].replace("T", " ")}

    def _tied(self) -> int:
        """The newest day up to which something from outside stands for all: 0 for none."""
        return max([self.sure, *self.timed])

    def _lost_key(self, said: Any) -> None:
        """What has to be known of one: told whatever else is proven."""
        about, tied = self._about(said), self._tied()
        if about["key"] in self.given:
            self.unproven.append(("KEY-LOST-GIVEN", about))
        elif tied >= said["from"]:
            self.unproven.append(("KEY-LOST-TIED", {**about, "tied": tied}))
        else:
            self.unproven.append(("KEY-LOST", about))
        if said["lost"]["event"] not in self.losses:
            self.unproven.append(("KEY-LOST-SILENT", about))

    def _given_keys(self) -> None:
        """Whether all keys that nothing but the archive's own word stands for were given from outside."""
        alone = [key_id(said["key"]) for said in self.known_keys if said["number"] == 1 or "lost" in said]
        for key in alone if self.given else ():
            if key not in self.given:
                self.bad("KEY-NOT-GIVEN", self.folder, key=key)
        if self.given and self.given.issuperset(alone) and not self.found:
            self.proven.append(("KEY-GIVEN", {"keys": ", ".join(alone)}))
        if self.unbroken and not self.found:
            self.proven.append(("UNBROKEN", {"first": self.days[0].head["number"], "last": self.days[-1].head["number"]}))

    def _segment(self, day: Day) -> None:
        path, head = os.path.join(day.folder, "events.ndjson"), day.head
        digest, pairs, number, wrong = hashlib.sha256(), [], 0, False
        sums = [report.sums for report in self.reports if report.first <= head["number"] <= report.last]
        end = (datetime.fromisoformat(head["date"]) + timedelta(days=1)).strftime(TIME)
        try:
            with opened(path) as stream:
                for line in iter(lambda: stream.readline(LARGEST), b""):
                    digest.update(line)
                    event = written(line)
                    wrong = wrong or whole(event["n"]) != number or not MOMENT.fullmatch(event["time"])
                    self.late_entries += event["time"][:10] < head["since"]
                    self.early_entries += event["time"] >= end
                    if event["type"] == KEY_LOST:
                        self.losses[event["id"]] = (path, stated(event["detail"]["statement"]))
                    pairs.append(key_of(event["id"]) + hashlib.sha256(line[:-1]).digest())
                    for each in sums:
                        each.add(event)
                    number += 1
        except FileNotFoundError:
            self.bad("SEGMENT-GONE", path, day=head["date"])
            return
        except OSError as error:
            day.unread["events.ndjson"] = str(error.strerror)
            self._lacks("SEGMENT", day, "events.ndjson")
            return
        except BROKEN:
            wrong = True
        pairs.sort()
        twice = any(a[:32] == b[:32] for a, b in zip(pairs, pairs[1:]))
        root = root_of(leaf_of(pair[:32], pair[32:]) for pair in pairs)
        self.roots[head["number"]] = (head["root"], head["events"], day.digest)
        if wrong or twice or number != head["events"] or root.hex() != head["root"] or digest.hexdigest() != head["segment"]:
            self.bad("SEGMENT", path, day=head["date"], said=head["events"], found=number)

    def _token(self, day: Day) -> None:
        token = day.read("head.tst")
        if token is None:
            if "head.tst" in day.unread:
                self._lacks("TOKEN", day, "head.tst")
            return
        end = datetime.fromisoformat(day.head["date"]) + timedelta(days=1)
        try:
            imprint, when = token_says(token)
            length = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}[len(imprint)]
            signature = day.signature or b""
            stamped = hashlib.new(length, signature).digest()
        except (*BROKEN, StopIteration):
            self.bad("TOKEN", day.folder, day=day.head["date"])
            return
        if length == "sha1" or stamped != imprint:
            self.bad("TOKEN-OTHER", day.folder, day=day.head["date"])
        elif when < moment(day.head["closed"]) - CLOCKS_APART or when < end - CLOCKS_APART:
            self.bad("TOKEN-EARLY", day.folder, day=day.head["date"], time=str(when))
        elif when > end + TOKEN_WITHIN:
            self.bad("TOKEN-LATE", day.folder, day=day.head["date"], time=str(when))
        else:
            believed = openssl_says(token, signature, self.ca)
            if believed is False:
                self.bad("TOKEN-FALSE", day.folder, day=day.head["date"])
            elif believed:
                self.timed.append(day.head["number"])

    def _papers(self, day: Day) -> None:
        """The texts of what steered the archive, where the head says which they were."""
        wanted = papers_of(day.head)
        for name in sorted({*wanted, *day.names}):
            text = day.read(name)
            if name in day.unread:
                self._lacks("POLICY", day, name)
            elif text is None:
                self.without_policy += 1
            elif hashlib.sha256(text).hexdigest() != wanted.get(name):
                self.bad("POLICY", os.path.join(day.folder, name), day=day.head["date"])
            elif name in self.papers:
                self.papers[name][day.head["number"]] = wanted[name]
            else:
                self.earlier.add(wanted[name])

    def _lines(self) -> list[tuple[str, int, str, str]]:
        found = []
        for text in self.outside:
            found += [(a.lower(), int(n), d, h.lower()) for a, n, d, h in HEAD_LINE.findall(text)]
        return found

    def _outside(self) -> None:
        lines, held = self._lines(), {day.head["number"]: day for day in self.days}
        for text in self.outside:
            if not HEAD_LINE.search(text):
                self.bad("OUTSIDE-NONE", self.folder)
        for archive, number, day, digest in lines:
            if self.archive and archive != self.archive:
                self.bad("OUTSIDE-ARCHIVE", self.folder, archive=archive)
            elif number in held:
                same = held[number].digest == digest and held[number].head["date"] == day
                if same:
                    self.sure = max(self.sure, number)
                else:
                    self.bad("OUTSIDE-DIFFERS", held[number].folder, number=number)
            elif digest in self.alone and (not held or number < min(held)):
                pass  # the head of a proof that came without its day; it says nothing of whether the days here go far enough
            elif number > max(held, default=0) and self._ends_before(day, max(held, default=0)):
                self.unproven.append(("BEYOND", {"number": number, "last": max(held, default=0)}))
            elif (not held or number > max(held)) and self._hides_days(*SCOPES):
                self.unproven.append(("DAYS-UNREAD", {"first": max(held, default=0) + 1, "last": number}))
            elif not held or number > max(held):
                self.bad("CUT-OFF", self.folder, number=number, last=max(held, default=0))
            elif number < min(held) - 1:  # of the day before them the first one tells: see `_begins_late`
                self.unproven.append(("BEFORE", {"number": number, "first": min(held)}))

    def _reports(self) -> None:
        for top, names in self._walk():
            if "scope.json" in names:
                self._scope(os.path.join(top, "scope.json"))
            if "report.json" in names:
                place = os.path.join(top, "report.json")
                try:
                    data = bytes_of(place)
                    said = document(data)
                    if said.get("kind") == CAMPAIGN:  # no sums over events; signed like any document
                        self._other_report(place)
                    else:
                        self.reports.append(Report(place, data, said))
                except (OSError, *BROKEN) as error:
                    if not self._barred_from(error, place):
                        self.bad("REPORT-BROKEN", place)

    def _other_report(self, place: str) -> None:
        self.unproven.append(("REPORT-OTHER", {"place": os.path.basename(place)}))
        if not os.path.lexists(place + ".sig"):
            self.unproven.append(("UNSIGNED", {"place": os.path.basename(place)}))

    def _scope(self, place: str) -> None:
        """An export says which days it holds: a copy of it that did not come through whole is told from a whole one."""
        try:
            ledger = document(bytes_of(place))["ledger"]
            first, last = whole(ledger["first"]), whole(ledger.get("last", 0))  # 0: it says nothing of its end
            if type(ledger.get("ends", False)) is not bool:
                raise TypeError(place)
        except (OSError, *BROKEN) as error:
            if not self._barred_from(error, place):
                self.bad("REPORT-BROKEN", place)
            return
        self.starts.append(first)
        if ledger.get("ends"):  # the export was asked for up to that day
            self.ends.append((last, ""))
        if not self._holds(first, last) and not self._hides_days():
            self.bad("SCOPE-DAYS", place, first=first, last=last)

    def _holds(self, first: int, last: int) -> bool:
        held = {day.head["number"] for day in self.days}
        return last < first or (last - first < len(held) and held.issuperset(range(first, last + 1)))

    def _compare_reports(self) -> None:
        held = {day.head["number"]: day for day in self.days}
        for report in self.reports:
            if self._is_unread(report, held):
                self.unproven.append(("REPORT-NOT-SUMMED", {"place": report.name}))
            else:
                self._compare_figures(report, held)
            self._report_tables(report)
            self._report_signature(report)
            if report.open_events:
                self.unproven.append(("OPEN-DAY", {"events": report.open_events}))

    def _is_unread(self, report: Report, held: dict[int, Day]) -> bool:
        """Whether the system kept a day from being read that the report may be the sums of. What else is barred excuses no wrong sum."""
        first, last = report.first or 1, report.last
        unread = (held[number].unread.get("events.ndjson") for number in held if first <= number <= last)
        return any(reason in BARRED for reason in unread) or (not self._holds(first, last) and self._hides_days())

    def _compare_figures(self, report: Report, held: dict[int, Day]) -> None:
        place, last = report.place, report.last
        if not self._holds(report.first or 1, last) or (last and held[last].line() != report.ledger.get("head")):
            self.bad("REPORT-DAYS", place)
        else:
            self._report_period(report, held)
        if "believed" in report.said and report.said["believed"] is not believable(report.sums.figures()):
            self.bad("REPORT-BELIEVED", place)
        if (
            "lost_keys" in report.ledger
            and not self._newest_keys_barred()
            and report.ledger["lost_keys"] != self._lost_until(last)
        ):
            self.bad("REPORT-KEYS", place)
        if report.sums.figures() != report.figures:
            self.bad("REPORT-FIGURES", place)

    def _lost_until(self, last: int) -> list[dict[str, Any]]:
        """What a report on days up to ``last`` has to say of keys that nobody vouched for."""
        lost = [said for said in self.known_keys if "lost" in said and said["from"] <= last]
        return [{"from": said["from"], "key": key_id(said["key"]), "time": said["time"]} for said in lost]

    def _report_period(self, report: Report, held: dict[int, Day]) -> None:
        """Whether the days that a report says to be made of are all that a report on its period is made of, as far as they had been
        closed when it was made; and how far they go."""
        others = [day for number, day in held.items() if report.is_of(day) and not report.first <= number <= report.last]
        first = held.get(report.first)
        begins_late = first is not None and report.first > 1 and report.sums.since < first.head["since"]
        if begins_late or any(day.head["number"] < report.first or report.was_there(day) for day in others):
            self.bad("REPORT-DAYS", report.place)
        elif not report.last:
            self.unproven.append(("NO-DAYS", {"place": report.name}))
        else:
            ends = held[report.last].head["date"]
            if others or report.sums.until[:10] > (date.fromisoformat(ends) + timedelta(days=1)).isoformat():
                self.unproven.append(("REPORT-PERIOD", {"place": report.name, "day": ends}))

    def _report_tables(self, report: Report) -> None:
        """The tables that were handed out with a report say what it says, however they are quoted."""
        figures = [["tier", "figure", "value"]]
        for tier, count in report.figures.items():
            figures += [[tier, name, str(value)] for name, value in count.items()]
        faulty = [FAULTY, *([str(row.get(name, "")) for name in FAULTY] for row in report.faulty)]
        for name, wanted in (("figures.csv", figures), ("faulty.csv", faulty)):
            table = os.path.join(os.path.dirname(report.place), name)
            try:
                text = bytes_of(table).decode("utf-8-sig", "surrogateescape")
                found = list(csv.reader(io.StringIO(text, newline="")))
            except FileNotFoundError:
                continue
            except (OSError, csv.Error, *BROKEN) as error:
                if self._barred_from(error, table):
                    continue
                found = []
            if found != wanted:
                self.bad("REPORT-TABLE", table)

    def _report_signature(self, report: Report) -> None:
        """A report may be signed by a key that signs heads; then the signature must be right."""
        if not os.path.lexists(report.place + ".sig"):
            self.unproven.append(("REPORT-UNSIGNED", {"place": report.name}))
        else:
            self._signed(report.place, report.last, report.data)

    def _signed(self, place: str, last: int = 0, data: bytes | None = None) -> bool:
        """Whether a document is signed by a key of the ledger that the archive stands for, and that was not replaced when day ``last``
        was closed. One that is not is told of. ``data`` is what it holds, where that was read."""
        try:
            signature = base64.b64decode(contents(place + ".sig").strip(), validate=True)
            read = bytes_of(place) if data is None else data
        except (OSError, ValueError) as error:
            if self._barred_from(error, str(getattr(error, "filename", "") or place)):
                return False
            read, signature = b"", b""
        if read and data is None and not self._says_one_thing(place, read):
            return False
        self._later_keys(os.path.join(os.path.dirname(place), "keys.ndjson"))
        if not self.days:
            self.unproven.append(("REPORT-KEY", {"place": os.path.basename(place)}))
            return False
        replaced = [said["from"] <= last for said in self.known_keys[1:]] + [False]
        usable = [said for said, gone in zip(self.known_keys, replaced) if not gone]
        signer = next((said for said in usable if signed_by(said["key"], REPORT_PREFIX + read, signature)), None)
        if signer is None:
            self.bad("REPORT-SIGNATURE", place)
            return False
        if any("lost" in said for said in self.known_keys[signer["number"] :][:1]):  # whoever found it may have signed since
            self.unproven.append(("SIGNED-LOST", {"place": os.path.basename(place)}))
            return False
        if self._nobodys(signer):
            self.unproven.append(("SIGNED-ALONE", {"place": os.path.basename(place), "key": key_id(signer["key"])}))
            return False
        return True

    def _says_one_thing(self, place: str, data: bytes) -> bool:
        """Whether all who read a signed document read the same. One of which that cannot be said is told of."""
        try:
            document(data)
        except BROKEN:
            self.bad("REPORT-BROKEN", place)
            return False
        return True

    def _nobodys(self, signer: Any) -> bool:
        """Whether a key stands on one that began because the key before was lost, and nothing from outside ties that to the archive: then
        anybody may have made both, and what they signed."""
        begun = [said for said in self.known_keys[: signer["number"]] if "lost" in said][-1:]
        tied = self._tied()
        return any(tied < said["from"] and key_id(said["key"]) not in self.given for said in begun)

    def _documents(self) -> None:
        """Other documents that were handed out signed may be older or newer than the days here: any key of the ledger may have signed."""
        reports = {report.place for report in self.reports}
        for top, names in self._walk():
            for name in names:
                place = os.path.join(top, name[:-4])
                if name.endswith(".json.sig") and place not in reports and self._signed(place):
                    self.proven.append(("SIGNED", {"place": os.path.basename(place)}))

    def _later_keys(self, place: str) -> None:
        """A signed document brings the statements of keys as they were when it was signed: a new key may not have closed a day yet, and
        days that were exported later may tell of more."""
        try:
            keys = self._statements(contents(place), place) if self.days else None
        except FileNotFoundError:
            return
        except OSError as error:
            self.bad("FILE-UNREADABLE", place, reason=str(error.strerror))
            return
        if keys is None:
            return
        both = min(len(keys), len(self.known_keys))
        if keys[:both] != self.known_keys[:both]:
            self.bad("KEY-CHANGED", place)
        elif len(keys) > both:
            self.known_keys = keys

    def _proofs(self) -> None:
        for top, names in self._walk():
            for name in names:
                if name.endswith(".proof.json"):
                    self._proof(os.path.join(top, name))

    def _proof(self, place: str) -> None:
        try:
            proof = document(bytes_of(place))
            number, kind = whole(proof["number"]), proof["kind"]
            told = {"event": proof["id"], "number": number}
            head, vouched = proof["head"].encode("ascii"), True
            if number in self.roots:
                root, count, digest = self.roots[number]
                sound = hashlib.sha256(head).hexdigest() == digest
            else:
                root, count, vouched = self._root_alone(head, number)
                sound = True
            sound = sound and proven(proof, root, count)
        except (OSError, *BROKEN) as error:
            if self._barred_from(error, place):
                return
            sound = False
        if not sound:
            self.bad("PROOF", place)
        elif not vouched:
            self.unproven.append(("PROOF-ALONE", told))
        elif kind == "absence" and number not in self.roots:
            self.unproven.append(("PROOF-ORDER", told))
        else:
            self.proven.append(("PROOF-" + kind.upper(), told))

    def _root_alone(self, data: bytes, number: int) -> tuple[str, int, bool]:
        """(root, events) of a day whose events are not here, by the head that a proof brings along; and whether anything but the proof
        vouches for that head: a line from outside, the same head here, or the first day here, which continues it."""
        head, digest = head_of(data), hashlib.sha256(data).hexdigest()
        self.alone.add(digest)
        if head["number"] != number or (self.archive and head["archive"] != self.archive):
            raise ValueError(number)
        vouched = {(number, digest) for _, number, _, digest in self._lines()}
        vouched |= {(day.head["number"], day.digest) for day in self.days}
        if self.days:
            vouched.add((self.days[0].head["number"] - 1, self.days[0].head["previous"]))
        return head["root"], head["events"], (number, digest) in vouched

    def _conclude(self) -> None:
        if not self.days:
            alone = self.alone.intersection(digest for _, _, _, digest in self._lines())
            if not alone and not self._is_barred() and (not self.reports or any(report.last for report in self.reports)):
                self.bad("EMPTY", self.folder)
            if self.idle:
                self.unproven.append(("IDLE", {"options": ", ".join(self.idle)}))
            return
        self._given_keys()
        last, first = self.days[-1].head["number"], self.days[0].head["number"]
        events = sum(day.head["events"] for day in self.days)
        if not self.found:
            self.proven.append(("AGREES", {"first": first, "last": last, "events": events}))
            if self.sure:
                self.proven.append(("WITNESSED", {"first": first, "number": self.sure}))
            if self.timed:
                self.proven.append(("TIMED", {"count": len(self.timed), "days": len(self.days)}))
            for name, of in self.papers.items():
                if of:
                    changes = [number for number, one in of.items() if of.get(number - 1) != one]
                    texts = {*of.values(), *(self.earlier if name == "policy.toml" else ())}
                    told = {"name": name, "days": len(of), "count": len(texts), "number": changes[-1]}
                    self.proven.append(("POLICIES", told))
            for report in self.reports:
                if report.last:
                    self.proven.append(("FIGURES", {"place": report.name, "first": report.first or 1, "last": report.last}))
        if self.sure < last:
            self.unproven.append(("END", {"number": self.sure, "last": last}))
        if len(self.timed) < len(self.days):
            self.unproven.append(("TIME", {"count": len(self.days) - len(self.timed), "days": len(self.days)}))
        if not self.sure and not self.given:
            self.unproven.append(("KEY", {"key": self.days[0].head["key"]}))
        if self.without_policy:
            self.unproven.append(("POLICY-GONE", {"count": self.without_policy}))
        if self.late_entries:
            self.unproven.append(("LATE-ENTRIES", {"count": self.late_entries}))
        if self.early_entries:
            self.unproven.append(("EARLY-ENTRIES", {"count": self.early_entries}))


def proven(proof: Any, root: str, count: int) -> bool:
    """Whether a proof (inclusion or absence of one event) leads to this root."""
    wanted = key_of(proof["id"])
    sides = [
        (
            bytes.fromhex(side["key"]),
            whole(side["index"]),
            climbed(
                leaf_of(bytes.fromhex(side["key"]), bytes.fromhex(side["line"])),
                side["index"],
                count,
                [bytes.fromhex(each) for each in side["path"]],
            ),
        )
        for side in proof["leaves"]
    ]
    if any(up is None or up.hex() != root or not 0 <= index < count for _, index, up in sides):
        return False
    if proof["kind"] == "inclusion":
        line = hashlib.sha256(proof["line"].encode("ascii")).hexdigest()
        said = written(proof["line"].encode("ascii") + b"\n")["id"] == proof["id"]
        return len(sides) == 1 and sides[0][0] == wanted and proof["leaves"][0]["line"] == line and said
    if proof["kind"] != "absence":
        return False
    if count == 0:
        return not sides and root == root_of([]).hex()
    left = [side for side in sides if side[0] < wanted]
    right = [side for side in sides if side[0] > wanted]
    if len(left) + len(right) != len(sides) or len(left) > 1 or len(right) > 1:
        return False
    if left and right:
        return left[0][1] + 1 == right[0][1]
    return left[0][1] == count - 1 if left else bool(right) and right[0][1] == 0


# -- Words -----------------------------------------------------------------------------------------------------------------------

WORDS = {
    "en": {
        "HEAD-BROKEN": "The head of a day cannot be read as one.",
        "HEAD-UNREADABLE": "The head of a day could not be read ({reason}): nothing is known of that day.",
        "HEAD-GONE": "A day has no head (head.json is missing).",
        "FOLDER-UNREADABLE": "A folder could not be read ({reason}): nothing is known of what lies in it.",
        "FILE-UNREADABLE": "A file could not be read ({reason}): nothing is known of what it says.",
        "COPIES-DIFFER": "Two copies of the same day differ in {file}.",
        "OTHER-ARCHIVE": "This day belongs to another archive's ledger.",
        "CHAIN": "The head of {day} does not continue the day before: a day was edited, exchanged or removed.",
        "TWO-HEADS": "There are two different heads for the same day ({day}): the history was made twice.",
        "DAY-MISSING": "Days {first} to {last} are missing.",
        "DATE-GAP": "The dates do not follow one another at {day}: a day was back-dated or removed.",
        "BACK-DATED": "The head of {day} says that it was closed before the day before it.",
        "BEGINNING-GONE": "The ledger begins with day {number}, not with day 1: the beginning is missing.",
        "KEYS": "The list of keys is missing, or is not the one that the head was made with.",
        "KEY-CHAIN": "Key {number} was not signed by the key before it.",
        "KEY-CHANGED": "An earlier day tells other keys.",
        "KEY-BROKEN": "Key {key}, on which the signatures stand from day {number} on, was not vouched for by the key before it, which was reported lost; --unbroken allows no such key.",
        "KEY-NOT-GIVEN": "Key {key} begins without the word of a key before it and is not among those given with --key.",
        "KEY-LOST-FALSE": "Key {number} says that the key before it was lost, and what it says does not fit the days here: the statement is made up, or the days were made again.",
        "KEY-LOST-TIME": "From day {number} on the signatures stand on key {key}, whose statement says that the key before it was lost at {time} UTC. That is not between the closing of the days around it: the statement is made up, or a clock was wrong when the loss was reported. With an outside head or a time stamp of day {number} or later, or with --key, it can be told which.",
        "KEY-LOST-DENIED": "Event {event} tells that a key of the ledger was lost and with which key it goes on, and the keys do not say so: the statement was removed or exchanged.",
        "SIGNATURE-GONE": "The head of {day} has no signature.",
        "SIGNATURE": "The signature of the head of {day} is wrong, or by a key that was not in force.",
        "SEGMENT-GONE": "The events of {day} are missing.",
        "SEGMENT": "The events of {day} are not those that the head was made of ({said} events said, {found} read).",
        "TOKEN": "The time stamp of {day} cannot be read.",
        "TOKEN-OTHER": "The time stamp of {day} is not for this head.",
        "TOKEN-EARLY": "The time stamp of {day} ({time} UTC) is older than the day's end or closing.",
        "TOKEN-LATE": "The time stamp of {day} was made at {time} UTC, later than 24 hours after the day: back-dating cannot be excluded.",
        "TOKEN-FALSE": "openssl does not believe the time stamp of {day}.",
        "POLICY": "What lies in {day} as the policy (or the view of formats) of that day is not what its head tells of.",
        "OUTSIDE-NONE": "What was given with --head is no head line.",
        "OUTSIDE-ARCHIVE": "The outside head is of another archive ({archive}).",
        "OUTSIDE-DIFFERS": "Day {number} is not the one whose head was given from outside: the history was changed after that.",
        "CUT-OFF": "The outside head is of day {number}, but the ledger ends with day {last}: its end was cut off.",
        "REPORT-BROKEN": "This document cannot be read as one, or two readers could read different things in it.",
        "SCOPE-DAYS": "The export says of itself that it holds days {first} to {last}, and they are not all here.",
        "REPORT-DAYS": "The days that the report is made of are not all here, or are others.",
        "REPORT-FIGURES": "The figures of the report are not the sums over the events.",
        "REPORT-BELIEVED": "The report says of its checker what its figures do not show: whether all planted damage was found.",
        "REPORT-TABLE": "This table does not say what the report beside it says.",
        "REPORT-SIGNATURE": "The signature of this document is wrong, or not by the key of the ledger.",
        "REPORT-KEYS": "The report does not tell of lost keys of the ledger what the keys tell.",
        "REPORT-UNSIGNED": "{place} is not signed: its figures are proven by the events, what else it says is not.",
        "PROOF": "This proof does not lead to the root of its day.",
        "PROOF-ALONE": "Event {event} and day {number}: the proof brings a head that is neither here nor vouched for from outside; whoever made the proof may have made that, too.",
        "PROOF-ORDER": "Event {event} is not where it would stand in day {number}; that the day is in that order is not proven, since its events are not here.",
        "REPORT-PERIOD": "The period of {place} is longer than the days that are here: of what was entered after {day} it says nothing.",
        "DAYS-UNREAD": "Days {first} to {last} were not found: they may lie in what could not be read, or that says why they are not here.",
        "REPORT-NOT-SUMMED": "{place}: not everything here could be read, so that its figures were not summed again.",
        "REPORT-KEY": "{place} is signed, but no day is here that tells the archive's keys: whose signature it is, is not proven.",
        "REPORT-OTHER": "{place} is the report of a campaign: its figures are not summed again here.",
        "NO-DAYS": "{place} is made of no day of the ledger (none that holds its period was closed): it has no figures, and nothing of what it says is proven.",
        "IDLE": "No day of a ledger is here: {options} could be held against nothing, and nothing of what that would prove is proven.",
        "BEYOND": "The outside head of day {number} is later than what is here, which says of itself that it ends with day {last}: that head proves nothing of it. Give a head of these days, or ask for an export that reaches that far.",
        "BEFORE": "The outside head of day {number} is earlier than what is here, which begins with day {first}: that head proves nothing of it.",
        "EMPTY": "No day of a ledger is here.",
        "AGREES": "Days {first} to {last} ({events} events) agree with themselves: no event edited, removed, added or reordered within them, every head signed.",
        "WITNESSED": "Everything from day {first} up to day {number} is as it was when the outside head was given out.",
        "TIMED": "The time of {count} of {days} days is proven by time stamps that openssl believes.",
        "POLICIES": "{days} days bring the {name} that was in force at their end, as their signed heads tell ({count} different ones; the last change on day {number}).",
        "FIGURES": "The figures of {place} are the sums over the events of days {first} to {last}.",
        "UNBROKEN": "In days {first} to {last} every key but the first was vouched for by the key before it.",
        "SIGNED": "{place} was signed by a key of this ledger.",
        "SIGNED-ALONE": "{place} is signed by key {key}, which stands on one that no key vouched for, and nothing from outside ties that to the archive: anybody may have signed it.",
        "UNSIGNED": "{place} is not signed: nothing of what it says is proven.",
        "PROOF-INCLUSION": "Event {event} is in day {number}.",
        "PROOF-ABSENCE": "Event {event} is not in day {number}.",
        "END": "The end is not proven: after day {number} (0: at all) no outside head vouches. Days up to {last} may be re-made by whoever has the key, and later ones may be cut off.",
        "TIME": "Time is not proven for {count} of {days} days (no time stamp, no openssl, or no --ca).",
        "KEY": "Whose key signed is not proven: compare {key} with the archive's published key.",
        "KEY-GIVEN": "Every key that no other key vouched for was given with --key: {keys}.",
        "KEY-LOST": "From day {number} on the signatures stand on key {key}, which the key before it did NOT vouch for: that one was reported lost at {time} UTC. Anybody could have made this statement and the days from then on. Only an outside head of day {number} or later, or a time stamp from then on, ties them to the days before; whether the key is the archive's, ask the archive (--key).",
        "KEY-LOST-TIED": "From day {number} on the signatures stand on key {key}, which the key before it did NOT vouch for: that one was reported lost at {time} UTC. An outside head or time stamp of day {tied} ties the days up to it to those before; whether the key is the archive's, ask the archive (--key).",
        "KEY-LOST-GIVEN": "From day {number} on the signatures stand on key {key}, which the key before it did NOT vouch for: that one was reported lost at {time} UTC. That the key is the archive's, only whoever gave it with --key knows.",
        "KEY-LOST-CLOCK": "The time of that statement ({time} UTC) is not between the closing of the days around day {number}: a clock was wrong when the loss of the key before {key} was reported. What was given from outside says that the statement was not made up later; when it was made, only the days around it tell.",
        "KEY-LOST-SILENT": "No event in the days here tells who reported the key before {key} lost.",
        "POLICY-GONE": "Of {count} policies (or views of formats) heads tell that they were in force, and their text is not here.",
        "SIGNED-LOST": "{place} was signed by a key of this ledger that was reported lost: before that, or by whoever found it.",
        "BEGINNING": "What was before day {number} is not part of this export.",
        "LATE-ENTRIES": "{count} events were entered on a later day than they tell of (e.g. deposits under way at midnight).",
        "EARLY-ENTRIES": "{count} events tell of a time after the day they were entered on: a clock was wrong.",
        "OPEN-DAY": "{events} events of the day that is still open are in no day here; they are not part of the figures.",
    },
    "vi": {
        "HEAD-BROKEN": "Không đọc được phần đầu (head) của một ngày.",
        "HEAD-UNREADABLE": "Không đọc được phần đầu của một ngày ({reason}): chưa biết gì về ngày đó.",
        "HEAD-GONE": "Một ngày không có phần đầu (thiếu head.json).",
        "FOLDER-UNREADABLE": "Không đọc được một thư mục ({reason}): chưa biết gì về nội dung trong đó.",
        "FILE-UNREADABLE": "Không đọc được một tệp ({reason}): chưa biết gì về nội dung của tệp.",
        "COPIES-DIFFER": "Hai bản của cùng một ngày khác nhau ở {file}.",
        "OTHER-ARCHIVE": "Ngày này thuộc sổ sự kiện của kho khác.",
        "CHAIN": "Phần đầu ngày {day} không nối tiếp ngày trước: có ngày bị sửa, bị tráo hoặc bị xóa.",
        "TWO-HEADS": "Cùng một ngày ({day}) có hai phần đầu khác nhau: lịch sử đã bị làm lại.",
        "DAY-MISSING": "Thiếu các ngày từ số {first} đến số {last}.",
        "DATE-GAP": "Ngày tháng không liên tục tại {day}: có ngày bị ghi lùi hoặc bị xóa.",
        "BACK-DATED": "Phần đầu ngày {day} ghi thời điểm đóng sớm hơn ngày trước nó.",
        "BEGINNING-GONE": "Sổ sự kiện bắt đầu từ ngày số {number}, không phải số 1: mất phần đầu.",
        "KEYS": "Thiếu danh sách khóa, hoặc không phải danh sách khi lập phần đầu.",
        "KEY-CHAIN": "Khóa số {number} không được khóa trước nó ký.",
        "KEY-CHANGED": "Một ngày trước đó ghi các khóa khác.",
        "KEY-BROKEN": "Khóa {key}, dùng để ký từ ngày số {number}, không được khóa trước nó xác nhận vì khóa trước đã báo mất; --unbroken không cho phép khóa như vậy.",
        "KEY-NOT-GIVEN": "Khóa {key} bắt đầu mà không có khóa nào trước nó xác nhận, và không nằm trong các khóa đưa vào bằng --key.",
        "KEY-LOST-FALSE": "Khóa số {number} khai rằng khóa trước nó đã mất, nhưng lời khai không khớp với các ngày ở đây: lời khai bịa đặt, hoặc các ngày đã bị làm lại.",
        "KEY-LOST-TIME": "Từ ngày số {number}, chữ ký dựa trên khóa {key}; lời khai của khóa này ghi khóa trước mất lúc {time} UTC, không nằm giữa lúc đóng các ngày liền trước và sau: lời khai bịa đặt, hoặc đồng hồ sai khi báo mất. Có dòng đầu từ bên ngoài hay dấu thời gian của ngày số {number} trở đi, hoặc có --key, thì mới phân biệt được.",
        "KEY-LOST-DENIED": "Sự kiện {event} ghi rằng một khóa của sổ sự kiện đã mất và khóa nào thay thế, nhưng danh sách khóa không ghi như vậy: lời khai đã bị xóa hoặc bị tráo.",
        "SIGNATURE-GONE": "Phần đầu ngày {day} không có chữ ký.",
        "SIGNATURE": "Chữ ký phần đầu ngày {day} sai, hoặc bằng khóa không còn hiệu lực.",
        "SEGMENT-GONE": "Thiếu các sự kiện của ngày {day}.",
        "SEGMENT": "Các sự kiện ngày {day} không phải những sự kiện đã lập phần đầu (ghi {said}, đọc được {found}).",
        "TOKEN": "Không đọc được dấu thời gian của ngày {day}.",
        "TOKEN-OTHER": "Dấu thời gian của ngày {day} không thuộc phần đầu này.",
        "TOKEN-EARLY": "Dấu thời gian của ngày {day} ({time} UTC) sớm hơn lúc hết ngày hoặc lúc đóng.",
        "TOKEN-LATE": "Dấu thời gian của ngày {day} lập lúc {time} UTC, quá 24 giờ sau ngày đó: không loại trừ việc ghi lùi ngày.",
        "TOKEN-FALSE": "openssl không chấp nhận dấu thời gian của ngày {day}.",
        "POLICY": "Chính sách (hoặc quan điểm về định dạng) nằm trong ngày {day} không phải bản mà phần đầu của ngày ghi.",
        "OUTSIDE-NONE": "Nội dung đưa vào bằng --head không phải dòng đầu sổ sự kiện.",
        "OUTSIDE-ARCHIVE": "Dòng đầu từ bên ngoài thuộc kho khác ({archive}).",
        "OUTSIDE-DIFFERS": "Ngày số {number} không phải ngày có dòng đầu từ bên ngoài: lịch sử đã bị thay đổi sau đó.",
        "CUT-OFF": "Dòng đầu từ bên ngoài là của ngày số {number}, nhưng sổ sự kiện kết thúc ở ngày số {last}: phần cuối đã bị cắt.",
        "REPORT-BROKEN": "Không đọc được tài liệu này, hoặc hai trình đọc có thể hiểu khác nhau.",
        "SCOPE-DAYS": "Bản xuất tự ghi là gồm các ngày số {first} đến số {last}, nhưng ở đây không có đủ.",
        "REPORT-DAYS": "Không có đủ các ngày làm nên báo cáo, hoặc là những ngày khác.",
        "REPORT-FIGURES": "Số liệu của báo cáo không phải tổng của các sự kiện.",
        "REPORT-BELIEVED": "Báo cáo nói về bộ kiểm tra điều mà số liệu không cho thấy: mọi hư hỏng cài sẵn có được tìm ra hay không.",
        "REPORT-TABLE": "Bảng này không đúng với báo cáo bên cạnh.",
        "REPORT-SIGNATURE": "Chữ ký của tài liệu này sai, hoặc không phải bằng khóa của sổ sự kiện.",
        "REPORT-KEYS": "Báo cáo nói về các khóa đã mất của sổ sự kiện khác với danh sách khóa.",
        "REPORT-UNSIGNED": "{place} không được ký: số liệu được các sự kiện chứng minh, nội dung khác thì không.",
        "PROOF": "Chứng minh này không dẫn đến gốc cây băm của ngày.",
        "PROOF-ALONE": "Sự kiện {event} và ngày số {number}: chứng minh kèm theo một phần đầu không có ở đây và không được bên ngoài xác nhận; ai lập chứng minh cũng có thể đã tự lập phần đầu đó.",
        "PROOF-ORDER": "Sự kiện {event} không ở chỗ lẽ ra của nó trong ngày số {number}; chưa chứng minh được ngày đó xếp đúng thứ tự, vì các sự kiện của ngày không có ở đây.",
        "REPORT-PERIOD": "Kỳ của {place} dài hơn các ngày có ở đây: báo cáo không nói gì về những gì được ghi sau {day}.",
        "DAYS-UNREAD": "Không tìm thấy các ngày số {first} đến {last}: có thể các ngày này nằm trong phần không đọc được, hoặc phần đó cho biết vì sao không có.",
        "REPORT-NOT-SUMMED": "{place}: ở đây có phần không đọc được, nên số liệu chưa được cộng lại.",
        "REPORT-KEY": "{place} có chữ ký, nhưng ở đây không có ngày nào cho biết khóa của kho: chưa chứng minh được chữ ký là của ai.",
        "REPORT-OTHER": "{place} là báo cáo của một đợt chuyển đổi: số liệu không được cộng lại ở đây.",
        "NO-DAYS": "{place} không dựa trên ngày nào của sổ sự kiện (chưa ngày nào chứa kỳ báo cáo được đóng): báo cáo không có số liệu, và chưa nội dung nào được chứng minh.",
        "IDLE": "Ở đây không có ngày sổ sự kiện nào: {options} không có gì để đối chiếu, và chưa điều gì mà tùy chọn đó chứng minh được chứng minh.",
        "BEYOND": "Dòng đầu từ bên ngoài của ngày số {number} muộn hơn những gì có ở đây (tự ghi là kết thúc ở ngày số {last}), nên không chứng minh được gì cho phần này. Hãy đưa dòng đầu của một trong các ngày này, hoặc yêu cầu bản xuất đến ngày đó.",
        "BEFORE": "Dòng đầu từ bên ngoài của ngày số {number} sớm hơn những gì có ở đây (bắt đầu từ ngày số {first}), nên không chứng minh được gì cho phần này.",
        "EMPTY": "Ở đây không có ngày sổ sự kiện nào.",
        "AGREES": "Các ngày số {first} đến {last} ({events} sự kiện) nhất quán: không sự kiện nào bị sửa, xóa, thêm hay đổi thứ tự, phần đầu nào cũng có chữ ký.",
        "WITNESSED": "Mọi thứ từ ngày số {first} đến ngày số {number} đúng như khi dòng đầu được đưa ra bên ngoài.",
        "TIMED": "Thời gian của {count}/{days} ngày được chứng minh bằng dấu thời gian mà openssl chấp nhận.",
        "POLICIES": "{days} ngày có kèm {name} đang có hiệu lực khi hết ngày, đúng như phần đầu đã ký ghi ({count} bản khác nhau; lần đổi cuối ở ngày số {number}).",
        "FIGURES": "Số liệu của {place} là tổng của các sự kiện từ ngày số {first} đến ngày số {last}.",
        "UNBROKEN": "Trong các ngày số {first} đến {last}, mọi khóa trừ khóa đầu tiên đều được khóa trước nó xác nhận.",
        "SIGNED": "{place} được ký bằng khóa của sổ sự kiện này.",
        "SIGNED-ALONE": "{place} được ký bằng khóa {key}; khóa này dựa trên một khóa không được khóa nào xác nhận, và không có gì từ bên ngoài nối khóa đó với kho: bất cứ ai cũng có thể đã ký.",
        "UNSIGNED": "{place} không được ký: chưa nội dung nào được chứng minh.",
        "PROOF-INCLUSION": "Sự kiện {event} có trong ngày số {number}.",
        "PROOF-ABSENCE": "Sự kiện {event} không có trong ngày số {number}.",
        "END": "Phần cuối chưa được chứng minh: sau ngày số {number} (0: toàn bộ) không có dòng đầu nào từ bên ngoài. Ai giữ khóa đều có thể làm lại các ngày đến số {last}, và các ngày sau có thể đã bị cắt.",
        "TIME": "Thời gian chưa được chứng minh cho {count}/{days} ngày (không có dấu thời gian, không có openssl hoặc không có --ca).",
        "KEY": "Chưa chứng minh khóa là của ai: hãy so {key} với khóa mà kho đã công bố.",
        "KEY-GIVEN": "Mọi khóa không được khóa nào khác xác nhận đều đã được đưa vào bằng --key: {keys}.",
        "KEY-LOST": "Từ ngày số {number}, chữ ký dựa trên khóa {key} mà khóa trước nó KHÔNG xác nhận: khóa trước được báo mất lúc {time} UTC. Bất cứ ai cũng có thể tự lập lời khai này và những ngày sau đó. Chỉ dòng đầu từ bên ngoài của ngày số {number} trở đi, hoặc dấu thời gian từ ngày đó, mới nối các ngày này với những ngày trước; khóa có phải của kho hay không thì phải hỏi kho (--key).",
        "KEY-LOST-TIED": "Từ ngày số {number}, chữ ký dựa trên khóa {key} mà khóa trước nó KHÔNG xác nhận: khóa trước được báo mất lúc {time} UTC. Dòng đầu từ bên ngoài hoặc dấu thời gian của ngày số {tied} nối các ngày cho đến ngày đó với những ngày trước; khóa có phải của kho hay không thì phải hỏi kho (--key).",
        "KEY-LOST-GIVEN": "Từ ngày số {number}, chữ ký dựa trên khóa {key} mà khóa trước nó KHÔNG xác nhận: khóa trước được báo mất lúc {time} UTC. Khóa có phải của kho hay không thì chỉ người đưa nó vào bằng --key biết.",
        "KEY-LOST-CLOCK": "Thời điểm trong lời khai đó ({time} UTC) không nằm giữa lúc đóng các ngày quanh ngày số {number}: đồng hồ đã sai khi báo mất khóa trước khóa {key}. Những gì đưa vào từ bên ngoài cho thấy lời khai không phải về sau mới bịa ra; lập lúc nào thì chỉ các ngày xung quanh cho biết.",
        "KEY-LOST-SILENT": "Không sự kiện nào trong các ngày ở đây cho biết ai đã báo mất khóa trước khóa {key}.",
        "POLICY-GONE": "Phần đầu các ngày ghi {count} chính sách (hoặc quan điểm về định dạng) đã có hiệu lực, nhưng văn bản không có ở đây.",
        "SIGNED-LOST": "{place} được ký bằng một khóa của sổ sự kiện này đã báo mất: ký trước khi mất, hoặc do người nhặt được khóa ký.",
        "BEGINNING": "Phần trước ngày số {number} không nằm trong bản xuất này.",
        "LATE-ENTRIES": "{count} sự kiện được ghi vào ngày muộn hơn ngày diễn ra (ví dụ hồ sơ đang nộp lúc nửa đêm).",
        "EARLY-ENTRIES": "{count} sự kiện ghi thời điểm sau ngày chúng được ghi vào: đồng hồ đã sai.",
        "OPEN-DAY": "{events} sự kiện của ngày chưa đóng không có ở đây và không nằm trong số liệu.",
    },
}
TITLES = {
    "en": ("FOUND: the ledger does not hold", "Proven", "NOT proven"),
    "vi": ("PHÁT HIỆN: sổ sự kiện không còn tin được", "Đã chứng minh", "CHƯA chứng minh"),
}
BLIND = {
    "en": "NOT READ: whether the ledger holds is not known",
    "vi": "KHÔNG ĐỌC ĐƯỢC: chưa biết sổ sự kiện có tin được hay không",
}


def _sentence(row: Any, lang: str) -> str:
    return WORDS[lang][row[0]].format(**{name: shown(value) for name, value in row[-1].items()})


def told(verifier: Verifier, lang: str = "en") -> list[str]:
    """The answer in words, as lines."""
    wrong, right, unknown = TITLES[lang]
    wrong = BLIND[lang] if verifier.blind else wrong
    lines = []
    for title, rows in ((wrong, verifier.found), (right, verifier.proven), (unknown, verifier.unproven)):
        if rows:
            lines.append(title + ":")
        for row in rows:
            place = " [%s]" % shown(row[1]) if len(row) == 3 else ""
            lines.append("  - " + _sentence(row, lang) + place)
    return lines


def as_json(verifier: Verifier, lang: str = "en") -> dict[str, Any]:
    return {
        "found": [{"code": row[0], "path": row[1], "text": _sentence(row, lang)} for row in verifier.found],
        "proven": [{"code": row[0], "text": _sentence(row, lang)} for row in verifier.proven],
        "unproven": [{"code": row[0], "text": _sentence(row, lang)} for row in verifier.unproven],
    }


def outside_text(said: str) -> str:
    """What ``--head`` says: the text itself, or of the file that it names. A line is no name, whatever files are called: who made history
    again knows the true line, and could leave his own under that name."""
    if HEAD_LINE.search(said) or not os.path.isfile(said):
        return said
    try:
        with open(said, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""  # no head line


def is_certificate(path: str) -> bool:
    """Whether a file is one that openssl can be given: what it says of a time stamp otherwise says nothing of that."""
    try:
        with open(path, "rb") as stream:
            return b"-----BEGIN " in stream.read()
    except OSError:
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--head", action="append", default=[])
    parser.add_argument("--ca", default="")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--unbroken", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lang", choices=sorted(WORDS), default="en")
    given = parser.parse_args(arguments)
    if not os.path.isdir(given.folder):
        parser.error("no such folder: " + given.folder)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names that are not UTF-8, consoles without Vietnamese
    outside = [outside_text(each) for each in given.head]
    for each, text in zip(given.head, outside):
        if not HEAD_LINE.search(text):
            parser.error("neither a head line nor a file with one: " + each)
    if given.ca and not is_certificate(given.ca):
        parser.error("no file with a certificate (PEM): " + given.ca)
    for each in given.key:
        if not KEY_ID.fullmatch(each.lower()):
            parser.error("no id of a key (64 hexadecimal digits): " + each)
    verifier = Verifier(given.folder, outside, given.ca, given.key, given.unbroken).run()
    if given.json:
        print(json.dumps(as_json(verifier, given.lang), ensure_ascii=False))
    else:
        print("\n".join(told(verifier, given.lang)))
    if verifier.blind:
        return 5
    return 1 if verifier.found else 3 if verifier.elsewhere or verifier.idle else 0


if __name__ == "__main__":
    sys.exit(main())

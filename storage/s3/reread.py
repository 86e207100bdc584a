"""Re-reading one object of a bucket: every byte that should be there, by the version id that was recorded, and what else is current.

Four facts, as everywhere: another current version than the recorded one is *altered*, a delete marker over it is *missing* (hidden:
the version itself is still there), a key that nothing names is *extra*, an answer that is no bytes is *unreadable*. What a listing
leaves out is asked for by itself before anything is said of it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from fixity.verify import FixityReport, Outcome
from policies.phrases import phrase
from storage.errors import NotFound, Refused, StorageError, Unavailable
from storage.ocfl.documents import BadJson
from storage.ocfl.expectations import CONTENT_ALGORITHMS, Expectations, HashedStream, content_digests, read_expectations
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.objects import INVENTORY, SIDECAR
from storage.ocfl.reread import fixed_files, version_of
from storage.s3.bucket import BLOCK, Entries, Seen
from storage.s3.errors import Faulty
from storage.s3.reading import Fingerprint, fingerprint, open_version
from storage.s3.records import Log, read_log
from storage.s3.root import Root

__all__ = ["SETTLED_AFTER", "S3Reread"]

SETTLED_AFTER = 3600.0
"""Seconds after which a key of a version folder that no inventory names is *extra*. Before, it may be that of a writer who has
lost and will take it back, or who is still on the way."""

HIDDEN = phrase("s3-hidden")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One key to be judged: what is expected, what is current, and which version id is the true one."""

    path: str
    expected: bytes
    current: Seen
    recorded: str


class S3Reread:
    """One check of one object; `run` once. Raises Unavailable where the tier could not be asked, which is no fact of the copy."""

    def __init__(
        self,
        root: Root,
        object_id: str,
        expected: Mapping[int, bytes],
        *,
        algorithm: str,
        since: int,
        progress: Callable[[int], None] | None,
        settled_after: float = SETTLED_AFTER,
    ) -> None:
        if algorithm not in CONTENT_ALGORITHMS:
            raise ValueError(f"content is checked with one of {', '.join(CONTENT_ALGORITHMS)}, not {algorithm!r}")
        if not expected:
            raise ValueError("nothing is expected: there is nothing to compare with")
        self._root = root
        self._folder = root.folder(object_id)
        self._object_id = object_id
        self._expected = expected
        self._algorithm = algorithm
        self._since = since
        self._progress = progress or _quiet
        self._settled = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=settled_after)
        self.report = FixityReport(algorithm)
        self._fixed = fixed_files(expected, since)
        self._content: Expectations | None = None
        self._believed: tuple[str, str] = ("", "")
        self._told: set[str] = set()
        self._log = Log()

    def run(self) -> FixityReport:
        self._log = read_log(self._root, self._object_id)
        self._find_expectations()
        self._judge_all(self._listed())
        self._judge_all(self._left_out())
        self._judge_all(self._absent())
        return self.report

    # --- what is expected -------------------------------------------------------------------------------------------------

    def _find_expectations(self) -> None:
        """From the root inventory if its true version is the expected one, else from the newest version folder whose is."""
        newest = max(self._expected)
        candidates = [(INVENTORY, newest), *((f"v{n}/{INVENTORY}", n) for n in sorted(self._expected, reverse=True))]
        for path, number in candidates:
            for version in dict.fromkeys([self._log.get(path), ""]):
                found = self._inventory(path, version, number) if path in self._fixed else None
                if found is not None:
                    self._content, self._believed = found, (path, version)
                    return

    def _inventory(self, path: str, version: str, number: int) -> Expectations | None:
        try:
            with open_version(self._root.bucket, self._root.lanes, self._folder + path, version) as raw:
                stream = HashedStream(raw)
                found = read_expectations(stream, algorithm=self._algorithm, since=self._since)
                return found if stream.finish() == self._expected[number] else None
        except (NotFound, Faulty):  # met again, and judged, with the others
            return None
        except OSError as error:
            if isinstance(error.__cause__, Unavailable) and not isinstance(error.__cause__, Faulty):
                raise error.__cause__ from error
            return None

    # --- what is there ----------------------------------------------------------------------------------------------------

    def _listed(self) -> Iterator[_Asked]:
        for entries in self._root.bucket.versions(self._folder):
            path = entries.key[len(self._folder) :]
            latest = entries.latest
            if latest is not None and not self._is_left_out(path):
                yield from self._meet(path, entries, latest)

    def _left_out(self) -> Iterator[_Asked]:
        """Current keys of which the listing of versions did not tell."""
        for key, _, _ in self._root.bucket.current(self._folder):
            path = key[len(self._folder) :]
            if path not in self._told and not self._is_left_out(path) and (self._awaited(path) or not self._known(path)):
                yield from self._ask(path) or []

    def _absent(self) -> Iterator[_Asked]:
        for path, expected in list(self._fixed.items()):
            yield from self._ask_missing(path, expected)
        if self._content is None or not self._content.missing:
            return
        with open_version(self._root.bucket, self._root.lanes, self._folder + self._believed[0], self._believed[1]) as stream:
            try:
                for path, digest in content_digests(stream):
                    if self._content.unseen(path):
                        yield from self._ask_missing(path, digest)
            except (BadJson, OSError) as error:
                raise Unavailable(self._object_id, str(error)) from error

    def _ask_missing(self, path: str, expected: bytes) -> Iterator[_Asked]:
        asked = self._ask(path)
        if asked is None:
            self._take(path)
            self.report.problem(path, Outcome.MISSING, expected.hex())
        else:
            yield from asked

    def _ask(self, path: str) -> list[_Asked] | None:
        """What there is to be judged of a key that a listing left out; None when there is no such key."""
        try:
            entries = self._root.bucket.versions_of(self._folder + path)
        except NotFound:
            return None
        if entries.latest is None:
            raise Unavailable(self._folder + path, phrase("s3-current-unknown"))
        return self._meet(path, entries, entries.latest)

    def _meet(self, path: str, entries: Entries, latest: Seen) -> list[_Asked]:
        """A key that is there, in whatever way: what is expected of it is to be judged, what is not is told."""
        expected = self._take(path)
        if expected is not None:
            if not latest.marker:
                return [_Asked(path, expected, latest, self._log.true_version(path, entries))]
            self.report.problem(path, Outcome.MISSING, expected.hex(), HIDDEN)
        elif not latest.marker and not self._known(path):
            self._told.add(path)
            self._unexpected(path, latest)
        return []

    # --- judging ----------------------------------------------------------------------------------------------------------

    def _judge_all(self, asked: Iterator[_Asked]) -> None:
        """Small ones side by side, of large ones the blocks."""
        large: list[_Asked] = []

        def small() -> Iterator[Callable[[], tuple[_Asked, Fingerprint | StorageError]]]:
            for each in asked:
                if each.current.size > BLOCK:
                    large.append(each)
                else:
                    yield partial(self._read, each)

        for each, found in self._root.lanes.in_order(small()):
            self._progress(each.current.size if isinstance(found, Fingerprint) else 0)
            self._judge(each, found)
        for each in large:
            self._judge(*self._read(each, progress=self._progress))

    def _read(self, asked: _Asked, progress: Callable[[int], None] | None = None) -> tuple[_Asked, Fingerprint | StorageError]:
        algorithm = self._algorithm if len(asked.expected) == CONTENT_ALGORITHMS[self._algorithm] else "sha512"
        key = self._folder + asked.path
        lanes = self._root.lanes if progress else None
        try:
            return asked, fingerprint(
                self._root.bucket, lanes, key, asked.current.version, algorithm=algorithm, progress=progress
            )
        except (NotFound, Refused, Faulty) as error:
            return asked, error

    def _judge(self, asked: _Asked, found: Fingerprint | StorageError) -> None:
        path, expected = asked.path, asked.expected
        if isinstance(found, NotFound):  # listed, and not given: hidden since, or lost
            self.report.problem(path, Outcome.MISSING, expected.hex(), phrase("s3-listed-not-given"))
        elif isinstance(found, StorageError):
            self.report.problem(path, Outcome.UNREADABLE, expected.hex(), str(found.finding.args.get("reason", "")))
        else:
            self._compare(asked, found)

    def _compare(self, asked: _Asked, found: Fingerprint) -> None:
        path, expected = asked.path, asked.expected
        same = found.digest == expected
        if same and asked.current.version != asked.recorded and asked.current.version == self._recorded_now(path):
            self.report.good(found.size)  # put right by another process since the log was read
            return
        if path == INVENTORY:
            self.report.inventory_sha512 = found.digest.hex()
        if same and (asked.current.version == asked.recorded or path in (INVENTORY, SIDECAR)):
            # The root inventory and its sidecar are replaced before that is recorded: right bytes there are an unfinished commit.
            self.report.good(found.size)
            return
        self.report.bytes_read += found.size
        if path == SIDECAR and found.digest == self._lagging():
            self.report.problem(path, Outcome.MISSING, expected.hex(), phrase("s3-commit-unfinished"))
        else:
            put = phrase("s3-put-over", version=str(asked.current.version), recorded=str(asked.recorded))
            self.report.problem(path, Outcome.ALTERED, expected.hex(), put if same else found.digest.hex())

    def _recorded_now(self, path: str) -> str:
        self._log = read_log(self._root, self._object_id)
        return self._log.get(path)

    def _lagging(self) -> bytes:
        before = self._expected.get(max(self._expected) - 1)
        return hashlib.sha512(sidecar_text(before)).digest() if before else b""

    def _unexpected(self, path: str, latest: Seen) -> None:
        number = version_of(path.partition("/")[0])
        if number is not None and number in self._expected and (self._content is None or number > self._content.through):
            self.report.unjudged += 1
        elif number is None or latest.modified <= self._settled:
            self.report.problem(path, Outcome.EXTRA)

    # --- what is known ----------------------------------------------------------------------------------------------------

    def _take(self, path: str) -> bytes | None:
        """The digest that is still expected of ``path``, which is from now on accounted for."""
        fixed = self._fixed.pop(path, None)
        if fixed is not None:
            self._told.add(path)
            return fixed
        if self._content is None or not self._content.unseen(path):
            return None
        return self._content.take(path)

    def _awaited(self, path: str) -> bool:
        return path in self._fixed or (self._content is not None and self._content.unseen(path))

    def _known(self, path: str) -> bool:
        """Whether it was expected and accounted for already, or told of."""
        return path in self._told or (self._content is not None and self._content.expects(path))

    def _is_left_out(self, path: str) -> bool:
        number = version_of(path.partition("/")[0])
        return number is not None and number < self._since


def _quiet(count: int) -> None:
    return None

"""The content of an object: every file is named, every name has its file, every digest is true (OCFL 1.1 §3.3.1, §3.5)."""

from __future__ import annotations

from collections.abc import Callable

from fixity.digests import ALGORITHMS
from fixity.errors import CouldNotRead
from storage.ocfl.blocks import SIZE, Report
from storage.ocfl.readonly import FILE, FOLDER, LINK, Hashed, Place

__all__ = ["Claims", "ContentCheck", "report_kind"]


def report_kind(kind: str, path: str, report: Report, otherwise: str = "E090") -> None:
    """Report something that is neither file nor folder."""
    report("E090" if kind == LINK else otherwise, path, value=kind)


class Claims:
    """What inventories say of the bytes of content files.

    ``contents`` is the root inventory's manifest (content path → digest by ``algorithm``), ``fixity`` its fixity block; what
    other inventories say differently, or more, is added.
    """

    def __init__(self, algorithm: str, contents: dict[str, bytes], fixity: dict[str, dict[str, bytes]]) -> None:
        self.algorithm, self.contents = algorithm, contents
        self.only = (algorithm,) if algorithm in ALGORITHMS else ()
        """What a file is hashed with of which nothing else is claimed."""
        self.fixity = [(name, block) for name, block in fixity.items() if name in ALGORITHMS or name == SIZE]
        self.others: dict[str, set[tuple[str, bytes, str]]] = {}

    def add(self, path: str, algorithm: str, digest: bytes, code: str) -> None:
        """Another claim; ``code`` is reported when it is not true."""
        known = self.contents.get(path) if algorithm == self.algorithm and code == "E092" else None
        if known is None and code == "E093":
            known = next((block.get(path) for name, block in self.fixity if name == algorithm), None)
        if known != digest:
            self.others.setdefault(path, set()).add((algorithm, digest, code))

    def of(self, path: str, digest: bytes) -> list[tuple[str, bytes, str]]:
        """(algorithm, digest, code when it is not true) of all claims about a file."""
        found = [(self.algorithm, digest, "E092")]
        for algorithm, block in self.fixity:
            if path in block:
                found.append((algorithm, block[path], "E093"))
        if path in self.others:
            found += sorted(self.others[path])
        return found


class ContentCheck:
    """Walks content folders and checks each file once, with all algorithms that anything is claimed in.

    Without ``hashing`` only names are compared. ``progress`` is called with the bytes of each file.
    """

    def __init__(
        self, place: Place, claims: Claims, report: Report, *, hashing: bool = True, progress: Callable[[int], None] | None = None
    ) -> None:
        self._place, self._claims, self._report = place, claims, report
        self._hashing, self._progress = hashing, progress
        self._waiting = dict(claims.contents)
        self._inodes: dict[tuple[int, int], str] = {}
        self._unread: set[str] = set()
        self._strange: set[str] = set()
        """Files that only an earlier inventory names."""

    def walk(self, top: str) -> bool:
        """Check all files below a content folder. False when it is known to hold none."""
        found = False
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                entries = self._place.scan(folder)
            except CouldNotRead as error:
                self._report("FIX-UNREADABLE", folder, reason=error.reason)
                self._unread.add(folder)
                found = True
                continue
            if not entries and folder != top:
                self._report("E024", folder, value="")
            for name, kind in entries:
                path = f"{folder}/{name}"
                if kind == FILE:
                    found = True
                    self._file(path)
                elif kind == FOLDER:
                    folders.append(path)
                else:
                    report_kind(kind, path, self._report, "E023")
        return found

    def leave_out(self, folder: str) -> None:
        """Say nothing of what is below a folder that could not be read."""
        self._unread.add(folder)

    def _file(self, path: str) -> None:
        digest = self._waiting.pop(path, None)
        if digest is None:
            self._report("E023", path, value="")
            if path in self._claims.others:
                self._strange.add(path)
        elif self._hashing:
            self._hash(path, digest)

    def _hash(self, path: str, digest: bytes) -> None:
        claims = self._claims.of(path, digest)
        wanted = tuple({each for each, _digest, _code in claims if each in ALGORITHMS}) if len(claims) > 1 else self._claims.only
        try:
            hashed = self._place.hash(path, wanted)
        except CouldNotRead as error:
            self._report("FIX-UNREADABLE", path, reason=error.reason)
            return
        for algorithm, claimed, code in claims:
            actual = str(hashed.size).encode() if algorithm == SIZE else hashed.digests.get(algorithm, claimed)
            if actual != claimed:
                self._report(code, path, value=actual.decode() if algorithm == SIZE else f"{algorithm}:{actual.hex()}")
        if hashed.inode is not None:
            self._note_link(hashed, path)
        if self._progress is not None:
            self._progress(hashed.size)

    def _note_link(self, hashed: Hashed, path: str) -> None:
        assert hashed.inode is not None
        first = self._inodes.setdefault(hashed.inode, path)
        if first != path:
            self._report("E090", path, value=first)

    def _is_in_unread(self, path: str) -> bool:
        cut = path.rfind("/")
        while cut > 0:
            if path[:cut] in self._unread:
                return True
            cut = path.rfind("/", 0, cut)
        return False

    def finish(self) -> None:
        """What was named and never seen is missing; but in a folder that could not be read nothing is known."""
        fixed = [block for _algorithm, block in self._claims.fixity]
        for path in self._waiting:
            if self._unread and self._is_in_unread(path):
                continue
            self._report("E092", path, value="")
            if any(path in block for block in fixed):
                self._report("E093", path, value="")
        for path in sorted(self._claims.others.keys() - self._claims.contents.keys() - self._strange):
            if self._is_in_unread(path):
                continue
            for code in sorted({code for _algorithm, _digest, code in self._claims.others[path]}):
                self._report(code, path, value="")

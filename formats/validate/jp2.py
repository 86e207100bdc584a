"""JPEG 2000 by jpylyzer (LGPL, unmodified, untyped): JP2, JPH and codestreams."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Jpylyzer"]

JPX, JPH, CODESTREAM = Puid("fmt/151"), Puid("fmt/1964"), Puid("fmt/1794")

SIZ, CAP = b"\xff\x51", b"\xff\x50"

PART_2 = 1 << 15
"""Bit of Rsiz (ISO/IEC 15444-2, table A.10): the codestream uses extensions of part 2."""


class Jpylyzer:
    """The whole file is read into memory (by jpylyzer); pixels are not decoded."""

    name = "jpylyzer"

    def __init__(self) -> None:
        from jpylyzer import jpylyzer  # type: ignore[import-untyped]

        self._jpylyzer: Any = jpylyzer
        self.version = str(jpylyzer.__version__)

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        with contextlib.redirect_stderr(io.StringIO()):
            report = self._jpylyzer.checkOneFile(str(path), _form(path, puid))
        failed = [test for test in report.find("tests").iter() if test.text == "False"]
        if puid == CODESTREAM and int(report.findtext(".//siz/rsiz") or 0) & PART_2:
            # jpylyzer knows the profiles of part 1 only, and calls every other Rsiz wrong
            failed = [test for test in failed if test.tag != "rsizIsValid"]
        if not failed and report.findtext("statusInfo/success") == "False":
            return could_not(
                Why.TOOL_DIED,
                report.findtext("statusInfo/failureMessage") or phrase("validator-silent", name="jpylyzer"),
                check=check,
            )
        return defective(check, list(_defects(failed)))


def _form(path: Path, puid: Puid) -> str:
    """Which of jpylyzer's rules to apply: jp2, jph, or for a codestream j2c, jhc (high throughput: a CAP marker after SIZ)."""
    if puid == JPH:
        return "jph"
    if puid != CODESTREAM:
        return "jp2"
    with path.open("rb") as stream:
        head = stream.read(4096)
    end = 4 + int.from_bytes(head[4:6], "big") if head[2:4] == SIZ else 0
    return "jhc" if head[end : end + 2] == CAP else "j2c"


def _defects(failed: list[Any]) -> Iterator[Defect]:
    for test in failed:
        yield Defect(str(test.tag), phrase("jpylyzer-test", test=str(test.tag)))

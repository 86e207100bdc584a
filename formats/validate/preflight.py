"""PDF/A-1b by Apache PDFBox Preflight (Java), kept running as a child of ours: its start costs a second, a file some 50 ms.

The class Preflight.java is ours; `scripts/install-tools` compiles it, else it is compiled here, where a compiler is installed.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Preflight"]

SOURCE = Path(__file__).with_name("Preflight.java")
COMPILED = SOURCE.with_name("classes")
JARS = ("preflight", "pdfbox2", "fontbox2", "xmpbox", "commons-logging", "jaxb-api", "javax.activation")
JAVA_FOLDER = Path("/usr/share/java")
"""Where Debian keeps libraries of Java (packages libpdfbox2-java, libjaxb-api-java, libactivation-java)."""

OPTIONS = ("-Xmx768m", "-Xss4m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")

NAME = Path("preflight.pdf")

LONE_CR = re.compile(r"Stream length is invalid .*buffer2=\rendstream", re.DOTALL)
"""Preflight 2.0.27 takes a lone CR before endstream for a wrong length (1.2.5). An end of line may be CR, LF or both (PDF 1.4, 3.1.1;
ISO 19005-1, 6.1.7), and after the bytes that Length counts it stands right there."""

MAKER_NOTE = "No type defined for {http://ns.adobe.com/exif/1.0/}MakerNote"
"""A property of the EXIF schema that xmpbox forgot (7.1.1)."""


class Preflight:
    name = "Preflight"

    def __init__(self) -> None:
        self._java: subprocess.Popen[bytes] | None = None

    @cached_property
    def version(self) -> str:
        return _version()

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        if not self.version:
            return could_not(Why.TOOL_MISSING, phrase("program-not-installed", name="PDFBox Preflight (Java)"), missing=self.name)
        answer = self._ask(path)
        verdict, *rows = answer.rstrip("\n").split("\t")
        errors = [Defect(code, _words(words)) for code, _, words in (row.partition(":") for row in rows)]
        if verdict not in ("valid", "invalid"):
            self._end()
            return could_not(
                Why.TOOL_DIED, errors[0].words if errors else phrase("validator-silent", name="Preflight"), check=check
            )
        kept = [error for error in errors if not _false_alarm(error)]
        if verdict == "invalid" and not errors:
            kept = [Defect("-", phrase("validator-no-reason", name="Preflight"))]
        return defective(check, kept)

    def _ask(self, path: Path) -> str:
        if self._java is None:
            self._java = _start()
        assert self._java.stdin is not None
        assert self._java.stdout is not None
        try:
            NAME.unlink(missing_ok=True)
            NAME.symlink_to(path)  # a name may hold a line's end, or what Java cannot read in this locale
            self._java.stdin.write(bytes(NAME) + b"\n")
            self._java.stdin.flush()
        except OSError:
            return ""
        return self._java.stdout.readline().decode(errors="replace")

    def _end(self) -> None:
        if self._java is not None:
            self._java.kill()
            self._java.wait()
            self._java = None


def _version() -> str:
    """The version in the name of the library; "" when anything is missing."""
    jars = [JAVA_FOLDER / f"{jar}.jar" for jar in JARS]
    if shutil.which("java") is None or not all(jar.is_file() for jar in jars):
        return ""
    if not (COMPILED / "Preflight.class").is_file() and shutil.which("javac") is None:
        return ""
    versions = [match[1] for each in JAVA_FOLDER.glob("preflight-*.jar") if (match := re.search(r"-(\d[\d.]*)\.jar$", each.name))]
    return versions[0] if len(versions) == 1 else "of unknown version"


def _start() -> subprocess.Popen[bytes]:
    """Raises OSError when it does not come up."""
    libraries = ":".join(str(JAVA_FOLDER / f"{jar}.jar") for jar in JARS)
    classes = COMPILED
    if not (classes / "Preflight.class").is_file():
        classes = Path.cwd() / "classes"
        subprocess.run(["javac", "-cp", libraries, "-d", classes, SOURCE], check=False, stdin=subprocess.DEVNULL)
    java = subprocess.Popen(
        ["java", *OPTIONS, "-cp", f"{classes}:{libraries}", "Preflight"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert java.stdout is not None
    if not java.stdout.readline().startswith(b"ready"):
        java.kill()
        java.wait()
        raise OSError("Preflight does not start")
    return java


def _words(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except ValueError:
        return encoded


def _false_alarm(error: Defect) -> bool:
    if error.rule == "1.2.5":
        return LONE_CR.search(error.words) is not None
    return error.rule == "7.1.1" and MAKER_NOTE in error.words

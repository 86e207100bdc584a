"""opf-fido, typed: the second opinion. Runs in the identification worker only, on local signatures, never on the network.

Fido 1.6.1 carries PRONOM 109 (2022) and container signatures of 2020, so what it does not know proves nothing. Its own additions
(``format_extensions.xml``, ids like ``fido-fmt/189.word``) are left out: they are no PUIDs.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from fido import CONFIG_DIR  # type: ignore[import-untyped]
from fido.fido import Fido  # type: ignore[import-untyped]
from fido.package import ZipPackage  # type: ignore[import-untyped]
from fido.versions import get_local_versions  # type: ignore[import-untyped]

__all__ = ["FidoAnswer", "FidoEngine"]

LARGEST_MEMBER = 64 << 20
"""Bytes. Fido reads the zip members that its container signatures name whole into memory; real ones are kilobytes."""

BASES: Mapping[str, str] = {"signature": "signature", "container": "container", "extension": "extension"}


class _TooLarge(Exception):
    """A member of a container is larger than fido may read."""


@dataclass(frozen=True, slots=True)
class FidoAnswer:
    """PUIDs, and what they stand on: "signature", "container", "extension", or "unknown" with no PUIDs."""

    puids: tuple[str, ...]
    basis: str


class FidoEngine:
    """Loaded signatures (0.1 s, some 30 MB)."""

    def __init__(self) -> None:
        versions = get_local_versions(CONFIG_DIR)
        self.version: str = metadata.version("opf-fido")
        container = re.sub(r"\D", "", versions.pronom_container_signature)
        self.signatures = f"PRONOM V{versions.pronom_version}; container {container}"
        self._found: list[FidoAnswer] = []
        self._fido: Any = Fido(quiet=True, format_files=[versions.pronom_signature], handle_matches=self._handle)
        self._fido.containersignature_file = versions.pronom_container_signature
        self._unbounded = self._fido.match_container
        self._fido.match_container = self._match_container

    def knows(self, puid: str) -> bool:
        """Whether the signatures are new enough to have heard of this format."""
        return puid in self._fido.puid_format_map

    def identify(self, path: str) -> FidoAnswer:
        """Fido's answer. Raises OSError, or whatever fido dies of; a caller takes any Exception as "could not answer"."""
        self._found.clear()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as words:
            self._fido.identify_file(path)
        if not self._found:  # fido swallows OSError and writes a line
            raise OSError(words.getvalue().strip() or "fido gave no answer")
        return self._found[-1]

    def _handle(self, _name: str, matches: list[tuple[Any, str]], _seconds: float, kind: str = "") -> None:
        puids = tuple(dict.fromkeys(str(self._fido.get_puid(match)) for match, _ in matches))
        self._found.append(FidoAnswer(puids, BASES.get(kind, "unknown") if puids else "unknown"))

    def _match_container(self, kind: str, package: Any, path: str, signatures: Any) -> Any:
        if package is ZipPackage:
            _refuse_bombs(path)
        return self._unbounded(kind, package, path, signatures)


def _refuse_bombs(path: str) -> None:
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        largest = max((member.file_size for member in archive.infolist()), default=0)
        if largest > LARGEST_MEMBER:
            raise _TooLarge(f"a member of {largest} bytes")

"""Migrations: one module a tool behind one seam. Every tool is optional at run time; what was run is recorded with its version."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from formats.migrate.ffmpeg import Ffmpeg
from formats.migrate.ghostscript import Ghostscript
from formats.migrate.libreoffice import LibreOffice
from formats.migrate.migrator import LIMITS, Failed, Made, Migrator
from formats.migrate.ocrmypdf import OcrMyPdf
from formats.migrate.openjpeg import OpenJpeg
from formats.migrate.pillow import Pillow

__all__ = ["LIMITS", "MIGRATORS", "Failed", "Made", "Migrator"]

_ALL: tuple[Migrator, ...] = (LibreOffice(), Ghostscript(), OcrMyPdf(), OpenJpeg(), Pillow(), Ffmpeg())

MIGRATORS: Mapping[str, Migrator] = MappingProxyType({migrator.name: migrator for migrator in _ALL})
"""By name, as policies call them."""

"""Which format a package is of. A new format is one module with a ``FORMAT`` and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from formats.package.source import Package, PackageFormat, Source
from formats.package.spool import Spool
from policies.findings import Findings

__all__ = ["arrange", "formats", "recognise"]

MODULES: Final = ("formats.package.bagit", "formats.package.csip", "formats.package.folder")
"""In the order in which they are asked; the last one recognises everything. Imported when first asked: the E-ARK rules need lxml,
and not every command reads packages."""


def formats() -> tuple[PackageFormat, ...]:
    """All known formats, in the order in which they are asked."""
    return tuple(import_module(module).FORMAT for module in MODULES)


def recognise(source: Source) -> PackageFormat:
    """The first format that ``source`` claims to be of, valid or not; a plain folder when there is no other."""
    for form in formats():
        if form.recognises(source):
            return form
    raise AssertionError("the folder format recognises everything")


def arrange(spool: Spool, findings: Findings) -> Package:
    """Let the package's format give every item its place and role in the AIP, and say what the package is."""
    return recognise(spool).arrange(spool, findings)

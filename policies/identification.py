"""What is promised about archives inside deposits: are they looked into, and how far."""

from __future__ import annotations

from dataclasses import dataclass

from policies.document import Section

__all__ = ["ArchivesPolicy", "read_identification"]

DEEPEST = 16
MOST_FILES = 10_000_000


@dataclass(frozen=True, slots=True)
class ArchivesPolicy:
    """``look`` False: archives are not looked into (IDENT-ARCHIVE). ``depth`` archives in one another are looked into; ``files`` and
    ``bytes`` (unpacked) in the archives of one deposit together. What is beyond is told (IDENT-INSIDE-LEFT), never passed over."""

    look: bool = True
    depth: int = 3
    files: int = 20_000
    bytes: int = 4 << 30


def read_identification(section: Section) -> tuple[bool, ArchivesPolicy]:
    """From [identify] of policy.toml: whether formats are identified at all, and how far archives are looked into. Raises what `Section`
    raises."""
    default = ArchivesPolicy()
    enabled = section.boolean("enabled", True)
    archives = ArchivesPolicy(
        look=section.boolean("archives", default.look),
        depth=section.integer("archive_depth", default.depth, least=1, most=DEEPEST),
        files=section.integer("archive_files", default.files, least=1, most=MOST_FILES),
        bytes=section.size("archive_bytes", default.bytes),
    )
    section.done()
    return enabled, archives

"""The catalog as a service of the engine: an index that can be made again."""

from __future__ import annotations

from repository.archive import Archive
from repository.progress import Progress
from repository.rebuilding.rebuild import RebuildReport, rebuild
from repository.workforce import Workforce

__all__ = ["CatalogService"]


class CatalogService:
    """The catalog as an index that can be made again."""

    def __init__(self, archive: Archive, workforce: Workforce) -> None:
        self._archive = archive
        self._workforce = workforce

    def rebuild(self, tier: str | None = None, *, progress: Progress) -> RebuildReport:
        """Make the catalog again from the tiers (or one of them). Nothing is *stored* again until it is re-read."""
        return rebuild(self._archive, tier, progress, hands=self._workforce)

"""Holdings as a service of the engine: looking at what is kept, and handing it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from repository.archive import Archive
from repository.model import Aip, AipFile, Event, Page
from repository.progress import Progress
from repository.recalls import handing_out

if TYPE_CHECKING:
    from repository.access.export import ExportReport
    from repository.jobs import Jobs

__all__ = ["Holdings"]


class Holdings:
    """Looking at what is kept, and handing it out."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def list(self, *, query: str | None = None, cursor: str | None = None, limit: int = 100) -> Page[Aip]:
        """AIPs; ``query`` is words in any spelling of their diacritics."""
        return self._archive.catalog.holdings.list(query=query, cursor=cursor, limit=limit)

    def show(self, aip_id: str) -> Aip:
        """One AIP with versions and copies. Raises `UnknownAip`."""
        return self._archive.catalog.holdings.get(aip_id)

    def files(self, aip_id: str, *, version: int | None = None) -> Iterator[AipFile]:
        """The files of a version's state (the newest when None), by path."""
        return self._archive.catalog.holdings.files(aip_id, version=version)

    def events(self, aip_id: str) -> Iterator[Event]:
        """Everything that happened to an AIP, oldest first."""
        return self._archive.catalog.events.for_aip(aip_id)

    def export(self, aip_id: str, target: Path, *, form: str, version: int | None = None, progress: Progress) -> ExportReport:
        """Hand out a version. Raises `UnknownAip`, `ExportFailed`, `NotForZip`, `NoGoodCopy`, `BeingBrought`."""
        from repository.access.export import export

        with handing_out(self._archive, self._jobs, aip_id):
            return export(self._archive, aip_id, target, form=form, version=version, progress=progress)

"""Pillow: pictures to TIFF and PNG, with all their pages, resolution and colour profile; to JPEG for people to look at."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.sandbox import SandboxLimits

__all__ = ["Pillow"]


class Pillow:
    """A worker of ours around the library, run like any other tool: ``python -m formats.migrate.repaint``."""

    name = "pillow"
    recipes: Mapping[str, str] = MappingProxyType({"tiff": ".tif", "png": ".png", "jpeg": ".jpg"})

    def version(self) -> str | None:
        try:
            return metadata.version("pillow")
        except metadata.PackageNotFoundError:
            return None

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        result = work / f"result{self.recipes[recipe]}"
        link = placed(source, work)
        command = [sys.executable, "-W", "ignore", "-m", "formats.migrate.repaint", recipe, str(link), str(result)]
        return run_tool(command, tool=self.name, version=self.version(), source=link, result=result, work=work, limits=limits)

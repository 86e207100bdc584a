"""The inspection worker: ``python -m formats.inspection.worker``, in the sandbox. Only here are hostile files opened by foreign code.

Request: ``{"path", "puid", "validate", "characterise", "schemas"}`` (a folder, or ""). Reply: ``{"validation", "properties"}``
(`Validation.document`, or null when not asked for), or ``{"error"}`` when the file could not be read. Or ``{"compile"}`` (a folder of
schemas) and ``{"schemas"}`` (name → why it cannot be used).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from formats.characterise.choice import characterise
from formats.sandbox.serving import serve
from formats.validate.choice import Choice
from policies.findings import Puid
from policies.phrases import os_phrase

__all__ = ["main"]


def main() -> None:
    choice = Choice()

    def handle(request: Mapping[str, Any]) -> Mapping[str, Any]:
        if "compile" in request:
            try:
                return {"schemas": choice.schemas(Path(request["compile"])).compile_all()}
            except OSError as error:
                return {"error": os_phrase(error)}
        path, puid = _named(Path(request["path"])), Puid(request["puid"])
        schemas = Path(request["schemas"]) if request["schemas"] else None
        try:
            validation = choice.validate(path, puid, schemas).document() if request["validate"] else None
            properties = characterise(path, puid) if request["characterise"] else {}
        except OSError as error:
            return {"error": os_phrase(error)}
        return {"validation": validation, "properties": properties}

    serve(handle)


def _named(path: Path) -> Path:
    """The file under a name that every tool can take: bytes that are no UTF-8 get another name here."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        other = Path.cwd() / f"file{path.suffix if path.suffix.isascii() else ''}"
        other.unlink(missing_ok=True)
        other.symlink_to(path)
        return other
    return path


if __name__ == "__main__":
    main()

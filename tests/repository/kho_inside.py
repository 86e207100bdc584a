"""Commands as a person types them, in this process: to start one takes half a second of the processor, and what they say is the same.
That they say it as processes of their own is tested along the corridor (test_cli_corridor.py) and where processes fail."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from unittest import mock

from test_cli_corridor import Archive, Said

from repository.cli.run import run

__all__ = ["ArchiveInside", "kho"]


def kho(*arguments: str | Path, language: str = "en", home: Path | str = "") -> Said:
    """One command, in that language; of the archive in ``home``, where one is given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KHO_")}
    environment |= {"KHO_LANG": language, **({"KHO_HOME": str(home)} if home else {})}
    out, err = (io.BytesIO() for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        contextlib.redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)) as told,
        contextlib.redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)) as beside,
    ):
        code = run(list(map(str, arguments)))
        said = Said(code, out.getvalue().decode("utf-8"), err.getvalue().decode("utf-8"))
    told.detach()
    beside.detach()
    assert "Traceback" not in said.err + said.out, said
    return said


class ArchiveInside(Archive):
    """One archive, driven by commands only; none of them a process."""

    def kho(self, *arguments: str | Path, language: str = "en", home: bool = True) -> Said:
        return kho(*arguments, language=language, home=self.home if home else "")

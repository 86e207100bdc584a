"""Values of the command line are made as typer makes them, without what typer loads for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from repository.cli.app import application
from repository.cli.door import Usage
from repository.cli.values import Values

ROOT = Path(__file__).parents[2]

GIVEN: tuple[Any, ...] = (
    *(
        None,
        "",
        "a",
        "tệp tin",
        " 7 ",
        "7",
        "1.0",
        "-1",
        "1000000",
        "x\udcffy",
        "a\0b",
        "a/../b",
        "-",
        b"bytes",
        0,
        7,
        10**6,
        True,
        2.5,
    ),
    *(Path("there"), [], (), ("a", "7"), ["here/file", None], "here/file", "here", "nowhere"),
)


def parameters(group: Any, path: str = "kho") -> Iterator[tuple[str, Any]]:
    for each in group.params:
        yield f"{path} {each.name}", each
    for name, command in getattr(group, "commands", {}).items():
        yield from parameters(command, f"{path} {name}")


def outcome(maker: Any, value: Any, parameter: Any) -> Any:
    try:
        made = maker.coerce(value, parameter, None)
    except Exception as error:
        return type(error), str(error)
    return type(made), made, [type(each) for each in made] if isinstance(made, list) else ()


def test_every_parameter_of_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").touch()
    seen = 0
    for name, parameter in parameters(application()):
        for value in GIVEN:
            typers = outcome(parameter.get_runtime_param(), value, parameter)
            ours = outcome(Values(parameter.get_runtime_param), value, parameter)
            if value == "" and typers[1] == Path():  # the folder that one happens to be in: nobody asked for that
                assert ours[0] is Usage, name
            else:
                assert ours == typers, (name, value)
            seen += 1
    assert seen > 1000


def test_what_cannot_be_read_is_refused_in_typers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    parameter = next(each for name, each in parameters(application()) if name == "kho verify path")
    ours = outcome(Values(parameter.get_runtime_param), str(tmp_path), parameter)
    assert "is not readable" in ours[1]
    assert ours == outcome(parameter.get_runtime_param(), str(tmp_path), parameter)


def test_a_command_does_without_pydantic(tmp_path: Path) -> None:
    script = (
        f"import sys; from repository.cli.run import run; run(['verify', {str(tmp_path)!r}]); sys.exit('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_another_typer_makes_its_values_itself() -> None:
    class Other:
        """A parameter of a typer that knows nothing of ours."""

    other = Other()
    assert Values.of(other) is other
    assert not vars(other)

    class Typers:
        def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
            return "typer's", value, param, ctx

    assert Values(Typers).coerce("a", other, None) == ("typer's", "a", other, None)

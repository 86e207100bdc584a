"""The door: what the endpoints share while the server runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from repository.api.background import Background
from repository.api.intake import Intake
from repository.settings.home import Settings

if TYPE_CHECKING:
    from repository.engine import Engine
    from repository.services.arrivals import Arrivals

__all__ = ["Door", "door_of"]


@dataclass(frozen=True)
class Door:
    """One archive, opened for HTTP."""

    engine: Engine
    intake: Intake
    background: Background

    @classmethod
    def of(cls, engine: Engine) -> Door:
        return cls(engine, Intake(2 * (os.cpu_count() or 1) + 2), Background(engine))

    @property
    def settings(self) -> Settings:
        return self.engine.archive.settings

    @property
    def language(self) -> str:
        """That of a reader who does not say."""
        return self.settings.language

    @property
    def arrivals(self) -> Arrivals:
        return self.engine.arrivals

    def close(self) -> None:
        self.intake.close()
        self.engine.close()


def door_of(request: Request) -> Door:
    """The door through which a request came."""
    door = request.app.state.door
    assert isinstance(door, Door)
    return door

"""The HTTP application: one archive, opened for callers with a token (docs/api.md). `kho serve` runs it; so can any ASGI server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from repository.api import deposits, health, holdings
from repository.api.door import Door
from repository.api.errors import add_handlers
from repository.api.health import Health
from repository.api.requests import Requests
from repository.archive import software_version
from repository.engine import Engine
from repository.log import configure
from repository.settings.home import Settings

__all__ = ["create_app"]

_log = logging.getLogger("kho.api")


def create_app(home: Path) -> FastAPI:
    """The application of the archive in ``home``. One process a home is enough, and one is meant.

    Raises:
        SettingsError, ArchivePolicyError, CatalogError: the archive cannot be opened.
        OSError: its log cannot be written.
    """
    Settings.load(home).check_tokens()
    door = Door.of(Engine.open(home, actor="api"))
    configure(door.settings.home)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if swept := await run_in_threadpool(door.arrivals.sweep):
            _log.info("%d arrivals that were broken off are cleared away", swept)
        door.background.start()
        try:
            yield
        finally:
            await run_in_threadpool(door.background.stop)
            await run_in_threadpool(door.close)

    # No page of documentation: those of the framework load scripts from elsewhere.
    app = FastAPI(
        title="Kho",
        version=software_version(),
        description="A second door to one archive. What every answer means: docs/api.md.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.door = door
    app.state.health = Health(door)
    routers = (deposits.router, holdings.router, health.router)
    for router in routers:
        app.include_router(router)
    app.state.routes = [*app.routes, *(route for router in routers for route in router.routes)]
    add_handlers(app)
    app.add_middleware(Requests)
    return app

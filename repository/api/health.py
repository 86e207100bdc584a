"""Health: whether this archive can be used now (needs no token, and names nothing); and metrics, for who has a token."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from repository.api.auth import Caller
from repository.api.documents import document
from repository.api.door import Door, door_of
from repository.api.openapi import ANSWERS
from repository.jobs.lock import LauncherLock
from storage.errors import NotFound
from storage.tier import ObjectId

__all__ = ["FREE_LEAST", "Health", "router"]

FREE_LEAST: Final = 512 << 20
"""Bytes that must be free for the home and every tier; with less, deposits will soon fail."""

KEPT: Final = 2.0
"""Seconds for which an answer is given again: whoever asks without a token must not be able to keep the disks busy."""

PATIENCE: Final = 5.0
"""Seconds after which a check that has not answered counts as failed: a disk that hangs is no good one."""

_NOTHING: Final = ObjectId("urn:kho:health")

router = APIRouter(tags=["health"])
_log = logging.getLogger("kho.api")


class Health:
    """Looks at an archive, at most once in `KEPT` seconds."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._guard = asyncio.Lock()
        self._last: dict[str, bool] = {}
        self._looked = -KEPT

    async def look(self) -> dict[str, bool]:
        async with self._guard:
            if time.monotonic() - self._looked >= KEPT:
                checks = {"catalog": self._catalog, "tiers": self._tiers, "worker": self._worker, "space": self._space}
                good = await asyncio.gather(*(_within(name, check) for name, check in checks.items()))
                self._last, self._looked = dict(zip(checks, good, strict=True)), time.monotonic()
            return self._last

    def _catalog(self) -> bool:
        self._door.engine.deposits.list(limit=1)
        return True

    def _tiers(self) -> bool:
        for tier in self._door.engine.archive.tiers.values():
            try:
                tier.open(_NOTHING, "inventory.json").close()
            except NotFound:
                continue  # it could be asked, and there is no such object
        return True

    def _worker(self) -> bool:
        return self._door.background.serving or not LauncherLock(self._door.settings.lock).free()

    def _space(self) -> bool:
        settings = self._door.settings
        folders = [tier.path for tier in settings.tiers if tier.tape is None or tier.path.exists()]  # made with the first label
        disks = [os.statvfs(place) for place in (settings.home, *folders)]
        return all(disk.f_bavail * disk.f_frsize >= FREE_LEAST for disk in disks)


async def _within(name: str, check: Callable[[], bool]) -> bool:
    try:
        return await asyncio.wait_for(asyncio.to_thread(check), PATIENCE)
    except Exception as error:
        _log.warning("health: %s: %s: %s", name, type(error).__name__, error)
        return False


@router.head("/health", include_in_schema=False)
@router.get("/health", responses=ANSWERS["health"], summary="Whether the archive can be used now")
async def health(request: Request) -> Response:
    """200 when catalog, tiers, worker and free space are well, else 503."""
    door_of(request)
    checks = await request.app.state.health.look()
    good = all(checks.values())
    body = {"ok": good, "checks": {name: "ok" if one else "failed" for name, one in checks.items()}}
    return document("health", body, status=200 if good else 503)


@router.get("/metrics", responses=ANSWERS["metrics"], response_class=PlainTextResponse, summary="Metrics for Prometheus")
def metrics(request: Request, caller: Caller) -> Response:
    """What `kho status --metrics` prints."""
    text = door_of(request).engine.overview.metrics()
    return PlainTextResponse(text, headers={"Cache-Control": "no-store"}, media_type="text/plain; version=0.0.4; charset=utf-8")

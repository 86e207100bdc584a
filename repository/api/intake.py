"""Intake: the body of a request on its way to the spool. While one block is written and hashed, the next one arrives.

SHA-512 runs in one thread, SHA-256 and the disk in another, the network in the event loop: an upload is as fast as the slowest of
them, and holds two blocks in memory whatever its size.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from repository.api.errors import ApiError
from repository.services.arrivals import Upload

__all__ = ["BLOCK", "STALLED_AFTER", "Intake", "full"]

BLOCK: Final = 1 << 20
"""Bytes handed to the threads at a time: large enough that handing over costs nothing, small enough to stay in a core's cache."""

STALLED_AFTER: Final = 120.0
"""Seconds in which one block must arrive. 9 KB/s is slower than any line that could carry a package."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Intake:
    """The threads that all uploads of this process share."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "kho-intake")

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    async def receive(self, body: AsyncIterator[bytes], upload: Upload, limit: int) -> None:
        """Take a whole body in.

        Raises:
            ApiError: it is too large, stalls, or there is no space.
            ClientDisconnect: it was broken off.
            OSError: the disk fails.
        """
        under_way: list[Future[None]] = []
        try:
            async with asyncio.timeout(STALLED_AFTER) as patience:
                async for block in _blocks(body, limit):
                    await _done(under_way)
                    under_way = [self._pool.submit(upload.hash, block), self._pool.submit(upload.write, block)]
                    patience.reschedule(asyncio.get_running_loop().time() + STALLED_AFTER)
            await _done(under_way)
        except TimeoutError:
            raise ApiError("API-STALLED", seconds=int(STALLED_AFTER), headers={"Connection": "close"}) from None
        except OSError as error:
            raise (ApiError("API-NO-SPACE") if full(error) else error) from error
        finally:
            # Whoever clears away after us must not take the file from under a thread. This waits for one block at most.
            concurrent.futures.wait(under_way)


async def _blocks(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[list[bytes]]:
    block: list[bytes] = []
    size = total = 0
    async for chunk in body:
        size += len(chunk)
        if total + size > limit:
            raise ApiError("API-TOO-LARGE", limit=limit, headers={"Connection": "close"})
        block.append(chunk)
        if size >= BLOCK:
            yield block
            block, total, size = [], total + size, 0
    if size:
        yield block


async def _done(under_way: list[Future[None]]) -> None:
    for future in under_way:
        await asyncio.wrap_future(future)


def full(error: OSError) -> bool:
    """Whether an error means that there is no space."""
    return error.errno in _FULL

"""The embedded server, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from .. import _vocabulary as vocabulary
from ..server import Server as BlockingServer


class Server:
    """A real server in this process, for tests and for small applications. Its threads are its
    own: it serves also while the event loop is busy."""

    def __init__(
        self,
        *,
        listen: str | None = vocabulary.LISTEN,
        data_dir: str | None = vocabulary.DATA_DIR,
        tick_time_ms: int = vocabulary.TICK_TIME_MS,
        properties: Mapping[str, str] | None = vocabulary.PROPERTIES,
    ) -> None:
        """Prepares a server; ``async with`` or :meth:`start` starts it. ``properties`` are settings
        of a zoo.cfg or Java's system properties, such as ``extendedTypesEnabled``."""
        self._server = BlockingServer(
            listen=listen, data_dir=data_dir, tick_time_ms=tick_time_ms, properties=properties
        )

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``: what a client takes as its hosts."""
        return self._server.address

    async def start(self) -> Server:
        """Starts it, unless it runs, and returns when it serves."""
        await asyncio.get_running_loop().run_in_executor(None, self._server.start)
        return self

    async def stop(self) -> None:
        """Stops it, and returns when all that was acknowledged is on disk. May be called again."""
        await asyncio.get_running_loop().run_in_executor(None, self._server.stop)

    async def __aenter__(self) -> Server:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

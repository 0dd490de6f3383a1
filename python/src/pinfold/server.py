"""The embedded server."""

from __future__ import annotations

from collections.abc import Mapping

from . import _native
from . import _vocabulary as vocabulary


class Server:
    """A real server in this process, for tests and for small applications. Its threads are its
    own: no Python code runs on them, and it does not need the interpreter to serve."""

    def __init__(
        self,
        *,
        listen: str | None = vocabulary.LISTEN,
        data_dir: str | None = vocabulary.DATA_DIR,
        tick_time_ms: int = vocabulary.TICK_TIME_MS,
        properties: Mapping[str, str] | None = vocabulary.PROPERTIES,
    ) -> None:
        """Prepares a server; ``with`` or :meth:`start` starts it. ``properties`` are settings of a
        zoo.cfg or Java's system properties, such as ``extendedTypesEnabled``."""
        self._options = (listen, data_dir, tick_time_ms, list((properties or {}).items()))
        self._running: _native.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``: what a client takes as its hosts."""
        if self._running is None:
            raise vocabulary.ServerError("the server is not running")
        return self._running.address()

    def start(self) -> Server:
        """Starts it, unless it runs, and returns when it serves."""
        if self._running is None:
            self._running = _native.Server(*self._options)
        return self

    def stop(self) -> None:
        """Stops it, and returns when all that was acknowledged is on disk. May be called again."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

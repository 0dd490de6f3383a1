"""The asyncio client."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

from .. import _conversion as to
from .. import _native
from .. import _vocabulary as vocabulary
from .._router import Callback, Router
from .._session import Session
from .._stream import AsyncStream
from .._vocabulary import TlsVerify, WatchEvent, WatchMode

_BATCH = 1024


class Watch(AsyncStream[WatchEvent]):
    """A lasting watch: an asynchronous iterator over its events, and a context manager that
    removes it."""

    def __init__(self, client: Client, ticket: int, path: str, mode: WatchMode) -> None:
        super().__init__()
        self.ticket, self.path, self.mode = ticket, path, mode
        self._client = client

    def remove(self) -> asyncio.Future[None]:
        """Removes it from the server; the iterator ends after the events that have come."""
        future: asyncio.Future[None] = self._client.remove_watches(self)
        return future

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._client._router.closed:
            await self.remove()


class Client(Session):
    """A client for one event loop. Make it inside a coroutine, and use it on that loop only.

    A call takes its place in the order of the session when it is made, not when it is awaited, so
    many can be under way; answers and callbacks come in the order the session saw them. A call
    that is refused (closed client, full window, forked process) raises at once.
    """

    _watch = Watch
    _stream = AsyncStream

    def __init__(
        self,
        hosts: str,
        *,
        session_timeout_ms: int = vocabulary.SESSION_TIMEOUT_MS,
        connect_timeout_ms: int = vocabulary.CONNECT_TIMEOUT_MS,
        auth: Iterable[tuple[str, bytes]] = (),
        read_only: bool = vocabulary.READ_ONLY,
        in_flight_limit: int = vocabulary.IN_FLIGHT_LIMIT,
        tls_ca_file: str | PathLike[str] | None = vocabulary.TLS_CA_FILE,
        tls_cert_file: str | PathLike[str] | None = vocabulary.TLS_CERT_FILE,
        tls_key_file: str | PathLike[str] | None = vocabulary.TLS_KEY_FILE,
        tls_store_password: str | None = vocabulary.TLS_STORE_PASSWORD,
        tls_verify: TlsVerify | None = vocabulary.TLS_VERIFY,
        tls_server_name: str | None = vocabulary.TLS_SERVER_NAME,
        sasl_user: str | None = vocabulary.SASL_USER,
        sasl_password: str | None = vocabulary.SASL_PASSWORD,
    ) -> None:
        """Starts to connect, and returns at once. Calls wait for the connection."""
        loop = asyncio.get_running_loop()
        self._own(
            loop,
            _native.Client(
                hosts,
                session_timeout_ms,
                connect_timeout_ms,
                list(auth),
                read_only,
                in_flight_limit,
                to.security(
                    tls_ca_file,
                    tls_cert_file,
                    tls_key_file,
                    tls_store_password,
                    tls_server_name,
                    sasl_user,
                    sasl_password,
                    tls_verify,
                ),
            ),
        )

    def _own(self, loop: asyncio.AbstractEventLoop, native: _native.Client) -> None:
        self._loop = loop
        self._native = native
        self._router = Router(loop.call_soon, self._settle)
        self._waiting: dict[int, tuple[asyncio.Future[Any], Any, Any]] = {}
        self._closed: asyncio.Future[None] = loop.create_future()
        self._fd = native.fd()
        loop.add_reader(self._fd, self._drain)
        self._router.on_end(self._end)

    async def connect(self) -> Client:
        """Waits until the session is connected, for ``connect_timeout_ms`` at most."""
        await self._loop.run_in_executor(None, self._native.wait_connected)
        return self

    def renew(self) -> Client:
        """A client with a new session and the same options, for after this one has expired.
        Watches, ephemeral nodes and callbacks belong to the old session and do not come along."""
        client = type(self).__new__(type(self))
        client._own(self._loop, self._native.renew())
        return client

    def close(self) -> asyncio.Future[None]:
        """Ends the session: its ephemeral nodes go, waiting calls fail, and the iterators end.
        May be called again, and in a callback."""
        self._native.close()
        return asyncio.shield(self._closed)

    async def __aenter__(self) -> Client:
        try:
            return await self.connect()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        native = getattr(self, "_native", None)
        if native is not None and native.is_open():
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            native.close()

    def _submit(
        self,
        op: _native.Op,
        convert: Callable[[Any], Any] | None = None,
        watch: Callback | None = None,
        ticket: int = 0,
        abandon: Callable[[Any], object] | None = None,
    ) -> asyncio.Future[Any]:
        lasting = ticket != 0
        if lasting:
            self._native.submit_as(ticket, op)
        else:
            ticket = self._native.submit(op)
        if watch is not None:
            # The inbox is drained by this thread, so the answer cannot have been seen yet.
            self._router.arm(ticket, watch, lasting)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[ticket] = (future, convert, abandon)
        if abandon is not None:
            future.add_done_callback(lambda done: self._give_up(ticket, done))
        return future

    def _give_up(self, ticket: int, future: asyncio.Future[Any]) -> None:
        """Whoever waited for a recipe was cancelled, and so is what the recipe does."""
        if future.cancelled():
            self._native.cancel(ticket)

    def _drain(self) -> None:
        self._router.route(self._native.drain(_BATCH))

    def _settle(self, ticket: int, succeeded: bool, value: Any) -> None:
        future, convert, abandon = self._waiting.pop(ticket)
        if future.done():
            # Cancelled: if the operation was done all the same, what it won is given back.
            if succeeded and abandon is not None:
                abandon(value)
        elif not succeeded:
            future.set_exception(value)
        elif convert is None:
            future.set_result(value)
        else:
            try:
                future.set_result(convert(value))
            except Exception as error:
                future.set_exception(error)

    def _end(self) -> None:
        self._loop.remove_reader(self._fd)
        if not self._closed.done():
            self._closed.set_result(None)

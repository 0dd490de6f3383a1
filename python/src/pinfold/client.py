"""The synchronous client."""

from __future__ import annotations

import atexit
import warnings
import weakref
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

from . import _conversion as to
from . import _native
from . import _vocabulary as vocabulary
from ._dispatcher import Dispatcher
from ._router import Callback
from ._session import Session
from ._stream import Stream
from ._vocabulary import TlsVerify, WatchEvent, WatchMode


class Watch(Stream[WatchEvent]):
    """A lasting watch: an iterator over its events, and a context manager that removes it."""

    def __init__(self, client: Client, ticket: int, path: str, mode: WatchMode) -> None:
        super().__init__(client._dispatcher.guard)
        self.ticket, self.path, self.mode = ticket, path, mode
        self._client = client

    def remove(self) -> None:
        """Removes it from the server; the iterator ends after the events that have come."""
        self._client.remove_watches(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._client._router.closed:
            self.remove()


class Client(Session):
    """A client whose calls wait for their answer. It may be used by many threads at once.

    Callbacks are called on one thread of the client, in the order the session saw the events.
    Calls, `close` included, are allowed in callbacks.
    """

    _watch = Watch

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
        self._own(
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
            )
        )

    def _own(self, native: _native.Client) -> None:
        self._native = native
        self._dispatcher = Dispatcher(native)
        self._router = self._dispatcher.router
        _clients.add(self)

    def connect(self) -> Client:
        """Waits until the session is connected, for ``connect_timeout_ms`` at most."""
        self._native.wait_connected()
        return self

    def renew(self) -> Client:
        """A client with a new session and the same options, for after this one has expired.
        Watches, ephemeral nodes and callbacks belong to the old session and do not come along."""
        client = type(self).__new__(type(self))
        client._own(self._native.renew())
        return client

    def close(self) -> None:
        """Ends the session: its ephemeral nodes go, waiting calls of other threads fail, and the
        iterators end. May be called again, and in a callback."""
        self._native.close()
        self._dispatcher.finish()

    def __enter__(self) -> Client:
        try:
            return self.connect()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

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
    ) -> Any:
        if watch is None:
            value = self._native.call(op)
        else:
            lasting = ticket != 0
            ticket = ticket or self._native.reserve()
            self._router.arm(ticket, watch, lasting)
            self._listen()
            try:
                value = self._native.call_as(ticket, op)
            except BaseException:
                self._router.disarm(ticket)
                raise
        return value if convert is None else convert(value)

    def _listen(self) -> None:
        self._dispatcher.start()

    def _new_stream(self) -> Stream[Any]:
        return Stream(self._dispatcher.guard)


_clients: weakref.WeakSet[Client] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Ends the dispatcher threads while the interpreter can still run them."""
    for client in tuple(_clients):
        client.close()

"""What both clients are: operations, a native session, and a router for what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._native import Op
from ._operations import Operations
from ._router import REMOVALS
from ._vocabulary import SessionState, WatchEvent, WatchMode

if TYPE_CHECKING:
    from . import _native
    from ._router import Callback, Router


class Session(Operations):
    """The part of a client that does not depend on how answers are waited for."""

    _native: _native.Client
    _router: Router
    _watch: Callable[..., Any]
    _stream: Callable[..., Any]

    @property
    def state(self) -> SessionState:
        """The state of the session now."""
        return SessionState(self._native.state())

    @property
    def session_id(self) -> int:
        """The id of the session; 0 before it is connected."""
        return self._native.session_id()

    @property
    def session_timeout_ms(self) -> int:
        """The session timeout that the server granted, in milliseconds."""
        return self._native.session_timeout_ms()

    def on_state(self, callback: Callback) -> Callback:
        """Calls ``callback`` with each new state of the session. Usable as a decorator."""
        self._listen()
        self._router.on_state(callback)
        return callback

    def states(self) -> Any:
        """An iterator over the states of the session from now on; ends when it is closed."""
        stream = self._new_stream()
        self.on_state(stream.put)
        self._router.on_end(stream.end)
        return stream

    def add_watch(
        self,
        path: str,
        mode: WatchMode = WatchMode.PERSISTENT,
        callback: Callback | None = None,
    ) -> Any:
        """Arms a watch that lasts until it is removed or the client closes. The znode need not
        exist. Events go to ``callback``, or else are read from the returned watch."""
        ticket = self._native.reserve()
        watch = self._watch(self, ticket, path, mode)
        self._router.on_session_end(ticket, watch.end)
        tell = callback or watch.put

        def deliver(event: WatchEvent) -> None:
            try:
                tell(event)
            finally:
                if event.kind in REMOVALS:
                    watch.end()

        return self._submit(Op.add_watch(path, mode), lambda _: watch, deliver, ticket)

    def remove_watches(self, watch: Any) -> Any:
        """Removes a watch; it delivers nothing after the answer."""

        def removed(_: None) -> None:
            self._router.disarm(watch.ticket)
            watch.end()

        return self._submit(Op.remove_watches(watch.ticket), removed)

    def _new_stream(self) -> Any:
        return self._stream()

    def _listen(self) -> None:
        """Sees to it that the inbox is drained."""

    def __repr__(self) -> str:
        kind = type(self)
        return f"<{kind.__module__}.{kind.__qualname__} {self.session_id:#x} {self.state.value}>"

"""The thread that calls the callbacks of a synchronous client."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from . import _native
from ._router import Router
from ._vocabulary import WouldDeadlockError

logger = logging.getLogger("pinfold")

_BATCH = 256
_SIGNALS = 0.1


class Dispatcher:
    """Drains the inbox of one client. Started by the first need, ended by the last item."""

    def __init__(self, native: _native.Client) -> None:
        self._native = native
        self._process = os.getpid()
        self.router = Router(self._call, self._unawaited)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, unless it runs."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                # A daemon: a forgotten client must not keep the program from ending. The exit
                # handler of the client module ends it before the interpreter goes.
                thread = threading.Thread(target=self._drain, name="pinfold", daemon=True)
                thread.start()
                self._thread = thread

    def finish(self) -> None:
        """Waits for the last item, after the native client was told to close. In a callback it
        returns at once, since the last item comes after the callback."""
        if threading.current_thread() is self._thread:
            return
        with self._starting:
            if self._thread is None:
                self._drain_here()
                return
        self._thread.join()

    def guard(self) -> None:
        """Refuses to wait for an event in a callback, which would keep the event from coming."""
        if threading.current_thread() is self._thread:
            raise WouldDeadlockError("waiting for an event inside a callback that delivers events")

    def _drain(self) -> None:
        # `wait` is false when the process has forked: then nothing will come.
        while not self.router.closed and self._native.wait(None):
            self.router.route(self._native.drain(_BATCH))

    def _drain_here(self) -> None:
        # In pieces, so that a signal is seen.
        while not self.router.closed:
            if self._native.wait(_SIGNALS):
                self.router.route(self._native.drain(_BATCH))
            elif os.getpid() != self._process:
                return

    @staticmethod
    def _call(callback: Callable[..., object], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except BaseException:
            # The thread serves other callbacks too, so even SystemExit ends only this one.
            logger.exception("callback %r raised", callback)

    @staticmethod
    def _unawaited(ticket: int, succeeded: bool, value: Any) -> None:
        """Answers of a synchronous client do not pass the inbox."""

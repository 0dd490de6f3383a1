"""Streams of events: what callbacks get, as an iterator of either kind."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_END = object()


class Stream(Generic[T]):
    """Events as a blocking iterator. Fed by the dispatcher thread, read by any other thread."""

    def __init__(self, guard: Callable[[], object] | None = None) -> None:
        """``guard`` raises where waiting would be waiting for oneself."""
        self._guard = guard
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, event: T) -> None:
        """Adds an event."""
        self._queue.put(event)

    def end(self) -> None:
        """After the events that are there, the iterator ends."""
        self._queue.put(_END)

    def next(self, timeout: float | None = None) -> T | None:
        """The next event, or ``None`` at the end or after ``timeout`` seconds."""
        if self._guard is not None:
            self._guard()
        try:
            event = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if event is _END:
            self._queue.put(_END)
            return None
        taken: T = event
        return taken

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        event = self.next()
        if event is None:
            raise StopIteration
        return event


class AsyncStream(Generic[T]):
    """Events as an asynchronous iterator. Fed and read on the event loop."""

    def __init__(self) -> None:
        self._events: deque[T] = deque()
        self._ended = False
        self._waiters: deque[asyncio.Future[None]] = deque()

    def put(self, event: T) -> None:
        """Adds an event."""
        self._events.append(event)
        self._wake()

    def end(self) -> None:
        """After the events that are there, the iterator ends."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def next(self) -> T | None:
        """The next event, or ``None`` at the end."""
        while not self._events:
            if self._ended:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return self._events.popleft()

    def __aiter__(self) -> AsyncStream[T]:
        return self

    async def __anext__(self) -> T:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

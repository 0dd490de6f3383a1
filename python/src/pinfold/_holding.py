"""Election, locks and semaphores of both clients: each operation once.

An operation of a recipe is submitted by the client it was made with, and gives what that client
gives, a value or a future.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import _conversion as to
from ._native import MultiOp, Op
from ._vocabulary import (
    CallTimeoutError,
    ClaimLostError,
    ElectionLayout,
    Leader,
    LockLayout,
    LockMode,
    Participant,
    RecipeEvent,
    RecipeEventKind,
)


class Kept:
    """Something that this client has until it is released or lost."""

    _called: str
    _release_op: str

    def __init__(self, client: Any, recipe: int) -> None:
        self._client, self._recipe = client, recipe
        self.reason: str | None = None
        """Why it was lost, once it is."""
        self._released = False
        self._callbacks: list[Callable[[str], object]] = []

    @property
    def held(self) -> bool:
        """Whether it has neither been released nor lost."""
        return not self._released and self.reason is None

    def on_lost(self, callback: Callable[[str], object]) -> Callable[[str], object]:
        """Calls ``callback(reason)`` when it is lost: in time, before another can have it."""
        if self.reason is None:
            self._callbacks.append(callback)
        else:
            self._client._router._run(callback, self.reason)
        return callback

    def release(self) -> Any:
        """Gives it up."""
        self._released = True
        return self._client._submit(Op.recipe(self._release_op, self._recipe))

    def _on_event(self, event: RecipeEvent) -> None:
        if self.reason is None and not self._released:
            self.reason = event.reason or "the client is closed"
            self._lost()
            for callback in self._callbacks:
                callback(self.reason)

    def _lost(self) -> None:
        """What the flavour does when it is lost, before the callbacks."""

    def _lost_error(self) -> ClaimLostError:
        return ClaimLostError(f"the {self._called} is lost: {self.reason}")

    def __repr__(self) -> str:
        state = "held" if self.held else self.reason or "released"
        return f"<{type(self).__name__}, {state}>"


class Hold(Kept):
    """A lock, a lease or the lead."""

    _called = "lock"
    _release_op = "hold_release"

    def __init__(self, client: Any, recipe: int, token: int, path: str) -> None:
        super().__init__(client, recipe)
        self.token = token
        """Fencing token: it grows with each holder. What keeps it can refuse a former holder."""
        self.path = path
        """Its znode."""

    def check(self) -> MultiOp:
        """The step that makes a multi fail once this is lost, whatever this process believes."""
        return MultiOp.check(self.path)

    def write(self, ops: Sequence[MultiOp]) -> Any:
        """Applies all of ``ops`` while this is held, or none of them: then it raises
        :class:`ClaimLostError`. Gives what :meth:`Client.multi` gives."""
        op = Op.recipe("hold_write", self._recipe, ops)
        return self._client._submit(op, to.multi_results)


class Leadership(Hold):
    """A won election. It ends when it is resigned, or is lost."""

    _called = "leadership"
    _release_op = "election_resign"

    def resign(self) -> Any:
        """Gives it up, so that the next candidate leads."""
        return self.release()


def acquire(client: Any, kind: Callable[..., Any], must: str | None, *call: object) -> Any:
    """Submits an operation that gives something to keep. ``must`` says what is missing when it
    gives nothing; without it that is ``None``."""
    client._listen()

    def fields(value: Any) -> tuple[Any, ...]:
        return value if isinstance(value, tuple) else (value,)

    def acquired(value: Any) -> Any:
        if value is None:
            if must is None:
                return None
            raise CallTimeoutError(must)
        kept = kind(client, *fields(value))
        client._router.follow(kept._recipe, kept._on_event)
        return kept

    def abandon(value: Any) -> None:
        if value is not None:
            release: str = kind._release_op  # type: ignore[attr-defined]
            client._submit(Op.recipe(release, fields(value)[0]))

    return client._submit(Op.recipe(*call), acquired, abandon=abandon)  # type: ignore[arg-type]


def follow(client: Any, kind: Callable[..., Any], *call: object) -> Any:
    """Submits an operation that begins to tell something: an iterator of it."""
    client._listen()

    def following(recipe: int) -> Any:
        stream = kind(client, recipe)
        client._router.follow(recipe, stream._on_event)
        client._router.on_end(stream.end)
        return stream

    def abandon(recipe: int) -> None:
        stop: str = kind._stop_op  # type: ignore[attr-defined]
        client._submit(Op.recipe(stop, recipe))

    return client._submit(Op.recipe(*call), following, abandon=abandon)  # type: ignore[arg-type]


class Following:
    """An iterator over what a recipe tells: what both forms of it have in common."""

    put: Callable[[Any], None]
    end: Callable[[], None]
    _stop_op: str
    _client: Any
    _recipe: int

    def close(self) -> Any:
        """Follows it no longer; the iterator ends after what has come."""
        return self._client._submit(Op.recipe(self._stop_op, self._recipe))

    def _on_event(self, event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.ENDED:
            self.end()
        else:
            self.put(self._item(event))

    def _item(self, event: RecipeEvent) -> Any:
        """What the iterator gives for an event."""
        return event


def participants(value: list[tuple[bytes, int, str, bool]]) -> list[Participant]:
    """Who has something and who waits."""
    return [Participant._make(one) for one in value]


def milliseconds(timeout: float | None) -> int:
    """Seconds as Python has them; ``None`` is for as long as it takes."""
    return -1 if timeout is None else max(1, math.ceil(timeout * 1000))


class LeaderElection:
    """An election among the clients that campaign at one path."""

    _leadership: Callable[..., Any]
    _scope: Callable[..., Any]
    _observer: Callable[..., Any]

    def __init__(
        self,
        client: Any,
        path: str,
        *,
        layout: ElectionLayout = ElectionLayout.PINFOLD,
    ) -> None:
        self._client, self.path, self.layout = client, path, layout

    def campaign(self, data: bytes = b"") -> Any:
        """Stands as a candidate until elected, then gives the :class:`Leadership`. ``data`` is
        what others see of the leader. A cancelled wait withdraws the candidate."""
        call = ("election_campaign", self.path, data, self.layout)
        return acquire(self._client, self._leadership, "", *call)

    def lead(self, data: bytes = b"") -> Any:
        """The scope of the leader's work, for ``with`` or ``async with``: it is entered when
        elected and left by resigning."""
        return self._scope(lambda: self.campaign(data))

    def leader(self) -> Any:
        """Who leads, as a :class:`Leader`, or ``None``."""
        op = Op.recipe("election_leader", self.path, self.layout)
        return self._client._submit(op, leader)

    def candidates(self) -> Any:
        """Who leads and who waits, in their order, each a :class:`Participant`."""
        op = Op.recipe("election_candidates", self.path, self.layout)
        return self._client._submit(op, participants)

    def observe(self) -> Any:
        """Who leads, now and after each change: an iterator of :class:`Leader`, with the token 0
        and no data while nobody does. It ends with :meth:`Observer.close` and with the client."""
        call = ("election_observe", self.path, self.layout)
        return follow(self._client, self._observer, *call)


def leader(value: tuple[bytes, int] | None) -> Leader | None:
    """Who leads."""
    return None if value is None else Leader._make(value)


class Observer(Following):
    """Who leads, as an iterator of :class:`Leader`."""

    _stop_op = "election_ignore"

    def _item(self, event: RecipeEvent) -> Leader:
        return Leader(event.payload, event.token)


class Line:
    """What locks and semaphores have in common: one line of those that want something."""

    _hold: Callable[..., Any]
    _scope: Callable[..., Any]

    def __init__(self, client: Any, path: str) -> None:
        self._client, self.path = client, path

    def _acquire(self, timeout: float | None, *call: object) -> Any:
        must = f"{self.path} was not acquired within {timeout} s"
        return acquire(self._client, self._hold, must, *call, milliseconds(timeout))

    def _try_acquire(self, *call: object) -> Any:
        return acquire(self._client, self._hold, None, *call, 0)

    def _participants(self, *call: object) -> Any:
        return self._client._submit(Op.recipe(*call), participants)  # type: ignore[arg-type]


class Lock(Line):
    """A lock among all that use the same path, first come, first served. Not reentrant."""

    def __init__(
        self, client: Any, path: str, *, layout: LockLayout = LockLayout.PINFOLD
    ) -> None:
        super().__init__(client, path)
        self.layout = layout

    def acquire(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """Waits for the lock, for ``timeout`` seconds at most, and gives the :class:`Hold`.
        ``data`` is what others see of the holder. Raises :class:`CallTimeoutError`."""
        return self._acquire(timeout, "lock_acquire", self.path, data, self.layout)

    def try_acquire(self, data: bytes = b"") -> Any:
        """The :class:`Hold` if nobody has the lock and nobody waits, else ``None``."""
        return self._try_acquire("lock_acquire", self.path, data, self.layout)

    def hold(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """The scope in which the lock is held, for ``with`` or ``async with``."""
        return self._scope(lambda: self.acquire(data, timeout))

    def participants(self) -> Any:
        """Who has it and who waits, in their order, each a :class:`Participant`."""
        return self._participants("lock_participants", self.path, self.layout)


class ReadWriteLock(Line):
    """A lock that many readers have together, or one writer alone; first come, first served."""

    def __init__(
        self, client: Any, path: str, *, layout: LockLayout = LockLayout.PINFOLD
    ) -> None:
        super().__init__(client, path)
        self.layout = layout

    def _call(self, mode: LockMode, data: bytes) -> tuple[object, ...]:
        return ("read_write_lock_acquire", self.path, mode, data, self.layout)

    def acquire_read(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """Waits until no writer is before it. See :meth:`Lock.acquire`."""
        return self._acquire(timeout, *self._call(LockMode.READ, data))

    def acquire_write(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """Waits until nobody is before it. See :meth:`Lock.acquire`."""
        return self._acquire(timeout, *self._call(LockMode.WRITE, data))

    def try_acquire_read(self, data: bytes = b"") -> Any:
        """The :class:`Hold` if no writer has it or waits, else ``None``."""
        return self._try_acquire(*self._call(LockMode.READ, data))

    def try_acquire_write(self, data: bytes = b"") -> Any:
        """The :class:`Hold` if nobody has it and nobody waits, else ``None``."""
        return self._try_acquire(*self._call(LockMode.WRITE, data))

    def read(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """The scope of a reader, for ``with`` or ``async with``."""
        return self._scope(lambda: self.acquire_read(data, timeout))

    def write(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """The scope of a writer, for ``with`` or ``async with``."""
        return self._scope(lambda: self.acquire_write(data, timeout))

    def participants(self) -> Any:
        """Who has it and who waits, in their order, each a :class:`Participant`."""
        return self._participants("read_write_lock_participants", self.path, self.layout)


class Semaphore(Line):
    """A number of leases, first come, first served. All have to give the same number."""

    def __init__(self, client: Any, path: str, permits: int) -> None:
        super().__init__(client, path)
        self.permits = permits

    def acquire(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """Waits for a lease. See :meth:`Lock.acquire`."""
        return self._acquire(timeout, "semaphore_acquire", self.path, self.permits, data)

    def try_acquire(self, data: bytes = b"") -> Any:
        """The :class:`Hold` of a lease if one is free, else ``None``."""
        return self._try_acquire("semaphore_acquire", self.path, self.permits, data)

    def hold(self, data: bytes = b"", timeout: float | None = None) -> Any:
        """The scope in which a lease is held, for ``with`` or ``async with``."""
        return self._scope(lambda: self.acquire(data, timeout))

    def participants(self) -> Any:
        """Who has a lease and who waits, in their order, each a :class:`Participant`."""
        return self._participants("semaphore_participants", self.path, self.permits)

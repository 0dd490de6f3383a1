"""What the recipes of both clients share: each operation once.

The recipes themselves are in the core, the same for every language. Here they get the form of
Python objects: an operation of a recipe is submitted by the client it was made with, and gives
what that client gives, a value or a future.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _vocabulary as vocabulary
from ._native import Op
from ._vocabulary import (
    ClaimLostError,
    ClosedError,
    Leader,
    QueueCounts,
    RecipeEvent,
    RecipeEventKind,
    TaskResult,
)


class LeaderElection:
    """An election among the clients that campaign at one path."""

    _leadership: Callable[..., Any]

    def __init__(self, client: Any, path: str) -> None:
        self._client, self.path = client, path

    def campaign(self, data: bytes = b"") -> Any:
        """Stands as a candidate until elected, then gives the :class:`Leadership`. ``data`` is
        what others see of the leader. A cancelled wait keeps its place in the line, and resigns
        as soon as it is elected."""
        client = self._client
        client._listen()

        def elected(value: tuple[int, int]) -> Any:
            leadership = self._leadership(client, *value)
            client._router.follow(value[0], leadership._on_event)
            return leadership

        def abandon(value: tuple[int, int]) -> None:
            client._submit(Op.election_resign(value[0]))

        return client._submit(Op.election_campaign(self.path, data), elected, abandon=abandon)

    def leader(self) -> Any:
        """Who leads, as a :class:`Leader`, or ``None``."""

        def known(value: tuple[bytes, int] | None) -> Leader | None:
            return None if value is None else Leader._make(value)

        return self._client._submit(Op.election_leader(self.path), known)


class Leadership:
    """A won election. It ends when it is resigned, or is lost."""

    def __init__(self, client: Any, recipe: int, token: int) -> None:
        self._client, self._recipe = client, recipe
        self.token = token
        """Fencing token: it grows with each leader. What keeps it can refuse a former leader."""
        self.reason: str | None = None
        """Why it was lost, once it is."""
        self._resigned = False
        self._callbacks: list[Callable[[str], object]] = []

    @property
    def held(self) -> bool:
        """Whether it has neither been resigned nor lost."""
        return not self._resigned and self.reason is None

    def on_lost(self, callback: Callable[[str], object]) -> Callable[[str], object]:
        """Calls ``callback(reason)`` when it is lost: in time, before another can lead."""
        if self.reason is None:
            self._callbacks.append(callback)
        else:
            self._client._router._run(callback, self.reason)
        return callback

    def resign(self) -> Any:
        """Gives it up, so that the next candidate leads."""
        self._resigned = True
        return self._client._submit(Op.election_resign(self._recipe))

    def _on_event(self, event: RecipeEvent) -> None:
        if self.reason is None and not self._resigned:
            self.reason = event.reason or "the client is closed"
            self._lost()
            for callback in self._callbacks:
                callback(self.reason)

    def _lost(self) -> None:
        """What the flavour does when it is lost, before the callbacks."""

    def _lost_error(self) -> ClaimLostError:
        return ClaimLostError(f"the leadership is lost: {self.reason}")


class TaskQueue:
    """Tasks under one root: submitted by clients, done by workers, each result committed once."""

    def __init__(self, client: Any, root: str) -> None:
        self._client, self.root = client, root

    def submit(self, payload: bytes) -> Any:
        """Adds a task, and gives its id."""
        return submit(self._client, self.root, payload)

    def result(self, task: str) -> Any:
        """Waits until the task is done, and gives its :class:`TaskResult`. A task that was given
        up raises :class:`TaskFailedError` with the reason."""
        return self._client._submit(Op.queue_result(self.root, task), TaskResult._make)

    def counts(self) -> Any:
        """How many tasks are where, as :class:`QueueCounts`."""
        return self._client._submit(Op.queue_counts(self.root), QueueCounts._make)

    def claim(self, worker: str) -> Any:
        """Waits for a task and claims it, in a queue without a master. Gives a :class:`Claim`."""
        client = self._client

        def abandon(value: tuple[Any, ...]) -> None:
            client._submit(Op.claim_release(value[0]))

        def claimed(value: tuple[Any, ...]) -> Claim:
            return Claim(client, *value)

        return client._submit(Op.queue_claim(self.root, worker), claimed, abandon=abandon)


class Claim:
    """A task that this client alone may complete, until its session ends."""

    def __init__(self, client: Any, recipe: int, task: str, payload: bytes, attempt: int) -> None:
        self._client, self._recipe = client, recipe
        self.task, self.payload, self.attempt = task, payload, attempt

    def complete(self, result: bytes) -> Any:
        """Commits the result. :class:`ClaimLostError` if the task is another's by now."""
        return self._client._submit(Op.claim_complete(self._recipe, result))

    def fail(self, reason: str) -> Any:
        """Fails this attempt: the task waits for another, or is given up with the reason after
        the last."""
        return self._client._submit(Op.claim_fail(self._recipe, reason))

    def release(self) -> Any:
        """Gives the task back, for another to claim."""
        return self._client._submit(Op.claim_release(self._recipe))

    def __repr__(self) -> str:
        return f"<Claim of {self.task}, attempt {self.attempt}>"


class Assignment(NamedTuple):
    """A task that was given to a worker."""

    task: str
    """The task's id."""
    payload: bytes
    """The task."""
    attempt: int
    """1 for the first attempt."""


class Running(ABC):
    """A recipe that goes on in the background: what a master and a worker have in common."""

    def __init__(
        self,
        client: Any,
        root: str,
        id: str,
        on_event: Callable[[RecipeEvent], object] | None,
    ) -> None:
        self._client, self.root, self.id = client, root, id
        self._on_event = on_event
        self._recipe = 0

    @abstractmethod
    def _start_op(self) -> Op: ...

    @abstractmethod
    def _stop_op(self) -> Op: ...

    def start(self) -> Any:
        """Starts it, and gives it back once it runs."""
        client = self._client
        client._listen()

        def started(recipe: int) -> Any:
            self._recipe = recipe
            client._router.follow(recipe, self._event)
            return self

        def abandon(recipe: int) -> None:
            self._recipe = recipe
            client._submit(self._stop_op())

        return client._submit(self._start_op(), started, abandon=abandon)

    def stop(self) -> Any:
        """Ends it in good order."""
        return self._client._submit(self._stop_op())

    def _event(self, event: RecipeEvent) -> None:
        self._handle(event)
        if self._on_event is not None:
            self._on_event(event)
        if event.kind is RecipeEventKind.ENDED:
            self._ended(event.reason)

    def _handle(self, event: RecipeEvent) -> None:
        """What the recipe itself does about an event."""

    def _ended(self, reason: str) -> None:
        """What the flavour does at the end; ``reason`` is empty when it was stopped."""


class Master(Running):
    """A candidate for the master under a root: elected, it gives tasks to workers, and gives the
    tasks of a worker that vanishes to others. Any number may run; one is elected."""

    def __init__(
        self,
        client: Any,
        root: str,
        id: str,
        *,
        max_attempts: int = vocabulary.MAX_ATTEMPTS,
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None:
        super().__init__(client, root, id, on_event)
        self.max_attempts = max_attempts

    def _start_op(self) -> Op:
        return Op.master_start(self.root, self.id, self.max_attempts)

    def _stop_op(self) -> Op:
        return Op.master_stop(self._recipe)


class Worker(Running):
    """Does tasks under a root: calls a handler with each :class:`Assignment` it is given, and
    commits what it returns. A handler that raises fails the attempt."""

    # What each form does with a task that it is given.
    _assigned: Callable[[Assignment], None]

    def __init__(
        self,
        client: Any,
        root: str,
        id: str,
        handler: Callable[[Assignment], Any],
        *,
        capacity: int = vocabulary.CAPACITY,
        abilities: tuple[str, ...] = (),
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None:
        super().__init__(client, root, id, on_event)
        self.handler, self.capacity, self.abilities = handler, capacity, abilities

    def _start_op(self) -> Op:
        return Op.worker_start(self.root, self.id, self.capacity, list(self.abilities))

    def _stop_op(self) -> Op:
        return Op.worker_stop(self._recipe)

    def _handle(self, event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.ASSIGNED:
            self._assigned(Assignment(event.task, event.payload, event.attempt))
        elif event.kind is RecipeEventKind.REVOKED:
            self._revoked(event.task)
        elif event.kind is RecipeEventKind.SESSION_LOST:
            self._all_revoked()

    def _revoked(self, task: str) -> None:
        """Stops the work on a task that is no longer ours, where work can be stopped."""

    def _all_revoked(self) -> None:
        """Stops all work: the session it was given to is over."""


def submit(client: Any, root: str, payload: bytes) -> Any:
    """Adds a task under a root, and gives its id."""
    return client._submit(Op.queue_submit(root, payload))


def ended_error(reason: str) -> ClosedError:
    """What waiting for a recipe raises when it ended without being stopped."""
    return ClosedError(f"the recipe has ended: {reason}")


def failure_reason(error: BaseException) -> str:
    """What a failed handler tells the others."""
    return f"{type(error).__name__}: {error}"

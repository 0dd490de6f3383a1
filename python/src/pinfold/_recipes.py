"""The task queue, the master and the worker of both clients: each operation once.

The recipes themselves are in the core, the same for every language. Here they get the form of
Python objects: an operation of a recipe is submitted by the client it was made with, and gives
what that client gives, a value or a future.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _vocabulary as vocabulary
from ._holding import Following, follow
from ._native import Op
from ._vocabulary import (
    SUBMIT_OPTIONS,
    AssignmentStrategy,
    ClosedError,
    DeadLetter,
    QueueCounts,
    QueueMetrics,
    RecipeEvent,
    RecipeEventKind,
    TaskResult,
)


class TaskQueue:
    """Tasks under one root: submitted by clients, done by workers, each result committed once."""

    _results: Callable[..., Any]
    _claimed: Callable[..., Any]

    def __init__(self, client: Any, root: str) -> None:
        self._client, self.root = client, root

    def submit(self, payload: bytes, **options: Any) -> Any:
        """Adds a task, once whatever reply is lost, and gives its id.

        :param payload: the task, up to 1,000,000 bytes.
        :param max_attempts: how often it is tried before it is given up; 0 for what the master
            says.
        :param initial_backoff_ms: the wait after the first failed attempt; each later one is
            ``backoff_factor`` times as long, ``max_backoff_ms`` at most.
        :param delay_ms: not to be given to anybody for so long.
        :param not_before_ms: not to be given to anybody before, milliseconds since 1970.
        :param priority: higher first.
        :param needs: only a worker with all of these abilities gets it.
        :param key: idempotence key; while a task that was submitted with it is there, waiting,
            assigned, done or dead, its id is given.
        :param schedule_to_start_ms: given up when nobody took it for so long after it was due.
        :param start_to_close_ms: taken back when it is not done within.
        :param heartbeat_ms: taken back when its worker writes no progress for so long.
        :raises InvalidArgumentError: for a payload above the limit, and options that cannot be.
        """
        return submit(self._client, self.root, payload, **options)

    def submit_json(self, value: Any, **options: Any) -> Any:
        """Adds a task whose payload is ``value`` as JSON; otherwise as :meth:`submit`."""
        return self.submit(to_json(value), **options)

    def submit_many(self, payloads: Iterable[bytes], **options: Any) -> Any:
        """Adds many tasks, pipelined, with the same options, and gives their ids in the same
        order."""
        values = _submit_options(options)
        return self._client._submit(
            Op.recipe("queue_submit_many", self.root, list(payloads), *values)
        )

    def result(self, task: str) -> Any:
        """Waits until the task is done, and gives its :class:`TaskResult`. A task that was given
        up raises :class:`TaskFailedError` with the reason."""
        return self._client._submit(Op.recipe("queue_result", self.root, task), TaskResult._make)

    def results(self) -> Any:
        """Follows what becomes of the tasks: :class:`Results`, those that there are first."""
        return follow(self._client, self._results, "queue_results", self.root)

    def progress(self, task: str) -> Any:
        """Follows how far the work on a task is, until its end: :class:`Results` whose events are
        of the kind ``TASK_PROGRESS``, with what its worker wrote as ``payload``. What is written
        over fast may be skipped, the latest counts."""
        return follow(self._client, self._results, "queue_progress", self.root, task)

    def cancel(self, task: str, reason: str = "") -> Any:
        """Cancels a task, wherever it is: it becomes a dead letter, and a worker that has it is
        told. Gives whether it was in time."""
        return self._client._submit(Op.recipe("queue_cancel", self.root, task, reason))

    def dead_letters(self, after: str = "", limit: int = vocabulary.LIMIT) -> Any:
        """Dead letters, each a :class:`DeadLetter`, those of the oldest tasks first: at most
        ``limit``, only those of younger tasks than ``after``."""
        op = Op.recipe("queue_dead_letters", self.root, after, limit)
        return self._client._submit(op, _dead_letters)

    def replay(self, task: str) -> Any:
        """Submits a dead letter's task once more, as a new task in the letter's place, and gives
        its id. :class:`NoNodeError` if there is no such letter."""
        return self._client._submit(Op.recipe("queue_replay", self.root, task))

    def forget(self, task: str) -> Any:
        """Removes a result or a dead letter, and gives whether there was one."""
        return self._client._submit(Op.recipe("queue_forget", self.root, task))

    def forget_results(self, age_ms: int) -> Any:
        """Removes results that are older, and gives how many."""
        return self._client._submit(Op.recipe("queue_forget_results", self.root, age_ms))

    def forget_dead(self, age_ms: int) -> Any:
        """Removes dead letters that are older, and gives how many."""
        return self._client._submit(Op.recipe("queue_forget_dead", self.root, age_ms))

    def pause(self) -> Any:
        """Pauses the queue: nothing is given out or claimed until it is resumed."""
        return self._client._submit(Op.recipe("queue_pause", self.root))

    def resume(self) -> Any:
        """Resumes the queue."""
        return self._client._submit(Op.recipe("queue_resume", self.root))

    def is_paused(self) -> Any:
        """Whether the queue is paused."""
        return self._client._submit(Op.recipe("queue_is_paused", self.root))

    def drain(self) -> Any:
        """Waits until no task waits and none is with a worker, and gives the
        :class:`QueueCounts`."""
        return self._client._submit(Op.recipe("queue_drain", self.root), QueueCounts._make)

    def metrics(self) -> Any:
        """Depth, age and latencies, as :class:`QueueMetrics`."""
        return self._client._submit(Op.recipe("queue_metrics", self.root), QueueMetrics._make)

    def counts(self) -> Any:
        """How many tasks are where, as :class:`QueueCounts`."""
        return self._client._submit(Op.recipe("queue_counts", self.root), QueueCounts._make)

    def claim(self, worker: str, abilities: Sequence[str] = ()) -> Any:
        """Waits for a task and claims it, in a queue without a master. Gives a :class:`Claim`."""
        client = self._client

        def abandon(value: tuple[Any, ...]) -> None:
            client._submit(Op.recipe("claim_release", value[0]))

        def claimed(value: tuple[Any, ...]) -> Claim:
            return Claim(client, *value)

        op = Op.recipe("queue_claim", self.root, worker, list(abilities))
        return client._submit(op, claimed, abandon=abandon)


class Results(Following):
    """What becomes of the tasks of a queue, as an iterator of :class:`RecipeEvent` of the kinds
    ``TASK_COMPLETED``, with the result as ``payload``, and ``TASK_DEAD``, with the ``reason``."""

    _stop_op = "queue_ignore"


def _dead_letters(value: list[tuple[Any, ...]]) -> list[DeadLetter]:
    return [DeadLetter._make(one) for one in value]


class _Json:
    """The JSON convenience of what has a payload."""

    payload: bytes

    def json(self) -> Any:
        """The payload, decoded from JSON. :class:`ValueError` if it is none."""
        return json.loads(self.payload)


class Claim(_Json):
    """A task that this client alone may complete, until its session ends."""

    def __init__(self, client: Any, recipe: int, task: str, payload: bytes, attempt: int) -> None:
        self._client, self._recipe = client, recipe
        self.task, self.payload, self.attempt = task, payload, attempt
        self.reason: str | None = None
        """Why the task is not this client's any more; ``None`` while it is."""
        client._listen()
        client._router.follow(recipe, self._event)

    def _event(self, event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.REVOKED:
            self.reason = event.reason

    def progress(self, data: bytes) -> Any:
        """Writes how far the work is, up to 16 KiB. :class:`ClaimLostError` if the task is
        another's by now: stop working on it."""
        return self._client._submit(Op.recipe("claim_progress", self._recipe, data))

    def complete(self, result: bytes) -> Any:
        """Commits the result. :class:`ClaimLostError` if the task is another's by now."""
        return self._client._submit(Op.recipe("claim_complete", self._recipe, result))

    def complete_json(self, value: Any) -> Any:
        """Commits ``value`` as JSON; otherwise as :meth:`complete`."""
        return self.complete(to_json(value))

    def fail(self, reason: str, retryable: bool = True) -> Any:
        """Fails this attempt: the task waits for another, or is given up with the reason after
        the last, or at once when it is not ``retryable``."""
        return self._client._submit(Op.recipe("claim_fail", self._recipe, reason, retryable))

    def release(self) -> Any:
        """Gives the task back, for another to claim."""
        return self._client._submit(Op.recipe("claim_release", self._recipe))

    def __repr__(self) -> str:
        return f"<Claim of {self.task}, attempt {self.attempt}>"


class Assignment(_Json):
    """A task that was given to a worker."""

    def __init__(self, worker: Worker, event: RecipeEvent) -> None:
        self._worker = worker
        self.task = event.task
        """The task's id."""
        self.payload = event.payload
        """The task."""
        self.attempt = event.attempt
        """1 for the first attempt."""
        self.token = event.token
        """Fencing token: it grows with each time that the task is given to somebody."""
        self.reason: str | None = None
        """Why the task is not this worker's any more; ``None`` while it is."""

    @property
    def revoked(self) -> bool:
        """Whether the task is not this worker's any more: its result could not be committed."""
        return self.reason is not None

    def progress(self, data: bytes) -> Any:
        """Writes how far the work is, up to 16 KiB, which is a sign of life, too.
        :class:`ClaimLostError` if the task is not this worker's any more."""
        return self._worker._client._submit(self._op("worker_progress", data, self.token))

    def _op(self, operation: str, *arguments: Any) -> Op:
        return Op.recipe(operation, self._worker._recipe, self.task, *arguments)

    def _completion(self, result: Any) -> Op:
        return self._op("worker_complete", result, self.token)

    def _failure(self, error: BaseException) -> Op:
        retryable = not isinstance(error, Fatal)
        return self._op("worker_fail", failure_reason(error), self.token, retryable)

    def __repr__(self) -> str:
        return f"<Assignment of {self.task}, attempt {self.attempt}>"


class Fatal(Exception):
    """What a handler raises for a failure that another attempt would not mend: the task is given
    up at once."""


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
        strategy: AssignmentStrategy = AssignmentStrategy.LEAST_LOADED,
        keep_results_ms: int = vocabulary.KEEP_RESULTS_MS,
        keep_dead_ms: int = vocabulary.KEEP_DEAD_MS,
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None:
        super().__init__(client, root, id, on_event)
        self.max_attempts, self.strategy = max_attempts, strategy
        self.keep_results_ms, self.keep_dead_ms = keep_results_ms, keep_dead_ms

    def _start_op(self) -> Op:
        kept = (self.keep_results_ms, self.keep_dead_ms)
        return Op.recipe(
            "master_start", self.root, self.id, self.max_attempts, self.strategy.value, *kept
        )

    def _stop_op(self) -> Op:
        return Op.recipe("master_stop", self._recipe)


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
        handler: Callable[[Assignment], Any] | None = None,
        *,
        capacity: int = vocabulary.CAPACITY,
        abilities: tuple[str, ...] = (),
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None:
        super().__init__(client, root, id, on_event)
        self.handler, self.capacity, self.abilities = handler, capacity, abilities
        self._assignments: dict[str, Assignment] = {}

    def task(self, handler: Callable[[Assignment], Any]) -> Callable[[Assignment], Any]:
        """A decorator: the function that does the tasks."""
        self.handler = handler
        return handler

    def json_task(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A decorator: the function gets a task's payload decoded from JSON, and what it returns
        is committed as JSON."""
        self.handler = self._with_json(function)
        return function

    @staticmethod
    def _with_json(function: Callable[[Any], Any]) -> Callable[[Assignment], Any]:
        def handler(assignment: Assignment) -> Any:
            return to_json(function(assignment.json()))

        return handler

    def drain(self) -> Any:
        """Takes no new tasks, and waits until those in hand are at their end and it has left."""
        return self._client._submit(Op.recipe("worker_drain", self._recipe))

    def _start_op(self) -> Op:
        return Op.recipe("worker_start", self.root, self.id, self.capacity, list(self.abilities))

    def _stop_op(self) -> Op:
        return Op.recipe("worker_stop", self._recipe)

    def _handle(self, event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.ASSIGNED:
            assignment = Assignment(self, event)
            self._assignments[event.task] = assignment
            self._assigned(assignment)
        elif event.kind is RecipeEventKind.REVOKED:
            self._revoke(event.task, event.token, event.reason)
        elif event.kind in (RecipeEventKind.SESSION_LOST, RecipeEventKind.ENDED):
            for assignment in tuple(self._assignments.values()):
                self._revoke(assignment.task, assignment.token, event.kind.value)

    def _revoke(self, task: str, token: int, reason: str) -> None:
        assignment = self._assignments.get(task)
        if assignment is not None and assignment.token == token:
            del self._assignments[task]
            assignment.reason = reason
            self._revoked(assignment)

    def _done(self, assignment: Assignment) -> None:
        """The handler is at its end."""
        if self._assignments.get(assignment.task) is assignment:
            del self._assignments[assignment.task]

    def _call(self, assignment: Assignment) -> Any:
        if self.handler is None:
            raise TypeError(f"worker {self.id} has no handler: give one, or use @worker.task")
        return self.handler(assignment)

    def _revoked(self, assignment: Assignment) -> None:
        """Stops the work on a task that is no longer ours, where work can be stopped."""


def submit(client: Any, root: str, payload: bytes, **options: Any) -> Any:
    """Adds a task under a root, and gives its id; the options are those of
    :meth:`TaskQueue.submit`."""
    values = _submit_options(options)
    return client._submit(Op.recipe("queue_submit", root, payload, *values))


def _submit_options(given: dict[str, Any]) -> list[Any]:
    """The options in the order of the table; ``None`` stands for a default."""
    unknown = given.keys() - set(SUBMIT_OPTIONS)
    if unknown:
        raise TypeError(f"submit has no option {min(unknown)!r}; {', '.join(SUBMIT_OPTIONS)}")
    if "needs" in given:
        given["needs"] = list(given["needs"])
    return [given.get(name) for name in SUBMIT_OPTIONS]


def to_json(value: Any) -> bytes:
    """``value`` as JSON, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def ended_error(reason: str) -> ClosedError:
    """What waiting for a recipe raises when it ended without being stopped."""
    return ClosedError(f"the recipe has ended: {reason}")


def failure_reason(error: BaseException) -> str:
    """What a failed handler tells the others."""
    return f"{type(error).__name__}: {error}"

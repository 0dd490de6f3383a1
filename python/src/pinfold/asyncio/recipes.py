"""The recipes for the asyncio client: election, locks, task queue, master and worker."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .. import _gathering, _holding, _recipes
from .._dispatcher import logger
from .._gathering import Barrier, Counter
from .._recipes import Assignment, Claim, Fatal, submit, to_json
from .._stream import AsyncStream
from .._vocabulary import ClaimLostError, Error, InvalidArgumentError

__all__ = [
    "Assignment",
    "Barrier",
    "Claim",
    "Counter",
    "DoubleBarrier",
    "Fatal",
    "Group",
    "Hold",
    "LeaderElection",
    "Leadership",
    "Lock",
    "Master",
    "Members",
    "Membership",
    "Observer",
    "ReadWriteLock",
    "Results",
    "Round",
    "Semaphore",
    "TaskQueue",
    "TreeCache",
    "Worker",
    "submit",
    "to_json",
    "tree_cache",
]


class _Held:
    """How a coroutine uses what it holds. ``async with`` makes it the scope of the work: the block
    is cancelled when it is lost, and then raises :class:`ClaimLostError`; at its end it is
    released."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._over = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    async def wait_lost(self) -> str:
        """Waits until it is lost, and gives the reason."""
        await self._over.wait()
        return self.reason or ""

    def _lost(self) -> None:
        self._over.set()
        if self._task is not None:
            self._cancelled = True
            self._task.cancel()

    async def __aenter__(self) -> Any:
        if self.reason is not None:
            raise self._lost_error()
        self._task = asyncio.current_task()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        task, self._task = self._task, None
        if self._cancelled and isinstance(error, asyncio.CancelledError):
            if task is not None and hasattr(task, "uncancel"):
                task.uncancel()
            raise self._lost_error() from error
        if self.held:
            await self.release()
        elif self.reason is not None and kind is None:
            raise self._lost_error()


class Hold(_Held, _holding.Hold):
    """A lock or a lease. ``async with`` makes it the scope of the work: the block is cancelled
    when it is lost, and then raises :class:`ClaimLostError`; at its end it is released."""


class Leadership(_Held, _holding.Leadership):
    """A won election. ``async with`` makes it the scope of the leader's work: the block is
    cancelled when the leadership is lost, and then raises :class:`ClaimLostError`; at its end the
    leadership is resigned."""


class Scope:
    """A block in which something is held: waited for at its beginning, released at its end."""

    def __init__(self, acquire: Callable[[], Awaitable[Any]]) -> None:
        self._acquire = acquire
        self._held: Any = None

    async def __aenter__(self) -> Any:
        self._held = await self._acquire()
        return await self._held.__aenter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._held.__aexit__(kind, error, trace)


class _Following(AsyncStream[Any]):
    """An iterator over what a recipe tells."""

    def __init__(self, client: Any, recipe: int) -> None:
        super().__init__()
        self._client, self._recipe = client, recipe


class Observer(_Following, _holding.Observer):
    """Who leads, now and after each change, as an iterator of :class:`Leader`."""


class LeaderElection(_holding.LeaderElection):
    """An election among the clients that campaign at one path."""

    _observer = Observer
    _leadership = Leadership
    _scope = Scope


class Lock(_holding.Lock):
    """A lock among all that use the same path, first come, first served. Not reentrant."""

    _hold = Hold
    _scope = Scope


class ReadWriteLock(_holding.ReadWriteLock):
    """A lock that many readers have together, or one writer alone; first come, first served."""

    _hold = Hold
    _scope = Scope


class Semaphore(_holding.Semaphore):
    """A number of leases, first come, first served. All have to give the same number."""

    _hold = Hold
    _scope = Scope


class Round(_Held, _gathering.Round):
    """A round of a double barrier; as a context manager it is left at the end of the block."""


class DoubleBarrier(_gathering.DoubleBarrier):
    """A barrier for so many: nobody is in before all have come, nobody is out before all have
    left. All have to give the same number."""

    _round = Round
    _scope = Scope


class Membership(_Held, _gathering.Membership):
    """The time in which this client is a member of a group; as a context manager it leaves at the
    end of the block."""


class Members(_Following, _gathering.Members):
    """What happens in a group, as an iterator of :class:`RecipeEvent`: the member's name is
    ``worker``, its data ``payload``, its capacity ``attempt``."""


class Group(_gathering.Group):
    """Who is there, with data and capacity, among all that use the same path."""

    _membership = Membership
    _members = Members


class TreeCache(_Following, _gathering.TreeCache):
    """A copy of a znode and what is below it, and an iterator over what changes. Made by
    :func:`tree_cache`."""


def tree_cache(client: Any, path: str, max_depth: int | None = None) -> Any:
    """Begins to follow a znode, which need not be there, and what is below it down to
    ``max_depth`` levels; gives the :class:`TreeCache`."""
    return _gathering.cache(client, TreeCache, path, max_depth)


class Results(_Following, _recipes.Results):
    """What becomes of the tasks of a queue, as an iterator of :class:`RecipeEvent` of the kinds
    ``TASK_COMPLETED``, with the result as ``payload``, and ``TASK_DEAD``, with the ``reason``."""


class TaskQueue(_recipes.TaskQueue):
    """Tasks under one root: submitted by clients, done by workers, each result committed once."""

    _results = Results


class _Background:
    """How a coroutine starts, waits for and ends a recipe in the background."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._over = asyncio.Event()
        self._reason = ""

    async def wait(self) -> None:
        """Waits until it has ended. Raises :class:`ClosedError` if it ended by itself."""
        await self._over.wait()
        if self._reason:
            raise _recipes.ended_error(self._reason)

    def _ended(self, reason: str) -> None:
        self._reason = reason
        self._over.set()

    async def __aenter__(self) -> Any:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        if not self._over.is_set():
            await self.stop()


class Master(_Background, _recipes.Master):
    """A candidate for the master under a root: elected, it gives tasks to workers, and gives the
    tasks of a worker that vanishes to others. Any number may run; one is elected."""


class Worker(_Background, _recipes.Worker):
    """Does tasks under a root: calls ``handler(assignment)``, a function or a coroutine function,
    ``capacity`` at a time, and commits the bytes it returns. A handler that raises fails the
    attempt; a coroutine is cancelled when its task is given to another."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._work: dict[Assignment, asyncio.Task[None]] = {}

    @staticmethod
    def _with_json(function: Callable[[Any], Any]) -> Callable[[Assignment], Any]:
        async def handler(assignment: Assignment) -> bytes:
            result = function(assignment.json())
            return to_json(await result if inspect.isawaitable(result) else result)

        return handler

    def _assigned(self, assignment: Assignment) -> None:
        self._work[assignment] = asyncio.ensure_future(self._attempt(assignment))

    async def _attempt(self, assignment: Assignment) -> None:
        task = assignment.task
        try:
            try:
                result = self._call(assignment)
                op = assignment._completion(await result if inspect.isawaitable(result) else result)
            except Exception as error:
                op = assignment._failure(error)
            # What is on its way is not called back: the servers say whether it was in time.
            self._work.pop(assignment, None)
            try:
                await self._client._submit(op)
            except InvalidArgumentError as error:
                # A result above the limit: the attempt has failed, and says why.
                await self._client._submit(assignment._failure(error))
        except ClaimLostError:
            logger.info("task %s was given to another worker", task)
        except Error as error:
            logger.warning("task %s could not be reported: %s", task, error)
        finally:
            self._work.pop(assignment, None)
            self._done(assignment)

    def _revoked(self, assignment: Assignment) -> None:
        work = self._work.pop(assignment, None)
        if work is not None:
            work.cancel()

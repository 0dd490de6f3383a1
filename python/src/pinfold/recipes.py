"""The recipes for the synchronous client: election, locks, task queue, master and worker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _gathering, _holding, _recipes
from ._dispatcher import logger
from ._gathering import Barrier, Counter
from ._recipes import Assignment, Claim, Fatal, submit, to_json
from ._stream import Stream
from ._vocabulary import ClaimLostError, Error, InvalidArgumentError

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
    """How a synchronous caller uses what it holds. As a context manager it is released at the end
    of the block, and the block raises :class:`ClaimLostError` at its end if it was lost
    meanwhile."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._over = threading.Event()

    def wait_lost(self, timeout: float | None = None) -> bool:
        """Waits until it is lost, or for ``timeout`` seconds; whether it was lost."""
        self._client._dispatcher.guard()
        return self._over.wait(timeout)

    def _lost(self) -> None:
        self._over.set()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.held:
            self.release()
        elif self.reason is not None and kind is None:
            raise self._lost_error()


class Hold(_Held, _holding.Hold):
    """A lock or a lease; as a context manager it is released at the end of the block, and the
    block raises :class:`ClaimLostError` at its end if it was lost meanwhile."""


class Leadership(_Held, _holding.Leadership):
    """A won election; as a context manager it resigns at the end of the block, and the block
    raises :class:`ClaimLostError` at its end if the leadership was lost meanwhile."""


class Scope:
    """A block in which something is held: waited for at its beginning, released at its end."""

    def __init__(self, acquire: Callable[[], Any]) -> None:
        self._acquire = acquire
        self._held: Any = None

    def __enter__(self) -> Any:
        self._held = self._acquire()
        return self._held.__enter__()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._held.__exit__(kind, error, trace)


class _Following(Stream[Any]):
    """An iterator over what a recipe tells."""

    def __init__(self, client: Any, recipe: int) -> None:
        super().__init__(client._dispatcher.guard)
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
    """How a synchronous caller starts, waits for and ends a recipe in the background."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._over = threading.Event()
        self._reason = ""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it has ended, or for ``timeout`` seconds; whether it has ended. Raises
        :class:`ClosedError` if it ended by itself."""
        self._client._dispatcher.guard()
        ended = self._over.wait(timeout)
        if ended and self._reason:
            raise _recipes.ended_error(self._reason)
        return ended

    def _ended(self, reason: str) -> None:
        self._reason = reason
        self._over.set()

    def __enter__(self) -> Any:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if not self._over.is_set():
            self.stop()


class Master(_Background, _recipes.Master):
    """A candidate for the master under a root: elected, it gives tasks to workers, and gives the
    tasks of a worker that vanishes to others. Any number may run; one is elected."""


class Worker(_Background, _recipes.Worker):
    """Does tasks under a root: calls ``handler(assignment)`` on its threads, ``capacity`` at a
    time, and commits the bytes it returns. A handler that raises fails the attempt."""

    def start(self) -> Any:
        """Starts it, and gives it back once it runs."""
        self._pool = ThreadPoolExecutor(self.capacity, thread_name_prefix=f"pinfold-{self.id}")
        return super().start()

    def _ended(self, reason: str) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        super()._ended(reason)

    def _assigned(self, assignment: Assignment) -> None:
        self._pool.submit(self._work, assignment)

    def _work(self, assignment: Assignment) -> None:
        task = assignment.task
        try:
            try:
                op = assignment._completion(self._call(assignment))
            except Exception as error:
                op = assignment._failure(error)
            try:
                self._client._submit(op)
            except InvalidArgumentError as error:
                # A result above the limit: the attempt has failed, and says why.
                self._client._submit(assignment._failure(error))
        except ClaimLostError:
            logger.info("task %s was given to another worker", task)
        except Error as error:
            logger.warning("task %s could not be reported: %s", task, error)
        finally:
            self._done(assignment)

"""The recipes for the synchronous client: election, task queue, master and worker."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _recipes
from ._dispatcher import logger
from ._native import Op
from ._recipes import Assignment, Claim, TaskQueue, failure_reason, submit
from ._vocabulary import ClaimLostError, Error

__all__ = [
    "Assignment",
    "Claim",
    "LeaderElection",
    "Leadership",
    "Master",
    "TaskQueue",
    "Worker",
    "submit",
]


class Leadership(_recipes.Leadership):
    """A won election; as a context manager it resigns at the end of the block, and the block
    raises :class:`ClaimLostError` at its end if the leadership was lost meanwhile."""

    def __init__(self, client: Any, recipe: int, token: int) -> None:
        super().__init__(client, recipe, token)
        self._over = threading.Event()

    def wait_lost(self, timeout: float | None = None) -> bool:
        """Waits until it is lost, or for ``timeout`` seconds; whether it was lost."""
        self._client._dispatcher.guard()
        return self._over.wait(timeout)

    def _lost(self) -> None:
        self._over.set()

    def __enter__(self) -> Leadership:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.held:
            self.resign()
        elif self.reason is not None and kind is None:
            raise self._lost_error()


class LeaderElection(_recipes.LeaderElection):
    """An election among the clients that campaign at one path."""

    _leadership = Leadership


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
                result = self.handler(assignment)
                op = Op.worker_complete(self._recipe, task, result)
            except Exception as error:
                op = Op.worker_fail(self._recipe, task, failure_reason(error))
            self._client._submit(op)
        except ClaimLostError:
            logger.info("task %s was given to another worker", task)
        except Error as error:
            logger.warning("task %s could not be reported: %s", task, error)

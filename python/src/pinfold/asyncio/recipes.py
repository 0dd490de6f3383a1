"""The recipes for the asyncio client: election, task queue, master and worker."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

from .. import _recipes
from .._dispatcher import logger
from .._native import Op
from .._recipes import Assignment, Claim, TaskQueue, failure_reason, submit
from .._vocabulary import ClaimLostError, Error

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
    """A won election. ``async with`` makes it the scope of the leader's work: the block is
    cancelled when the leadership is lost, and then raises :class:`ClaimLostError`; at its end the
    leadership is resigned."""

    def __init__(self, client: Any, recipe: int, token: int) -> None:
        super().__init__(client, recipe, token)
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

    async def __aenter__(self) -> Leadership:
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
            await self.resign()
        elif self.reason is not None and kind is None:
            raise self._lost_error()


class LeaderElection(_recipes.LeaderElection):
    """An election among the clients that campaign at one path."""

    _leadership = Leadership


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
        self._tasks: dict[str, asyncio.Future[Any]] = {}

    def _assigned(self, assignment: Assignment) -> None:
        task = assignment.task
        try:
            result = self.handler(assignment)
            if inspect.isawaitable(result):
                self._tasks[task] = asyncio.ensure_future(self._await(task, result))
                return
            op = Op.worker_complete(self._recipe, task, result)
        except Exception as error:
            op = Op.worker_fail(self._recipe, task, failure_reason(error))
        self._report(task, op)

    async def _await(self, task: str, result: Awaitable[Any]) -> None:
        try:
            op = Op.worker_complete(self._recipe, task, await result)
        except Exception as error:
            op = Op.worker_fail(self._recipe, task, failure_reason(error))
        finally:
            self._tasks.pop(task, None)
        self._report(task, op)

    def _report(self, task: str, op: Op) -> None:
        def reported(future: asyncio.Future[None]) -> None:
            error = None if future.cancelled() else future.exception()
            if isinstance(error, ClaimLostError):
                logger.info("task %s was given to another worker", task)
            elif error is not None:
                logger.warning("task %s could not be reported: %s", task, error)

        try:
            self._client._submit(op).add_done_callback(reported)
        except Error as error:
            logger.warning("task %s could not be reported: %s", task, error)

    def _revoked(self, task: str) -> None:
        work = self._tasks.pop(task, None)
        if work is not None:
            work.cancel()

    def _all_revoked(self) -> None:
        for task in tuple(self._tasks):
            self._revoked(task)

    def _ended(self, reason: str) -> None:
        self._all_revoked()
        super()._ended(reason)

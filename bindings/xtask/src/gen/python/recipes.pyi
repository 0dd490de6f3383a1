import asyncio  # asyncio
from collections.abc import Awaitable, Callable  # asyncio
from collections.abc import Callable  # sync

from . import _recipes  # sync
from ._recipes import Assignment, Running  # sync
from ._vocabulary import Leader, QueueCounts, RecipeEvent, TaskResult  # sync
from .client import Client  # sync
from .. import _recipes  # asyncio
from .._recipes import Assignment, Running  # asyncio
from .._vocabulary import Leader, QueueCounts, RecipeEvent, TaskResult  # asyncio
from .client import Client  # asyncio

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
    def __init__(self, client: Client, recipe: int, token: int) -> None: ...
    def resign(self) -> Reply[None]: ...
    def wait_lost(self, timeout: float | None = None) -> bool: ...  # sync
    def __enter__(self) -> Leadership: ...  # sync
    def __exit__(self, kind: object, *_: object) -> None: ...  # sync
    async def wait_lost(self) -> str: ...  # asyncio
    async def __aenter__(self) -> Leadership: ...  # asyncio
    async def __aexit__(  # asyncio
        self, kind: object, error: BaseException | None, _: object  # asyncio
    ) -> None: ...  # asyncio

class LeaderElection(_recipes.LeaderElection):
    def __init__(self, client: Client, path: str) -> None: ...
    def campaign(self, data: bytes = b"") -> Reply[Leadership]: ...
    def leader(self) -> Reply[Leader | None]: ...

class Claim(_recipes.Claim):
    def complete(self, result: bytes) -> Reply[None]: ...
    def fail(self, reason: str) -> Reply[None]: ...
    def release(self) -> Reply[None]: ...

class TaskQueue(_recipes.TaskQueue):
    def __init__(self, client: Client, root: str) -> None: ...
    def submit(self, payload: bytes) -> Reply[str]: ...
    def result(self, task: str) -> Reply[TaskResult]: ...
    def counts(self) -> Reply[QueueCounts]: ...
    def claim(self, worker: str) -> Reply[Claim]: ...

class Master(_recipes.Master):
    def __init__(
        self,
        client: Client,
        root: str,
        id: str,
        *,
        max_attempts: int = 3,
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None: ...
    def start(self) -> Reply[Master]: ...
    def stop(self) -> Reply[None]: ...
    def wait(self, timeout: float | None = None) -> bool: ...  # sync
    def __enter__(self) -> Master: ...  # sync
    def __exit__(self, *_: object) -> None: ...  # sync
    async def wait(self) -> None: ...  # asyncio
    async def __aenter__(self) -> Master: ...  # asyncio
    async def __aexit__(self, *_: object) -> None: ...  # asyncio

class Worker(_recipes.Worker):
    def __init__(
        self,
        client: Client,
        root: str,
        id: str,
        handler: Callable[[Assignment], bytes],  # sync
        handler: Callable[[Assignment], bytes | Awaitable[bytes]],  # asyncio
        *,
        capacity: int = 1,
        abilities: tuple[str, ...] = (),
        on_event: Callable[[RecipeEvent], object] | None = None,
    ) -> None: ...
    def start(self) -> Reply[Worker]: ...
    def stop(self) -> Reply[None]: ...
    def wait(self, timeout: float | None = None) -> bool: ...  # sync
    def __enter__(self) -> Worker: ...  # sync
    def __exit__(self, *_: object) -> None: ...  # sync
    async def wait(self) -> None: ...  # asyncio
    async def __aenter__(self) -> Worker: ...  # asyncio
    async def __aexit__(self, *_: object) -> None: ...  # asyncio

def submit(client: Client, root: str, payload: bytes) -> Reply[str]: ...

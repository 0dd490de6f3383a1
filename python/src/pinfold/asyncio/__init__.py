"""Pinfold for asyncio: the same operations, recipes and server as :mod:`pinfold`, to be awaited."""

from .client import Client, Watch
from .recipes import (
    Assignment,
    Claim,
    LeaderElection,
    Leadership,
    Master,
    TaskQueue,
    Worker,
    submit,
)
from .server import Server

__all__ = [
    "Assignment",
    "Claim",
    "Client",
    "LeaderElection",
    "Leadership",
    "Master",
    "Server",
    "TaskQueue",
    "Watch",
    "Worker",
    "submit",
]

"""Pinfold: a client for ZooKeeper's protocol, the recipes on top of it, and an embedded server.

``pinfold.Client`` waits for its answers; ``pinfold.asyncio.Client`` is awaited. Both have the same
operations, and both speak to Pinfold and to Apache ZooKeeper.
"""

from . import _vocabulary, asyncio, errors
from ._native import VERSION as __version__
from ._native import MultiOp, Stat
from ._vocabulary import *  # noqa: F403 - the generated module says what it exports
from .client import Client, Watch
from .errors import Error
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
    "Error",
    "LeaderElection",
    "Leadership",
    "Master",
    "MultiOp",
    "Server",
    "Stat",
    "TaskQueue",
    "Watch",
    "Worker",
    "__version__",
    "asyncio",
    "errors",
    "submit",
]
__all__ += _vocabulary.__all__

"""Pinfold: a client for ZooKeeper's protocol, the recipes on top of it, and an embedded server.

``pinfold.Client`` waits for its answers; ``pinfold.asyncio.Client`` is awaited. Both have the same
operations, and both speak to Pinfold and to Apache ZooKeeper.
"""

# `X as X` is how a typed package says that X is part of it. There is no `__all__` beside it, as
# type checkers would not see the generated part of a computed one.
from . import _native
from . import asyncio as asyncio
from . import errors as errors
from ._native import MultiOp as MultiOp
from ._native import ReadOp as ReadOp
from ._native import Stat as Stat
from ._vocabulary import *  # noqa: F403 - the generated module says what it exports
from .client import Client as Client
from .client import Watch as Watch
from .errors import Error as Error
from .recipes import Assignment as Assignment
from .recipes import Barrier as Barrier
from .recipes import Claim as Claim
from .recipes import Counter as Counter
from .recipes import DoubleBarrier as DoubleBarrier
from .recipes import Fatal as Fatal
from .recipes import Group as Group
from .recipes import Hold as Hold
from .recipes import LeaderElection as LeaderElection
from .recipes import Leadership as Leadership
from .recipes import Lock as Lock
from .recipes import Master as Master
from .recipes import Members as Members
from .recipes import Membership as Membership
from .recipes import Observer as Observer
from .recipes import ReadWriteLock as ReadWriteLock
from .recipes import Results as Results
from .recipes import Round as Round
from .recipes import Semaphore as Semaphore
from .recipes import TaskQueue as TaskQueue
from .recipes import TreeCache as TreeCache
from .recipes import Worker as Worker
from .recipes import submit as submit
from .recipes import to_json as to_json
from .recipes import tree_cache as tree_cache
from .server import Server as Server

__version__: str = _native.VERSION

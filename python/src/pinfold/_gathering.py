"""Barriers, counters, groups and caches of both clients: each operation once.

An operation of a recipe is submitted by the client it was made with, and gives what that client
gives, a value or a future.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _conversion as to
from . import _vocabulary as vocabulary
from ._holding import Following, Kept, acquire, follow
from ._native import Op
from ._vocabulary import Data, Member


def _nothing(_: object) -> None:
    """What is given back of a wait that was given up."""


class Barrier:
    """A barrier that holds back whoever waits, as long as it is set. It stays when the session
    that set it ends."""

    def __init__(self, client: Any, path: str) -> None:
        self._client, self.path = client, path

    def set(self) -> Any:
        """Sets it, if it is not set."""
        return self._client._submit(Op.recipe("barrier_set", self.path))

    def remove(self) -> Any:
        """Removes it, if it is set: all that wait may pass."""
        return self._client._submit(Op.recipe("barrier_remove", self.path))

    def is_set(self) -> Any:
        """Whether it is set."""
        return self._client._submit(Op.recipe("barrier_is_set", self.path))

    def wait(self) -> Any:
        """Waits until it is not set."""
        return self._client._submit(Op.recipe("barrier_wait", self.path), abandon=_nothing)


class Round(Kept):
    """A round of a double barrier that this client is in."""

    _called = "round"
    _release_op = "double_barrier_leave"

    def leave(self) -> Any:
        """Leaves, and waits until all of the round have left."""
        return self.release()


class DoubleBarrier:
    """A barrier for so many: nobody is in before all have come, nobody is out before all have
    left. All have to give the same number."""

    _round: Callable[..., Any]
    _scope: Callable[..., Any]

    def __init__(self, client: Any, path: str, members: int) -> None:
        self._client, self.path, self.members = client, path, members

    def enter(self) -> Any:
        """Waits until all have come, and gives the :class:`Round`. To give the wait up is not to
        have come."""
        call = ("double_barrier_enter", self.path, self.members)
        return acquire(self._client, self._round, "", *call)

    def round(self) -> Any:
        """The scope of a round, for ``with`` or ``async with``."""
        return self._scope(self.enter)


class Counter:
    """A counter that many change, each change exactly once. 0 before the first change."""

    def __init__(self, client: Any, path: str) -> None:
        self._client, self.path = client, path

    def get(self) -> Any:
        """The number now."""
        return self._client._submit(Op.recipe("counter_get", self.path))

    def add(self, addend: int) -> Any:
        """Adds to it, and gives the new number."""
        return self._client._submit(Op.recipe("counter_add", self.path, addend))

    def set(self, number: int) -> Any:
        """Sets it, whatever it was."""
        return self._client._submit(Op.recipe("counter_set", self.path, number))

    def compare_and_set(self, expected: int, number: int) -> Any:
        """Sets it if it is what is expected, and gives whether it was."""
        op = Op.recipe("counter_compare_and_set", self.path, expected, number)
        return self._client._submit(op)


class Membership(Kept):
    """The time in which this client is a member of a group."""

    _called = "membership"
    _release_op = "group_leave"

    def __init__(self, client: Any, recipe: int, token: int, path: str) -> None:
        super().__init__(client, recipe)
        self.token = token
        """Fencing token: it grows with each that has this name."""
        self.path = path
        """Its znode."""

    def update(self, data: bytes) -> Any:
        """Changes what others see of it. Raises :class:`ClaimLostError` when it is lost."""
        return self._client._submit(Op.recipe("group_update", self._recipe, data))

    def leave(self) -> Any:
        """Leaves the group."""
        return self.release()


class Members(Following):
    """What happens in a group, as an iterator of :class:`RecipeEvent`: the member's name is
    ``worker``, its data ``payload``, its capacity ``attempt``."""

    _stop_op = "group_ignore"


class Group:
    """Who is there, with data and capacity, among all that use the same path."""

    _membership: Callable[..., Any]
    _members: Callable[..., Any]

    def __init__(self, client: Any, path: str) -> None:
        self._client, self.path = client, path

    def join(self, id: str, data: bytes = b"", capacity: int = 1) -> Any:
        """Joins, and gives the :class:`Membership`. Waits for the end of another session that has
        the name."""
        call = ("group_join", self.path, id, data, capacity)
        return acquire(self._client, self._membership, "", *call)

    def members(self) -> Any:
        """Who is there, by name, each a :class:`Member`."""
        return self._client._submit(Op.recipe("group_members", self.path), members)

    def watch(self) -> Any:
        """Follows who is there: :class:`Members`, those that are there first. Nothing is missed,
        also not over a broken connection."""
        return follow(self._client, self._members, "group_watch", self.path)


def members(value: list[tuple[str, bytes, int, int]]) -> list[Member]:
    """Who is in a group."""
    return [Member._make(one) for one in value]


class TreeCache(Following):
    """A copy of a znode and what is below it, and an iterator over what changes: each znode that
    is there, ``initialized``, then the changes. After a broken connection the difference is told;
    changes that follow each other fast may be told as one."""

    _stop_op = "cache_stop"

    def get(self, path: str) -> Any:
        """A znode as it was read last, as :class:`Data`, or ``None``; asks no server."""
        return self._client._submit(Op.recipe("cache_get", self._recipe, path), data)

    def children(self, path: str) -> Any:
        """The names of a znode's children, sorted; asks no server."""
        return self._client._submit(Op.recipe("cache_children", self._recipe, path))


def data(value: tuple[Any, Any] | None) -> Data | None:
    """A znode of a cache."""
    return None if value is None else to.data(value)


def cache(client: Any, kind: Callable[..., Any], path: str, max_depth: int | None) -> Any:
    """Begins to follow a znode, which need not be there."""
    depth = vocabulary.MAX_DEPTH if max_depth is None else max_depth
    return follow(client, kind, "cache_start", path, depth)

"""Where the items of a client's inbox go. One implementation for both clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from . import _native
from ._vocabulary import EventKind, RecipeEvent, RecipeEventKind, SessionState, WatchEvent

Callback = Callable[[Any], object]
Item = tuple[int, int, Any]

_EVENT_KINDS = {kind.value: kind for kind in EventKind}
_RECIPE_EVENT_KINDS = {kind.value: kind for kind in RecipeEventKind}
_STATES = {state.value: state for state in SessionState}
REMOVALS = frozenset(
    (
        EventKind.DATA_WATCH_REMOVED,
        EventKind.CHILD_WATCH_REMOVED,
        EventKind.PERSISTENT_WATCH_REMOVED,
    )
)
"""Last events of watches that were removed by their path."""
FINAL_STATES = frozenset((SessionState.EXPIRED, SessionState.AUTH_FAILED, SessionState.CLOSED))


class Router:
    """Knows who waits for what, and hands each item over in the order of the inbox.

    ``run`` calls a user's callback: directly on the dispatcher thread, or by ``call_soon``.
    ``settle`` takes the answers. The lock is for the synchronous client, whose threads register
    while the dispatcher thread delivers; no callback is called with it held.
    """

    def __init__(
        self,
        run: Callable[..., object],
        settle: Callable[[int, bool, Any], object],
    ) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._run = run
        self._settle = settle
        self._once: dict[int, Callback] = {}
        self._lasting: dict[int, Callback] = {}
        self._recipes: dict[int, Callback] = {}
        # Events of a recipe that came before the answer that tells its number.
        self._early: dict[int, list[RecipeEvent]] = {}
        self._states: list[Callback] = []
        self._over = False
        # What ends lasting watches, by their ticket.
        self._watch_endings: dict[int, Callable[[], object]] = {}
        self._endings: list[Callable[[], object]] = []

    def arm(self, ticket: int, callback: Callback, lasting: bool = False) -> None:
        """Registers a watch, before its operation leaves under this ticket."""
        (self._lasting if lasting else self._once)[ticket] = callback

    def disarm(self, ticket: int) -> None:
        """Forgets a watch: its operation failed, or it was removed."""
        self._once.pop(ticket, None)
        self._lasting.pop(ticket, None)
        self._watch_endings.pop(ticket, None)

    def follow(self, recipe: int, callback: Callback) -> None:
        """Registers for the events of a recipe, those that were early included."""
        with self._lock:
            early = self._early.pop(recipe, [])
            if not (early and early[-1].kind is RecipeEventKind.ENDED):
                self._recipes[recipe] = callback
        for event in early:
            self._run(callback, event)

    def on_state(self, callback: Callback) -> None:
        """Registers for the states of the session."""
        self._states.append(callback)

    def on_session_end(self, ticket: int, callback: Callable[[], object]) -> None:
        """Registers for the end of the session, after which the watch of this ticket delivers
        nothing; forgotten with the watch."""
        with self._lock:
            if not self._over:
                self._watch_endings[ticket] = callback
                return
        self._run(callback)

    def on_end(self, callback: Callable[[], object]) -> None:
        """Registers for the end of the client: after it nothing comes."""
        with self._lock:
            if not self.closed:
                self._endings.append(callback)
                return
        self._run(callback)

    def route(self, items: Iterable[Item]) -> None:
        """Hands over a batch of the inbox."""
        for kind, number, value in items:
            if kind == _native.REPLY:
                self._settle(number, True, value)
            elif kind == _native.FAILURE:
                self.disarm(number)
                self._settle(number, False, value)
            elif kind == _native.WATCH:
                self._watch(number, value)
            elif kind == _native.RECIPE:
                self._recipe(number, value)
            elif kind == _native.STATE:
                self._state(_STATES[value])
            else:
                self._end()

    def _watch(self, number: int, value: tuple[str, str, int]) -> None:
        event = WatchEvent(_EVENT_KINDS[value[0]], value[1], value[2])
        callback = self._once.pop(number, None) or self._lasting.get(number)
        if event.kind in REMOVALS:
            self.disarm(number)
        if callback is not None:
            self._run(callback, event)

    def _recipe(self, number: int, value: tuple[Any, ...]) -> None:
        event = RecipeEvent(_RECIPE_EVENT_KINDS[value[0]], *value[1:])
        with self._lock:
            callback = self._recipes.get(number)
            if callback is None:
                self._early.setdefault(number, []).append(event)
                return
            if event.kind is RecipeEventKind.ENDED:
                del self._recipes[number]
        self._run(callback, event)

    def _state(self, state: SessionState) -> None:
        for callback in tuple(self._states):
            self._run(callback, state)
        if state in FINAL_STATES:
            self._end_session()

    def _end_session(self) -> None:
        with self._lock:
            self._over = True
            endings, self._watch_endings = self._watch_endings, {}
        self._once.clear()
        self._lasting.clear()
        for callback in endings.values():
            self._run(callback)

    def _end(self) -> None:
        self._end_session()
        with self._lock:
            self.closed = True
            endings, self._endings = self._endings, []
            self._early.clear()
            self._recipes.clear()
        for callback in endings:
            self._run(callback)

"""Watches, of one shot and lasting, and the states of the session."""

from __future__ import annotations

import threading

from conftest import Flavour, refused, settle

import pinfold
from pinfold import EventKind, SessionState, WatchMode


async def test_one_shot_watches(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client, flavour.open(hosts) as other:
        for arm, change, kind in [
            (client.exists, lambda: other.create("/a"), EventKind.CREATED),
            (client.get, lambda: other.set("/a", b"1"), EventKind.DATA_CHANGED),
            (client.get_children, lambda: other.create("/a/b"), EventKind.CHILDREN_CHANGED),
            (client.exists, lambda: other.set("/a", b"2"), EventKind.DATA_CHANGED),
        ]:
            events = flavour.stream()
            await settle(arm("/a", watch=events.put))
            await settle(change())
            event = await settle(events.next())
            assert (event.kind, event.path) == (kind, "/a")


async def test_a_failed_read_arms_nothing(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        seen: list[pinfold.WatchEvent] = []
        await refused(lambda: client.get("/a", watch=seen.append), pinfold.NoNodeError)
        await settle(client.create("/a"))
        await settle(client.sync("/a"))
        assert seen == []


async def test_lasting_watch_is_an_iterator(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client, flavour.open(hosts) as other:
        watch = await settle(client.add_watch("/t", WatchMode.PERSISTENT_RECURSIVE))
        assert (watch.path, watch.mode) == ("/t", WatchMode.PERSISTENT_RECURSIVE)
        await settle(other.create("/t"))
        await settle(other.create("/t/a"))
        await settle(other.set("/t/a", b"1"))
        await settle(other.delete("/t/a"))
        seen = [await settle(watch.next()) for _ in range(4)]
        assert [(event.kind.value, event.path) for event in seen] == [
            ("created", "/t"),
            ("created", "/t/a"),
            ("data_changed", "/t/a"),
            ("deleted", "/t/a"),
        ]
        await settle(watch.remove())
        await settle(other.create("/t/b"))
        await settle(client.sync("/t"))
        assert await settle(watch.next()) is None


async def test_lasting_watch_with_a_callback(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        events = flavour.stream()
        await settle(client.add_watch("/t", WatchMode.PERSISTENT, events.put))
        await settle(client.create("/t"))
        await settle(client.create("/t/a"))
        kinds = [(await settle(events.next())).kind for _ in range(2)]
        assert kinds == [EventKind.CREATED, EventKind.CHILDREN_CHANGED]


async def test_iterators_end_when_the_client_closes(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        watch = await settle(client.add_watch("/t"))
        states = client.states()
    assert await settle(watch.next()) is None
    seen = []
    while (state := await settle(states.next())) is not None:
        seen.append(state)
    assert seen[-1] is SessionState.CLOSED
    assert client.state is SessionState.CLOSED


async def test_states_from_the_beginning(flavour: Flavour, hosts: str) -> None:
    client = flavour.module.Client(hosts)
    states = flavour.stream()
    client.on_state(states.put)
    while await settle(states.next()) is not SessionState.CONNECTED:
        pass
    assert client.state is SessionState.CONNECTED
    assert client.session_timeout_ms > 0
    await settle(client.close())


async def test_callbacks_run_on_no_thread_of_the_runtime(flavour: Flavour, hosts: str) -> None:
    """Only threads that Python made enter Python: the loop's, or the client's dispatcher."""
    async with flavour.open(hosts) as client:
        threads = flavour.stream()

        def note(_: object) -> None:
            threads.put(threading.current_thread())

        await settle(client.add_watch("/t", WatchMode.PERSISTENT, note))
        known = set(threading.enumerate())
        for number in range(20):
            await settle(client.create(f"/t{number}" if number else "/t"))
            await settle(client.set("/t", b""))
        seen = {await settle(threads.next()) for _ in range(20)}
        assert seen <= known
        assert all(type(thread) is not threading._DummyThread for thread in seen)
        assert len(seen) == 1

"""The operations that came to ZooKeeper with 3.5 and later, with either client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import pinfold
from conftest import Flavour, refused, settle
from pinfold import CreateMode, EventKind, MultiOp, ReadOp, WatchMode, WatchType


@pytest.fixture
def extended() -> Iterator[str]:
    """Where a server of the test's own listens, which has times to live."""
    with pinfold.Server(properties={"extendedTypesEnabled": "true"}) as server:
        yield server.address


async def test_containers_and_times_to_live(flavour: Flavour, extended: str) -> None:
    async with flavour.open(extended) as client:
        await settle(client.create("/c", mode=CreateMode.CONTAINER))
        mode = CreateMode.PERSISTENT_WITH_TTL
        made = await settle(client.create("/t", b"1", mode, ttl_ms=3_600_000))
        assert made.stat.ephemeral_owner == 0
        sequential = CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL
        step = MultiOp.create("/c/s-", mode=sequential, ttl_ms=2**40 - 1)
        (created,) = await settle(client.multi([step]))
        assert created.path == "/c/s-0000000000"
        for options in ({"mode": mode}, {"mode": mode, "ttl_ms": 2**40}, {"ttl_ms": 1}):

            def create(options: dict[str, Any] = options) -> Any:
                return client.create("/x", **options)

            error = await refused(create, pinfold.BadArgumentsError)
            assert error.path == "/x" and "ttl_ms" in str(error)


async def test_multi_read(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/r", b"1"))
        await settle(client.create("/r/k", None))
        ops = [
            ReadOp.get("/r"),
            ReadOp.get_children("/r"),
            ReadOp.get("/none"),
            ReadOp.get("/r/k"),
        ]
        data, names, none, null = await settle(client.multi_read(ops))
        assert (data.data, data.stat.num_children) == (b"1", 1)
        assert names == ["k"]
        assert isinstance(none, pinfold.NoNodeError) and none.path == "/none"
        assert null.data is None
        assert repr(ops[0]).startswith("ReadOp.")
        with pytest.raises(TypeError):
            client.multi_read([MultiOp.check("/r")])


async def test_the_session_itself(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        for path in ("/e", "/ee"):
            await settle(client.create(path, mode=CreateMode.EPHEMERAL))
        assert await settle(client.get_ephemerals("/")) == ["/e", "/ee"]
        assert await settle(client.get_ephemerals("/ee")) == ["/ee"]
        assert await settle(client.get_all_children_number("/")) == 2
        error = await refused(
            lambda: client.get_all_children_number("/none"), pinfold.NoNodeError
        )
        assert error.path == "/none"
        assert pinfold.Identity("ip", "127.0.0.1") in await settle(client.who_am_i())


async def test_watches_by_type(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/w"))
        await refused(lambda: client.check_watches("/w"), pinfold.NoWatcherError)
        watch = await settle(client.add_watch("/w", WatchMode.PERSISTENT_RECURSIVE))
        await settle(client.check_watches("/w", WatchType.PERSISTENT_RECURSIVE))
        await refused(
            lambda: client.remove_all_watches("/w", WatchType.CHILDREN), pinfold.NoWatcherError
        )
        await settle(client.remove_all_watches("/w"))
        last = await settle(watch.next())
        assert (last.kind, last.path) == (EventKind.PERSISTENT_WATCH_REMOVED, "/w")
        assert await settle(watch.next()) is None
        await refused(watch.remove, pinfold.NoWatcherError)


async def test_watches_that_are_gone_are_forgotten(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        kept = len(client._router._watch_endings)
        for removal in ("one", "all"):
            watch = await settle(client.add_watch("/w"))
            assert len(client._router._watch_endings) == kept + 1
            if removal == "one":
                await settle(watch.remove())
            else:
                await settle(client.remove_all_watches("/w"))
                # Its last event comes by the dispatcher's thread.
                assert await settle(watch.next()) is not None
                assert await settle(watch.next()) is None
            assert len(client._router._watch_endings) == kept

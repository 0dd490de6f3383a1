"""Order: answers come in the order of the calls, and events before newer data."""

from __future__ import annotations

import asyncio
from typing import Any

from pinfold import CreateMode
from pinfold.asyncio import Client

COUNT = 10_000


async def test_ten_thousand_calls_keep_their_order(hosts: str) -> None:
    async with Client(hosts) as client:
        await client.create("/q")
        futures = [
            client.create("/q/n-", b"", CreateMode.PERSISTENT_SEQUENTIAL) for _ in range(COUNT)
        ]
        seen: list[str] = []
        for future in futures:
            future.add_done_callback(lambda done: seen.append(done.result().path))
        await asyncio.gather(*futures)
        assert seen == [f"/q/n-{number:010}" for number in range(COUNT)]


async def test_each_event_comes_before_the_reply_of_newer_data(hosts: str) -> None:
    async with Client(hosts) as client:
        await client.create("/x")
        seen: list[str] = []

        def note(what: str) -> Any:
            return lambda _: seen.append(what)

        for turn in range(COUNT // 2):
            read = client.get("/x", watch=note(f"event {turn}"))
            read.add_done_callback(note(f"read {turn}"))
            write = client.set("/x", b"%d" % turn)
            write.add_done_callback(note(f"write {turn}"))
        await client.sync("/x")
        wanted = [
            f"{what} {turn}"
            for turn in range(COUNT // 2)
            for what in ("read", "event", "write")
        ]
        assert seen == wanted


async def test_order_is_that_of_calls_not_of_awaits(hosts: str) -> None:
    async with Client(hosts) as client:
        first = client.create("/a", b"1")
        second = client.set("/a", b"2")
        third = client.get("/a")
        assert (await third).data == b"2"
        assert (await second).version == 1
        assert (await first).path == "/a"


async def test_a_cancelled_await_does_not_undo(hosts: str) -> None:
    async with Client(hosts) as client:
        future = client.create("/a")
        future.cancel()
        assert (await client.get("/a")).data == b""

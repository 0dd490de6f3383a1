"""Watches a node once, and a tree for as long as it takes."""

import asyncio
import sys

from pinfold import WatchEvent, WatchMode
from pinfold.asyncio import Client, Server


async def watch(hosts: str) -> None:
    async with Client(hosts) as client, Client(hosts) as other:
        await once(client, other)
        await for_long(client, other)
    print("done")


async def once(client: Client, other: Client) -> None:
    """A one-shot watch, armed by the read that it belongs to."""
    await client.create("/config", b"v1")
    print("created /config")
    changed: asyncio.Future[WatchEvent] = asyncio.get_running_loop().create_future()
    data, _ = await client.get("/config", watch=changed.set_result)
    print("watching /config =", data.decode())
    await other.set("/config", b"v2")
    event = await changed
    print("event:", event.kind.value, event.path)
    data, _ = await client.get("/config")
    print("now /config =", data.decode())
    await client.delete("/config")


async def for_long(client: Client, other: Client) -> None:
    """A lasting watch of a whole tree, read as an asynchronous iterator."""
    async with await client.add_watch("/tree", WatchMode.PERSISTENT_RECURSIVE) as watch:
        await other.create("/tree")
        await other.create("/tree/a")
        await other.set("/tree/a", b"1")
        await other.delete("/tree/a")
        async for event in watch:
            if event.path == "/tree/a":
                print("event:", event.kind.value, event.path)
                if event.kind.value == "deleted":
                    break
    await other.delete("/tree")


async def main() -> None:
    if len(sys.argv) > 1:
        await watch(sys.argv[1])
        return
    async with Server() as server:
        await watch(server.address)


asyncio.run(main())

"""Two candidates: the second leads when the first resigns."""

import asyncio
import sys

from pinfold.asyncio import Client, LeaderElection, Server


async def election(hosts: str) -> None:
    async with Client(hosts) as a, Client(hosts) as b:
        first = await LeaderElection(a, "/election").campaign(b"A")
        print("A leads")
        candidacy = LeaderElection(b, "/election").campaign(b"B")
        leader = await LeaderElection(b, "/election").leader()
        print("leader is", leader.data.decode())
        await first.resign()
        print("A resigned")
        # The block is cancelled if the leadership is lost, and resigns it at its end.
        async with await candidacy as second:
            print("B leads")
            # What keeps the highest token it has seen can refuse a former leader's writes.
            print("token grew:", str(second.token > first.token).lower())
    print("done")


async def main() -> None:
    if len(sys.argv) > 1:
        await election(sys.argv[1])
        return
    async with Server() as server:
        await election(server.address)


asyncio.run(main())

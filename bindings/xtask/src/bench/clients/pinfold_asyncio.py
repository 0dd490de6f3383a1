"""Pinfold for asyncio: a batch of gets in flight."""

import asyncio

from meter import PATH, Meter
from pinfold.asyncio import Client


async def main() -> None:
    meter = Meter()
    async with Client(meter.address) as client:
        while meter.goes_on():
            for data, _ in await asyncio.gather(*[client.get(PATH) for _ in range(meter.window)]):
                meter.count(data)


asyncio.run(main())

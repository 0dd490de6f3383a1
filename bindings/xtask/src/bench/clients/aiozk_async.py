"""aiozk: a batch of gets in flight."""

import asyncio

from aiozk import ZKClient
from meter import PATH, Meter


async def main() -> None:
    meter = Meter()
    client = ZKClient(meter.address)
    await client.start()
    while meter.goes_on():
        for data in await asyncio.gather(*[client.get_data(PATH) for _ in range(meter.window)]):
            meter.count(data)
    await client.close()


asyncio.run(main())

"""Pinfold: tasks to committed results, by four workers that claim them without a master."""

import asyncio

import crew
from meter import Meter
from pinfold.asyncio import Client, TaskQueue

ROOT = "/claims-bench"
CLAIMS = 8


async def work(address: str, number: int) -> None:
    async with Client(address) as client:
        queue = TaskQueue(client, ROOT)

        async def claim() -> None:
            while True:
                claim = await queue.claim(f"w{number}")
                await claim.complete(claim.payload.upper())

        await asyncio.gather(*[claim() for _ in range(CLAIMS)])


async def lead(meter: Meter) -> None:
    async with Client(meter.address) as client:
        queue = TaskQueue(client, ROOT)

        async def one() -> bytes:
            return (await queue.result(await queue.submit(meter.payload))).result

        with crew.crew():
            while meter.goes_on():
                for result in await asyncio.gather(*[one() for _ in range(meter.window)]):
                    meter.count(result)


def main() -> None:
    meter, number = Meter(), crew.number()
    asyncio.run(lead(meter) if number is None else work(meter.address, number))


main()

"""Pinfold: tasks to committed results, by a master and four workers."""

import asyncio

import crew
from meter import Meter
from pinfold import Assignment
from pinfold.asyncio import Client, Master, TaskQueue, Worker, submit

ROOT = "/tasks-bench"
CAPACITY = 32


def handle(assignment: Assignment) -> bytes:
    return assignment.payload.upper()


async def work(address: str, number: int) -> None:
    async with Client(address) as client:
        async with Worker(client, ROOT, f"w{number}", handle, capacity=CAPACITY) as worker:
            await worker.wait()


async def lead(meter: Meter) -> None:
    async with Client(meter.address) as client, Master(client, ROOT, "m1"):
        queue = TaskQueue(client, ROOT)

        async def one() -> bytes:
            return (await queue.result(await submit(client, ROOT, meter.payload))).result

        with crew.crew():
            while meter.goes_on():
                for result in await asyncio.gather(*[one() for _ in range(meter.window)]):
                    meter.count(result)


def main() -> None:
    meter, number = Meter(), crew.number()
    asyncio.run(lead(meter) if number is None else work(meter.address, number))


main()

"""A master and workers that count lines, words and bytes.

    master_worker.py [HOSTS]                  the whole story in one process
    master_worker.py master HOSTS ROOT ID     one master candidate, until SIGINT or SIGTERM
    master_worker.py worker HOSTS ROOT ID     one worker: a task is the path of a file
"""

import asyncio
import json
import signal
import sys

from pinfold import Assignment, RecipeEvent, RecipeEventKind
from pinfold.asyncio import Client, Master, Server, TaskQueue, Worker, submit


def count(content: bytes) -> bytes:
    """Lines are newlines; words are runs of bytes other than ASCII white space, which is how
    `bytes.split` sees them."""
    counts = {
        "lines": content.count(b"\n"),
        "words": len(content.split()),
        "bytes": len(content),
    }
    return json.dumps(counts, separators=(",", ":")).encode()


async def story(hosts: str) -> None:
    root = "/app"
    texts = ["one", "two words", "three words here", "", "a b c d", "tab\tand newline\n"]

    def handler(assignment: Assignment) -> bytes:
        return count(assignment.payload)

    async with (
        Client(hosts) as client,
        Master(client, root, "m1"),
        Worker(client, root, "w1", handler, capacity=2),
        Worker(client, root, "w2", handler, capacity=2),
    ):
        tasks = [submit(client, root, text.encode()) for text in texts]
        queue = TaskQueue(client, root)
        for number, task in enumerate(tasks, 1):
            result = json.loads((await queue.result(await task)).result)
            lines, words, size = result["lines"], result["words"], result["bytes"]
            print(f"task {number}: {lines} lines, {words} words, {size} bytes")
        print(f"done: {len(tasks)} tasks, 2 workers, 1 master")


async def run_master(hosts: str, root: str, name: str) -> None:
    def on_event(event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.MASTER_ELECTED:
            print(f"master {name} elected {event.token}", flush=True)

    async with Client(hosts) as client, Master(client, root, name, on_event=on_event) as master:
        await until_signal(master)


async def run_worker(hosts: str, root: str, name: str) -> None:
    def handler(assignment: Assignment) -> bytes:
        print(f"worker {name} task {assignment.task}", flush=True)
        # Read in the handler: the files are small. One that cannot be read fails the task.
        with open(assignment.payload.decode(), "rb") as file:
            return count(file.read())

    def on_event(event: RecipeEvent) -> None:
        if event.kind is RecipeEventKind.REVOKED:
            print(f"worker {name} lost {event.task}", flush=True)

    async with (
        Client(hosts) as client,
        Worker(client, root, name, handler, capacity=32, on_event=on_event) as worker,
    ):
        print(f"worker {name} ready", flush=True)
        await until_signal(worker)


async def until_signal(recipe: Master | Worker) -> None:
    """A recipe goes on in a new session when its own has expired; only a signal ends it."""
    ended = asyncio.ensure_future(recipe.wait())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.cancel)
    try:
        await ended
    except asyncio.CancelledError:
        pass


async def main() -> None:
    match sys.argv[1:]:
        case ["master", hosts, root, name]:
            await run_master(hosts, root, name)
        case ["worker", hosts, root, name]:
            await run_worker(hosts, root, name)
        case [hosts]:
            await story(hosts)
        case _:
            async with Server() as server:
                await story(server.address)


asyncio.run(main())

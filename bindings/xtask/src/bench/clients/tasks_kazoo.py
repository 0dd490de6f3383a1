"""kazoo's LockingQueue: tasks to results, by four workers.

The queue knows of no results: a worker leaves one beside the queue, under the number that the
task begins with, before it consumes the task.
"""

import threading

import crew
from kazoo.client import KazooClient
from kazoo.recipe.queue import LockingQueue
from meter import Meter

QUEUE, RESULTS = "/locking-bench", "/locking-results"


def work(client: KazooClient) -> None:
    queue = LockingQueue(client, QUEUE)
    while True:
        number, payload = queue.get().split(b" ", 1)
        client.create(f"{RESULTS}/{number.decode()}", payload.upper())
        if not queue.consume():
            raise SystemExit("the lock of a task was lost")


def batch(client: KazooClient, queue: LockingQueue, meter: Meter, first: int) -> None:
    names = [str(number) for number in range(first, first + meter.window)]
    queue.put_all([name.encode() + b" " + meter.payload for name in names])
    changed = threading.Event()
    while True:
        changed.clear()
        done = client.get_children(RESULTS, lambda _: changed.set())
        if len(done) == meter.window:
            break
        changed.wait()
    results = [client.get_async(f"{RESULTS}/{name}") for name in names]
    for result in results:
        meter.count(result.get()[0])
    for deleted in [client.delete_async(f"{RESULTS}/{name}") for name in names]:
        deleted.get()


def lead(client: KazooClient, meter: Meter) -> None:
    client.ensure_path(RESULTS)
    queue, first = LockingQueue(client, QUEUE), 0
    with crew.crew():
        while meter.goes_on():
            batch(client, queue, meter, first)
            first += meter.window


def main() -> None:
    meter = Meter()
    client = KazooClient(hosts=meter.address)
    client.start()
    if crew.number() is None:
        lead(client, meter)
        client.stop()
    else:
        work(client)


main()

"""A queue without a master: a worker claims each task and commits its result."""

import sys

import pinfold


def queue(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        queue = pinfold.TaskQueue(client, "/queue")
        texts = ["one", "two", "three"]
        tasks = [queue.submit(text.encode()) for text in texts]
        print("submitted", len(tasks))
        for _ in tasks:
            claim = queue.claim("worker")
            print("claimed", claim.payload.decode())
            # Committed in one step with giving up the claim: once, or not at all.
            claim.complete(claim.payload.upper())
        for text, task in zip(texts, tasks):
            print("result", text, "=", queue.result(task).result.decode())
        counts = queue.counts()
        print(
            f"counts: waiting {counts.waiting}, assigned {counts.assigned}, done {counts.done}"
        )
    print("done")


if len(sys.argv) > 1:
    queue(sys.argv[1])
else:
    with pinfold.Server() as server:
        queue(server.address)

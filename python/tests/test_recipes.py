"""The recipes, as Python shows them; what they do is tested with the core."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from conftest import Flavour, refused, settle

import pinfold
import pinfold.asyncio
from pinfold import RecipeEventKind


async def test_election(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as a, flavour.open(hosts) as b:
        election = module.LeaderElection(a, "/election")
        assert await settle(election.leader()) is None
        first = await settle(election.campaign(b"A"))
        assert first.held
        leader = await settle(module.LeaderElection(b, "/election").leader())
        assert leader == pinfold.Leader(b"A", first.token)
        await settle(first.resign())
        assert not first.held
        second = await settle(module.LeaderElection(b, "/election").campaign(b"B"))
        assert second.token > first.token
        await settle(second.resign())


async def test_a_lost_leadership_cancels_its_scope(hosts: str) -> None:
    async with pinfold.asyncio.Client(hosts) as client:
        election = pinfold.asyncio.LeaderElection(client, "/election")
        leadership = await election.campaign()
        reasons: list[str] = []
        leadership.on_lost(reasons.append)
        with pytest.raises(pinfold.ClaimLostError):
            async with leadership:
                for name in (await client.get_children("/election")).names:
                    await client.delete(f"/election/{name}")
                await asyncio.Event().wait()
        assert reasons and not leadership.held
        assert await leadership.wait_lost() == reasons[0]


def test_a_lost_leadership_is_told_on_the_dispatcher(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        leadership = pinfold.LeaderElection(client, "/election").campaign()
        for name in client.get_children("/election").names:
            client.delete(f"/election/{name}")
        assert leadership.wait_lost(30)
        assert not leadership.held


async def test_a_cancelled_campaign_leads_nothing(hosts: str) -> None:
    module = pinfold.asyncio
    async with module.Client(hosts) as a, module.Client(hosts) as b:
        first = await module.LeaderElection(a, "/election").campaign(b"A")
        candidacy = module.LeaderElection(b, "/election").campaign(b"B")
        candidacy.cancel()
        third = module.LeaderElection(a, "/election").campaign(b"A again")
        await first.resign()
        assert (await third).held


async def test_queue_without_a_master(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        queue = flavour.module.TaskQueue(client, "/queue")
        task = await settle(queue.submit(b"one"))
        claim = await settle(queue.claim("w"))
        assert (claim.task, claim.payload, claim.attempt) == (task, b"one", 1)
        await settle(claim.release())
        claim = await settle(queue.claim("w"))
        await settle(claim.complete(b"ONE"))
        result = await settle(queue.result(task))
        assert (result.task, result.worker, result.result) == (task, "w", b"ONE")
        failing = await settle(queue.submit(b"two"))
        for attempt in (1, 2, 3):
            claim = await settle(queue.claim("w"))
            assert (claim.task, claim.attempt) == (failing, attempt)
            await settle(claim.fail("no good"))
        error = await refused(lambda: queue.result(failing), pinfold.TaskFailedError)
        assert "no good" in str(error)
        counts = await settle(queue.counts())
        assert (counts.waiting, counts.assigned, counts.done, counts.dead) == (0, 0, 1, 1)


async def test_master_and_workers(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    events = flavour.stream()
    async with flavour.open(hosts) as client, flavour.open(hosts) as other:
        master = module.Master(client, "/app", "m", on_event=events.put)
        await settle(master.start())
        worker = module.Worker(other, "/app", "w", lambda task: task.payload.upper(), capacity=4)
        await settle(worker.start())
        queue = module.TaskQueue(client, "/app")
        tasks = [await settle(module.submit(client, "/app", b"t%d" % n)) for n in range(50)]
        results = [await settle(queue.result(task)) for task in tasks]
        assert [result.result for result in results] == [b"T%d" % n for n in range(50)]
        assert {result.worker for result in results} == {"w"}
        seen: set[RecipeEventKind] = set()
        while seen < {RecipeEventKind.MASTER_ELECTED, RecipeEventKind.TASK_COMPLETED}:
            seen.add((await settle(events.next())).kind)
        await settle(worker.stop())
        await settle(master.stop())
        await settle(worker.wait())
        await settle(master.wait())


async def test_a_handler_that_raises_fails_the_task(flavour: Flavour, hosts: str) -> None:
    module = flavour.module

    def handler(assignment: Any) -> bytes:
        raise ValueError(f"attempt {assignment.attempt}")

    async with flavour.open(hosts) as client:
        master = module.Master(client, "/app", "m", max_attempts=2)
        worker = module.Worker(client, "/app", "w", handler)
        await settle(master.start())
        await settle(worker.start())
        task = await settle(module.submit(client, "/app", b""))
        queue = module.TaskQueue(client, "/app")
        error = await refused(lambda: queue.result(task), pinfold.TaskFailedError)
        assert "ValueError: attempt 2" in str(error)
        await settle(worker.stop())
        await settle(master.stop())


async def test_a_coroutine_handler(hosts: str) -> None:
    module = pinfold.asyncio
    gate = asyncio.Event()

    async def handler(assignment: pinfold.Assignment) -> bytes:
        await gate.wait()
        return assignment.payload * 2

    async with (
        module.Client(hosts) as client,
        module.Master(client, "/app", "m"),
        module.Worker(client, "/app", "w", handler, capacity=8),
    ):
        tasks = await asyncio.gather(*(module.submit(client, "/app", b"x") for _ in range(8)))
        queue = module.TaskQueue(client, "/app")
        results = [queue.result(task) for task in tasks]
        gate.set()
        assert [result.result for result in await asyncio.gather(*results)] == [b"xx"] * 8


def test_handlers_of_a_synchronous_worker_run_on_its_threads(hosts: str) -> None:
    names: list[str] = []

    def handler(assignment: pinfold.Assignment) -> bytes:
        names.append(threading.current_thread().name)
        return b""

    with (
        pinfold.Client(hosts) as client,
        pinfold.Master(client, "/app", "m"),
        pinfold.Worker(client, "/app", "w", handler, capacity=2),
    ):
        queue = pinfold.TaskQueue(client, "/app")
        for task in [queue.submit(b"") for _ in range(10)]:
            queue.result(task)
    assert len(names) == 10
    assert all(name.startswith("pinfold-w") for name in names)

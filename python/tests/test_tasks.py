"""What tasks, their claims and their workers can do besides the plain case."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Flavour, refused, settle

import pinfold
import pinfold.asyncio
from pinfold import RecipeEventKind


async def test_options_of_a_task(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        queue = flavour.module.TaskQueue(client, "/queue")
        low = await settle(queue.submit(b"low"))
        high = await settle(queue.submit(b"high", priority=5, key="once"))
        assert await settle(queue.submit(b"again", key="once")) == high
        needy = await settle(queue.submit(b"needy", needs=("gpu",), priority=9))
        first = await settle(queue.claim("w"))
        assert (first.task, first.payload) == (high, b"high")
        able = await settle(queue.claim("w", ["gpu", "cpu"]))
        assert able.task == needy
        assert (await settle(queue.claim("w"))).task == low
        with pytest.raises(TypeError, match="no option 'prioritty'"):
            await settle(queue.submit(b"", prioritty=1))
        await refused(lambda: queue.submit(b"", backoff_factor=0.5), pinfold.InvalidArgumentError)
        await refused(lambda: queue.submit(b"", delay_ms=-1), pinfold.InvalidArgumentError)
        error = await refused(lambda: queue.submit(b"x" * 1_000_001), pinfold.InvalidArgumentError)
        assert "1000001" in str(error) and "1000000" in str(error)


async def test_many_tasks_and_what_becomes_of_them(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        queue = flavour.module.TaskQueue(client, "/queue")
        tasks = await settle(queue.submit_many([b"%d" % n for n in range(20)], max_attempts=1))
        results = await settle(queue.results())
        for n in range(20):
            claim = await settle(queue.claim("w"))
            assert (claim.task, claim.json()) == (tasks[n], n)
            await settle(claim.progress(b"half"))
            if n % 2:
                await settle(claim.complete_json({"square": n * n}))
            else:
                await settle(claim.fail("even", retryable=False))
        told = {}
        while len(told) < 20:
            event = await settle(results.next())
            told[event.task] = (event.kind, event.payload, event.reason)
        assert told[tasks[3]] == (RecipeEventKind.TASK_COMPLETED, b'{"square":9}', "")
        assert told[tasks[4]] == (RecipeEventKind.TASK_DEAD, b"", "even")
        await settle(results.close())


async def test_a_lost_claim_is_told(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        queue = flavour.module.TaskQueue(client, "/queue")
        task = await settle(queue.submit(b""))
        claim = await settle(queue.claim("w"))
        assert claim.reason is None
        await settle(client.delete(f"/queue/assign/w/{task}"))
        await refused(lambda: claim.complete(b""), pinfold.ClaimLostError)


async def test_workers_by_decorators(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as client:
        master = module.Master(client, "/app", "m")
        worker = module.Worker(client, "/app", "w", capacity=2)

        @worker.json_task
        def double(value: Any) -> Any:
            if value == "bad":
                raise pinfold.Fatal("will never do")
            return {"twice": value * 2} if value != "large" else "x" * 1_000_001

        assert double(4) == {"twice": 8}
        await settle(master.start())
        await settle(worker.start())
        queue = module.TaskQueue(client, "/app")
        good = await settle(queue.submit_json(21))
        assert (await settle(queue.result(good))).result == b'{"twice":42}'
        for payload, options, said in (
            (b'"bad"', {}, "Fatal: will never do"),
            (b"no json", {"max_attempts": 1}, "JSONDecodeError"),
            (b'"large"', {"max_attempts": 1}, "limit is 1000000"),
        ):
            task = await settle(queue.submit(payload, **options))
            error = await refused(lambda task=task: queue.result(task), pinfold.TaskFailedError)
            assert said in str(error) and task in str(error)
        # It is alive after all of that.
        again = await settle(queue.submit_json(1))
        assert (await settle(queue.result(again))).worker == "w"
        await settle(worker.drain())
        await settle(worker.wait())
        await settle(master.stop())


async def test_a_worker_without_a_handler_says_so(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as client:
        master = module.Master(client, "/app", "m", max_attempts=1, keep_dead_ms=3_600_000)
        worker = module.Worker(client, "/app", "w")
        await settle(master.start())
        await settle(worker.start())
        queue = module.TaskQueue(client, "/app")
        task = await settle(queue.submit(b""))
        error = await refused(lambda: queue.result(task), pinfold.TaskFailedError)
        assert "has no handler" in str(error)
        await settle(worker.stop())
        await settle(master.stop())


async def test_a_task_that_is_taken_away_is_cancelled(hosts: str) -> None:
    module = pinfold.asyncio
    began: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    reasons: asyncio.Queue[str | None] = asyncio.Queue()
    async with module.Client(hosts) as client, module.Master(client, "/app", "m"):
        worker = module.Worker(client, "/app", "w")

        @worker.task
        async def handler(assignment: Any) -> bytes:
            if assignment.attempt > 1:
                return b"second"
            await assignment.progress(b"began")
            began.set_result(assignment)
            try:
                await asyncio.Event().wait()
            finally:
                reasons.put_nowait(assignment.reason)
            return b"never"

        async with worker:
            queue = module.TaskQueue(client, "/app")
            task = await queue.submit(b"", start_to_close_ms=200, initial_backoff_ms=0)
            assignment = await began
            assert "deadline" in (await reasons.get() or "")
            assert assignment.revoked
            with pytest.raises(pinfold.ClaimLostError):
                await assignment.progress(b"late")
            assert (await queue.result(task)).result == b"second"


async def test_a_queue_is_looked_after(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client, flavour.open(hosts) as other:
        queue = flavour.module.TaskQueue(client, "/queue")
        tasks = await settle(queue.submit_many([b"a", b"b", b"c"], priority=3))
        assert await settle(queue.cancel(tasks[1], "not wanted")) is True
        claim = await settle(flavour.module.TaskQueue(other, "/queue").claim("w"))
        progress = await settle(queue.progress(claim.task))
        await settle(claim.progress(b"half"))
        event = await settle(progress.next())
        assert (event.kind, event.worker) == (RecipeEventKind.TASK_PROGRESS, "w")
        assert event.payload == b"half"
        assert await settle(queue.cancel(claim.task)) is True
        await refused(lambda: claim.complete(b""), pinfold.ClaimLostError)
        assert await settle(progress.next()) is None
        letters = await settle(queue.dead_letters())
        assert [letter.task for letter in letters] == [tasks[0], tasks[1]]
        assert (letters[1].cause, letters[1].payload) == ("cancelled", b"b")
        assert "not wanted" in letters[1].reason
        assert await settle(queue.dead_letters(after=tasks[0], limit=1)) == letters[1:]
        again = await settle(queue.replay(tasks[0]))
        await refused(lambda: queue.replay(tasks[0]), pinfold.NoNodeError)

        await settle(queue.pause())
        assert await settle(queue.is_paused()) is True
        metrics = await settle(queue.metrics())
        assert (metrics.waiting, metrics.dead, metrics.is_paused) == (2, 1, True)
        assert metrics.oldest_waiting_ms >= 0 and metrics.waited_count == 0
        await settle(queue.resume())
        for task in (tasks[2], again):
            claim = await settle(queue.claim("w2"))
            assert claim.task == task
            await settle(claim.complete(b""))
        counts = await settle(queue.drain())
        assert (counts.waiting, counts.assigned, counts.done) == (0, 0, 2)
        assert await settle(queue.cancel(again)) is False
        assert await settle(queue.forget(again)) is True
        assert await settle(queue.forget(again)) is False
        assert await settle(queue.forget_results(3_600_000)) == 0
        assert await settle(queue.forget_dead(0)) == 1

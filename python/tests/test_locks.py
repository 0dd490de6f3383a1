"""Locks, semaphores and who leads, as Python shows them; what they do is tested with the core."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from conftest import Flavour, refused, settle

import pinfold
import pinfold.asyncio
from pinfold import LockLayout, MultiOp


async def test_one_has_the_lock(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as a, flavour.open(hosts) as b:
        ours, theirs = module.Lock(a, "/lock"), module.Lock(b, "/lock")
        first = await settle(ours.acquire(b"A"))
        assert first.held and "held" in repr(first)
        assert await settle(theirs.try_acquire()) is None
        await refused(lambda: theirs.acquire(timeout=0.001), pinfold.CallTimeoutError)
        await settle(first.release())
        assert not first.held
        second = await settle(theirs.acquire(b"B", timeout=30))
        assert second.token > first.token
        seen = await settle(ours.participants())
        assert seen[0] == pinfold.Participant(b"B", second.token, second.path, True)
        await settle(second.release())


async def test_a_write_is_the_holders_alone(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as a, flavour.open(hosts) as b:
        await settle(a.create("/data"))
        held = await settle(module.Lock(a, "/lock").acquire())
        (stat,) = await settle(held.write([MultiOp.set("/data", b"mine")]))
        assert stat.version == 1
        await settle(a.multi([held.check(), MultiOp.set("/data", b"too")]))
        await settle(b.delete(held.path))
        late = [held.check(), MultiOp.set("/data", b"late")]
        error = await refused(lambda: a.multi(late), pinfold.NoNodeError)
        assert error.op_index == 0
        lost = held.wait_lost(30) if module is pinfold else held.wait_lost()
        assert await settle(lost)


async def test_scopes(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as client:
        lock = module.ReadWriteLock(client, "/lock")
        election = module.LeaderElection(client, "/election")
        scopes = [lock.write(), module.Semaphore(client, "/few", 1).hold(), election.lead(b"me")]
        for scope in scopes:
            held = await enter(scope)
            assert held.held
            await leave(scope)
            assert not held.held
        async with module.Client(hosts) if module is pinfold.asyncio else nothing() as other:
            if other is not None:
                # A scope that is waited for can be cancelled.
                async with lock.read():
                    scope = module.ReadWriteLock(other, "/lock").write()
                    waiting = asyncio.ensure_future(enter(scope))
                    while len(await lock.participants()) < 2:
                        pass
                    waiting.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await waiting
                    while len(await lock.participants()) > 1:
                        pass


class nothing:
    """A scope of nothing."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


async def enter(scope: Any) -> Any:
    """Enters a scope of either flavour."""
    return await scope.__aenter__() if hasattr(scope, "__aenter__") else scope.__enter__()


async def leave(scope: Any) -> None:
    """Leaves a scope of either flavour."""
    done = scope.__aexit__ if hasattr(scope, "__aexit__") else scope.__exit__
    result = done(None, None, None)
    if inspect.isawaitable(result):
        await result


async def test_readers_and_a_writer(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        lock = flavour.module.ReadWriteLock(client, "/lock")
        a = await settle(lock.acquire_read())
        b = await settle(lock.try_acquire_read())
        assert await settle(lock.try_acquire_write()) is None
        await settle(a.release())
        await settle(b.release())
        writer = await settle(lock.acquire_write(timeout=30))
        assert await settle(lock.try_acquire_read()) is None
        assert [one.holds for one in await settle(lock.participants())] == [True]
        await settle(writer.release())


async def test_semaphore(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        semaphore = flavour.module.Semaphore(client, "/few", 2)
        leases = [await settle(semaphore.acquire()), await settle(semaphore.try_acquire())]
        assert await settle(semaphore.try_acquire()) is None
        assert len(await settle(semaphore.participants())) == 2
        for lease in leases:
            await settle(lease.release())
        other = flavour.module.Semaphore(client, "/few", 3)
        await refused(other.acquire, pinfold.InvalidArgumentError)


async def test_who_leads_is_told(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        election = flavour.module.LeaderElection(client, "/election")
        leaders = await settle(election.observe())
        assert (await settle(leaders.next())).token == 0
        term = await settle(election.campaign(b"me"))
        assert await settle(leaders.next()) == pinfold.Leader(b"me", term.token)
        (candidate,) = await settle(election.candidates())
        assert candidate.token == term.token and candidate.holds
        await settle(term.resign())
        assert (await settle(leaders.next())).token == 0
        await settle(leaders.close())
        assert await settle(leaders.next()) is None


async def test_misuse(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        lock = flavour.module.Lock
        with pytest.raises(ValueError, match="kazoo"):
            await settle(lock(client, "/lock", layout="zookeeper").acquire())
        with pytest.raises(TypeError):
            await settle(lock(client, "/lock").acquire("text"))
        await refused(lock(client, "no path").acquire, pinfold.BadArgumentsError)
        assert LockLayout.CURATOR.value == "curator"


async def test_barriers_and_counters(flavour: Flavour, hosts: str) -> None:
    module = flavour.module
    async with flavour.open(hosts) as client:
        barrier = module.Barrier(client, "/barrier")
        await settle(barrier.wait())
        await settle(barrier.set())
        assert await settle(barrier.is_set()) is True
        await settle(barrier.remove())
        alone = await settle(module.DoubleBarrier(client, "/double", 1).enter())
        assert alone.held
        await settle(alone.leave())
        counter = module.Counter(client, "/counter")
        assert await settle(counter.add(2**40)) == 2**40
        await settle(counter.set(-7))
        assert await settle(counter.compare_and_set(1, 2)) is False
        assert await settle(counter.compare_and_set(-7, 2)) is True
        assert await settle(counter.get()) == 2
        await refused(lambda: counter.add(2**63 - 1), pinfold.InvalidArgumentError)


async def test_groups_and_caches(flavour: Flavour, hosts: str) -> None:
    module, kinds = flavour.module, pinfold.RecipeEventKind
    async with flavour.open(hosts) as client:
        group = module.Group(client, "/group")
        mine = await settle(group.join("me", b"one", 3))
        assert await settle(group.members()) == [pinfold.Member("me", b"one", 3, mine.token)]
        events = await settle(group.watch())
        joined = await settle(events.next())
        assert (joined.kind, joined.worker, joined.payload) == (kinds.MEMBER_JOINED, "me", b"one")
        assert (await settle(events.next())).kind is kinds.INITIALIZED
        await settle(mine.update(b"two"))
        assert (await settle(events.next())).payload == b"two"
        await settle(mine.leave())
        left = await settle(events.next())
        assert (left.kind, left.worker) == (kinds.MEMBER_LEFT, "me")
        await settle(events.close())
        assert await settle(events.next()) is None

        await settle(client.create("/tree", b"root"))
        cache = await settle(module.tree_cache(client, "/tree"))
        added = await settle(cache.next())
        assert (added.kind, added.path, added.payload) == (kinds.NODE_ADDED, "/tree", b"root")
        assert (await settle(cache.next())).kind is kinds.INITIALIZED
        await settle(client.create("/tree/leaf", b"green"))
        assert (await settle(cache.next())).path == "/tree/leaf"
        assert await settle(cache.children("/tree")) == ["leaf"]
        assert (await settle(cache.get("/tree/leaf"))).data == b"green"
        assert await settle(cache.get("/tree/none")) is None
        await settle(cache.close())

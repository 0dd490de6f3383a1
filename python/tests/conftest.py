"""What all tests share: a server, a root of one's own in it, and both flavours of the client.

A test that takes `flavour` is written once, as a coroutine, and runs with either client: `settle`
gives the value of a call, which one client returns and the other promises.

With PINFOLD_TEST_HOSTS the tests use that server, such as Apache ZooKeeper, for all but what is
about the embedded one.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import pinfold
import pinfold.asyncio
from pinfold._stream import AsyncStream, Stream

_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs coroutine tests on a loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where a server listens."""
    given = os.environ.get("PINFOLD_TEST_HOSTS")
    if given:
        yield given
        return
    with pinfold.Server() as server:
        yield server.address


@pytest.fixture
def hosts(address: str) -> str:
    """A server, with an empty root of this test's own."""
    root = f"/test-{os.getpid()}-{next(_numbers)}"
    with pinfold.Client(address) as client:
        client.create(root)
    return address + root


class Flavour:
    """One of the two clients, and what goes with it."""

    def __init__(self, module: Any, stream: Any) -> None:
        self.module = module
        self.stream = stream

    @asynccontextmanager
    async def open(self, hosts: str, **options: Any) -> AsyncIterator[Any]:
        """A connected client."""
        client = self.module.Client(hosts, **options)
        try:
            await settle(client.connect())
            yield client
        finally:
            await settle(client.close())


@pytest.fixture(params=["sync", "asyncio"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Either client."""
    if request.param == "sync":
        return Flavour(pinfold, Stream)
    return Flavour(pinfold.asyncio, AsyncStream)


async def settle(value: Any) -> Any:
    """The value of a call of either flavour."""
    return await value if inspect.isawaitable(value) else value


async def refused(call: Any, error: type[pinfold.Error]) -> Any:
    """The exception of a call that must fail with it, at once or when awaited."""
    with pytest.raises(error) as raised:
        await settle(call())
    return raised.value

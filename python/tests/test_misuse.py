"""Misuse: an error that says what was wrong, never a crash."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
from conftest import Flavour, refused, settle

import pinfold


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create(7),
        lambda client: client.create("/a", "text"),
        lambda client: client.create("/a", b"", None),
        lambda client: client.create("/a", acl=[1]),
        lambda client: client.create("/a", acl=7),
        lambda client: client.set("/a"),
        lambda client: client.set("/a", b"", "1"),
        lambda client: client.multi([b""]),
        lambda client: client.multi(7),
        lambda client: client.add_auth("digest", "text"),
    ],
)
async def test_wrong_types_raise_type_errors(flavour: Flavour, hosts: str, call: Any) -> None:
    async with flavour.open(hosts) as client:
        with pytest.raises(TypeError):
            call(client)


async def test_wrong_values(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        with pytest.raises(ValueError, match="sideways"):
            client.create("/a", mode="sideways")
        with pytest.raises(OverflowError):
            client.delete("/a", 2**31)
        # A lone surrogate is no text that could be sent.
        with pytest.raises(UnicodeEncodeError):
            client.create("/\ud800")


@pytest.mark.parametrize("hosts", ["", "h:p", "127.0.0.1:99999", "127.0.0.1:2181/a//b"])
async def test_hosts_that_cannot_be_used(flavour: Flavour, hosts: str) -> None:
    with pytest.raises(pinfold.Error) as raised:
        flavour.module.Client(hosts)
    assert raised.value.name in ("BAD_ARGUMENTS", "INVALID_ARGUMENT")


async def test_no_server(flavour: Flavour) -> None:
    client = flavour.module.Client("127.0.0.1:1", connect_timeout_ms=200)
    try:
        await refused(client.connect, pinfold.NotConnectedError)
    finally:
        await settle(client.close())


async def test_use_after_close(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        pass
    await refused(lambda: client.get("/"), pinfold.ClosedError)
    await refused(lambda: client.get("/", watch=print), pinfold.ClosedError)
    await settle(client.close())
    assert "closed" in repr(client)


async def test_close_in_a_callback(flavour: Flavour, hosts: str) -> None:
    client = flavour.module.Client(hosts)
    states = client.states()
    await settle(client.connect())
    await settle(client.create("/a"))
    await settle(client.exists("/a", watch=lambda _: client.close()))
    # The session may be gone before the answer of what made it go.
    try:
        await settle(client.set("/a", b""))
    except pinfold.Error as error:
        assert error.name in ("CLOSED", "CLOSING", "CONNECTION_LOSS", "SESSION_EXPIRED")
    while await settle(states.next()) is not None:
        pass
    await settle(client.close())


def test_calls_in_a_callback(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        client.create("/a", b"1")
        done = threading.Event()
        seen: list[Any] = []

        def changed(event: pinfold.WatchEvent) -> None:
            seen.append(client.get(event.path).data)
            client.create("/b")
            done.set()

        client.get("/a", watch=changed)
        client.set("/a", b"2")
        assert done.wait(30)
        assert seen == [b"2"]
        assert client.exists("/b")


def test_waiting_for_events_in_a_callback_is_refused(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        watch = client.add_watch("/t")
        done = threading.Event()
        errors: list[Exception] = []

        def created(_: pinfold.WatchEvent) -> None:
            try:
                watch.next()
            except pinfold.WouldDeadlockError as error:
                errors.append(error)
            done.set()

        client.exists("/a", watch=created)
        client.create("/a")
        assert done.wait(30)
        assert len(errors) == 1


def test_a_callback_that_raises_does_not_stop_the_others(
    hosts: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pinfold.Client(hosts) as client:
        done = threading.Event()

        def bad(_: pinfold.WatchEvent) -> None:
            raise SystemExit(3)

        client.exists("/a", watch=bad)
        client.exists("/a", watch=lambda _: done.set())
        client.create("/a")
        assert done.wait(30)
    assert "raised" in caplog.text


def test_threads_share_a_client(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        client.create("/n", b"")

        def work(number: int) -> None:
            for turn in range(50):
                client.create(f"/n/{number}-{turn}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.get("/n").stat.num_children == 400


async def test_full_window_refuses(hosts: str) -> None:
    async with pinfold.asyncio.Client(hosts, in_flight_limit=4) as client:
        accepted = []
        with pytest.raises(pinfold.InFlightFullError):
            for _ in range(10_000):
                accepted.append(client.exists("/"))
        assert len(await asyncio.gather(*accepted)) == len(accepted)
        await client.exists("/")


def test_an_asyncio_client_needs_a_loop(hosts: str) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        pinfold.asyncio.Client(hosts)


def test_a_forked_child_is_refused(hosts: str) -> None:
    script = """
        import os, sys, warnings
        import pinfold
        warnings.simplefilter("ignore")
        client = pinfold.Client(sys.argv[1]).connect()
        client.on_state(print)
        child = os.fork()
        if child == 0:
            try:
                client.get("/")
            except pinfold.ForkedError as error:
                client.close()
                with pinfold.Client(sys.argv[1]) as own:
                    own.create("/child")
                os._exit(7)
            os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        # The parent's session has not suffered.
        assert client.exists("/child"), "the child's own client"
        client.close()
        sys.exit(status)
    """
    assert run(script, hosts).returncode == 7


@pytest.mark.parametrize("armed", ["", "client.exists('/x', watch=print)"])
def test_a_forgotten_client_does_not_hang_the_exit(hosts: str, armed: str) -> None:
    script = f"""
        import sys, pinfold
        client = pinfold.Client(sys.argv[1]).connect()
        {armed}
        print("end of program")
    """
    done = run(script, hosts)
    assert (done.returncode, done.stdout.strip()) == (0, "end of program"), done.stderr


@pytest.mark.parametrize("call", ['client.get("/")', "client.connect()"])
def test_an_interrupt_ends_a_waiting_call(hosts: str, call: str) -> None:
    script = """
        import _thread, signal, sys, threading
        import pinfold
        # A parent that ignores interrupts, as a shell does for its background jobs, hands it down.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        client = pinfold.Client("127.0.0.1:1", connect_timeout_ms=600_000)
        started = threading.Timer(0.2, _thread.interrupt_main)
        started.start()
        try:
            CALL
        except KeyboardInterrupt:
            print("interrupted")
    """.replace("CALL", call)
    assert run(script, hosts).stdout.strip() == "interrupted"


def run(script: str, hosts: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of its own, which must end by itself."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), hosts],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    )

"""The embedded server."""

from __future__ import annotations

import pathlib

import pytest
from conftest import Flavour, settle

import pinfold
import pinfold.asyncio


def test_with_a_server(tmp_path: pathlib.Path) -> None:
    with pinfold.Server(data_dir=str(tmp_path / "data")) as server:
        with pinfold.Client(server.address) as client:
            client.create("/kept", b"1")
    with pinfold.Server(data_dir=str(tmp_path / "data")) as server:
        with pinfold.Client(server.address) as client:
            assert client.get("/kept").data == b"1"


async def test_async_with_a_server() -> None:
    async with pinfold.asyncio.Server() as server:
        async with pinfold.asyncio.Client(server.address) as client:
            await client.create("/a")


async def test_two_servers_do_not_share(flavour: Flavour) -> None:
    with pinfold.Server() as one, pinfold.Server() as two:
        assert one.address != two.address
        async with flavour.open(one.address) as a, flavour.open(two.address) as b:
            await settle(a.create("/a"))
            assert await settle(b.exists("/a")) is None


def test_a_taken_port_is_told(tmp_path: pathlib.Path) -> None:
    with pinfold.Server() as server:
        with pytest.raises(pinfold.ServerError, match=server.address.rpartition(":")[2]):
            pinfold.Server(listen=server.address).start()


def test_a_foreign_data_directory_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "letter.txt").write_text("not ours")
    with pytest.raises(pinfold.ServerError, match=str(tmp_path)):
        pinfold.Server(data_dir=str(tmp_path)).start()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_stop_twice_and_address_before_start() -> None:
    server = pinfold.Server()
    with pytest.raises(pinfold.ServerError):
        _ = server.address
    server.start()
    server.stop()
    server.stop()


async def test_a_client_sees_its_server_go_and_come(
    flavour: Flavour, tmp_path: pathlib.Path
) -> None:
    server = pinfold.Server(data_dir=str(tmp_path / "data")).start()
    address = server.address
    async with flavour.open(address, session_timeout_ms=30_000) as client:
        states = client.states()
        session = client.session_id
        await settle(client.create("/e", mode=pinfold.CreateMode.EPHEMERAL))
        server.stop()
        while await settle(states.next()) is not pinfold.SessionState.SUSPENDED:
            pass
        with pinfold.Server(listen=address, data_dir=str(tmp_path / "data")):
            while await settle(states.next()) is not pinfold.SessionState.CONNECTED:
                pass
            assert client.session_id == session
            assert await settle(client.exists("/e"))
            await settle(client.close())

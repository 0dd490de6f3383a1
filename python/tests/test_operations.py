"""Every operation of the session, with both clients."""

from __future__ import annotations

import pytest
from conftest import Flavour, refused, settle

import pinfold
from pinfold import Acl, CreateMode, MultiOp


async def test_create_get_set_delete(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        created = await settle(client.create("/a", b"one"))
        assert created.path == "/a"
        assert (created.stat.version, created.stat.data_length) == (0, 3)
        data, stat = await settle(client.get("/a"))
        assert (data, stat) == (b"one", created.stat)
        changed = await settle(client.set("/a", b"three", 0))
        assert (changed.version, changed.data_length) == (1, 5)
        assert changed.mzxid > changed.czxid == created.stat.czxid
        assert await settle(client.delete("/a", 1)) is None
        assert await settle(client.exists("/a")) is None


async def test_null_and_empty_data_differ(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/null", None))
        await settle(client.create("/empty"))
        assert (await settle(client.get("/null"))).data is None
        assert (await settle(client.get("/empty"))).data == b""


@pytest.mark.parametrize("data", [b"x\x00y", bytearray(b"x\x00y"), memoryview(b"x\x00y")])
async def test_bytes_like_data(flavour: Flavour, hosts: str, data: bytes) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/a", data))
        assert (await settle(client.get("/a"))).data == b"x\x00y"


async def test_modes(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        first = await settle(client.create("/s-", b"", CreateMode.PERSISTENT_SEQUENTIAL))
        assert first.path == "/s-0000000000"
        own = await settle(client.create("/e", b"", CreateMode.EPHEMERAL))
        assert own.stat.ephemeral_owner == client.session_id != 0
        both = await settle(client.create("/t-", mode=CreateMode.EPHEMERAL_SEQUENTIAL))
        assert both.path.startswith("/t-00000000")
    async with flavour.open(hosts) as client:
        assert (await settle(client.get_children("/"))).names == ["s-0000000000"]


async def test_children(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        for name in ("a", "b", "ö"):
            await settle(client.create(f"/{name}"))
        names, stat = await settle(client.get_children("/"))
        assert sorted(names) == ["a", "b", "ö"]
        assert stat.num_children == 3


async def test_acl(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client, flavour.open(hosts) as stranger:
        await settle(client.create("/a"))
        acl, stat = await settle(client.get_acl("/a"))
        assert acl == list(pinfold.OPEN_ACL)
        await settle(client.add_auth("digest", b"ann:secret"))
        changed = await settle(client.set_acl("/a", [Acl(31, "auth", "")], stat.aversion))
        assert changed.aversion == 1
        await settle(stranger.sync("/a"))
        error = await refused(lambda: stranger.get("/a"), pinfold.NoAuthError)
        assert error.path == "/a"
        await settle(stranger.add_auth("digest", b"ann:secret"))
        await settle(stranger.get("/a"))


async def test_credentials_of_the_options(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts, auth=[("digest", b"ann:secret")]) as client:
        await settle(client.create("/a", acl=[Acl(31, "auth", "")]))
        acl, _ = await settle(client.get_acl("/a"))
        assert acl == [Acl(31, "digest", "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=")]


async def test_multi(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        results = await settle(
            client.multi(
                [
                    MultiOp.create("/a", b"1"),
                    MultiOp.create("/a/b-", mode=CreateMode.PERSISTENT_SEQUENTIAL),
                    MultiOp.set("/a", b"22", 0),
                    MultiOp.check("/a", 1),
                    MultiOp.delete("/a/b-0000000000"),
                ]
            )
        )
        assert [type(result).__name__ for result in results] == [
            "Created",
            "Created",
            "Stat",
            "NoneType",
            "NoneType",
        ]
        assert results[1].path == "/a/b-0000000000"
        assert (await settle(client.get("/a"))).data == b"22"


async def test_failed_multi_changes_nothing(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        steps = [MultiOp.create("/a"), MultiOp.delete("/none"), MultiOp.create("/b")]
        error = await refused(lambda: client.multi(steps), pinfold.NoNodeError)
        assert (error.op_index, error.outcome) == (1, pinfold.Outcome.NOT_APPLIED)
        assert (await settle(client.get_children("/"))).names == []


async def test_renew_after_close(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        renewed = client.renew()
        try:
            await settle(renewed.connect())
            assert renewed.session_id not in (0, client.session_id)
            await settle(renewed.create("/a"))
            assert await settle(client.exists("/a"))
        finally:
            await settle(renewed.close())

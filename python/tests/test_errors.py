"""Errors: their classes, and what they tell."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from conftest import Flavour, refused, settle

import pinfold


async def test_errors_tell_code_name_path_and_outcome(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/a"))
        error = await refused(lambda: client.create("/a"), pinfold.NodeExistsError)
        assert isinstance(error, pinfold.Error)
        assert (error.code, error.name, error.path) == (-110, "NODE_EXISTS", "/a")
        assert error.outcome == pinfold.Outcome.NOT_APPLIED
        assert error.op_index is None
        assert "/a" in str(error)


async def test_each_kind_has_its_class(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        await settle(client.create("/a"))
        await settle(client.create("/a/b"))
        own = pinfold.CreateMode.EPHEMERAL
        await settle(client.create("/e", mode=own))
        cases: list[tuple[Any, type[pinfold.Error]]] = [
            (lambda: client.get("/none"), pinfold.NoNodeError),
            (lambda: client.create("/none/a"), pinfold.NoNodeError),
            (lambda: client.set("/a", b"", 7), pinfold.BadVersionError),
            (lambda: client.delete("/a"), pinfold.NotEmptyError),
            (lambda: client.create("/e/a"), pinfold.NoChildrenForEphemeralsError),
            (lambda: client.create("/x", acl=[]), pinfold.InvalidAclError),
        ]
        for call, error in cases:
            await refused(call, error)


@pytest.mark.parametrize("path", ["", "a", "/a/", "//a", "/a/../b", "/a\x00b", "/\x01"])
async def test_illegal_paths_are_refused_by_name(
    flavour: Flavour, hosts: str, path: str
) -> None:
    async with flavour.open(hosts) as client:
        error = await refused(lambda: client.create(path), pinfold.BadArgumentsError)
        assert error.outcome == "not_applied"
        # The session has not suffered.
        await settle(client.create("/fine"))


async def test_oversize_data_is_refused_with_the_limit(flavour: Flavour, hosts: str) -> None:
    async with flavour.open(hosts) as client:
        big = bytes(2 * 1024 * 1024)
        error = await refused(lambda: client.create("/a", big), pinfold.BadArgumentsError)
        assert "1048575" in str(error).replace("_", "").replace(",", "")
        await settle(client.create("/a"))


def test_errors_can_be_pickled() -> None:
    error = pinfold.BadVersionError("no", path="/a", outcome="not_applied", op_index=3)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is pinfold.BadVersionError
    assert (str(copy), copy.path, copy.op_index) == ("no", "/a", 3)


def test_a_class_of_an_application_does_not_replace_ours() -> None:
    class Mine(pinfold.NoNodeError):
        pass

    from pinfold.errors import from_native

    error = from_native(-101, "NO_NODE", "no", "/a", "not_applied", None)
    assert type(error) is pinfold.NoNodeError and not isinstance(error, Mine)


def test_an_unknown_code_is_a_plain_error() -> None:
    from pinfold.errors import from_native

    error = from_native(-4242, "NEW", "new", None, "not_applied", None)
    assert type(error) is pinfold.Error
    assert (error.code, error.name) == (-4242, "NEW")

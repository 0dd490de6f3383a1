"""The native module: conversion only. It is private; use the package."""

from collections.abc import Sequence
from typing import Any, Final, final

from ._vocabulary import Acl

__all__ = [
    "CLOSED",
    "Client",
    "FAILURE",
    "MultiOp",
    "Op",
    "RECIPE",
    "REPLY",
    "ReadOp",
    "STATE",
    "Server",
    "Stat",
    "VERSION",
    "WATCH",
    "api_json",
]

VERSION: Final[str]
REPLY: Final[int]
FAILURE: Final[int]
WATCH: Final[int]
STATE: Final[int]
RECIPE: Final[int]
CLOSED: Final[int]

def api_json() -> str: ...

@final
class Stat:
    """What the server keeps about a node besides its data. Times are milliseconds since 1970."""

    @property
    def czxid(self) -> int: ...
    @property
    def mzxid(self) -> int: ...
    @property
    def ctime(self) -> int: ...
    @property
    def mtime(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def cversion(self) -> int: ...
    @property
    def aversion(self) -> int: ...
    @property
    def ephemeral_owner(self) -> int: ...
    @property
    def data_length(self) -> int: ...
    @property
    def num_children(self) -> int: ...
    @property
    def pzxid(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MultiOp:
    """One step of a multi. All steps happen, or none."""

    @staticmethod
    def create(
        path: str,
        data: bytes | bytearray | memoryview | None = b"",
        mode: str = "persistent",
        acl: Sequence[Acl] | None = None,
        ttl_ms: int = 0,
    ) -> MultiOp: ...
    @staticmethod
    def delete(path: str, version: int = -1) -> MultiOp: ...
    @staticmethod
    def set(
        path: str, data: bytes | bytearray | memoryview | None, version: int = -1
    ) -> MultiOp: ...
    @staticmethod
    def check(path: str, version: int = -1) -> MultiOp: ...

@final
class ReadOp:
    """One read of a multi read, which succeeds or fails by itself."""

    @staticmethod
    def get(path: str) -> ReadOp: ...
    @staticmethod
    def get_children(path: str) -> ReadOp: ...

@final
class Server:
    def __new__(
        cls,
        listen: str | None,
        data_dir: str | None,
        tick_time_ms: int,
        properties: Sequence[tuple[str, str]],
    ) -> Server: ...
    def address(self) -> str: ...
    def stop(self) -> None: ...

@final
class Client:
    def __new__(
        cls,
        hosts: str,
        session_timeout_ms: int,
        connect_timeout_ms: int,
        auth: Sequence[tuple[str, bytes]],
        read_only: bool,
        in_flight_limit: int,
        security: tuple[str | None, ...],
    ) -> Client: ...
    def reserve(self) -> int: ...
    def submit(self, op: Op) -> int: ...
    def submit_as(self, ticket: int, op: Op) -> None: ...
    def cancel(self, ticket: int) -> bool: ...
    def call(self, op: Op) -> Any: ...
    def call_as(self, ticket: int, op: Op) -> Any: ...
    def drain(self, max: int) -> list[tuple[int, int, Any]]: ...
    def wait(self, timeout: float | None) -> bool: ...
    def wait_connected(self) -> None: ...
    def fd(self) -> int: ...
    def state(self) -> str: ...
    def session_id(self) -> int: ...
    def session_timeout_ms(self) -> int: ...
    def is_open(self) -> bool: ...
    def renew(self) -> Client: ...
    def close(self) -> None: ...

@final
class Op:
    """An operation with its arguments, ready to be submitted."""
    @staticmethod
    def recipe(name: str, *arguments: object) -> Op: ...

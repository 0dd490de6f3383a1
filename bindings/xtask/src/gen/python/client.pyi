import asyncio  # asyncio
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import TypeVar

from ._native import MultiOp, ReadOp, Stat  # sync
from ._session import Session  # sync
from ._stream import Stream  # sync
from ._vocabulary import (  # sync
from .._native import MultiOp, ReadOp, Stat  # asyncio
from .._session import Session  # asyncio
from .._stream import AsyncStream  # asyncio
from .._vocabulary import (  # asyncio
    OPEN_ACL,
    Acl,
    AclResult,
    Children,
    Created,
    CreateMode,
    Data,
    Identity,
    SessionState,
    TlsVerify,
    WatchEvent,
    WatchMode,
    WatchType,
)
from .errors import Error  # sync
from ..errors import Error  # asyncio

_StateCallback = TypeVar("_StateCallback", bound=Callable[[SessionState], object])

class Watch(Stream[WatchEvent]):  # sync
class Watch(AsyncStream[WatchEvent]):  # asyncio
    ticket: int
    path: str
    mode: WatchMode
    def __init__(self, client: Client, ticket: int, path: str, mode: WatchMode) -> None: ...
    def remove(self) -> Reply[None]: ...
    def __enter__(self) -> Watch: ...  # sync
    def __exit__(self, *_: object) -> None: ...  # sync
    async def __aenter__(self) -> Watch: ...  # asyncio
    async def __aexit__(self, *_: object) -> None: ...  # asyncio

class Client(Session):
    def __init__(
        self,
        hosts: str,
        *,
        session_timeout_ms: int = 10000,
        connect_timeout_ms: int = 10000,
        auth: Iterable[tuple[str, bytes]] = (),
        read_only: bool = False,
        in_flight_limit: int = 16384,
        tls_ca_file: str | PathLike[str] | None = None,
        tls_cert_file: str | PathLike[str] | None = None,
        tls_key_file: str | PathLike[str] | None = None,
        tls_store_password: str | None = None,
        tls_verify: TlsVerify | None = None,
        tls_server_name: str | None = None,
        sasl_user: str | None = None,
        sasl_password: str | None = None,
    ) -> None: ...
    async def connect(self) -> Client: ...
    def renew(self) -> Client: ...
    def close(self) -> Reply[None]: ...
    def __enter__(self) -> Client: ...  # sync
    def __exit__(self, *_: object) -> None: ...  # sync
    async def __aenter__(self) -> Client: ...  # asyncio
    async def __aexit__(self, *_: object) -> None: ...  # asyncio
    def __del__(self) -> None: ...
    def on_state(self, callback: _StateCallback) -> _StateCallback: ...
    def states(self) -> Stream[SessionState]: ...  # sync
    def states(self) -> AsyncStream[SessionState]: ...  # asyncio
    # operations
    def add_watch(
        self,
        path: str,
        mode: WatchMode = WatchMode.PERSISTENT,
        callback: Callable[[WatchEvent], object] | None = None,
    ) -> Reply[Watch]: ...
    def remove_watches(self, watch: Watch) -> Reply[None]: ...

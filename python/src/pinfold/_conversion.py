"""Between the plain tuples of the native module and what users see and give."""

from __future__ import annotations

import os
from typing import Any

from ._native import Stat
from ._vocabulary import Acl, AclResult, Children, Created, Data, Identity, TlsVerify
from .errors import Error

created = Created._make
data = Data._make
children = Children._make


def acl_result(value: tuple[list[tuple[int, str, str]], Stat]) -> AclResult:
    """A list of entries, and the stat."""
    acl, stat = value
    return AclResult([Acl._make(entry) for entry in acl], stat)


def multi_results(value: list[Any]) -> list[Created | Stat | None]:
    """What each step gave: a create its path, a set its stat, the others nothing."""
    return [Created._make(step) if type(step) is tuple else step for step in value]


def read_results(value: list[Any]) -> list[Data | list[str] | Error]:
    """What each read gave: data and stat, names of children, or why it failed."""
    return [Data._make(read) if type(read) is tuple else read for read in value]


def identities(value: list[tuple[str, str]]) -> list[Identity]:
    """Who the server takes the connection for."""
    return [Identity._make(entry) for entry in value]


def security(
    ca_file: str | os.PathLike[str] | None,
    cert_file: str | os.PathLike[str] | None,
    key_file: str | os.PathLike[str] | None,
    store_password: str | None,
    server_name: str | None,
    user: str | None,
    password: str | None,
    verify: TlsVerify | None,
) -> tuple[str | None, ...]:
    """The options of TLS and SASL, as the native module takes them."""
    files = (None if file is None else os.fspath(file) for file in (ca_file, cert_file, key_file))
    return (*files, store_password, server_name, user, password, verify)

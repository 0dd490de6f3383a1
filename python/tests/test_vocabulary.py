"""No drift: the package against the table that its native module was built with."""

from __future__ import annotations

import inspect
import json
from enum import Enum
from typing import Any

import pytest

import pinfold
import pinfold.asyncio
from pinfold import _native, _vocabulary

API = json.loads(_native.api_json())


def test_errors() -> None:
    wanted = {(error["code"], error["name"]) for error in API["errors"]}
    classes = [
        value
        for value in vars(_vocabulary).values()
        if isinstance(value, type) and issubclass(value, pinfold.Error)
    ]
    assert {(cls.code, cls.name) for cls in classes if cls is not pinfold.Error} == wanted


def test_enumerations() -> None:
    for entry in API["enums"]:
        name = "".join(word.capitalize() for word in entry["name"].split("_"))
        members: type[Enum] = getattr(pinfold, name)
        assert [member.value for member in members] == [
            variant["name"] for variant in entry["variants"]
        ]


@pytest.mark.parametrize("client", [pinfold.Client, pinfold.asyncio.Client])
def test_operations_and_their_arguments(client: Any) -> None:
    for operation in API["operations"]:
        assert hasattr(_native.Op, operation["name"])
        names = list(inspect.signature(getattr(client, operation["name"])).parameters)[1:]
        wanted = [arg["name"] for arg in operation["args"]]
        # A lasting watch may have a callback besides.
        assert names[: len(wanted)] == wanted


@pytest.mark.parametrize("client", [pinfold.Client, pinfold.asyncio.Client])
def test_option_defaults(client: Any) -> None:
    parameters = inspect.signature(client).parameters
    for option in API["options"]:
        assert option["name"] in parameters
        default = option["default"]
        number = default.get("number") if isinstance(default, dict) else None
        if number is not None:
            assert parameters[option["name"]].default == number


def test_versions() -> None:
    assert pinfold.__version__ == API["version"] == _vocabulary.API_VERSION

"""TLS and SASL, against an embedded server that has both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pinfold
from conftest import Flavour, refused, settle

STORES = Path(__file__).resolve().parents[2] / "core/proto/tests/stores"
JAAS = """
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required user_ann="secret";
};
"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens that takes TLS and plain connections, and has a user."""
    jaas = tmp_path_factory.mktemp("jaas") / "jaas.conf"
    jaas.write_text(JAAS)
    properties = {
        "client.portUnification": "true",
        "ssl.clientAuth": "want",
        "ssl.keyStore.location": str(STORES / "server.p12"),
        "ssl.keyStore.password": "pinfold",
        "ssl.trustStore.location": str(STORES / "trust.jks"),
        "ssl.trustStore.password": "pinfold",
        "java.security.auth.login.config": str(jaas),
    }
    with pinfold.Server(properties=properties) as server:
        yield server.address


async def schemes(client: Any) -> set[str]:
    return {identity.scheme for identity in await settle(client.who_am_i())}


async def test_plain_and_tls(flavour: Flavour, secure: str) -> None:
    async with flavour.open(secure) as client:
        assert await schemes(client) == {"ip"}
    async with flavour.open(secure, tls_ca_file=STORES / "ca.pem") as client:
        await settle(client.create(f"/{flavour.module.__name__}", b"x" * 100_000))
        data, _ = await settle(client.get(f"/{flavour.module.__name__}"))
        assert data == b"x" * 100_000
        assert await schemes(client) == {"ip"}


async def test_certificate_and_user(flavour: Flavour, secure: str) -> None:
    options = {
        "tls_ca_file": str(STORES / "trust.p12"),
        "tls_cert_file": STORES / "client.jks",
        "tls_store_password": "pinfold",
        "tls_verify": pinfold.TlsVerify.FULL,
        "tls_server_name": "localhost",
        "sasl_user": "ann",
        "sasl_password": "secret",
    }
    async with flavour.open(secure, **options) as client:
        identities = await settle(client.who_am_i())
        assert {identity.scheme for identity in identities} == {"ip", "x509", "sasl"}
        assert pinfold.Identity("sasl", "ann") in identities
        renewed = client.renew()
        await settle(renewed.connect())
        assert await schemes(renewed) == {"ip", "x509", "sasl"}
        await settle(renewed.close())


async def test_who_is_not_trusted(flavour: Flavour, secure: str) -> None:
    # The system's authorities do not know the tests' own.
    options: dict[str, Any] = {"connect_timeout_ms": 300, "tls_verify": pinfold.TlsVerify.FULL}
    client = flavour.module.Client(secure, **options)
    error = await refused(client.connect, pinfold.NotConnectedError)
    assert secure in str(error)
    await settle(client.close())
    async with flavour.open(secure, tls_verify=pinfold.TlsVerify.NONE) as client:
        assert await settle(client.exists("/none")) is None


async def test_a_wrong_password(flavour: Flavour, secure: str) -> None:
    client = flavour.module.Client(secure, sasl_user="ann", sasl_password="wrong")
    error = await refused(client.connect, pinfold.AuthFailedError)
    assert error.outcome == "session_over"
    await settle(client.close())


async def test_options_that_cannot_be(flavour: Flavour, secure: str) -> None:
    async def half() -> None:
        flavour.module.Client(secure, sasl_user="ann")

    async def no_file() -> None:
        flavour.module.Client(secure, tls_ca_file="/nowhere/ca.pem")

    assert "sasl_password" in str(await refused(half, pinfold.InvalidArgumentError))
    assert "/nowhere/ca.pem" in str(await refused(no_file, pinfold.Error))
    with pytest.raises(ValueError, match="tls_verify"):
        flavour.module.Client(secure, tls_verify="some")

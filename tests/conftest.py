"""No test reaches the network; one that talks to itself says so by asking for `loopback`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def loopback() -> None:
    """Allows connections to a server of the test's own on this machine."""


@pytest.fixture(autouse=True)
def no_network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """Refuses names and connections, and fails the test also where the refusal was swallowed."""
    allowed = ["127.0.0.1", "::1", "localhost"] if "loopback" in request.fixturenames else []
    refused: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def check(host: Any) -> None:
        if host not in allowed:
            refused.append(host)
            raise OSError(f"no network in tests: {host!r}")

    def connect_here(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):  # else it is the path of a socket in a folder
            check(address[0])
        connect(self, address)

    def look_up_here(host: Any, *arguments: Any, **options: Any) -> Any:
        check(host)
        return look_up(host, *arguments, **options)

    if not request.node.get_closest_marker("network"):
        monkeypatch.setattr(socket.socket, "connect", connect_here)
        monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    yield refused
    assert refused == []

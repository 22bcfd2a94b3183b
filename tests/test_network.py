"""The guard of conftest.py itself: a suite that passes because it is online proves nothing."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import suppress

import pytest


def test_an_address_is_refused(no_network: list[str]) -> None:
    with pytest.raises(OSError, match="no network in tests"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)

    assert no_network == ["192.0.2.1"]
    no_network.clear()


def test_a_name_is_refused_and_the_refusal_is_remembered(no_network: list[str]) -> None:
    with suppress(OSError):
        urllib.request.urlopen("http://example.invalid/", timeout=5)

    assert no_network == ["example.invalid"]
    no_network.clear()


def test_this_machine_is_refused_as_well(no_network: list[str]) -> None:
    with suppress(OSError), socket.socket() as plain:
        plain.connect(("127.0.0.1", 9))

    assert no_network == ["127.0.0.1"]
    no_network.clear()


def test_a_test_may_talk_to_itself(loopback: None, no_network: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()

    assert no_network == []

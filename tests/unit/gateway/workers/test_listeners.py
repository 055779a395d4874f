"""The front door's sockets for several workers."""

from __future__ import annotations

import socket

import pytest

from gateway.workers.listeners import found, listening


def close(*sockets: socket.socket) -> None:
    """Close them all."""
    for one in sockets:
        one.close()


async def test_workers_get_sockets_of_one_port_that_the_system_chose() -> None:
    places = await found("127.0.0.1", 0)
    first, second = listening(places), listening(places)
    try:
        names = {one.getsockname() for one in (*first, *second)}
        assert names == {("127.0.0.1", places[0].address[1])}
    finally:
        close(*first, *second)


async def test_a_name_with_two_addresses_gets_one_port_on_both() -> None:
    places = await found("", 0)
    assert len({place.address[1] for place in places}) == 1
    close(*listening(places))


async def test_connections_that_came_before_the_worker_wait_for_it() -> None:
    (one,) = listening(await found("127.0.0.1", 0))
    try:
        with socket.create_connection(one.getsockname()):
            one.setblocking(True)
            one.settimeout(10)
            one.accept()[0].close()
    finally:
        close(one)


async def test_a_port_is_not_shared_with_another_gateway_that_shares_its_own() -> None:
    places = await found("127.0.0.1", 0)
    others = listening(places)
    try:
        with pytest.raises(OSError, match="in use"):
            await found("127.0.0.1", places[0].address[1])
    finally:
        close(*others)

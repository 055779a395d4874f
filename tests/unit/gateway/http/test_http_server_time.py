import asyncio

import pytest

from gateway.http.request import Request
from gateway.http.server import ServerSettings
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    GET,
    POST,
    Echo,
    caller,
    exchange,
    front_door,
    leave_open,
    now,
    read_answer,
    status,
)


@pytest.mark.parametrize("sent", [b"GET / HT", GET[:-2], POST[:-1]])
async def test_a_request_that_does_not_arrive_in_time_is_told(sent: bytes) -> None:
    settings = ServerSettings(head_timeout=0.05, body_timeout=0.05, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server:
        assert status(await exchange(server, sent)) == 408


async def test_a_head_that_dribbles_in_has_no_more_time_than_another() -> None:
    settings = ServerSettings(head_timeout=0.2, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server, caller(server) as (reader, writer):
        started = now()
        answer = asyncio.create_task(reader.read(), name="answer")
        for letter in b"GET /" + b"a" * 250:
            writer.write(bytes((letter,)))
            await asyncio.wait([answer], timeout=0.02)
            if answer.done():
                break
        assert status(answer.result()) == 408
        assert now() - started < 2


async def test_an_idle_connection_is_closed() -> None:
    settings = ServerSettings(idle=0.05, sweep_grain=0.01)
    async with front_door(Echo(), settings) as server:
        assert await exchange(server) == b""
        answer = await exchange(server, GET)
        assert status(answer) == 200


async def test_an_answer_may_take_longer_than_any_time_for_reading() -> None:
    settings = ServerSettings(
        idle=0.02, head_timeout=0.02, body_timeout=0.02, write_timeout=0.02, sweep_grain=0.01
    )
    app = Echo(leave_open)
    async with front_door(app, settings) as server, caller(server) as (reader, writer):
        writer.write(GET)
        await until(lambda: app.served, 5)
        await asyncio.sleep(0.15)
        app.served[0].respond(200)
        assert status((await read_answer(reader))[0]) == 200


async def test_a_caller_that_does_not_read_is_cut_off() -> None:
    gone = asyncio.Event()

    def flood(request: Request) -> None:
        request.on_gone = gone.set
        request.start(200, ())
        request.write(bytes(50_000_000))

    settings = ServerSettings(write_timeout=0.1, sweep_grain=0.01)
    async with front_door(Echo(flood), settings) as server, caller(server) as (_, writer):
        writer.write(GET)
        async with asyncio.timeout(5):
            await gone.wait()

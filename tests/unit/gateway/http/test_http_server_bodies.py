import pytest

from gateway.http.request import Answer
from tests.support.waiting import until
from tests.unit.gateway.http.peers import (
    GET,
    POST,
    Echo,
    caller,
    exchange,
    front_door,
    leave_open,
    read_answer,
    status,
)

EXPECT = POST.replace(b"Host", b"Expect: 100-continue\r\nHost")


async def test_a_caller_that_asks_is_told_to_go_on() -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        writer.write(EXPECT[:-5])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await read_answer(reader))[1] == b"hello"


async def test_a_caller_that_does_not_wait_is_not_told() -> None:
    async with front_door(Echo()) as server, caller(server) as (reader, writer):
        writer.write(EXPECT)
        assert status((await read_answer(reader))[0]) == 200


async def test_a_caller_that_asks_is_refused_without_its_body() -> None:
    app = Echo()
    for verdict, expected in ((4, 413), (Answer(404), 404)):
        app.limit = verdict
        async with front_door(app) as server:
            assert status(await exchange(server, EXPECT[:-5])) == expected


async def test_the_word_to_go_on_waits_for_its_turn() -> None:
    app = Echo(leave_open)
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(GET + EXPECT[:-5])
        await until(lambda: app.served, 5)
        app.served[0].respond(200, (), b"first")
        assert (await read_answer(reader))[1] == b"first"
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        await until(lambda: len(app.served) == 2, 5)
        assert app.served[1].body == b"hello"


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nHost"


async def test_a_wish_to_upgrade_is_ignored() -> None:
    app = Echo()
    async with front_door(app) as server, caller(server) as (reader, writer):
        writer.write(GET.replace(b"Host", UPGRADE) + GET)
        for _ in range(2):
            assert status((await read_answer(reader))[0]) == 200
        assert len(app.served) == 2


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_body_of_a_request_that_wishes_to_upgrade_is_read(chunked: bool) -> None:
    sent = POST.replace(b"Host", UPGRADE)
    if chunked:
        sent = sent.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
        sent = sent.replace(b"hello", b"5\r\nhello\r\n0\r\n\r\n")
    app = Echo()
    async with front_door(app) as server:
        answer = await exchange(server, sent[:-3], sent[-3:] + GET)
        assert answer.endswith(b"hello")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert len(app.served) == 1

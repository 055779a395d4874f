"""The function sink against real servers: statuses, endpoints, callers, and what cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.context import Context
from gateway.core.delivery import Answer, Delivery
from gateway.core.shared import Shared
from gateway.errors import AttemptTimeout, CallerGone, EventRejected, NoEndpoint, SinkUnavailable
from gateway.http.call import HttpCall
from gateway.http.endpoints import Address, Endpoints
from gateway.http.headers import Headers
from gateway.http.request import Request
from gateway.http.routes import RouteTable
from gateway.settings import HttpSettings, Settings
from gateway.sinks.function import FAILURE_BODY, FunctionSink, _retry_after
from gateway.stores.memory import MemoryLedger
from tests.fakes.function_server import FunctionServer, function_server
from tests.support.events import delivery, event, subscription
from tests.support.gateways import DictSecrets
from tests.support.waiting import until

KEY = ("default", "hello")


class Bench:
    """A sink, and the endpoints that it follows."""

    def __init__(self, addresses: Iterable[Address], http: HttpSettings, **policy: Any) -> None:
        self.endpoints = Endpoints()
        self.endpoints.set(KEY, addresses)
        settings = replace(Settings(), http=http)
        context = Context(
            settings, DictSecrets(), MemoryLedger(), Shared(), RouteTable(), self.endpoints
        )
        self.sink = FunctionSink(subscription(**policy), context)

    async def send(self, what: Delivery | None = None, timeout: float = 5) -> Answer:
        deadline = asyncio.get_running_loop().time() + timeout
        answer = await self.sink.send(what or delivery(), deadline)
        assert answer is not None
        return answer


@asynccontextmanager
async def sending(
    *addresses: Address, http: HttpSettings | None = None, **policy: Any
) -> AsyncIterator[Bench]:
    bench = Bench(addresses, http or HttpSettings(), **policy)
    try:
        yield bench
    finally:
        await bench.sink.close()


class Caller:
    """The connection of a caller who waits, and what was written to it."""

    peer = "127.0.0.1"

    def __init__(self) -> None:
        self.data = b""
        self.request = Request(self, "POST", b"/", "1.1")

    def write(self, data: bytes) -> None:
        self.data += data

    def finished(self, request: Request) -> None:
        """Nothing follows."""

    def abort(self) -> None:
        self.data += b"(cut off)"

    def keeps_alive(self, request: Request) -> bool:
        return True

    def date_line(self) -> bytes:
        return b"date: now\r\n"

    def call(self, id: str = "1", attempts: int = 0, headers: Headers | None = None) -> Delivery:
        one = delivery(id)
        one.attempts = attempts
        one.call = HttpCall(b"POST", b"/", headers or [], self.request)
        return one


def answering(status: int, **fields: Any) -> Any:
    async def behave(_: web.Request, __: bytes) -> web.StreamResponse:
        return web.Response(status=status, **fields)

    return behave


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, None),
        (302, EventRejected),
        (404, EventRejected),
        (408, AttemptTimeout),
        (429, SinkUnavailable),
        (500, SinkUnavailable),
    ],
)
@pytest.mark.regression("Kubeless: a tick that the function answers with 500 counts as done")
@pytest.mark.regression("Fission: every 2xx but 200 counts as a failure")
async def test_a_status_means_what_the_policy_says(
    status: int, error: type[Exception] | None
) -> None:
    async with function_server(answering(status)) as server, sending(server.address) as bench:
        if error is None:
            assert (await bench.send()).status == status
            return
        with pytest.raises(error, match=f"answered {status}") as caught:
            await bench.send()
        assert type(caught.value) is error


async def test_a_policy_of_its_own_statuses_is_kept_to() -> None:
    policy = {"retry_statuses": frozenset({404})}
    async with (
        function_server(answering(404)) as server,
        sending(server.address, **policy) as bench,
    ):
        with pytest.raises(SinkUnavailable):
            await bench.send()
        server.behaviour = answering(503)
        with pytest.raises(EventRejected):
            await bench.send()


@pytest.mark.parametrize(("retry_connect", "error"), [(1, SinkUnavailable), (0, EventRejected)])
async def test_a_refused_connection_is_tried_again_by_policy(
    retry_connect: int, error: type[Exception]
) -> None:
    async with function_server() as server:
        pass
    async with sending(server.address, retry_connect=bool(retry_connect)) as bench:
        with pytest.raises(error, match="connecting to"):
            await bench.send()


async def test_without_an_endpoint_nothing_is_tried() -> None:
    async with sending() as bench:
        with pytest.raises(NoEndpoint, match="no process of it is ready") as caught:
            await bench.send()
        assert caught.value.retry_after == 1


def test_retry_after_is_read_in_both_forms() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert _retry_after([(b"x", b"1"), (b"retry-after", b"120")]) == 120
    for text in (format_datetime(soon, usegmt=True), format_datetime(soon.replace(tzinfo=None))):
        seconds = _retry_after([(b"retry-after", text.encode())])
        assert seconds is not None
        assert 85 < seconds <= 90
    assert _retry_after([(b"retry-after", b"Sun, 06 Nov 1994 08:49:37 GMT")]) == 0
    assert _retry_after([]) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"soon",
        b"1.5",
        b"-1",
        b"Sun, 06 Nov 99999999999 08:49:37 GMT",
        b"1 Jan 1 0:0 +99999999999",
    ],
)
def test_a_retry_after_that_makes_no_sense_is_none(text: bytes) -> None:
    assert _retry_after([(b"retry-after", text)]) is None


@given(
    st.binary(max_size=40)
    | st.text(alphabet="0123456789 :+-SunNovGMT,", max_size=40).map(str.encode)
)
def test_no_retry_after_raises(text: bytes) -> None:
    seconds = _retry_after([(b"retry-after", text)])
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(("attempts", "shown"), [(0, False), (1, False), (2, True)])
async def test_a_failure_is_shown_to_the_caller_by_the_last_attempt_only(
    attempts: int, shown: bool
) -> None:
    caller = Caller()
    busy = answering(503, text="busy", headers={"Retry-After": "7"})
    async with function_server(busy) as server, sending(server.address, retry=2) as bench:
        if shown:
            assert (await bench.send(caller.call(attempts=attempts))).status == 503
            assert caller.data.startswith(b"HTTP/1.1 503 ")
            assert b"busy" in caller.data
            return
        with pytest.raises(SinkUnavailable) as caught:
            await bench.send(caller.call(attempts=attempts))
        assert (caught.value.status, caught.value.retry_after) == (503, 7)
        assert caller.data == b""


async def test_a_caller_who_leaves_between_attempts_hurts_no_other_call() -> None:
    """The connection of the withheld answer carries somebody else's call by then."""
    first, second = Caller(), Caller()
    go_on = asyncio.Event()

    async def behave(request: web.Request, _: bytes) -> web.StreamResponse:
        if request.headers["ce-id"] == "first":
            return web.Response(status=503)
        await go_on.wait()
        return web.Response(text="yours")

    async with function_server(behave) as server, sending(server.address) as bench:
        with pytest.raises(SinkUnavailable):
            await bench.send(first.call("first"))
        sending_second = asyncio.create_task(bench.send(second.call("second")))
        await server.until(2)
        first.request.congested()
        first.request.lost()
        go_on.set()
        assert (await sending_second).status == 200
    assert b"yours" in second.data


async def test_a_caller_who_left_before_the_turn_came_calls_nothing() -> None:
    caller = Caller()
    caller.request.lost()
    async with function_server() as server, sending(server.address) as bench:
        with pytest.raises(CallerGone):
            await bench.send(caller.call())
        assert server.seen == []


async def test_a_caller_who_leaves_while_the_connection_is_made_calls_nothing() -> None:
    caller = Caller()
    async with function_server() as server, sending(server.address) as bench:
        sending_it = asyncio.create_task(bench.send(caller.call()))
        await asyncio.sleep(0)
        caller.request.lost()
        with pytest.raises(CallerGone):
            await sending_it
        assert server.seen == []


async def test_a_caller_who_leaves_ends_the_call() -> None:
    caller = Caller()

    async def hang(_: web.Request, __: bytes) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with function_server(hang) as server, sending(server.address) as bench:
        sending_it = asyncio.create_task(bench.send(caller.call()))
        await server.until(1)
        caller.request.lost()
        with pytest.raises(CallerGone, match="the caller left"):
            await sending_it


class Held:
    """Servers that answer when they are told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def behave(self, _: web.Request, __: bytes) -> web.StreamResponse:
        await self.go_on.wait()
        return web.Response()


@asynccontextmanager
async def two_servers(held: Held) -> AsyncIterator[tuple[FunctionServer, FunctionServer]]:
    async with function_server(held.behave) as one, function_server(held.behave) as other:
        yield one, other


async def test_calls_go_to_the_endpoint_with_the_fewest_in_flight() -> None:
    held = Held()
    async with two_servers(held) as (one, other), sending(one.address) as bench:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(bench.send())
            await one.until(3)
            bench.endpoints.set(KEY, [one.address, other.address])
            for count in range(1, 4):
                group.create_task(bench.send())
                await other.until(count)
            held.go_on.set()
        assert (len(one.seen), len(other.seen)) == (3, 3)


async def test_among_equals_endpoints_take_turns() -> None:
    async with function_server() as one, function_server() as other:
        async with sending(one.address, other.address) as bench:
            for _ in range(10):
                await bench.send()
        assert (len(one.seen), len(other.seen)) == (5, 5)


async def test_calls_at_an_endpoint_that_goes_end_in_peace_and_leave_nothing() -> None:
    held = Held()
    http = HttpSettings(keepalive=0.1)
    async with two_servers(held) as (one, other), sending(one.address, http=http) as bench:
        old = asyncio.create_task(bench.send())
        await one.until(1)
        bench.endpoints.set(KEY, [other.address])
        new = asyncio.create_task(bench.send())
        await other.until(1)
        held.go_on.set()
        assert (await old).status == (await new).status == 200
        await until(lambda: not any(p.open_connections for p in bench.sink._retired), timeout=5)
        bench.endpoints.set(KEY, [one.address, other.address])
        assert bench.sink._retired == []


async def test_endpoints_that_come_and_go_under_load_lose_no_call() -> None:
    async with function_server() as one, function_server() as other:
        async with sending(one.address, retry=5) as bench:
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(bench.send(delivery(str(n)))) for n in range(60)]
                for turn in range(20):
                    bench.endpoints.set(KEY, [(one, other)[turn % 2].address])
                    calls.append(group.create_task(bench.send(delivery(f"t{turn}"))))
                    await asyncio.sleep(0.001)
            assert {call.result().status for call in calls} == {200}
            assert len(bench.sink._pools) == 1
        assert len(one.seen) + len(other.seen) == 80


async def test_a_closed_sink_follows_nothing() -> None:
    async with function_server() as server:
        async with sending(server.address) as bench:
            await bench.send()
        bench.endpoints.set(KEY, [])
        bench.endpoints.set(KEY, [server.address])
        with pytest.raises(NoEndpoint):
            await bench.send()


async def test_an_answer_over_its_bound_counts_by_its_status() -> None:
    http = HttpSettings(answer_limit=1000)
    async with (
        function_server(answering(200, body=bytes(1001))) as server,
        sending(server.address, http=http) as bench,
    ):
        assert await bench.send() == Answer(200)
        server.behaviour = answering(500, body=bytes(1001))
        with pytest.raises(SinkUnavailable):
            await bench.send()
        server.behaviour = answering(200, body=bytes(1000))
        assert len((await bench.send()).body) == 1000


@pytest.mark.parametrize(
    "attributes",
    [
        {"extensions": {"x\r\nevil": "1"}},
        {"extensions": {"grün": "1"}},
        {"datacontenttype": "a/b\r\nevil: 1"},
        {"subject": "\ud800"},
    ],
)
async def test_what_no_header_can_carry_is_refused_and_not_sent(attributes: dict[str, Any]) -> None:
    bad = Delivery(event(**attributes), lambda _: None)
    async with function_server() as server, sending(server.address) as bench:
        with pytest.raises(EventRejected, match="encoding"):
            await bench.send(bad)
        assert server.seen == []


async def test_line_breaks_in_attributes_stay_inside_their_header() -> None:
    sly = Delivery(event("1\r\nevil: 1", subject="a\nb"), lambda _: None)
    async with function_server() as server, sending(server.address) as bench:
        await bench.send(sly)
        (seen,) = server.seen
    assert (seen.headers["ce-id"], seen.headers["ce-subject"]) == ("1%0D%0Aevil:%201", "a%0Ab")
    assert "evil" not in seen.headers


async def test_a_callers_header_that_breaks_its_line_is_refused() -> None:
    async with function_server() as server, sending(server.address) as bench:
        with pytest.raises(EventRejected, match="holds CR, LF or NUL"):
            await bench.send(Caller().call(headers=[(b"x", b"1\r\nevil: 1")]))
        assert server.seen == []


async def test_an_event_without_data_or_type_of_data_is_sent() -> None:
    async with function_server() as server, sending(server.address) as bench:
        await bench.send(Delivery(event("1"), lambda _: None))
        await bench.send(Delivery(event("2", data=b"a=1"), lambda _: None))
        first, second = server.seen
    assert (first.body, first.headers["content-length"]) == (b"", "0")
    assert first.headers["content-type"] == "application/json"
    assert (second.body, second.headers["content-type"]) == (
        b"a=1",
        "application/x-www-form-urlencoded",
    )


async def test_who_asked_gets_the_answer_of_a_failure_within_bounds() -> None:
    one = delivery()
    one.asked = True
    async with function_server() as server, sending(server.address, timeout=0.2) as bench:
        server.behaviour = answering(422, text="no such order")
        with pytest.raises(EventRejected):
            await bench.send(one)
        assert one.answer is not None
        assert (one.answer.status, one.answer.body) == (422, b"no such order")
        server.behaviour = answering(500, body=bytes(FAILURE_BODY + 1))
        with pytest.raises(SinkUnavailable):
            await bench.send(one)
        assert (one.answer.status, one.answer.body) == (500, b"")


async def test_an_answer_of_an_earlier_attempt_is_forgotten() -> None:
    one = delivery()
    one.asked = True
    async with function_server(answering(500)) as server, sending(server.address) as bench:
        with pytest.raises(SinkUnavailable):
            await bench.send(one)
        bench.endpoints.set(KEY, [])
        with pytest.raises(NoEndpoint):
            await bench.send(one)
    assert one.answer is None

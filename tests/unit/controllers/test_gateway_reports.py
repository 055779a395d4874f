"""What gateways tell, summed up, and how often it is passed on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.report import Report, Row, TriggerName, reports, rows_of
from controllers.reports import GatewayReports
from controllers.settings import ReportSettings
from tests.support.background import background
from tests.support.http_servers import serving
from tests.support.waiting import until
from tidegate.kube.objects import ObjectKey

ORDERS = TriggerName("KafkaTrigger", ObjectKey("shop", "orders"))
QUICK = ReportSettings(interval=0.02, timeout=2.0, numbers=0.0)


def row(name: TriggerName = ORDERS, state: str = "Running", **more: Any) -> dict[str, Any]:
    """One subscription as the admin server shows it."""
    return {
        "id": "any",
        "kind": name.kind,
        "namespace": name.key.namespace,
        "name": name.key.name,
        "function": "stock",
        "state": state,
        "reason": "",
        **more,
    }


def summed(*replicas: list[dict[str, Any]]) -> Report:
    told = {
        str(index): rows_of(json.dumps(rows).encode(), 99) for index, rows in enumerate(replicas)
    }
    (found,) = reports(told).values()
    return found


def test_members_of_a_kafka_group_have_each_a_part_of_the_lag() -> None:
    report = summed([row(lagEvents=3)], [row(lagEvents=4)])
    assert (report.replicas, report.lag, report.reason) == (2, 7, "Running")


def test_readers_of_one_nats_consumer_tell_all_of_the_same_lag() -> None:
    name = ORDERS._replace(kind="NATSTrigger")
    parts = [row(name, lagEvents=3), row(name, lagEvents=5, function="other")]
    assert summed(parts, [row(name, lagEvents=4)]).lag == 9


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(), row(state="BackingOff", reason="broker away")], "BackingOff"),
        ([row(parked=2, lastError="500")], "Parked"),
        ([row(drift=1)], "BooksOff"),
        ([row(state="Starting")], "Starting"),
        ([row(state="Starting"), row()], "Running"),
        ([row(state="Paused", reason="spec.paused is set")], "Paused"),
        ([row(state="Paused"), row(state="Refused")], "Refused"),
        ([row(state="BackingOff"), row(state="Refused", reason="no Secret shop/s")], "Refused"),
    ],
)
def test_the_worst_is_what_counts(rows: list[dict[str, Any]], reason: str) -> None:
    assert summed(rows).reason == reason


def test_a_paused_trigger_is_not_delivering_and_says_why() -> None:
    report = summed([row(state="Paused", reason="spec.paused is set")])
    assert (report.has_trouble, report.trouble) == (True, "spec.paused is set")


@settings(deadline=None)
@given(
    st.binary(max_size=64)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
    ).map(lambda v: json.dumps(v).encode())
)
def test_no_answer_breaks_more_than_itself(body: bytes) -> None:  # fmt: skip
    with suppress(ValueError):
        reports({"one": rows_of(body, 9)})


class Gateway:
    """The admin server of a replica."""

    def __init__(self) -> None:
        self.rows: Any = [row()]
        self.status = 200
        self.asked = 0
        self.address = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response(self.rows, status=self.status)


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    made, application = Gateway(), web.Application()
    application.router.add_get("/subscriptions", made.answer)
    async with serving(application) as url:
        made.address = url.removeprefix("http://")
        yield made


@asynccontextmanager
async def asking(reports: GatewayReports) -> AsyncIterator[list[TriggerName]]:
    """Poll for the length of the block; yield whom it tells about."""
    told: list[TriggerName] = []
    reports.subscribe(told.append, lambda: None)
    async with background(reports.run(), "reports of a test"):
        yield told


async def polls(one: Gateway, count: int) -> None:
    """Return when it was asked that many times more, and the last answer was used."""
    wanted = one.asked + count + 1
    await until(lambda: one.asked >= wanted, 20)


async def test_what_stays_the_same_is_told_once() -> None:
    async with gateway() as one:
        reports = GatewayReports(lambda: [one.address], QUICK)
        async with asking(reports) as told:
            await polls(one, 4)
            assert told == [ORDERS]
            one.rows = [row(state="BackingOff", reason="broker away")]
            await until(lambda: told == [ORDERS, ORDERS], 20)
        report = reports.of(ORDERS)
        assert report is not None and report.trouble == "broker away"


async def test_numbers_alone_are_told_seldom() -> None:
    async with gateway() as one:
        settings = ReportSettings(interval=0.02, numbers=3600.0)
        reports = GatewayReports(lambda: [one.address], settings)
        async with asking(reports) as told:
            await polls(one, 2)
            one.rows = [row(lagEvents=1)]
            await polls(one, 3)
            assert told == [ORDERS]
            one.rows = [row(lagEvents=2, parked=1)]
            await until(lambda: len(told) == 2, 20)


async def test_a_poll_tells_of_so_many_at_a_time() -> None:
    async with gateway() as one:
        names = [ORDERS._replace(key=ObjectKey("shop", f"t{index}")) for index in range(7)]
        reports = GatewayReports(
            lambda: [one.address], ReportSettings(interval=0.02, numbers=0.0, writes=3)
        )
        one.rows = []
        async with asking(reports) as told:
            await polls(one, 1)
            one.rows = [row(name) for name in names]
            await until(lambda: len(told) > 0, 20)
            assert len(told) == 3
            await until(lambda: set(told) == set(names), 20)


async def test_a_replica_that_fails_keeps_what_it_told_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with gateway() as one:
        reports = GatewayReports(lambda: [one.address], QUICK)
        async with asking(reports):
            await polls(one, 1)
            one.status = 500
            await polls(one, 3)
            assert reports.of(ORDERS) is not None
        assert len([each for each in caplog.messages if "does not tell" in each]) == 1


async def test_a_trigger_of_which_nobody_tells_any_more_is_told_about() -> None:
    async with gateway() as one:
        replicas = [one.address]
        reports = GatewayReports(lambda: replicas, QUICK)
        async with asking(reports) as told:
            await until(lambda: told == [ORDERS], 20)
            replicas.clear()
            await until(lambda: told == [ORDERS, ORDERS], 20)
        assert reports.of(ORDERS) is None


async def test_an_answer_without_end_is_refused() -> None:
    async with gateway() as one:
        one.rows = [row(reason="x" * 4096)]
        settings = ReportSettings(interval=0.02, most_bytes=1024)
        reports = GatewayReports(lambda: [one.address], settings)
        async with asking(reports):
            await polls(one, 1)
            assert reports.asked
            assert reports.of(ORDERS) is None


def test_what_is_no_number_is_none() -> None:
    (read,) = rows_of(json.dumps([row(lagEvents=True, lastEvent=7)]).encode(), 1)
    assert read == Row(ORDERS, "stock", "Running")

"""What the client library is told, since what it does by itself loses events or the group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer

from gateway.settings import KafkaSettings
from gateway.sources.kafka.client import Client
from gateway.sources.kafka.failures import Membership

DAY = 24 * 3600 * 1000


@asynccontextmanager
async def consumer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Make a consumer that never connects."""
    client = Client(Membership("orders", "group", ("127.0.0.1:9",), True, {}), settings)
    try:
        yield client._consumer
    finally:
        await client.stop(1.0)


@pytest.mark.regression("aiokafka: a drain has no more time than a session without heartbeats")
@pytest.mark.regression("aiokafka: a request to join ends before the slowest member has drained")
@pytest.mark.parametrize("drain", [1.0, 15.0, 120.0])
async def test_whoever_joins_waits_for_the_slowest_drain(drain: float) -> None:
    async with consumer(KafkaSettings(revoke_timeout=drain)) as made:
        commit = KafkaSettings().request_timeout
        assert made._rebalance_timeout_ms >= (drain + commit) * 1000
        assert made._client._request_timeout_ms >= made._rebalance_timeout_ms + 10_000


@pytest.mark.regression("aiokafka: asks to join once for each assignor in every rebalance")
async def test_there_is_one_assignor() -> None:
    async with consumer(KafkaSettings()) as made:
        assert len(made._partition_assignment_strategy) == 1


@pytest.mark.regression("aiokafka: a member without partitions leaves for good after five minutes")
@pytest.mark.regression("aiokafka: a member whose function takes five minutes leaves the group")
async def test_nobody_leaves_for_want_of_polls() -> None:
    async with consumer(KafkaSettings()) as made:
        assert made._max_poll_interval_ms >= DAY


@pytest.mark.regression("aiokafka: a loop that stalls for ten seconds is dead to its group")
async def test_a_stalled_loop_stays_in_its_group_for_a_while() -> None:
    async with consumer(KafkaSettings()) as made:
        assert made._session_timeout_ms >= 30_000
        assert made._heartbeat_interval_ms <= 3_000


@pytest.mark.regression("aiokafka: a static member is not fenced when another has its name")
async def test_members_are_not_static() -> None:
    async with consumer(KafkaSettings()) as made:
        assert made._group_instance_id is None


@pytest.mark.regression("aiokafka: keeps idle connections for longer than load balancers do")
async def test_idle_connections_end_before_a_load_balancer_cuts_them() -> None:
    async with consumer(KafkaSettings()) as made:
        assert made._client._connections_max_idle_ms < 350_000


@pytest.mark.regression("aiokafka: commits what was handed out, whatever came of it")
async def test_nothing_is_committed_by_itself() -> None:
    async with consumer(KafkaSettings()) as made:
        assert not made._enable_auto_commit
        assert made._auto_offset_reset == "none"


@pytest.mark.regression("aiokafka: holds up to 50 MB of each broker")
async def test_what_is_fetched_ahead_is_bounded() -> None:
    async with consumer(KafkaSettings()) as made:
        assert made._fetch_max_bytes <= 8 << 20

"""Frames between parent and worker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.workers.messages import (
    Setup,
    Update,
    order_frame,
    read_order,
    read_report,
    report_frame,
)
from gateway.workers.secrets import CopiedSecrets, copied
from tests.support.events import subscription
from tests.support.gateways import DictSecrets
from tidegate.api.subscription import KafkaTopic, SecretRef, Subscription

ONE, TWO = ("default", "one"), ("default", "two")
HERE, THERE = (("127.0.0.1", 1),), (("127.0.0.1", 2),)


def stream(*frames: bytes) -> asyncio.StreamReader:
    """Return a channel on which `frames` came before it was closed."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(frames))
    reader.feed_eof()
    return reader


async def test_orders_arrive_whole_and_in_order() -> None:
    setup = Setup(Settings(), Path("ledger"), 20, Update((subscription(),)))
    update = Update(endpoints={ONE: HERE}, resume=frozenset((TWO,)))
    reader = stream(order_frame(setup), order_frame(update))
    assert [await read_order(reader), await read_order(reader)] == [setup, update]
    with pytest.raises(EOFError):
        await read_order(reader)


async def test_a_report_is_read_as_json_and_nothing_else() -> None:
    assert await read_report(stream(report_frame({"rows": []}))) == {"rows": []}
    for hostile in (order_frame(Update()), b"\0\0\0\2[]", b"\xff\xff\xff\xff", b"\0\0\0\5{"):
        with pytest.raises(EOFError):
            await read_report(stream(hostile))


def test_two_updates_make_one_of_which_the_later_wins() -> None:
    first = Update((subscription(),), {ONE: "old"}, {ONE: HERE, TWO: HERE}, frozenset((ONE,)))
    later = Update((), {ONE: {"key": b"new"}}, {ONE: THERE}, frozenset((TWO,)), stop=True)
    assert first.then(later) == Update(
        (), {ONE: {"key": b"new"}}, {ONE: THERE, TWO: HERE}, frozenset((ONE, TWO)), stop=True
    )


def test_an_update_without_subscriptions_leaves_them_and_their_secrets() -> None:
    first = Update((subscription(),), {ONE: "why"})
    assert first.then(Update(endpoints={ONE: ()})) == Update(
        (subscription(),), {ONE: "why"}, {ONE: ()}
    )


def reading(secret: str, namespace: str = "default") -> Subscription:
    """Return a subscription that names a Secret."""
    source = KafkaTopic("orders", "group", secret=SecretRef(secret))
    return Subscription(namespace, "KafkaTrigger", "orders", "hello", source)


def test_only_secrets_that_are_named_are_sent_and_never_shown() -> None:
    secrets = DictSecrets({ONE: {"password": b"hush"}, TWO: {"password": b"other"}})
    copies = copied([reading("one"), subscription()], secrets)
    assert copies == {ONE: {"password": b"hush"}}
    assert CopiedSecrets(copies).read(*ONE) == {"password": b"hush"}
    assert "hush" not in repr(Update((), copies))


def test_a_missing_secret_is_refused_where_it_is_used_with_the_same_words() -> None:
    copies = copied([reading("one")], DictSecrets())
    with pytest.raises(ConfigError, match="Secret default/one does not exist; create it"):
        CopiedSecrets(copies).read(*ONE)
    with pytest.raises(ConfigError, match="Secret default/two"):
        CopiedSecrets(copies).read(*TWO)

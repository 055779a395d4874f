"""The defaults in docs/delivery.md are those of the code."""

from __future__ import annotations

import re

import pytest

from gateway.registry import SOURCES
from tests.unit.docs.pages import page
from tidegate.api.delivery import Delivery
from tidegate.api.loader import load
from tidegate.api.metadata import Resource
from tidegate.api.policy import kind_policy
from tidegate.api.subscription import (
    SOURCE_NAMES,
    DeliveryPolicy,
)
from tidegate.api.subscriptions import subscriptions

PAGE = page("docs/delivery.md")
ROWS = {row[0].strip("`"): row for row in PAGE.rows()}

MANIFEST = """
apiVersion: kubeless.io/v1beta1
kind: {kind}
metadata: {{name: any}}
spec: {spec}
"""
SPECS = {
    "HTTPTrigger": "{function-name: hello}",
    "CronJobTrigger": "{function-name: hello, schedule: '@daily'}",
    "NATSTrigger": "{topic: orders, functionSelector: {}}",
    "KafkaTrigger": "{topic: orders, functionSelector: {}}",
}


def trigger(kind: str) -> Resource:
    """A trigger that says no more than it must."""
    (found,), problems = load(MANIFEST.format(kind=kind, spec=SPECS[kind]))
    assert not problems
    return found


def default_of(kind: str) -> DeliveryPolicy:
    return kind_policy(trigger(kind), 180.0)  # type: ignore[arg-type]  # a trigger, by its kind


HTTP, CRON, NATS, KAFKA = (default_of(kind) for kind in SPECS)

EXPECTED = {
    "retry": f"{CRON.retry}; HTTP {HTTP.retry}",
    "backoffPolicy": f"`{CRON.backoff}`",
    "backoffDelay": f"{CRON.backoff_delay * 1000:g}ms",
    "backoffMax": f"{CRON.backoff_max:g}s",
    "jitter": f"{CRON.jitter}",
    "timeout": f"the function's, {DeliveryPolicy().timeout:g}s",
    "onExhausted": f"`{CRON.on_exhausted.value}`; core NATS `{NATS.on_exhausted.value}`",
    "ordering": f"`{CRON.ordering.value}`",
    "concurrency": f"{CRON.concurrency}; HTTP {HTTP.concurrency}",
}


@pytest.mark.parametrize("field", EXPECTED)
def test_a_default_is_that_of_the_code(field: str) -> None:
    assert ROWS[field][1] == EXPECTED[field]


def test_every_field_of_the_delivery_block_is_in_the_table() -> None:
    names = {field.alias or name for name, field in Delivery.model_fields.items()}
    assert {name: ROWS[name][0] for name in names}


def test_what_is_tried_again_by_default_is_what_the_page_says() -> None:
    *single, _ = ROWS["retryOn"][1].removeprefix("connect, timeout, ").split(", ")
    assert {int(status) for status in single} | {*range(500, 600)} == CRON.retry_statuses
    assert CRON.retry_connect
    assert CRON.retry_timeout


def test_kafka_keeps_the_order_of_keys() -> None:
    assert f"Kafka and Kinesis triggers have `{KAFKA.ordering.value}`" in ROWS["ordering"][2]


def test_a_trigger_that_says_no_more_runs_with_these_defaults() -> None:
    (found,) = subscriptions([trigger("HTTPTrigger")])
    assert found.policy == HTTP


def test_the_triggers_that_are_refused_are_those_without_a_source() -> None:
    missing = {name for name in SOURCE_NAMES.values() if name not in SOURCES}
    listed = re.search(r"^\| ([^|]+) \| refused: this version has no source", PAGE.text, re.M)
    named = listed[1].split(", ") if listed else []
    assert {name.removesuffix("Trigger").lower() for name in named} == missing

"""Triggers as they are listed and described: objects, and what gateways tell."""

from __future__ import annotations

from typing import Any

from gateway.core.progress import Progress
from gateway.server.admin import row as subscription_row
from tests.unit.cli.triggers.objects import trigger
from tidegate.api.subscription import HttpRoute, Subscription
from tidegate.cli.triggers.description import Description, text
from tidegate.cli.triggers.rows import trigger_rows


def told(kind: str, name: str, function: str = "hello", **fields: Any) -> dict[str, Any]:
    """A row as a gateway's admin server has it."""
    subscription = Subscription("default", kind, name, function, HttpRoute())
    return subscription_row(subscription, Progress()) | {"state": "Running"} | fields


def test_one_gateway_is_taken_as_it_tells() -> None:
    orders = trigger("KafkaTrigger", "orders", topic="orders")
    (row,) = trigger_rows([orders], [told("KafkaTrigger", "orders", received=3, from_="x")])
    assert row["received"] == 3
    assert row["from"] == "Kafka orders"


def test_books_of_several_gateways_add_up() -> None:
    orders = trigger("KafkaTrigger", "orders", topic="orders")
    rows = [
        told("KafkaTrigger", "orders", received=3, drift=1, lagEvents=5, breaker="closed"),
        told(
            "KafkaTrigger", "orders", received=4, lagEvents=2, state="BackingOff",
            reason="no broker", breaker="open", lastEvent="2026-01-01T00:00:00Z",
        ),
    ]  # fmt: skip
    (row,) = trigger_rows([orders], rows)
    assert row["received"] == 7 and row["drift"] == 1 and row["lagEvents"] == 7
    assert row["state"] == "BackingOff" and row["reason"] == "no broker"
    assert row["breaker"] == "open"
    assert row["lastEvent"] == "2026-01-01T00:00:00Z"


def test_the_lag_of_a_shared_consumer_counts_once() -> None:
    orders = trigger("NATSTrigger", "orders", topic="orders")
    rows = [told("NATSTrigger", "orders", lagEvents=5), told("NATSTrigger", "orders", lagEvents=4)]
    assert trigger_rows([orders], rows)[0]["lagEvents"] == 5


def test_each_function_has_a_row() -> None:
    orders = trigger("NATSTrigger", "orders", topic="orders")
    rows = [told("NATSTrigger", "orders", "a"), told("NATSTrigger", "orders", "b")]
    assert [row["function"] for row in trigger_rows([orders], rows)] == ["a", "b"]


def test_triggers_of_one_name_and_other_kinds_are_not_mixed() -> None:
    http, cron = trigger("HTTPTrigger", "one"), trigger("CronJobTrigger", "one", schedule="@daily")
    rows = trigger_rows([http, cron], [told("CronJobTrigger", "one", received=1)])
    assert [(row["kind"], row.get("received")) for row in rows] == [
        ("HTTPTrigger", None),
        ("CronJobTrigger", 1),
    ]


def test_a_trigger_that_no_gateway_tells_of_says_what_its_status_says() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "NoFunction", "message": "none"}
    orders = trigger("KafkaTrigger", "orders", topic="a", functionSelector={})
    orders["status"] = {"conditions": [condition], "lag": 3}
    (row,) = trigger_rows([orders], [])
    assert (row["state"], row["reason"], row["lagEvents"]) == ("NoFunction", "none", 3)


def test_a_description_has_everything_there_is_to_say() -> None:
    orders = trigger("KafkaTrigger", "orders", topic="orders", delivery={"retry": 3})
    orders["status"] = {
        "lag": 4,
        "conditions": [{"type": "Ready", "status": "False", "reason": "Parked", "message": "m"}],
    }
    rows = trigger_rows([orders], [told("KafkaTrigger", "orders", parked=1, reason="1 parked: no")])
    event = {"type": "Warning", "reason": "Parked", "message": "one is parked", "count": 2}
    said = text(Description(orders, rows, [event]))
    for part in (
        "Name:         orders",
        "Labels:       created-by=kubeless",
        "    retry: 3",
        "  lag: 4",
        "  Ready   False    Parked   -       m",
        "Reason:  hello: 1 parked: no",
        "  Warning   Parked   -      2       one is parked",
    ):
        assert part in said.splitlines(), said


def test_a_description_tells_what_became_of_the_last_events() -> None:
    said = text(Description(trigger("HTTPTrigger", "one"), [], decisions=["delivered", "parked"]))
    assert said.splitlines()[-3:] == ["Last decisions:", "  delivered", "  parked"]


def test_what_is_in_the_way_of_a_trigger_without_a_function_is_said() -> None:
    one = trigger("NATSTrigger", "one", topic="a")
    rows = trigger_rows([one], [told("NATSTrigger", "one", "", reason="it selects none")])
    assert "Reason:  it selects none" in text(Description(one, rows)).splitlines()


def test_a_description_without_events_says_so_in_a_cluster_alone() -> None:
    one = trigger("HTTPTrigger", "one")
    assert "Events:  <none>" in text(Description(one, [], []))
    assert "Events" not in text(Description(one, []))

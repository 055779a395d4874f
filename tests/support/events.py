"""Events, subscriptions and deliveries for tests."""

from __future__ import annotations

from typing import Any

from gateway.core.delivery import Delivery
from gateway.core.event import CloudEvent
from tidegate.api.subscription import DeliveryPolicy, HttpRoute, Subscription


def event(id: str = "1", **attributes: Any) -> CloudEvent:
    """Return an event with the attributes that a test cares about."""
    return CloudEvent(
        id, attributes.pop("source", "/tests"), attributes.pop("type", "test"), **attributes
    )


def subscription(name: str = "orders", **policy: Any) -> Subscription:
    """Return a subscription whose policy has the fields that a test cares about."""
    filters = policy.pop("filters", ())
    return Subscription(
        "default",
        "HTTPTrigger",
        name,
        "hello",
        HttpRoute(),
        policy=DeliveryPolicy(**policy),
        filters=filters,
    )


def delivery(id: str = "1", **fields: Any) -> Delivery:
    """Return a delivery that nobody waits for."""
    return Delivery(event(id), lambda _: None, **fields)

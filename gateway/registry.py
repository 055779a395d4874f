"""Which adapter serves which name. Adapters, and their client libraries, load on first use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gateway.context import Context
from gateway.core.dispatcher import Route
from gateway.core.sink import Sink
from gateway.core.source import Source
from gateway.errors import ConfigError
from tidegate.api.subscription import Subscription

SOURCES: Mapping[str, str] = {
    "cron": "gateway.sources.cron:CronSource",
    "http": "gateway.sources.http:HttpSource",
    "nats": "gateway.sources.nats:NatsSource",
}
"""Source name -> import string of a class that takes (subscription, context)."""

SINKS: Mapping[str, str] = {"function": "gateway.sinks.function:FunctionSink"}
"""Sink name -> import string of a class that takes (subscription, context)."""

_EXTRAS = {"nats": "nats"}


def build(subscription: Subscription, context: Context) -> Route:
    """Make the adapters of `subscription`. Raises `ConfigError` for what is not to be had."""
    _refuse_what_is_missing(subscription)
    source: Source = source_class(subscription)(subscription, context)
    sink: Sink = _loaded(SINKS["function"])(subscription, context)
    return Route(source, sink)


def source_class(subscription: Subscription) -> Any:
    """Return the class of the source that serves `subscription`."""
    name = subscription.source_name
    if name not in SOURCES:
        raise ConfigError(
            f"{subscription.id}: this version has no {name} source; it has {', '.join(SOURCES)}"
        )
    try:
        return _loaded(SOURCES[name])
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(name)
        if extra is None or (error.name or "").startswith("gateway"):
            raise
        raise ConfigError(
            f"{subscription.id}: {error.name} is not installed; "
            f"install it with: pip install 'tidegate[{extra}]'"
        ) from error


def _loaded(import_string: str) -> Any:
    module, _, attribute = import_string.partition(":")
    return getattr(import_module(module), attribute)


def _refuse_what_is_missing(subscription: Subscription) -> None:
    """Say so where a policy asks for what this version does not do yet."""
    policy = subscription.policy
    if policy.batch is not None:
        raise ConfigError(f"{subscription.id}: delivery.batch is not available yet; remove it")
    if policy.dead_letter is not None:
        raise ConfigError(
            f"{subscription.id}: delivery.deadLetter is not available yet; "
            "use onExhausted: park (the default) or drop"
        )

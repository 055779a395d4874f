"""Which adapter serves which name. Adapters, and their client libraries, load on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from gateway.context import Context
from gateway.core.route import News, Route
from gateway.core.sink import Sink
from gateway.core.source import Source
from gateway.errors import ConfigError
from gateway.sinks.batch import BatchSink
from gateway.sinks.dead_letter import DeadLetterSink
from gateway.sources.paused import PausedSource
from tidegate.api.subscription import DeliveryPolicy, HttpRoute, Subscription

SOURCES: Mapping[str, str] = {
    "cron": "gateway.sources.cron:CronSource",
    "http": "gateway.sources.http:HttpSource",
    "kafka": "gateway.sources.kafka:KafkaSource",
    "kinesis": "gateway.sources.kinesis:KinesisSource",
    "nats": "gateway.sources.nats:NatsSource",
}
"""Source name -> import string of a class that takes (subscription, context)."""

SINKS: Mapping[str, str] = {
    "file": "gateway.sinks.file:FileSink",
    "function": "gateway.sinks.function:FunctionSink",
    "http": "gateway.sinks.http:HttpSink",
    "kafka": "gateway.sinks.kafka:KafkaSink",
    "nats": "gateway.sinks.nats:NatsSink",
}
"""Sink name -> import string of a class that takes (subscription, context)."""

_EXTRAS = {"kafka": "kafka", "kinesis": "kinesis", "nats": "nats"}


def build(subscription: Subscription, context: Context) -> Route:
    """Make the adapters of `subscription`. Raises `ConfigError` for what is not to be had."""
    source = _source(subscription, context)
    # Before the function's sink: it may be refused, and that one would have to be closed.
    dead_letter = dead_letter_sink(subscription, context)
    sink = delivery_sink(subscription, context)
    return Route(source, sink, dead_letter, news_of(subscription, context))


def _source(subscription: Subscription, context: Context) -> Source:
    """Make the source. Of what is paused only routes are there, to say so to their callers."""
    made = source_class(subscription)
    if subscription.paused and not isinstance(subscription.source, HttpRoute):
        return PausedSource()
    source: Source = made(subscription, context)
    return source


def news_of(subscription: Subscription, context: Context) -> News:
    """Return how to hear that processes of the function take calls."""
    key = (subscription.namespace, subscription.function)

    def news(react: Callable[[], None]) -> Callable[[], None]:
        return context.endpoints.watch(key, lambda ready: react() if ready else None)

    return news


def source_class(subscription: Subscription) -> Any:
    """Return the class of the source that serves `subscription`."""
    name = subscription.source_name
    if name not in SOURCES:
        raise ConfigError(
            f"{subscription.id}: this version has no {name} source; it has {', '.join(SOURCES)}"
        )
    return _class(SOURCES, name, subscription)


def delivery_sink(subscription: Subscription, context: Context) -> Sink:
    """Make the sink that events of `subscription` go to: its function, in batches if it says so."""
    sink = function_sink(subscription, context)
    return sink if subscription.policy.batch is None else BatchSink(sink, subscription)


def function_sink(subscription: Subscription, context: Context) -> Sink:
    """Make the sink that calls the function of `subscription`."""
    sink: Sink = _loaded(SINKS["function"])(subscription, context)
    return sink


def dead_letter_sink(subscription: Subscription, context: Context) -> Sink | None:
    """Make the sink of the policy's `deadLetter`, if there is one."""
    target = subscription.policy.dead_letter
    if target is None:
        return None
    if target.kind == "function":
        sink = function_sink(_redirected(subscription, target.target), context)
    else:
        sink = _class(SINKS, target.kind, subscription)(subscription, context)
    return DeadLetterSink(subscription, sink)


def _redirected(subscription: Subscription, function: str) -> Subscription:
    """Return what feeds another function of the namespace, with a policy that judges as usual.

    Raises `ConfigError` for the function that has just failed: it would get its own dead letters.
    """
    if function == subscription.function:
        raise ConfigError(
            f"{subscription.id}: delivery.deadLetter.function {function!r} is the function that "
            "failed; name another one"
        )
    usual = DeliveryPolicy(
        timeout=subscription.policy.timeout, concurrency=subscription.policy.concurrency
    )
    return replace(subscription, function=function, policy=usual)


def _class(known: Mapping[str, str], name: str, subscription: Subscription) -> Any:
    try:
        return _loaded(known[name])
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

"""The kinds of triggers as the command line has them. Light: every start reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.cli.output import Columns
from tidegate.cli.place.kinds import TRIGGERS
from tidegate.cli.triggers.selectors import text_of
from tidegate.cli.triggers.specs import (
    CronJobFlags,
    HTTPFlags,
    KafkaFlags,
    KinesisFlags,
    NATSFlags,
    SpecFlags,
)
from tidegate.kube.resources import Resource

Spec = dict[str, Any]

_NAMES = (("NAME", "name"), ("NAMESPACE", "namespace"))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its options, those that a new trigger needs, and the columns of its list."""

    word: str
    title: str
    flags: type[SpecFlags]
    required: tuple[str, ...]
    columns: Columns
    row: Callable[[Spec], Spec]
    """The fields of a row beside the names, from a `spec`."""
    defaults: tuple[tuple[str, Any], ...] = ()
    """Fields of a new trigger's `spec` that need not be named."""

    @property
    def announced(self) -> str:
        """What the messages call it that are Kubeless's."""
        return "Cronjob" if self.word == "cronjob" else self.title

    @property
    def resource(self) -> Resource:
        """What the API server calls it."""
        return TRIGGERS[self.word]


def with_defaults(kind: Kind, spec: Spec) -> Spec:
    """Return the `spec` of a new trigger: what was named, then what need not be."""
    return {**spec, **{name: value for name, value in kind.defaults if name not in spec}}


def _function(spec: Spec) -> Spec:
    return {"function": spec.get("function-name")}


def _topic(spec: Spec) -> Spec:
    topics = [spec.get("topic"), *spec.get("topics", ()), spec.get("topicPattern")]
    named = ", ".join(topic for topic in topics if topic)
    return {"topic": named, "selector": text_of(spec.get("functionSelector") or {})}


_TOPIC_COLUMNS = (*_NAMES, ("TOPIC", "topic"), ("FUNCTION SELECTOR", "selector"))

KINDS = (
    Kind(
        "http",
        "HTTP",
        HTTPFlags,
        ("function_name",),
        (*_NAMES, ("FUNCTION NAME", "function")),
        _function,
        (("gateway", "nginx"),),
    ),
    Kind(
        "cronjob",
        "cron job",
        CronJobFlags,
        ("function_name", "schedule"),
        (*_NAMES, ("SCHEDULE", "schedule"), ("FUNCTION NAME", "function")),
        lambda spec: {"schedule": spec.get("schedule"), **_function(spec)},
    ),
    Kind(
        "kafka",
        "Kafka",
        KafkaFlags,
        ("trigger_topic", "function_selector"),
        _TOPIC_COLUMNS,
        _topic,
    ),
    Kind(
        "nats",
        "NATS",
        NATSFlags,
        ("trigger_topic", "function_selector"),
        _TOPIC_COLUMNS,
        _topic,
    ),
    Kind(
        "kinesis",
        "Kinesis",
        KinesisFlags,
        ("stream", "aws_region", "function_name"),
        (
            *_NAMES,
            ("REGION", "aws-region"),
            ("STREAM", "stream"),
            ("SHARD", "shard"),
            ("FUNCTION NAME", "function"),
        ),
        lambda spec: (
            {name: spec.get(name) for name in ("aws-region", "stream", "shard")} | _function(spec)
        ),
    ),
)

"""KafkaTrigger: the records of a topic reach every function that a selector finds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom, LabelSelector
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.problem import quoted
from tidegate.api.scalars import Instant, Matching, SecretName
from tidegate.api.subjects import topic_name

_broker_shape = Matching(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}",
    "a broker",
    "write host:port, for example kafka:9092",
)


def _broker(text: str) -> str:
    if "@" in text:
        raise Mistake("holds credentials", "remove them and put them into a Secret").error()
    if not 0 < int(_broker_shape(text).rpartition(":")[2]) < 65536:
        fix = "write a port from 1 to 65535, for example kafka:9092"
        raise Mistake(f"{quoted(text)} has no such port", fix).error()
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        fix = "correct it, for example orders[.].*"
        raise Mistake(f"{quoted(text)} is no regular expression: {error}", fix).error() from None
    return text


class KafkaTriggerSpec(Model):
    """Which topic feeds which functions. Each function has a consumer group of its own."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.topic) || has(self.topics)) != has(self.topicPattern)",
                "name the topics, or write a topicPattern for them",
            ),
            (
                "has(self.startTime) == (has(self.startFrom) && self.startFrom == 'timestamp')",
                "startTime goes with startFrom timestamp, and only with it",
            ),
        )
    )

    topic: Annotated[str, topic_name, Field(examples=["orders"])] = ""
    """The topic that is read."""
    topics: Annotated[tuple[Annotated[str, topic_name], ...], Field(strict=False)] = ()
    """More topics that are read."""
    topic_pattern: Annotated[str, AfterValidator(_pattern), Field(max_length=255)] = ""
    """A regular expression for whole names, in place of topics; new ones are found as they come."""
    function_selector: Annotated[
        LabelSelector, Field(examples=[{"matchLabels": {"function": "hello"}}])
    ]
    """The functions of this namespace that are fed. Empty is all of them."""
    brokers: Annotated[
        tuple[Annotated[str, AfterValidator(_broker)], ...], Field(strict=False)
    ] = ()
    """Bootstrap servers as host:port. Default those of the gateway."""
    secret: SecretName = ""
    """A Secret: username, password and mechanism, or a token, or an OAuth client; certificates."""
    tls: bool = False
    """Speak TLS. A Secret with certificates does too."""
    group: Annotated[str, Field(max_length=255)] = ""
    """The consumer group. Default `<namespace>_<trigger>_<function>_<topic>`."""
    start_from: Literal["earliest", "latest", "timestamp"] = "earliest"
    """Where a group begins that has committed nothing yet."""
    start_time: Instant | None = None
    """The first time, with startFrom timestamp."""
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"
    """Whether records of open and aborted transactions are read."""
    on_offset_out_of_range: Literal["earliest", "latest", "fail"] = "earliest"
    """Where to go on when the log has lost the records that are next. It is said in any case."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """The topics and the start are given whole; dead letters must not come back."""
        named = (*((self.topic,) if self.topic else ()), *self.topics)
        if not named and not self.topic_pattern:
            yield Mistake("names no topic", "add topic: orders, for example")
        if named and self.topic_pattern:
            fix = "remove it, or remove the topics"
            yield Mistake("does not go with topics that are named", fix, ("topicPattern",))
        yield from self._start_mistakes()
        target = self.delivery.loops_to("kafka")
        if target is not None and (target in named or self._matches(target)):
            yield loop_mistake(target)

    def _start_mistakes(self) -> Iterable[Mistake]:
        timed = self.start_from == "timestamp"
        if timed and self.start_time is None:
            fix = 'timestamp needs it; add startTime: "2026-01-31T12:00:00Z"'
            yield Mistake("is missing", fix, ("startTime",))
        if not timed and self.start_time is not None:
            fix = "remove it, or write startFrom: timestamp"
            yield Mistake(f"does not go with startFrom {self.start_from}", fix, ("startTime",))

    def _matches(self, topic: str) -> bool:
        return bool(self.topic_pattern) and re.fullmatch(self.topic_pattern, topic) is not None


class KafkaTrigger(Custom):
    """The records of a Kafka topic reach functions."""

    kind: Literal["KafkaTrigger"]
    spec: KafkaTriggerSpec
    short_names: ClassVar = ("ktr",)
    columns: ClassVar = (
        ("Topic", ".spec.topic"),
        ("Lag", ".status.lag"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )

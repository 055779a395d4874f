"""KafkaTrigger: the records of a topic reach every function that a selector finds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from tidegate.api import cel
from tidegate.api.delivery import Delivery, loop_mistake, never_fed_back
from tidegate.api.metadata import Custom, LabelSelector
from tidegate.api.mistake import Mistake
from tidegate.api.model import Model
from tidegate.api.problem import quoted
from tidegate.api.rule import Checked, Rule, matching, without
from tidegate.api.scalars import Instant, SecretName, port_is_there
from tidegate.api.subjects import topic_name

_broker = Checked(
    without("@", "holds credentials", "remove them and put them into a Secret", secret=True),
    matching(
        r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}",
        "is not a broker",
        "write host:port, for example kafka:9092",
    ),
    port_is_there("has no such port", "write a port from 1 to 65535, for example kafka:9092"),
)
_AT_TIMESTAMP = f"{cel.has('startFrom')} && self.startFrom == 'timestamp'"
_NAMED = f"({cel.given('topic')}) || (has(self.topics) && self.topics.size() > 0)"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        fix = "correct it, for example orders[.].*"
        raise Mistake(f"{quoted(text)} is no regular expression: {error}", fix).error() from None
    return text


class KafkaTriggerSpec(Model):
    """Which topic feeds which functions. Each function has a consumer group of its own."""

    topic: Annotated[str, topic_name, Field(examples=["orders"])] = ""
    """The topic that is read."""
    topics: Annotated[
        tuple[Annotated[str, topic_name], ...], Field(strict=False, max_length=256)
    ] = ()
    """More topics that are read."""
    topic_pattern: Annotated[str, Checked(longest=255), AfterValidator(_pattern)] = ""
    """A regular expression for whole names, in place of topics; new ones are found as they come."""
    function_selector: Annotated[
        LabelSelector, Field(examples=[{"matchLabels": {"function": "hello"}}])
    ]
    """The functions of this namespace that are fed. Empty is all of them."""
    brokers: Annotated[tuple[Annotated[str, _broker], ...], Field(strict=False, max_length=64)] = ()
    """Bootstrap servers as host:port. Default those of the gateway."""
    secret: SecretName = ""
    """A Secret: username, password and mechanism, or a token, or an OAuth client; certificates."""
    tls: bool = False
    """Speak TLS. A Secret with certificates does too."""
    group: Annotated[str, Checked(longest=255)] = ""
    """The consumer group. Default `<namespace>_<trigger>_<function>_<topic>`."""
    start_from: Literal["earliest", "latest", "timestamp"] = "earliest"
    """Where a group begins that has committed nothing yet."""
    start_time: Instant | None = None
    """The first time, with startFrom timestamp."""
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"
    """Whether records of open and aborted transactions are read."""
    on_offset_out_of_range: Literal["earliest", "latest", "fail"] = "earliest"
    """Where to go on when the log has lost the records that are next. It is said in any case."""
    paused: bool = False
    """Read nothing until this is false again. The group keeps its offsets."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    agreements: ClassVar = (
        Rule(
            lambda self: self.named or self.topic_pattern,
            f"{_NAMED} || ({cel.given('topicPattern')})",
            "names no topic",
            "add topic: orders, for example",
        ),
        Rule(
            lambda self: not (self.named and self.topic_pattern),
            f"!({_NAMED}) || !({cel.given('topicPattern')})",
            "does not go with topics that are named",
            "remove it, or remove the topics",
            ("topicPattern",),
        ),
        Rule(
            lambda self: self.start_from != "timestamp" or self.start_time is not None,
            f"!({_AT_TIMESTAMP}) || has(self.startTime)",
            "is missing",
            'timestamp needs it; add startTime: "2026-01-31T12:00:00Z"',
            ("startTime",),
        ),
        Rule(
            lambda self: self.start_from == "timestamp" or self.start_time is None,
            f"({_AT_TIMESTAMP}) || !has(self.startTime)",
            "goes with startFrom timestamp alone",
            "remove it, or write startFrom: timestamp",
            ("startTime",),
        ),
        never_fed_back(
            lambda self: self.delivery.loops_to("kafka") in self.named,
            "kafka",
            "!((has(self.topic) && self.topic == target) "
            "|| (has(self.topics) && target in self.topics))",
        ),
    )

    def mistakes(self) -> Iterable[Mistake]:
        """Dead letters must not come back by a pattern, which is Python's and no API server's."""
        target = self.delivery.loops_to("kafka")
        if target is not None and self._matches(target):
            yield loop_mistake()

    @property
    def named(self) -> tuple[str, ...]:
        """The topics that are named."""
        return (*((self.topic,) if self.topic else ()), *self.topics)

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

"""KafkaTrigger: the records of a topic reach every function that a selector finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom, LabelSelector
from tidegate.api.model import Mistake, Model
from tidegate.api.problem import quoted
from tidegate.api.scalars import Matching, SecretName
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


class KafkaTriggerSpec(Model):
    """Which topic feeds which functions. Each function has a consumer group of its own."""

    topic: Annotated[str, topic_name, Field(examples=["orders"])]
    """The topic that is read."""
    function_selector: Annotated[
        LabelSelector, Field(examples=[{"matchLabels": {"function": "hello"}}])
    ]
    """The functions of this namespace that are fed. Empty is all of them."""
    brokers: Annotated[
        tuple[Annotated[str, AfterValidator(_broker)], ...], Field(strict=False)
    ] = ()
    """Bootstrap servers as host:port. Default those of the gateway."""
    secret: SecretName = ""
    """A Secret with the credentials."""
    group: Annotated[str, Field(max_length=255)] = ""
    """The consumer group. Default `<namespace>_<trigger>_<function>_<topic>`."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """Dead letters must not come back."""
        if self.delivery.loops_to("kafka") == self.topic:
            yield loop_mistake(self.topic)


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

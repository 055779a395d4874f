"""NATSTrigger: the messages of a subject reach every function that a selector finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom, LabelSelector
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.scalars import Instant, PositiveDuration, SecretName, url_without_credentials
from tidegate.api.subjects import jetstream_name, nats_subject, queue_name, subject_matches

_server = url_without_credentials(("nats", "tls", "ws", "wss"))

Subject = Annotated[str, AfterValidator(nats_subject)]
JetStreamName = Annotated[str, jetstream_name]
DeliverPolicy = Literal["all", "last", "new", "byStartSequence", "byStartTime", "lastPerSubject"]


def _servers(text: str) -> str:
    for one in text.split(",") if text else ():
        _server(one.strip())
    return text


class JetStreamSpec(Model):
    """A durable pull consumer: every message is kept until its outcome is."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.startSequence) == "
                "(has(self.deliverPolicy) && self.deliverPolicy == 'byStartSequence')",
                "startSequence goes with deliverPolicy byStartSequence, and only with it",
            ),
            (
                "has(self.startTime) == "
                "(has(self.deliverPolicy) && self.deliverPolicy == 'byStartTime')",
                "startTime goes with deliverPolicy byStartTime, and only with it",
            ),
            (
                "!has(self.createStream) || !self.createStream || has(self.stream)",
                "stream is missing; name the stream that createStream makes",
            ),
        )
    )

    stream: JetStreamName = ""
    """The stream. Default the one that has the subject."""
    durable: JetStreamName = ""
    """The consumer's name. Default `<namespace>_<trigger>_<function>_<topic>`."""
    create_stream: bool = False
    """Make the stream when there is none."""
    filter_subjects: Annotated[tuple[Subject, ...], Field(strict=False)] = ()
    """Subjects of the stream that are read. Default the topic."""
    deliver_policy: DeliverPolicy = "all"
    """Where a new consumer starts."""
    start_sequence: Annotated[int | None, Field(ge=1, examples=[1])] = None
    """The first sequence, with deliverPolicy byStartSequence."""
    start_time: Annotated[Instant | None, Field(examples=["2026-01-31T12:00:00Z"])] = None
    """The first time, with deliverPolicy byStartTime."""
    ack_wait: PositiveDuration = 30.0
    """How long the server waits for a sign of life before it delivers again. Default 30s."""
    max_ack_pending: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """The most messages that are out at a time, those included that wait for their next attempt."""
    domain: JetStreamName | None = None
    """The JetStream domain."""

    def mistakes(self) -> Iterable[Mistake]:
        """The start is given by exactly what deliverPolicy asks for."""
        if self.create_stream and not self.stream:
            yield Mistake("is missing", "name the stream that createStream makes", ("stream",))
        starts = (
            ("startSequence", "byStartSequence", self.start_sequence, "startSequence: 1"),
            ("startTime", "byStartTime", self.start_time, 'startTime: "2026-01-31T12:00:00Z"'),
        )
        for name, policy, value, example in starts:
            if self.deliver_policy == policy and value is None:
                yield Mistake("is missing", f"{policy} needs it; add {example}", (name,))
            if self.deliver_policy != policy and value is not None:
                fix = f"remove it, or write deliverPolicy: {policy}"
                yield Mistake(f"does not go with deliverPolicy {self.deliver_policy}", fix, (name,))


class NATSTriggerSpec(Model):
    """Which subject feeds which functions. Without `jetstream` it is core NATS: at most once."""

    topic: Annotated[Subject, Field(examples=["orders.created"])]
    """The subject, in which `*` is one word and a last `>` all that follow."""
    function_selector: Annotated[
        LabelSelector, Field(examples=[{"matchLabels": {"function": "hello"}}])
    ]
    """The functions of this namespace that are fed. Empty is all of them."""
    url: Annotated[str, AfterValidator(_servers)] = ""
    """Servers, separated by commas. Default those of the gateway."""
    queue: Annotated[str, queue_name] = ""
    """The queue group. Default `<namespace>_<trigger>_<function>_<topic>`."""
    secret: SecretName = ""
    """A Secret with a token, user and password, an nkey or a creds file, and certificates."""
    tls: bool = False
    """Speak TLS."""
    jetstream: JetStreamSpec | None = None
    """Read a JetStream stream instead of core NATS."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """Dead letters must not come back."""
        target = self.delivery.loops_to("nats")
        if target is not None and any(subject_matches(one, target) for one in self._subjects()):
            yield loop_mistake(target)

    def _subjects(self) -> tuple[str, ...]:
        filtered = self.jetstream.filter_subjects if self.jetstream else ()
        return filtered or (self.topic,)


class NATSTrigger(Custom):
    """The messages of a NATS subject reach functions."""

    kind: Literal["NATSTrigger"]
    spec: NATSTriggerSpec
    short_names: ClassVar = ("ntr",)
    columns: ClassVar = (
        ("Topic", ".spec.topic"),
        ("Stream", ".spec.jetstream.stream"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )

"""NATSTrigger: the messages of a subject reach every function that a selector finds."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import cel
from tidegate.api.delivery import Delivery, never_fed_back
from tidegate.api.metadata import Custom, LabelSelector
from tidegate.api.model import Model
from tidegate.api.rule import Checked, Rule
from tidegate.api.scalars import Instant, PositiveDuration, SecretName, url_pattern, url_rules
from tidegate.api.subjects import jetstream_name, nats_subject, queue_name, subject_matches

_SCHEMES = ("nats", "tls", "ws", "wss")
_URL = url_pattern(_SCHEMES)
_servers = Checked(*url_rules(rf"(\s*{_URL}(\s*,\s*{_URL})*\s*)?", _SCHEMES), longest=4096)
# Subjects of other characters are compared by the controllers alone.
_NOT_TAKEN_IN = (
    "!(has(self.jetstream) && has(self.jetstream.filterSubjects) "
    "&& self.jetstream.filterSubjects.size() > 0 ? self.jetstream.filterSubjects "
    ": has(self.topic) ? [self.topic] : [])"
    f".exists(one, {cel.matches('^[A-Za-z0-9_.*>-]+$', of='one')} && "
    "target.matches('^' + one.replace('.', '[.]').replace('*', '[^.]+').replace('>', '.+') + '$'))"
)

Subject = Annotated[str, nats_subject]
JetStreamName = Annotated[str, jetstream_name]
DeliverPolicy = Literal["all", "last", "new", "byStartSequence", "byStartTime", "lastPerSubject"]


def _start(policy: DeliverPolicy, field: str, example: str) -> tuple[Rule, Rule]:
    """Ask that `field` is there with `policy`, and only with it."""
    attribute = {"startSequence": "start_sequence", "startTime": "start_time"}[field]
    asked = f"{cel.has('deliverPolicy')} && self.deliverPolicy == {cel.text(policy)}"

    def is_there(self: JetStreamSpec) -> bool:
        return getattr(self, attribute) is not None

    return (
        Rule(
            lambda self: self.deliver_policy != policy or is_there(self),
            f"!({asked}) || {cel.has(field)}",
            "is missing",
            f"{policy} needs it; add {field}: {example}",
            (field,),
        ),
        Rule(
            lambda self: self.deliver_policy == policy or not is_there(self),
            f"({asked}) || !{cel.has(field)}",
            f"goes with deliverPolicy {policy} alone",
            f"remove it, or write deliverPolicy: {policy}",
            (field,),
        ),
    )


class JetStreamSpec(Model):
    """A durable pull consumer: every message is kept until its outcome is."""

    stream: JetStreamName = ""
    """The stream. Default the one that has the subject."""
    durable: JetStreamName = ""
    """The consumer's name. Default `<namespace>_<trigger>_<function>_<topic>`."""
    create_stream: bool = False
    """Make the stream when there is none."""
    filter_subjects: Annotated[tuple[Subject, ...], Field(strict=False, max_length=64)] = ()
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

    agreements: ClassVar = (
        Rule(
            lambda self: not self.create_stream or self.stream,
            f"!(has(self.createStream) && self.createStream) || ({cel.given('stream')})",
            "is missing",
            "name the stream that createStream makes",
            ("stream",),
        ),
        *_start("byStartSequence", "startSequence", "1"),
        *_start("byStartTime", "startTime", '"2026-01-31T12:00:00Z"'),
    )


class NATSTriggerSpec(Model):
    """Which subject feeds which functions. Without `jetstream` it is core NATS: at most once."""

    topic: Annotated[Subject, Field(examples=["orders.created"])]
    """The subject, in which `*` is one word and a last `>` all that follow."""
    function_selector: Annotated[
        LabelSelector, Field(examples=[{"matchLabels": {"function": "hello"}}])
    ]
    """The functions of this namespace that are fed. Empty is all of them."""
    url: Annotated[str, _servers] = ""
    """Servers, separated by commas. Default those of the gateway."""
    queue: Annotated[str, queue_name] = ""
    """The queue group. Default `<namespace>_<trigger>_<function>_<topic>`."""
    secret: SecretName = ""
    """A Secret with a token, user and password, an nkey or a creds file, and certificates."""
    tls: bool = False
    """Speak TLS."""
    jetstream: JetStreamSpec | None = None
    """Read a JetStream stream instead of core NATS."""
    paused: bool = False
    """Read nothing until this is false again. JetStream keeps the place, core NATS nothing."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    agreements: ClassVar = (
        never_fed_back(lambda self: self._feeds_on_its_dead(), "nats", _NOT_TAKEN_IN),
    )

    def _feeds_on_its_dead(self) -> bool:
        target = self.delivery.loops_to("nats")
        return target is not None and any(subject_matches(one, target) for one in self._subjects())

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
        ("Lag", ".status.lag"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )

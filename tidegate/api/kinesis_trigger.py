"""KinesisTrigger: the records of a stream reach a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.scalars import DnsName, Instant, Matching, SecretName, url_without_credentials


def _endpoint(text: str) -> str:
    return url_without_credentials(("http", "https"))(text) if text else text


class KinesisTriggerSpec(Model):
    """Which stream feeds which function."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.startingTime) == "
                "(has(self.startingPosition) && self.startingPosition == 'AT_TIMESTAMP')",
                "startingTime goes with startingPosition AT_TIMESTAMP, and only with it",
            )
        )
    )

    function_name: Annotated[DnsName, Field(alias="function-name", examples=["hello"])]
    """The function of this namespace that is fed."""
    aws_region: Annotated[
        str,
        Matching(r"[a-z]{2,}(-[a-z0-9]+)+", "a region", "write for example eu-west-1"),
        Field(alias="aws-region", examples=["eu-west-1"]),
    ]
    """The region of the stream."""
    secret: SecretName = ""
    """A Secret with `aws_access_key_id` and `aws_secret_access_key`. Default the pod's identity."""
    stream: Annotated[
        str,
        Matching(
            r"[A-Za-z0-9_.-]{1,128}",
            "a stream name",
            "use letters, digits, dots, dashes and underscores, at most 128",
        ),
        Field(examples=["orders"]),
    ]
    """The stream that is read."""
    shard: Annotated[str, Field(max_length=128)] = ""
    """The one shard that is read. Default all of them."""
    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    """Another endpoint than that of the region."""
    starting_position: Literal["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"] = "LATEST"
    """Where a new trigger starts: now, at the oldest record, or at startingTime."""
    starting_time: Annotated[Instant | None, Field(examples=["2026-01-31T12:00:00Z"])] = None
    """The first time, with startingPosition AT_TIMESTAMP."""
    lease_table: Annotated[
        str,
        Matching(
            r"([A-Za-z0-9_.-]{3,255})?",
            "a DynamoDB table name",
            "use letters, digits, dots, dashes and underscores, from 3 to 255",
        ),
    ] = ""
    """The DynamoDB table of the region in which replicas share shards. On a laptop a file does."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """Dead letters must not come back, and the start is given whole."""
        timed = self.starting_position == "AT_TIMESTAMP"
        if timed and self.starting_time is None:
            fix = 'AT_TIMESTAMP needs it; add startingTime: "2026-01-31T12:00:00Z"'
            yield Mistake("is missing", fix, ("startingTime",))
        if not timed and self.starting_time is not None:
            fix = "remove it, or write startingPosition: AT_TIMESTAMP"
            message = f"does not go with startingPosition {self.starting_position}"
            yield Mistake(message, fix, ("startingTime",))
        if self.delivery.loops_to("function") == self.function_name:
            yield loop_mistake(self.function_name)


class KinesisTrigger(Custom):
    """The records of a Kinesis stream reach a function."""

    kind: Literal["KinesisTrigger"]
    spec: KinesisTriggerSpec
    short_names: ClassVar = ("kitr",)
    columns: ClassVar = (
        ("Stream", ".spec.stream"),
        ("Region", ".spec.aws-region"),
        ("Function", ".spec.function-name"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )

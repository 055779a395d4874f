"""KinesisTrigger: the records of a stream reach a function."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import cel
from tidegate.api.delivery import Delivery, not_the_function
from tidegate.api.metadata import Custom
from tidegate.api.model import Model
from tidegate.api.rule import Checked, Rule, matching
from tidegate.api.scalars import DnsName, Instant, SecretName, url_without_credentials

_AT_TIMESTAMP = f"{cel.has('startingPosition')} && self.startingPosition == 'AT_TIMESTAMP'"


class KinesisTriggerSpec(Model):
    """Which stream feeds which function."""

    function_name: Annotated[DnsName, Field(alias="function-name", examples=["hello"])]
    """The function of this namespace that is fed."""
    aws_region: Annotated[
        str,
        Checked(
            matching(r"[a-z]{2,}(-[a-z0-9]+)+", "is not a region", "write for example eu-west-1")
        ),
        Field(alias="aws-region", examples=["eu-west-1"]),
    ]
    """The region of the stream."""
    secret: SecretName = ""
    """A Secret with `aws_access_key_id` and `aws_secret_access_key`. Default the pod's identity."""
    stream: Annotated[
        str,
        Checked(
            matching(
                r"[A-Za-z0-9_.-]{1,128}",
                "is not a stream name",
                "use letters, digits, dots, dashes and underscores, at most 128",
            )
        ),
        Field(examples=["orders"]),
    ]
    """The stream that is read."""
    shard: Annotated[str, Checked(longest=128)] = ""
    """The one shard that is read. Default all of them."""
    endpoint: Annotated[str, url_without_credentials(("http", "https"), optional=True)] = ""
    """Another endpoint than that of the region."""
    starting_position: Literal["LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"] = "LATEST"
    """Where a new trigger starts: now, at the oldest record, or at startingTime."""
    starting_time: Annotated[Instant | None, Field(examples=["2026-01-31T12:00:00Z"])] = None
    """The first time, with startingPosition AT_TIMESTAMP."""
    lease_table: Annotated[
        str,
        Checked(
            matching(
                r"([A-Za-z0-9_.-]{3,255})?",
                "is not a DynamoDB table name",
                "use letters, digits, dots, dashes and underscores, from 3 to 255",
            )
        ),
    ] = ""
    """The DynamoDB table of the region in which replicas share shards. On a laptop a file does."""
    paused: bool = False
    """Read nothing until this is false again. Every shard keeps its place."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    agreements: ClassVar = (
        Rule(
            lambda self: self.starting_position != "AT_TIMESTAMP" or self.starting_time is not None,
            f"!({_AT_TIMESTAMP}) || has(self.startingTime)",
            "is missing",
            'AT_TIMESTAMP needs it; add startingTime: "2026-01-31T12:00:00Z"',
            ("startingTime",),
        ),
        Rule(
            lambda self: self.starting_position == "AT_TIMESTAMP" or self.starting_time is None,
            f"({_AT_TIMESTAMP}) || !has(self.startingTime)",
            "goes with startingPosition AT_TIMESTAMP alone",
            "remove it, or write startingPosition: AT_TIMESTAMP",
            ("startingTime",),
        ),
        not_the_function(),
    )


class KinesisTrigger(Custom):
    """The records of a Kinesis stream reach a function."""

    kind: Literal["KinesisTrigger"]
    spec: KinesisTriggerSpec
    short_names: ClassVar = ("kitr",)
    columns: ClassVar = (
        ("Stream", ".spec.stream"),
        ("Region", ".spec.aws-region"),
        ("Function", ".spec.function-name"),
        ("Lag", ".status.lag"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )

"""KinesisTrigger: the records of a stream reach a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom
from tidegate.api.model import Mistake, Model
from tidegate.api.scalars import DnsName, Matching, SecretName, url_without_credentials


def _endpoint(text: str) -> str:
    return url_without_credentials(("http", "https"))(text) if text else text


class KinesisTriggerSpec(Model):
    """Which stream feeds which function."""

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
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """Dead letters must not come back."""
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

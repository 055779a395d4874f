"""The resources of ours, as the command says them. Light: no models behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.kube.resources import Resource

GROUP: Final = "kubeless.io"
VERSION: Final = "v1beta1"


def _own(kind: str) -> Resource:
    return Resource(GROUP, VERSION, f"{kind.lower()}s", kind)


FUNCTIONS: Final = _own("Function")
HTTP_TRIGGERS: Final = _own("HTTPTrigger")
CRON_JOB_TRIGGERS: Final = _own("CronJobTrigger")
KAFKA_TRIGGERS: Final = _own("KafkaTrigger")
NATS_TRIGGERS: Final = _own("NATSTrigger")
KINESIS_TRIGGERS: Final = _own("KinesisTrigger")

TRIGGERS: Final[Mapping[str, Resource]] = {
    "http": HTTP_TRIGGERS,
    "cronjob": CRON_JOB_TRIGGERS,
    "kafka": KAFKA_TRIGGERS,
    "nats": NATS_TRIGGERS,
    "kinesis": KINESIS_TRIGGERS,
}
"""Kinds of triggers by the word of the command line."""

WORDS: Final[Mapping[str, str]] = {one.kind: word for word, one in TRIGGERS.items()}
"""The words of the command line by kind."""

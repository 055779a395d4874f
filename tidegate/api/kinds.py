"""The kinds that are understood, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.api.core_kinds import ConfigMap, Secret
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinesis_trigger import KinesisTrigger
from tidegate.api.metadata import Custom, Resource
from tidegate.api.nats_trigger import NATSTrigger

Trigger = HTTPTrigger | CronJobTrigger | KafkaTrigger | NATSTrigger | KinesisTrigger

CUSTOM_KINDS: Final[Mapping[str, type[Custom]]] = {
    "Function": Function,
    "HTTPTrigger": HTTPTrigger,
    "CronJobTrigger": CronJobTrigger,
    "KafkaTrigger": KafkaTrigger,
    "NATSTrigger": NATSTrigger,
    "KinesisTrigger": KinesisTrigger,
}
CORE_KINDS: Final[Mapping[str, type[Resource]]] = {"Secret": Secret, "ConfigMap": ConfigMap}

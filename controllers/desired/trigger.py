"""What the objects of every trigger have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import DEFAULT_PORT
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import DEFAULT_TIMEOUT, Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.policy import delivery_policy

Object = dict[str, Any]


class TriggerInvalid(Exception):
    """The trigger cannot be set up as it is written; each argument is a sentence for its author."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class Called:
    """The Service of the function that a trigger names, which may not be there yet."""

    name: str
    namespace: str
    port: int = DEFAULT_PORT
    timeout: float = DEFAULT_TIMEOUT

    @property
    def url(self) -> str:
        """Where pods of the cluster call it."""
        return f"http://{self.name}.{self.namespace}.svc:{self.port}"


def called(trigger: HTTPTrigger | CronJobTrigger, function: Function | None) -> Called:
    """Return what `trigger` calls, and how long one attempt may take."""
    name, timeout = trigger.spec.function_name, DEFAULT_TIMEOUT
    if function is not None:
        timeout = function.spec.timeout
    timeout = delivery_policy(trigger, timeout).timeout
    return Called(name, trigger.namespace, service_port(function), timeout)


def service_port(function: Function | None) -> int:
    """Return the first port of the function's Service; not the one that its pods listen on."""
    ports = function.spec.service.get("ports") if function is not None else None
    first = ports[0] if isinstance(ports, list) and ports else None
    port = first.get("port") if isinstance(first, Mapping) else None
    return port if isinstance(port, int) else DEFAULT_PORT


def child_metadata(
    trigger: HTTPTrigger | CronJobTrigger,
    name: str = "",
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """Return the metadata of an object that goes when `trigger` goes."""
    labels = {
        **trigger.metadata.labels,
        **names.selector_labels(names.limited(trigger.spec.function_name)),
        "app.kubernetes.io/managed-by": "tidegate",
    }
    return {
        "name": name or trigger.name,
        "namespace": trigger.namespace,
        "labels": labels,
        **({"annotations": dict(annotations)} if annotations else {}),
        "ownerReferences": [names.owner_reference(trigger)],
    }

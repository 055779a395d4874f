"""The schema of `status`: what the controllers write, by kind. Pure.

Fields that it does not know are kept, so that an older definition loses nothing.
"""

from __future__ import annotations

from typing import Any, Final

from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.metadata import Custom

Schema = dict[str, Any]


def _count(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _time(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


_OBSERVED: Final = _count("The generation that this status is about.")
_CONDITION: Final[Schema] = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": {"type": "string", "maxLength": 316},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string", "maxLength": 1024},
        "message": {"type": "string", "maxLength": 32768},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64"},
    },
}
_CONDITIONS: Final[Schema] = {
    "type": "array",
    "description": "What is so, what is not, and why. Ready sums it up.",
    "items": _CONDITION,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}
_URL: Final = _text("Where it is called.")
_FUNCTION: Final[Schema] = {
    "url": _URL,
    "replicas": _count("Pods that there are."),
    "readyReplicas": _count("Pods that can be called."),
}
_TRIGGER: Final[Schema] = {
    "functions": {
        "type": "array",
        "description": "The functions that are fed.",
        "items": {"type": "string"},
        "x-kubernetes-list-type": "atomic",
    },
    "assignedReplicas": _count("Replicas of the gateway that share the work."),
    "usableReplicas": _count("Replicas among which the broker can share the events."),
    "lag": _count("Events that wait in the broker."),
    "lastEvent": _time("When an event came last."),
    "lastError": _text("What went wrong last."),
}
_BY_KIND: Final[dict[type[Custom], Schema]] = {
    Function: _FUNCTION,
    HTTPTrigger: {"url": _URL} | _TRIGGER,
    CronJobTrigger: {"lastScheduleTime": _time("The last time that was fired.")} | _TRIGGER,
}


def status_schema(model: type[Custom]) -> Schema:
    """Return the schema of the status of one of our kinds."""
    return {
        "type": "object",
        "description": "What the controllers and gateways last saw.",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {
            "observedGeneration": _OBSERVED,
            "conditions": _CONDITIONS,
            **_BY_KIND.get(model, _TRIGGER),
        },
    }

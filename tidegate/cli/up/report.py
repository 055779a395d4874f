"""Functions and triggers as rows: for the tables of `up` and for the control API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from controllers.local.status import FunctionStatus, State
from gateway.core.progress import Progress
from gateway.server.admin import row as subscription_row
from tidegate.api.function import Function
from tidegate.api.kinds import Trigger
from tidegate.api.metadata import Resource
from tidegate.api.subscription import (
    CronSchedule,
    HttpRoute,
    KafkaTopic,
    KinesisStream,
    NatsSubject,
    SourceSpec,
    Subscription,
)
from tidegate.cli.output import table

FUNCTION_COLUMNS = (("FUNCTION", "title"), ("RUNTIME", "runtime"), ("STATUS", "status"))
TRIGGER_COLUMNS = (("TRIGGER", "title"), ("FUNCTION", "function"), ("FROM", "from"))


def function_rows(
    functions: Iterable[Function], statuses: Iterable[FunctionStatus]
) -> list[dict[str, Any]]:
    """Return one row for each function. Field names are stable."""
    known = {status.key: status for status in statuses}
    return [_function_row(one, known.get((one.namespace, one.name))) for one in functions]


def _function_row(function: Function, status: FunctionStatus | None) -> dict[str, Any]:
    state = State.PREPARING if status is None else status.state
    ready, total = (0, 1) if status is None else (status.ready, status.total)
    reason = "" if status is None else status.reason
    return {
        "namespace": function.namespace,
        "name": function.name,
        "handler": function.spec.handler,
        "runtime": function.spec.runtime,
        "state": state.value,
        "ready": ready,
        "total": total,
        "status": f"{ready}/{total} {state.value}",
        "reason": reason,
        "restarts": 0 if status is None else status.restarts,
        "pids": [] if status is None else list(status.pids),
        "urls": [] if status is None else list(status.urls),
    }


def trigger_rows(
    resources: Iterable[Resource], running: Iterable[tuple[Subscription, Progress]], front: str
) -> list[dict[str, Any]]:
    """Return a row for each trigger and function, also for triggers that feed none."""
    rows = [
        {**subscription_row(one, progress), "from": where(one.source, front)}
        for one, progress in running
    ]
    feeding = {(row["kind"], row["namespace"], row["trigger"]) for row in rows}
    idle = [
        _idle_row(one)
        for one in resources
        if isinstance(one, Trigger) and (one.kind, one.namespace, one.name) not in feeding
    ]
    return sorted([*rows, *idle], key=lambda row: str(row["id"]))


def _idle_row(trigger: Trigger) -> dict[str, Any]:
    nothing = Subscription(trigger.namespace, trigger.kind, trigger.name, "", HttpRoute())
    return {
        **subscription_row(nothing, Progress()),
        "state": "Idle",
        "reason": "its functionSelector selects no function of its namespace",
        "from": "",
    }


def where(source: SourceSpec, front: str) -> str:
    """Say in a few words where a trigger's events come from."""
    match source:
        case HttpRoute():
            return _route(source, front)
        case CronSchedule():
            return source.schedule + (f" {source.time_zone}" if source.time_zone else "")
        case NatsSubject():
            kind = "JetStream" if source.jetstream is not None else "NATS"
            return f"{kind} {source.subject}"
        case KafkaTopic():
            topics = (source.topic, *source.topics, source.pattern)
            return f"Kafka {', '.join(filter(None, topics))}"
        case KinesisStream():
            return f"Kinesis {source.stream}"


def _route(route: HttpRoute, front: str) -> str:
    methods = f"{','.join(sorted(route.methods))} " if route.methods else ""
    host = f" (Host: {route.host})" if route.host else ""
    return f"{methods}{front}{route.path}{host}"


def without_credentials(url: str) -> str:
    """Return a broker's URL as it may be shown."""
    shown = []
    for one in url.split(","):
        place = urlsplit(one if "://" in one else f"nats://{one}")
        shown.append(f"{place.scheme}://{place.netloc.rpartition('@')[2]}")
    return ",".join(shown)


def overview(functions: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> str:
    """Return the tables that `up` shows, and why what does not run does not."""
    return "\n".join(_overview(functions, triggers))


def _overview(functions: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> Iterator[str]:
    if functions:
        yield from ("", table([_titled(row, row["name"]) for row in functions], FUNCTION_COLUMNS))
    if triggers:
        yield from ("", table([_titled(row, row["trigger"]) for row in triggers], TRIGGER_COLUMNS))
    reasons = [_explained(name, row["reason"]) for name, row in _named(functions, triggers)]
    if reasons:
        yield from ("", *reasons)
    if not (functions or triggers):
        yield "\nThere is no function and no trigger yet; add manifests, they are seen at once."
    yield ""


def _explained(name: str, reason: str) -> str:
    """Say of what the reason is, unless it says so itself."""
    return reason if reason.startswith(f"{name}: ") else f"{name}: {reason}"


def _named(
    functions: list[dict[str, Any]], triggers: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows that have something to say for themselves."""
    for row in functions:
        if row["reason"]:
            yield f"Function {row['namespace']}/{row['name']}", row
    for row in triggers:
        if row["reason"]:
            yield f"{row['kind']} {row['namespace']}/{row['trigger']}", row


def _titled(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {**row, "title": name if row["namespace"] == "default" else f"{row['namespace']}/{name}"}

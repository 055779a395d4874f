"""Triggers as rows: their objects, and what every gateway says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidegate.cli.triggers.objects import Object
from tidegate.cli.triggers.selectors import text_of

Row = Mapping[str, Any]

_COUNTED = (
    *("received", "delivered", "filtered", "deadLettered", "dropped", "released"),
    *("inFlight", "drift", "waiting", "parked", "uncommitted", "lost", "restarts"),
)
_SHARED_READERS = frozenset({"NATSTrigger"})
"""Kinds of which each gateway tells the lag of the whole, and not of its own part."""

_BEST = ("Running",)


def trigger_rows(objects: Iterable[Object], told: Iterable[Row]) -> list[dict[str, Any]]:
    """Return a row for each trigger and function, sorted; also for triggers that no gateway knows.

    `told` are the rows of all gateways: of one subscription there may be several.
    """
    by_trigger: dict[tuple[str, str, str], dict[str, list[Row]]] = {}
    for row in told:
        key = (row["kind"], row["namespace"], row["trigger"])
        by_trigger.setdefault(key, {}).setdefault(row["function"], []).append(row)
    return [row for obj in objects for row in _of_object(obj, by_trigger)]


def origin(obj: Object) -> str:
    """Say in a few words where the events of a trigger come from."""
    spec = obj.get("spec") or {}
    match obj.get("kind"):
        case "HTTPTrigger":
            url = (obj.get("status") or {}).get("url")
            return url or f"{spec.get('host-name') or ''}/{spec.get('path', '').lstrip('/')}"
        case "CronJobTrigger":
            return " ".join(filter(None, (spec.get("schedule"), spec.get("timeZone"))))
        case "KafkaTrigger":
            topics = [spec.get("topic"), *spec.get("topics", ()), spec.get("topicPattern")]
            return f"Kafka {', '.join(filter(None, topics))}"
        case "NATSTrigger":
            return f"{'NATS' if spec.get('jetstream') is None else 'JetStream'} {spec.get('topic')}"
        case _:
            return f"Kinesis {spec.get('stream')}"


def _of_object(
    obj: Object, told: Mapping[tuple[str, str, str], Mapping[str, list[Row]]]
) -> Iterator[dict[str, Any]]:
    metadata = obj["metadata"]
    key = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
    functions = told.get(key)
    for rows in functions.values() if functions else ([_unknown(obj)],):
        yield {"from": origin(obj), **_summed(rows)}


def _summed(rows: list[Row]) -> dict[str, Any]:
    """Add up what several gateways say of one subscription."""
    whole = dict(rows[0])
    if len(rows) == 1:
        return whole
    worst = next((row for row in rows if row["state"] not in _BEST), rows[0])
    whole |= {"state": worst["state"], "reason": _first(rows, "reason")}
    whole |= {name: sum(row.get(name) or 0 for row in rows) for name in _COUNTED if name in whole}
    lags = [row["lagEvents"] for row in rows if row.get("lagEvents") is not None]
    shared = whole["kind"] in _SHARED_READERS
    whole["lagEvents"] = (max(lags) if shared else sum(lags)) if lags else None
    whole["lagSeconds"] = max((row.get("lagSeconds") or 0 for row in rows), default=None)
    whole["lastEvent"] = max(row.get("lastEvent") or "" for row in rows) or None
    whole["lastError"] = _first(rows, "lastError")
    whole["breaker"] = _first([row for row in rows if row.get("breaker") != "closed"], "breaker")
    whole["breaker"] = whole["breaker"] or rows[0].get("breaker")
    return whole


def _first(rows: Iterable[Row], field: str) -> Any:
    return next((row[field] for row in rows if row.get(field)), "")


def _unknown(obj: Object) -> Row:
    """Return the row of a trigger of which no gateway tells: what its status says."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    status = obj.get("status") or {}
    ready: Row = next((one for one in status.get("conditions", ()) if one["type"] == "Ready"), {})
    return {
        "namespace": metadata.get("namespace", ""),
        "kind": obj["kind"],
        "name": metadata["name"],
        "trigger": metadata["name"],
        "function": spec.get("function-name") or text_of(spec.get("functionSelector") or {}),
        "state": ready.get("reason") or "NotReported",
        "reason": ready.get("message", ""),
        "lagEvents": status.get("lag"),
        "lastEvent": status.get("lastEvent"),
    }

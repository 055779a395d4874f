"""What the gateways of a place remember of decisions: all replicas asked, one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.cli.output import one_line
from tidegate.cli.place.operations import Operation, told
from tidegate.cli.place.place import GatewayAdmin, Place
from tidegate.cli.place.together import together
from tidegate.kube.errors import KubeError
from tidegate.kube.objects import ObjectKey

Row = dict[str, Any]

TIMEOUT = 15.0
"""Seconds: a gateway waits for its own workers for five."""

SHOWN = 5
"""Of the last decisions, in a description."""


@dataclass(slots=True)
class Found:
    """Decisions, the newest first; how far back each ring reaches; and what is missing."""

    decisions: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


async def asked(place: Place, query: Mapping[str, str]) -> Found:
    """Ask every gateway. Raises `KubeError` when none answers; one that does not is remarked."""
    gateways = await place.gateways()
    answers = await together(_asked(one, query) for one in gateways)
    refusals = [one for one in answers if isinstance(one, KubeError)]
    if refusals and len(refusals) == len(answers):
        raise refusals[0]
    found = Found(remarks=[str(one) for one in refusals])
    for gateway, answer in zip(gateways, answers, strict=True):
        if not isinstance(answer, KubeError):
            _add(found, gateway, answer)
    found.decisions.sort(key=_moment, reverse=True)
    return found


async def decisions(place: Place, key: ObjectKey, kind: str = "") -> Sequence[str]:
    """Return lines on the last decisions of a trigger; why there are none, where nobody tells."""
    query = {"namespace": key.namespace, "trigger": key.name, "limit": str(SHOWN)}
    try:
        found = await asked(place, query | ({"kind": kind} if kind else {}))
    except KubeError as error:
        return [f"not known: {error}"]
    return [line(row) for row in found.decisions[:SHOWN]] or ["none yet"]


def line(row: Row) -> str:
    """Return a decision in one line."""
    result = row["outcome"] or row["state"]
    why = reason(row)
    tries = f" after {row['attempts']} attempts" if row["attempts"] > 1 else ""
    when = row["settledAt"] or row["receivedAt"]
    told = f"{when}  {row['event']['id']}  {result}{tries}"
    return one_line(f"{told}: {why}" if why else told)


def reason(row: Row) -> str:
    """Return why an event ended as it did; empty where nothing is to be said."""
    if not row["filter"]["matched"]:
        return "; ".join(map(clause, row["filter"]["because"]))
    if row["outcome"] == "delivered":
        return f"status {row['status']} in {row['seconds'] * 1000:.0f} ms" if row["status"] else ""
    said: str = row["error"]
    return said


def clause(row: Row) -> str:
    """Return what a filter looked at, and what it found."""
    dialect = row["path"].split(".")[-2].partition("[")[0]
    verb = {"exact": "to be", "prefix": "to begin with", "suffix": "to end with"}.get(dialect, "")
    had = "there is none" if row["had"] is None else f"it is {row['had']!r}"
    wanted = f"{row['attribute']} {verb} {row['wanted']!r}"
    no = "not " if ".not." in row["path"] and row["passed"] else ""
    return f"{row['path']} wants {no}{wanted}, and {had}"


async def _asked(gateway: GatewayAdmin, query: Mapping[str, str]) -> Row | KubeError:
    try:
        answer: Row = await told(gateway, Operation("GET", "/decisions", query, timeout=TIMEOUT))
    except KubeError as error:
        return error
    return answer


def _add(found: Found, gateway: GatewayAdmin, answer: Row) -> None:
    found.decisions += [{**row, "gateway": gateway.name} for row in answer["decisions"]]
    found.subscriptions += [{**row, "gateway": gateway.name} for row in answer["subscriptions"]]
    found.remarks += [f"gateway {gateway.name}: {one}" for one in answer["remarks"]]


def _moment(row: Row) -> tuple[bool, str]:
    return row["settledAt"] is None, row["settledAt"] or row["receivedAt"]

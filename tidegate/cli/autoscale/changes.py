"""Gives functions an autoscaler at a place, takes it away, and lists those that have one."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.cli.autoscale.scaling import Object
from tidegate.cli.errors import CommandError
from tidegate.cli.output import say
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.lookup import existing
from tidegate.cli.place.place import Place
from tidegate.cli.triggers.objects import check_object
from tidegate.kube.errors import Conflict
from tidegate.kube.selection import Selection

ATTEMPTS = 8
"""How often a change is tried again that lost a race: controllers write statuses all the time."""

FIELD = "horizontalPodAutoscaler"

_NO_EFFECT = "tidegate: a laptop runs one process of a function; the rule counts in a cluster"


async def given(place: Place, name: str, autoscaler: Object) -> None:
    """Give the function an autoscaler, in place of the one that it has. Raises `CommandError`."""
    await _changed(place, name, lambda _: autoscaler)
    if place.is_laptop:
        say(_NO_EFFECT)


async def taken(place: Place, name: str) -> None:
    """Take the autoscaler away. Raises `CommandError` when there is none."""

    def check(function: Object) -> None:
        if converted(function) is None:
            raise CommandError(
                f"function {name} has no autoscaling rule; make one with: "
                f"tidegate autoscale create {name}"
            )

    await _changed(place, name, check)


async def listed(place: Place) -> list[tuple[Object, Object]]:
    """Return the functions that ask for an autoscaler, each with it."""
    page = await place.objects.list(Selection(FUNCTIONS, place.namespace))
    every = [(function, converted(function)) for function in page.items]
    return [(function, autoscaler) for function, autoscaler in every if autoscaler is not None]


def converted(function: Object) -> Object | None:
    """Return what the function asks for in the form of autoscaling/v2; None when for nothing."""
    from controllers.desired.autoscaling import is_wanted
    from controllers.desired.findings import Findings
    from controllers.desired.scaling_metrics import scaling_metrics

    asked = (function.get("spec") or {}).get(FIELD) or {}
    if not is_wanted(asked):
        return None
    spec = asked.get("spec") or {}
    name = function["metadata"]["name"]
    found = Findings(f"Function {name}")
    metrics = list(scaling_metrics(spec, f"spec.{FIELD}.spec", found))
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, **(asked.get("metadata") or {})},
        "spec": {**spec, "scaleTargetRef": {"name": name}, "metrics": metrics}
        | ({"scaleTargetRef": spec["scaleTargetRef"]} if spec.get("scaleTargetRef") else {}),
    }


async def _changed(place: Place, name: str, make: Callable[[Object], Object | None]) -> None:
    for _ in range(ATTEMPTS):
        before = await existing(place, FUNCTIONS, name, "function")
        wanted = make(before)
        spec = {field: value for field, value in before["spec"].items() if field != FIELD}
        after = {**before, "spec": spec if wanted is None else {**spec, FIELD: wanted}}
        check_object(after)
        try:
            await place.objects.update(FUNCTIONS, after)
        except Conflict:
            continue  # somebody wrote in between: the rule goes onto what is there now
        return
    raise CommandError(f"function {name} changes faster than it can be read; try again")

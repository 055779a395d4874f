"""What Kubeless made for its objects, and what becomes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controllers.desired.autoscaling import PLACE
from controllers.finalizers import OLD
from controllers.ownership import CREATED_BY, Standing, owner_text, standing
from tidegate.api.function import dig
from tidegate.cli.migrate.landscape import Landscape
from tidegate.cli.migrate.model import Change, Task, title_of
from tidegate.kube.objects import Object

MADE: Final = {
    "Function": ("ConfigMap", "Service", "Deployment"),
    "HTTPTrigger": ("Ingress",),
}
"""What has the name of the object for which it was made."""


def stuck(land: Landscape) -> Iterator[Task]:
    """Yield objects whose deletion waits for a finalizer that nobody takes off."""
    for obj in land.objects:
        metadata = obj["metadata"]
        held = sorted(OLD & set(metadata.get("finalizers") or ()))
        if held and "deletionTimestamp" in metadata:
            yield Task(
                title_of(obj),
                "metadata.finalizers",
                f"is being deleted since {metadata['deletionTimestamp']} and waits for "
                f"{', '.join(held)}, which nobody takes off",
                "it goes when Tidegate is installed, and its Deployment with it; at once with: "
                f"kubectl -n {_place(obj)[0]} patch {obj['kind'].lower()}.kubeless.io "
                f'{metadata["name"]} --type merge -p \'{{"metadata":{{"finalizers":null}}}}\'',
            )


def held_back(land: Landscape) -> Iterator[Change]:
    """Yield objects that could not be deleted once Kubeless is gone."""
    for obj in land.objects:
        held = sorted(OLD & set(obj["metadata"].get("finalizers") or ()))
        if held:
            now = "taken off: owner references do what it was for"
            yield Change(title_of(obj), "metadata.finalizers", ", ".join(held), now)


def children(land: Landscape) -> Iterator[Change | Task]:
    """Yield what becomes of each thing that Kubeless made, and what is in its place."""
    found = {(each["kind"], *_place(each)): each for each in land.leftovers}
    for obj in land.objects:
        for kind in MADE.get(obj["kind"], ()):
            child = found.get((kind, *_place(obj)))
            if child is not None:
                yield _told(obj, kind, child)


def _told(obj: Object, kind: str, child: Object) -> Change | Task:
    title = title_of(obj)
    match standing(child, obj):
        case Standing.OURS:
            pods = "; its pods are replaced once" if kind == "Deployment" else ""
            return Change(title, kind, "made by Kubeless", f"taken over without a pause{pods}")
        case Standing.LEFT_BEHIND:
            now = "deleted and made anew: no calls are answered for that time"
            return Change(title, kind, "of an object of that name that is gone", now)
        case Standing.FOREIGN:
            message = f"{kind} of that name is there, and {owner_text(child)}"
            fix = f"kubectl -n {_place(child)[0]} delete {kind.lower()} {_place(child)[1]}"
            return Task(title, "metadata.name", message, f"give one another name, or {fix}")


def forgotten_schedules(land: Landscape) -> Iterator[Task]:
    """Yield CronJobs of Kubeless without a trigger: they fire, and no controller stops them."""
    wanted = {
        (_place(each)[0], f"trigger-{dig(each, 'spec', 'function-name')}")
        for each in land.of_kind("CronJobTrigger")
    }
    for each in land.leftovers:
        owners = dig(each, "metadata", "ownerReferences") or [{}]
        old = each["kind"] == "CronJob" and _is_made(each) and owners[0].get("kind") == "Trigger"
        if old and _place(each) not in wanted:
            namespace, name = _place(each)
            message = "Kubeless made it, its CronJobTrigger is gone, and it goes on firing"
            fix = f"kubectl -n {namespace} delete cronjob {name}"
            yield Task(title_of(each), "", message, fix)


def renamed_autoscalers(land: Landscape) -> list[Object]:
    """Return the autoscalers that Kubeless made under names that were given to them."""
    names = {
        _place(each): dig(each, *PLACE.split("."), "metadata", "name") for each in land.objects
    }
    wanted = {(place[0], name) for place, name in names.items() if name and name != place[1]}
    return [
        each
        for each in land.leftovers
        if each["kind"] == "HorizontalPodAutoscaler" and _place(each) in wanted
    ]


def _place(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace") or "default", metadata["name"]


def _is_made(obj: Object) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return CREATED_BY.items() <= labels.items()

"""Finds one object at a place by its name, and says which there are when it is not there."""

from __future__ import annotations

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.names import unknown
from tidegate.cli.place.place import Place
from tidegate.kube.errors import Forbidden, KubeError, NotFound, NotServed
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import EVENTS, Resource
from tidegate.kube.selection import Selection


async def existing(place: Place, resource: Resource, name: str, what: str) -> Object:
    """Return the object; raise `CommandError` with the nearest names when there is none."""
    try:
        return await place.objects.get(resource, ObjectKey(place.namespace, name))
    except NotServed:
        raise
    except NotFound as error:
        raise await missing(place, resource, name, what) from error


async def missing(place: Place, resource: Resource, name: str, what: str) -> CommandError:
    """Return what to say of an object that is not there. Raises `KubeError`."""
    namespace = place.namespace
    found = (await place.objects.list(Selection(resource, namespace))).items
    names = [one["metadata"]["name"] for one in found]
    if name in names:
        return CommandError(f"the {what} {name} came or went just now; try again")
    elsewhere = await _elsewhere(place, resource, name)
    if elsewhere:
        hint = f"there is no {what} {name!r} in namespace {namespace}"
        return CommandError(f"{hint}; add -n {' or -n '.join(elsewhere)}", ExitCode.USAGE)
    if not names:
        hint = f"there is no {what} {name!r}; there is none in namespace {namespace}"
        return CommandError(hint, ExitCode.USAGE)
    return CommandError(unknown(what, name, names), ExitCode.USAGE)


async def _elsewhere(place: Place, resource: Resource, name: str) -> list[str]:
    """Return the other namespaces that have one of that name, as far as we may look."""
    chosen = Selection(resource, fields=f"metadata.name={name}", metadata_only=True)
    try:
        found = (await place.objects.list(chosen)).items
    except KubeError:
        return []
    return sorted(one["metadata"]["namespace"] for one in found)


async def events_of(place: Place, obj: Object) -> list[Object] | None:
    """Return Kubernetes's Events on an object, oldest first; None where nobody has any."""
    if place.is_laptop:
        return None
    about = f"involvedObject.kind={obj['kind']},involvedObject.name={obj['metadata']['name']}"
    try:
        page = await place.objects.list(Selection(EVENTS, place.namespace, fields=about))
    except Forbidden:
        return None
    return sorted(page.items, key=lambda one: str(one["metadata"].get("creationTimestamp")))

"""Makes, changes and removes triggers at a place."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any
from urllib.parse import urlsplit

from tidegate.cli.errors import CommandError
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.lookup import existing
from tidegate.cli.place.place import Place
from tidegate.cli.triggers.kinds import Kind, with_defaults
from tidegate.cli.triggers.objects import Object, check_object, new_object, overlaid
from tidegate.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import SECRETS

ATTEMPTS = 8
"""How often a change is tried again that lost a race: controllers write statuses all the time."""


async def created(place: Place, kind: Kind, name: str, spec: dict[str, Any]) -> Object:
    """Make a trigger and return it. Raises `CommandError` for mistakes, and for a name in use."""
    whole = with_defaults(kind, spec)
    if kind.word == "http" and "host-name" not in whole and (host := _host_of(place, whole)):
        whole["host-name"] = host
    obj = new_object(kind.resource.kind, name, place.namespace, whole)
    check_object(obj)
    await _check_function(place, obj["spec"])
    await _warn_of_secret(place, obj["spec"])
    try:
        return await place.objects.create(kind.resource, obj)
    except AlreadyExists as error:
        raise CommandError(
            f"the {kind.title} trigger {name} is in namespace {place.namespace} already; "
            f"change it with: tidegate trigger {kind.word} update {name}"
        ) from error


async def updated(
    place: Place, kind: Kind, name: str, change: dict[str, Any], *, dry_run: bool
) -> Object:
    """Change the fields of `spec` that `change` names, and return the trigger."""
    for _ in range(ATTEMPTS):
        before = await existing(place, kind.resource, name, f"{kind.title} trigger")
        after = {**before, "spec": overlaid(before["spec"], change)}
        check_object(after)
        if "function-name" in change:
            await _check_function(place, after["spec"])
        if "basic-auth-secret" in change:
            await _warn_of_secret(place, after["spec"])
        if dry_run or after == before:
            return after
        try:
            return await place.objects.update(kind.resource, after)
        except Conflict:
            continue  # somebody wrote in between: what is named goes onto what is there now
    raise CommandError(f"{kind.title} trigger {name} changes faster than it can be read; try again")


async def deleted(place: Place, kind: Kind, name: str) -> None:
    """Remove a trigger. Raises `CommandError` when there is none."""
    await existing(place, kind.resource, name, f"{kind.title} trigger")
    await place.objects.delete(kind.resource, ObjectKey(place.namespace, name))


async def _check_function(place: Place, spec: Object) -> None:
    name = spec.get("function-name")
    if name:
        await existing(place, FUNCTIONS, name, "function")


async def _warn_of_secret(place: Place, spec: Object) -> None:
    name = spec.get("basic-auth-secret")
    if not name or place.is_laptop:  # which refuses what is not there
        return
    try:
        secret = await place.objects.get(SECRETS, ObjectKey(place.namespace, name))
    except NotFound:
        _warn(f"there is no Secret {name} in namespace {place.namespace} yet; nobody is let in")
    except Forbidden:
        return  # who makes triggers need not see passwords
    else:
        if "auth" not in (secret.get("data") or {}):
            _warn(f"the Secret {name} has no key auth; put an htpasswd file there")


def _warn(sentence: str) -> None:
    sys.stderr.write(f"tidegate: {sentence}\n")


def _host_of(place: Place, spec: Object) -> str:
    """Return a name that leads to the cluster's own address, where it has one: as Kubeless did.

    It is for development clusters, whose ingress controller listens where the API server does.
    """
    if place.is_laptop or spec.get("gateway") != "nginx":
        return ""
    address = urlsplit(place.objects.transport.server).hostname or ""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return ""
    return f"{spec.get('function-name')}.{address}.nip.io" if version == 4 else ""

"""What a controller is made with, and what makes it one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from controllers import drift
from controllers.children import Children
from controllers.config_watch import ConfigWatch
from controllers.core.reconciler import Reconciler
from controllers.events import EventRecorder
from controllers.kinds import OPTIONAL
from controllers.ownership import CREATED_BY
from controllers.settings import ControllerSettings
from controllers.watches import Feed, Watches, owner_of_kind
from tidegate.kube.client import KubeClient
from tidegate.kube.resources import Resource
from tidegate.kube.selection import Selection

MADE = ",".join(f"{name}={text}" for name, text in CREATED_BY.items())
"""Selects what was made for objects of ours."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every controller may use. `client` writes only while this replica leads."""

    client: KubeClient
    watches: Watches
    namespace: str
    """The one whose objects are ours; empty for all."""
    home: str
    """The one in which the controller runs, and its gateway."""
    config: ConfigWatch
    recorder: EventRecorder
    settings: ControllerSettings
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Registration:
    """One controller: its name, what it does with a key, and which keys that are."""

    name: str
    reconciler: Reconciler
    feed: Feed
    beside: Callable[[], Awaitable[None]] | None = None
    """What else runs while this replica leads, until it is cancelled."""


def children_of(context: Context, feed: Feed, kind: str, *resources: Resource) -> Children:
    """Return what keeps the children of objects of `kind`, and have `feed` follow them."""
    stores = {}
    for resource in resources:
        selection = Selection(resource, context.namespace, MADE)
        watched = context.watches.optional if resource in OPTIONAL else context.watches.reflector
        stores[resource] = watched(selection, drift.trimmed).store
        feed.follow(context.watches, selection, owner_of_kind(kind))
    return Children(context.client, stores)

"""Which controllers there are, and what each of them watches."""

from __future__ import annotations

from collections.abc import Callable

from controllers import drift
from controllers.children import Children
from controllers.ownership import CREATED_BY
from controllers.reconcilers.function import FUNCTIONS, FunctionPorts, FunctionReconciler
from controllers.registration import Context, Registration
from controllers.watches import Feed, itself, owner_of_kind
from tidegate.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
    Resource,
)
from tidegate.kube.selection import Selection

MADE = ",".join(f"{name}={text}" for name, text in CREATED_BY.items())
"""Selects what was made for objects of ours."""

FUNCTION_CHILDREN = (
    CONFIG_MAPS,
    SERVICES,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
)


def children_of(context: Context, feed: Feed, kind: str, *resources: Resource) -> Children:
    """Return what keeps the children of objects of `kind`, and have `feed` follow them."""
    stores = {}
    for resource in resources:
        selection = Selection(resource, context.namespace, MADE)
        stores[resource] = context.watches.store(selection, drift.trimmed)
        feed.follow(context.watches, selection, owner_of_kind(kind))
    return Children(context.client, stores)


def function_controller(context: Context) -> Registration:
    """Make functions run."""
    feed = Feed()
    functions = Selection(FUNCTIONS, context.namespace)
    ports = FunctionPorts(
        client=context.client,
        functions=context.watches.store(functions),
        children=children_of(context, feed, FUNCTIONS.kind, *FUNCTION_CHILDREN),
        config=lambda: context.config.current,
        recorder=context.recorder,
        now=context.now,
    )
    feed.follow(context.watches, functions, itself)
    context.config.subscribe(
        lambda: feed.revisit(context.watches, functions, context.settings.config.spread)
    )
    return Registration("function", FunctionReconciler(ports), feed)


CONTROLLERS: tuple[Callable[[Context], Registration], ...] = (function_controller,)
"""All of them. A new one is a line here."""

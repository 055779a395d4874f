"""Which controllers there are, and what each of them watches."""

from __future__ import annotations

from collections.abc import Callable

from controllers.reconcilers.function import FUNCTIONS, FunctionPorts, FunctionReconciler
from controllers.registration import Context, Registration, children_of
from controllers.triggers import trigger_controllers
from controllers.watches import Feed, itself
from tidegate.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
)
from tidegate.kube.selection import Selection

FUNCTION_CHILDREN = (
    CONFIG_MAPS,
    SERVICES,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
)


def function_controllers(context: Context) -> list[Registration]:
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
    return [Registration("function", FunctionReconciler(ports), feed)]


CONTROLLERS: tuple[Callable[[Context], list[Registration]], ...] = (
    function_controllers,
    trigger_controllers,
)
"""All of them. Those of new kinds are a line here."""

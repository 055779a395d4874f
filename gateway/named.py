"""Finds the trigger that an operator names among the subscriptions that run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tidegate.api.subscription import Subscription


class NotRunning(LookupError):
    """This gateway does not run the trigger; another one may."""


class NamesTrigger(Protocol):
    """A request about one trigger; an empty `kind` is any."""

    @property
    def namespace(self) -> str: ...

    @property
    def trigger(self) -> str: ...

    @property
    def kind(self) -> str: ...


def fed_by(request: NamesTrigger, running: Iterable[Subscription]) -> list[Subscription]:
    """Return what the trigger feeds: one subscription for each function.

    Raises `NotRunning` for a trigger that is not here, and `ValueError` for a name of two.
    """
    found = [
        one
        for one in running
        if (one.namespace, one.trigger) == (request.namespace, request.trigger)
        and request.kind in ("", one.kind)
    ]
    name = f"{request.namespace}/{request.trigger}"
    if not found:
        raise NotRunning(f"no trigger {name} runs here")
    kinds = sorted({one.kind for one in found})
    if len(kinds) > 1:
        raise ValueError(f"{name} is the name of a {' and of a '.join(kinds)}; say which kind")
    return found

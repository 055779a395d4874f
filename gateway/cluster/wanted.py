"""From the objects of a cluster to the subscriptions that they ask for."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.cluster.kinds import usable_replicas
from tidegate.api.check import check
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.loader import resource_from
from tidegate.api.metadata import Resource
from tidegate.api.problem import Severity
from tidegate.api.subscription import Subscription
from tidegate.api.subscriptions import subscriptions
from tidegate.kube.objects import Object, uid_of
from tidegate.kube.store import Delta

logger = logging.getLogger(__name__)


class Name(NamedTuple):
    """What names one object among all that are followed."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Written:
    """An object as it was last right, with what it was read from."""

    resource: Resource
    source: Object
    created: str


class Wanted:
    """Keeps what the cluster asks the gateway to run. Objects come and go through `take`.

    An object that a change has broken goes on as it was before. Where two triggers claim one route,
    the older one has it. Only namespaces in which something changed are looked at anew.
    """

    def __init__(self) -> None:
        self._written: dict[str, dict[Name, Written]] = defaultdict(dict)
        self._wrong: dict[Name, Object] = {}
        self._routes: dict[Name, Written] = {}
        self._refused: dict[str, str] = {}
        self._usable: dict[Name, int] = {}
        self._stale: set[str] = set()
        self._routes_changed = False
        self._found: dict[str, list[Subscription]] = {}

    def take(self, delta: Delta) -> bool:
        """Take one change in; tell whether it may matter."""
        obj = delta.new or delta.old
        assert obj is not None
        name = Name(obj["kind"], *delta.key)
        if delta.new is None or "deletionTimestamp" in delta.new["metadata"]:
            self._usable.pop(name, None)
            return self._remove(name)
        shared_anew = self._share(name, delta.new)
        return self._put(name, delta.new) or shared_anew

    def subscriptions(self) -> list[Subscription]:
        """Return what shall run, in a stable order."""
        if self._routes_changed:
            self._settle_routes()
        for namespace in self._stale:
            self._find(namespace)
        self._stale.clear()
        return [one for name in sorted(self._found) for one in self._found[name]]

    def named_secrets(self) -> dict[Name, tuple[str, ...]]:
        """Return the Secrets that HTTPTriggers name for the ingress controller, where they do."""
        found = {name: _secrets(written.resource) for name, written in self._routes.items()}
        return {name: secrets for name, secrets in found.items() if secrets}

    def usable(self, subscription: Subscription) -> int | None:
        """Return how many replicas the broker's parts of a trigger let read; None if not known."""
        return self._usable.get(name_of(subscription))

    def knows(self, name: Name) -> bool:
        """Tell whether there is such an object, whatever runs of it."""
        return name in self._wrong or name in self._written.get(name.namespace, {})

    def _share(self, name: Name, obj: Object) -> bool:
        """Note among how many replicas a trigger can be shared; tell whether that is news."""
        usable, before = usable_replicas(obj), self._usable.get(name)
        if usable is None:
            self._usable.pop(name, None)
        else:
            self._usable[name] = usable
        return usable != before

    def _remove(self, name: Name) -> bool:
        self._wrong.pop(name, None)
        if self._written[name.namespace].pop(name, None) is None:
            return False
        if self._routes.pop(name, None) is not None:
            self._routes_changed = True
        self._stale.add(name.namespace)
        return True

    def _put(self, name: Name, obj: Object) -> bool:
        before = self._written[name.namespace].get(name)
        if before is not None and _same(before.source, obj):
            return False
        if name in self._wrong and _same(self._wrong[name], obj):
            return False
        resource, problems = resource_from(obj)
        for problem in problems:
            kept = "" if before is None else "; it goes on as it was before"
            logger.error("%s%s", problem, kept)
        if resource is None:
            self._wrong[name] = obj
            return False
        self._wrong.pop(name, None)
        written = Written(resource, obj, obj["metadata"].get("creationTimestamp", ""))
        self._written[name.namespace][name] = written
        if isinstance(resource, HTTPTrigger):
            self._routes[name] = written
            self._routes_changed = True
        self._stale.add(name.namespace)
        return True

    def _settle_routes(self) -> None:
        """Find out which HTTPTriggers claim what an older one has, in whatever namespace."""
        refused = _mistakes(_by_age(self._routes.values()))
        for name in self._refused.keys() ^ refused.keys():
            self._stale.add(name.partition(" ")[2].partition("/")[0])
        for name in refused.keys() - self._refused.keys():
            logger.error("%s", refused[name])
        self._refused = refused
        self._routes_changed = False

    def _find(self, namespace: str) -> None:
        resources = _by_age(self._written[namespace].values())
        mistakes = _mistakes(resources) | self._refused
        right = [
            one for one in resources if str(one) not in mistakes and not _fired_by_cluster(one)
        ]
        found = subscriptions(right)
        if found:
            self._found[namespace] = found
        else:
            self._found.pop(namespace, None)
        if not self._written[namespace]:
            del self._written[namespace]


def name_of(subscription: Subscription) -> Name:
    """Return the name of its trigger."""
    return Name(subscription.kind, subscription.namespace, subscription.trigger)


def _secrets(resource: Resource) -> tuple[str, ...]:
    assert isinstance(resource, HTTPTrigger)
    named = (resource.spec.tls_secret, resource.spec.basic_auth_secret)
    return tuple(dict.fromkeys(name for name in named if name))


def _same(before: Object, now: Object) -> bool:
    """Tell whether nothing changed that a user writes."""
    return (
        uid_of(before) == uid_of(now)
        and before.get("spec") == now.get("spec")
        and before["metadata"].get("labels") == now["metadata"].get("labels")
    )


def _by_age(written: Iterable[Written]) -> list[Resource]:
    ordered = sorted(written, key=lambda one: (one.created, str(one.resource)))
    return [one.resource for one in ordered]


def _mistakes(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the objects that cannot run beside the others, and why."""
    problems = (one for one in check(resources) if one.severity is Severity.ERROR)
    return {problem.object: str(problem) for problem in problems}


def _fired_by_cluster(resource: Resource) -> bool:
    """Tell whether a CronJob fires the times of a trigger: both would fire each of them twice."""
    return isinstance(resource, CronJobTrigger) and resource.spec.mode == "cronjob"

"""Kubeless's objects in a cluster. Everything is read, nothing is written."""

from __future__ import annotations

from collections.abc import Iterable

from controllers.config_place import NAME, NAMESPACE
from controllers.kinds import OWN
from tidegate.cli.cluster.check import OLDEST
from tidegate.cli.migrate.functions import CUSTOM_METRICS, NO_ADAPTER
from tidegate.cli.migrate.landscape import USUAL_CONFIG, Landscape, landscape
from tidegate.cli.migrate.model import Task
from tidegate.cli.migrate.settings import config_place
from tidegate.kube.client import KubeClient
from tidegate.kube.discovery import served_groups, server_version
from tidegate.kube.errors import Forbidden, NotFound, NotServed
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import (
    CONFIG_MAPS,
    CRON_JOBS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    SERVICES,
    Resource,
)
from tidegate.kube.selection import Selection

_MADE = (SERVICES, CONFIG_MAPS, HORIZONTAL_POD_AUTOSCALERS, INGRESSES, CRON_JOBS)


async def read_cluster(client: KubeClient, namespace: str) -> Landscape:
    """Return what there is of Kubeless in one namespace, or in all for an empty one.

    Raises `KubeError`; what RBAC does not let us see is a warning, but for objects of its kinds.
    """
    objects: list[Object] = []
    for resource in OWN.values():
        objects += await _if_served(client, Selection(resource, namespace))
    look = _Look(client, namespace)
    for resource in _MADE:
        objects += await look.at(resource)
    objects += await look.at(DEPLOYMENTS, whole=True)
    place = config_place(landscape(objects)) or await _annotated(client)
    objects += await look.config(place)
    found = landscape(objects, place)
    return Landscape(
        found.objects, found.controllers, found.config, found.leftovers, tuple(look.warnings)
    )


class _Look:
    """Looks that may be refused."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.warnings: list[str] = []
        self._client = client
        self._namespace = namespace

    async def at(self, resource: Resource, *, whole: bool = False) -> list[Object]:
        """Return what there is of a resource: names and owners, or all of it.

        Deployments of Kubeless itself are in a namespace of their own.
        """
        selection = Selection(resource, "" if whole else self._namespace, metadata_only=not whole)
        try:
            found = await _if_served(self._client, selection)
        except Forbidden as error:
            self.warnings.append(f"{error}; what of it stands in the way is not told")
            return []
        return [each | {"kind": resource.kind} for each in found]

    async def config(self, place: ObjectKey) -> list[Object]:
        """Return the ConfigMap with the configuration, if it is there."""
        try:
            found = await self._client.get(CONFIG_MAPS, place)
        except NotFound:
            return []
        except Forbidden as error:
            self.warnings.append(f"{error}; its runtimes are not known")
            return []
        return [found]


async def _if_served(client: KubeClient, selection: Selection) -> list[Object]:
    try:
        return (await client.list(selection)).items
    except NotServed:
        return []


async def _annotated(client: KubeClient) -> ObjectKey:
    """Return where the definition of functions says that the configuration is."""
    try:
        key = ObjectKey("", OWN["Function"].full_name)
        definition = await client.get(CUSTOM_RESOURCE_DEFINITIONS, key)
    except (NotFound, Forbidden):
        return USUAL_CONFIG
    said = definition["metadata"].get("annotations") or {}
    return ObjectKey(
        said.get(NAMESPACE) or USUAL_CONFIG.namespace, said.get(NAME) or USUAL_CONFIG.name
    )


async def settled_by(client: KubeClient, tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks without those that the cluster has done already."""
    served = await served_groups(client)
    return [each for each in tasks if each.message != NO_ADAPTER or CUSTOM_METRICS not in served]


async def age_of(client: KubeClient) -> Iterable[Task]:
    """Return what is to be done about a cluster that is too old for Tidegate."""
    version = await server_version(client)
    if (version.major, version.minor) >= OLDEST:
        return ()
    oldest = ".".join(map(str, OLDEST))
    message = f"{version.text} is too old for Tidegate, which needs {oldest}"
    return (Task("Kubernetes", "", message, "upgrade it, or name another cluster with --to"),)

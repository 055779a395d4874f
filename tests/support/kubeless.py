"""What Kubeless has left in a cluster that has been upgraded under it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from tests.fakes.kube_server import KubeServer
from tests.support.definitions import KINDS
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import KubeError
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import (
    CONFIG_MAPS,
    CRON_JOBS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    INGRESSES,
    SERVICES,
)
from tidegate.kube.selection import Selection

LONG_AGO: Final = "2021-02-01T00:00:00Z"


def old_definition(kind: str) -> Object:
    """The definition as an API server of `apiextensions.k8s.io/v1beta1` stored it: no schema."""
    plural = KINDS[kind].plural
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    conditions = [
        {"type": name, "status": "True", "reason": "Accepted", "lastTransitionTime": LONG_AGO}
        for name in ("NamesAccepted", "Established")
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1beta1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.kubeless.io",
            "uid": str(uuid5(NAMESPACE_OID, plural)),
            "creationTimestamp": LONG_AGO,
            "generation": 1,
        },
        "spec": {
            "group": "kubeless.io",
            "version": "v1beta1",
            "versions": [{"name": "v1beta1", "served": True, "storage": True}],
            "names": names,
            "scope": "Namespaced",
            "preserveUnknownFields": True,
            "conversion": {"strategy": "None"},
        },
        "status": {
            "acceptedNames": names,
            "storedVersions": ["v1beta1"],
            "conditions": conditions,
        },
    }


async def plant_definitions(server: KubeServer, client: KubeClient) -> None:
    """Leave Kubeless's definitions in etcd, and return when objects of them are served."""
    for kind in KINDS:
        obj = old_definition(kind)
        path = f"apiextensions.k8s.io/customresourcedefinitions/{obj['metadata']['name']}"
        await asyncio.to_thread(server.store, path, obj)
    async with asyncio.timeout(60):
        for resource in KINDS.values():
            while not await _is_served(client, Selection(resource, "default")):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # nothing tells when it is


async def _is_served(client: KubeClient, selection: Selection) -> bool:
    try:
        await client.list(selection)
    except KubeError:
        return False
    return True


async def condition_of(client: KubeClient, kind: str, condition: str) -> str:
    """Return the status of a condition of a definition; empty when it has none."""
    key = ObjectKey("", f"{KINDS[kind].plural}.kubeless.io")
    status = (await client.get(CUSTOM_RESOURCE_DEFINITIONS, key)).get("status") or {}
    conditions = status.get("conditions") or []
    return next((one["status"] for one in conditions if one["type"] == condition), "")


async def plant_remains(client: KubeClient, objects: Iterable[Object]) -> None:
    """Leave what Kubeless made for the functions and triggers among `objects`, which are there.

    Its finalizers are on them, and its children name their uids.
    """
    for obj in objects:
        key, resource = key_of(obj), KINDS[obj["kind"]]
        live = await client.get(resource, key)
        for child in _made_for(live):
            await client.create(_RESOURCES[child["kind"]], child)


def finalized(obj: Object) -> Object:
    """The object with the finalizer that Kubeless's controller put on it."""
    spelt = {"KinesisTrigger": "kenisistrigger"}.get(obj["kind"], obj["kind"].lower())
    metadata = {**obj["metadata"], "finalizers": [f"kubeless.io/{spelt}"]}
    return {**obj, "metadata": metadata}


_RESOURCES: Final = {
    one.kind: one for one in (CONFIG_MAPS, SERVICES, DEPLOYMENTS, INGRESSES, CRON_JOBS)
}


def _made_for(live: Object) -> list[Object]:
    match live["kind"]:
        case "Function":
            return _of_function(live)
        case "HTTPTrigger":
            return [_ingress(live)]
        case "CronJobTrigger":
            return [_cron_job(live)]
    return []


def _about(live: Object, name: str = "", kind: str = "") -> Object:
    """Metadata of a child: the owner is named without saying that it controls."""
    metadata = live["metadata"]
    owner = {
        "apiVersion": live["apiVersion"],
        "kind": kind or live["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    labels = {"created-by": "kubeless", **(metadata.get("labels") or {})}
    return {
        "name": name or metadata["name"],
        "namespace": metadata["namespace"],
        "labels": labels,
        "ownerReferences": [owner],
    }


def _of_function(live: Object) -> list[Object]:
    name = live["metadata"]["name"]
    labels = {"created-by": "kubeless", "function": name}
    container = {
        "name": name,
        "image": "kubeless/python@sha256:" + "0" * 64,
        "env": [{"name": "FUNC_HANDLER", "value": "main"}, {"name": "OLD", "value": "yes"}],
    }
    port = {"name": "http-function-port", "port": 8080, "targetPort": 8080}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        {"kind": "ConfigMap", "metadata": _about(live), "data": {"handler": "hello.main"}},
        {
            "kind": "Service",
            "metadata": _about(live),
            "spec": {"ports": [port], "selector": labels},
        },
        {
            "kind": "Deployment",
            "metadata": _about(live),
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
    ]


def _ingress(live: Object) -> Object:
    service = {"name": live["spec"]["function-name"], "port": {"number": 8080}}
    path = {"path": "/", "pathType": "ImplementationSpecific", "backend": {"service": service}}
    about = _about(live)
    about["annotations"] = {"nginx.ingress.kubernetes.io/rewrite-target": "/"}
    rule = {"host": live["spec"]["host-name"], "http": {"paths": [path]}}
    return {"kind": "Ingress", "metadata": about, "spec": {"rules": [rule]}}


def _cron_job(live: Object) -> Object:
    """Named after the function, and owned by a kind that is not there."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "trigger", "image": "unzip"}]}
    return {
        "kind": "CronJob",
        "metadata": _about(live, f"trigger-{live['spec']['function-name']}", "Trigger"),
        "spec": {
            "schedule": live["spec"]["schedule"],
            "jobTemplate": {"spec": {"template": {"spec": pod}}},
        },
    }

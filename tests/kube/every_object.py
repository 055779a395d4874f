"""Objects that make controllers and gateways use every right that they have."""

from __future__ import annotations

import asyncio

from controllers.kinds import HTTP_ROUTES, KONG_PLUGINS, MIDDLEWARES
from controllers.reconcilers.function import FUNCTIONS
from tests.support.cluster import custom, function, http_trigger, secret
from tests.support.controllers import PATIENCE, eventually, found, function_object
from tests.support.definitions import install_one
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import Resource

HPA: Object = {"spec": {"maxReplicas": 4, "minReplicas": 2}}
TEMPLATE: Object = {"spec": {"replicas": 2}}


async def install_others(client: KubeClient) -> None:
    """Install definitions of what others bring, and Ingresses may need."""
    for resource in (HTTP_ROUTES, MIDDLEWARES, KONG_PLUGINS):
        await install_one(client, _open_definition(resource))


def _open_definition(resource: Resource) -> Object:
    """Return a definition that takes anything, of what others install."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": resource.plural, "kind": resource.kind}
    return {
        "metadata": {
            "name": resource.full_name,
            # Else the API server keeps others out of the Gateway API's group.
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test"},
        },
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced",
            "versions": [
                {
                    "name": resource.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def grown_function(namespace: str) -> Object:
    """A function that has every object that a function can have."""
    obj = function_object(namespace, "grown", deployment=TEMPLATE, horizontalPodAutoscaler=HPA)
    obj["metadata"]["finalizers"] = ["kubeless.io/function"]
    return obj


def triggers(namespace: str) -> list[Object]:
    """Triggers of every kind, as Kubeless left them, that have every object that one can have."""
    http = {"function-name": "grown", "cors-enable": True}
    feeds = {"functionSelector": {"matchLabels": {"function": "grown"}}}
    found = [
        custom("HTTPTrigger", namespace, "by-traefik", {**http, "gateway": "traefik", "path": "a"}),
        custom("HTTPTrigger", namespace, "by-kong", {**http, "gateway": "kong", "path": "b"}),
        http_trigger(namespace, "by-route", "grown", gatewayRef={"name": "public"}, path="c"),
        _cron(namespace, "cronjob"),
        custom("KafkaTrigger", namespace, "kafka", {"topic": "orders", **feeds}),
        custom("NATSTrigger", namespace, "nats", {"topic": "orders", **feeds}),
        custom("KinesisTrigger", namespace, "kinesis", {
            "function-name": "grown", "stream": "orders", "aws-region": "eu-west-1",
        }),
    ]  # fmt: skip
    for one in found:
        one["metadata"]["finalizers"] = [f"kubeless.io/{one['kind'].lower()}"]
    return found


def other_triggers(namespace: str) -> list[Object]:
    """The same, published in other ways."""
    return [
        http_trigger(namespace, "by-traefik", "grown", gatewayRef={"name": "public"}, path="a"),
        http_trigger(namespace, "by-kong", "grown", path="b"),
        http_trigger(namespace, "by-route", "grown", path="c"),
        _cron(namespace, "gateway"),
    ]


def _cron(namespace: str, mode: str) -> Object:
    """A CronJobTrigger that is fired by the gateway, or by a CronJob."""
    spec = {"function-name": "grown", "schedule": "@hourly", "mode": mode}
    return custom("CronJobTrigger", namespace, "tick", spec)


async def replace_function(client: KubeClient, key: ObjectKey) -> None:
    """Put another object of the same name in place of one, whose children nobody collects here."""
    await eventually(client, FUNCTIONS, key, metadata__finalizers=None)
    await client.delete(FUNCTIONS, key)
    async with asyncio.timeout(PATIENCE):
        while await found(client, FUNCTIONS, key) is not None:  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.05)
    await client.create(FUNCTIONS, function_object(key.namespace, key.name))


def gateway_objects(namespace: str) -> list[Object]:
    """What has a gateway follow every kind, a Secret, and keep something."""
    return [
        function(namespace, "hello", app="hello"),
        secret(namespace, "login", username="joe"),
        http_trigger(namespace, "web", "hello", path=f"/{namespace}"),
        custom("CronJobTrigger", namespace, "tick", {
            "function-name": "hello", "schedule": "@hourly",
        }),
        custom("NATSTrigger", namespace, "orders", {
            "topic": "orders", "secret": "login",
            "functionSelector": {"matchLabels": {"app": "hello"}},
        }),
    ]  # fmt: skip

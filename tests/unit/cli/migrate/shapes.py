"""Objects as Kubeless's command and its documentation wrote them."""

from __future__ import annotations

from typing import Any

from tidegate.kube.objects import Object

MOMENT = "2026-01-31T12:00:00Z"


def kubeless(kind: str, name: str, spec: Object, **metadata: Any) -> Object:
    """An object of Kubeless's in the namespace shop."""
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", **metadata},
        "spec": spec,
    }


def function(name: str = "hello", metadata: Object | None = None, **spec: Any) -> Object:
    """A Function as `kubeless function deploy` stored it: Go writes out what is empty, too."""
    container = {"name": "", "resources": {}}
    template = {"metadata": {"creationTimestamp": None}, "spec": {"containers": [container]}}
    fields = {
        "handler": "hello.main",
        "function": "def main(event, context):\n    return 'hello'\n",
        "function-content-type": "text",
        "checksum": "",
        "runtime": "python3.11",
        "timeout": "180",
        "deps": "",
        "deployment": {
            "metadata": {"creationTimestamp": None},
            "spec": {"selector": None, "template": template, "strategy": {}},
            "status": {},
        },
        "service": {
            "ports": [
                {
                    "name": "http-function-port",
                    "protocol": "TCP",
                    "port": 8080,
                    "targetPort": 8080,
                }
            ],
            "selector": {"created-by": "kubeless", "function": name},
            "type": "ClusterIP",
        },
        "horizontalPodAutoscaler": {
            "metadata": {"creationTimestamp": None},
            "spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0},
            "status": {"currentReplicas": 0, "desiredReplicas": 0},
        },
    } | spec
    about: Object = {"labels": {"created-by": "kubeless", "function": name}, **(metadata or {})}
    return kubeless("Function", name, fields, **about)


def kafka(name: str = "orders", **spec: Any) -> Object:
    """A KafkaTrigger of the function hello."""
    selector = {"matchLabels": {"created-by": "kubeless", "function": "hello"}}
    return kubeless("KafkaTrigger", name, {"topic": "orders", "functionSelector": selector, **spec})


def nats(name: str = "mail", **spec: Any) -> Object:
    """A NATSTrigger of the function hello."""
    selector = {"matchLabels": {"created-by": "kubeless", "function": "hello"}}
    return kubeless("NATSTrigger", name, {"topic": "mail", "functionSelector": selector, **spec})


def kinesis(name: str = "clicks", shard: str = "shardId-000000000000", **spec: Any) -> Object:
    """A KinesisTrigger of the function hello."""
    fields = {
        "function-name": "hello",
        "aws-region": "eu-west-1",
        "stream": "clicks",
        "shard": shard,
        "secret": "aws",
        "endpoint": "",
    }
    return kubeless("KinesisTrigger", name, fields | spec)


def cron(name: str = "tick", **spec: Any) -> Object:
    """A CronJobTrigger of the function hello."""
    fields = {"schedule": "*/5 * * * *", "function-name": "hello"}
    return kubeless("CronJobTrigger", name, fields | spec)


def http(name: str = "front", **spec: Any) -> Object:
    """An HTTPTrigger of the function hello."""
    fields = {
        "function-name": "hello",
        "host-name": "hello.192.0.2.1.nip.io",
        "tls": False,
        "tls-secret": "",
        "path": "",
        "basic-auth-secret": "",
        "gateway": "nginx",
        "cors-enable": False,
    }
    return kubeless("HTTPTrigger", name, fields | spec)


def controller(name: str, *programs: str, env: Object | None = None) -> Object:
    """A Deployment of Kubeless itself."""
    variables = [{"name": key, "value": text} for key, text in (env or {}).items()]
    containers = [
        {"name": each, "image": f"kubeless/{each}:v1.0.8", "env": variables} for each in programs
    ]
    labels = {"kubeless": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "kubeless", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


MANAGER = controller(
    "kubeless-controller-manager",
    "function-controller",
    "http-trigger-controller",
    "cronjob-trigger-controller",
)
KAFKA_CONTROLLER = controller(
    "kafka-trigger-controller",
    "kafka-trigger-controller",
    env={"KAFKA_BROKERS": "kafka.events:9092"},
)
NATS_CONTROLLER = controller("nats-trigger-controller", "nats-trigger-controller")
KINESIS_CONTROLLER = controller("kinesis-trigger-controller", "kinesis-trigger-controller")
PROGRAMS = (MANAGER, KAFKA_CONTROLLER, NATS_CONTROLLER, KINESIS_CONTROLLER)

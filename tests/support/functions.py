"""Functions of every shape that people write, as tests of the control plane need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired.config import ControllerConfig
from controllers.desired.function import DesiredFunction, desired_objects
from tidegate.api.function import Function

Object = dict[str, Any]

FROM_KUBELESS: Object = {
    "handler": "helloget.foo",
    "runtime": "python3.8",
    "function": "def foo(event, context):\n    return 'hello world'\n",
    "function-content-type": "text",
    "checksum": "sha256:2c5c56ece99fb261dc339039498a4fc8e4cbec29656f1cede365780493a57a10",
    "deps": "bs4\n",
    "timeout": "180",
    "deployment": {
        "metadata": {"creationTimestamp": None},
        "spec": {
            "selector": None,
            "strategy": {},
            "template": {
                "metadata": {"creationTimestamp": None},
                "spec": {
                    "containers": [{"name": "", "resources": {}, "imagePullPolicy": "Always"}],
                },
            },
        },
        "status": {},
    },
    "service": {
        "ports": [
            {
                "name": "http-function-port",
                "protocol": "TCP",
                "port": 8080,
                "targetPort": 8080,
                "nodePort": 0,
            }
        ],
        "selector": {"created-by": "kubeless", "function": "get-python"},
        "type": "ClusterIP",
    },
    "horizontalPodAutoscaler": {
        "metadata": {"creationTimestamp": None},
        "spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0},
        "status": {
            "currentReplicas": 0,
            "desiredReplicas": 0,
            "currentMetrics": None,
            "conditions": None,
        },
    },
}
"""What `kubeless function deploy --from-file helloget.py --dependencies requirements.txt` wrote."""


def function(metadata: Mapping[str, Any] | None = None, **spec: Any) -> Function:
    """Return shop/hello with these fields over the ones it needs."""
    fields = {"handler": "hello.main", "runtime": "python3.11", "function": "text"} | spec
    about = {"name": "hello", "namespace": "shop", "uid": "uid-of-hello"} | dict(metadata or {})
    return Function.model_validate(
        {
            "apiVersion": "kubeless.io/v1beta1",
            "kind": "Function",
            "metadata": about,
            "spec": {name: value for name, value in fields.items() if value is not None},
        }
    )


def pod(**spec: Any) -> Object:
    """Return a `deployment` that lays this over the spec of the pods."""
    return {"spec": {"template": {"spec": spec}}}


def container(**fields: Any) -> Object:
    """Return a `deployment` that lays this over the function's container."""
    return pod(containers=[{"name": "", **fields}])


def desired(config: ControllerConfig | None = None, **spec: Any) -> DesiredFunction:
    """Return what should be there for shop/hello."""
    return desired_objects(function(**spec), config or ControllerConfig())


def by_kind(result: DesiredFunction) -> dict[str, Any]:
    """Return the objects by their kind, of which each has one."""
    return {each["kind"]: each for each in result.objects}


def template(result: DesiredFunction) -> Object:
    """Return the template of the pods."""
    found: Object = by_kind(result)["Deployment"]["spec"]["template"]
    return found


def pods(**spec: Any) -> Object:
    """Return the spec of the pods of shop/hello."""
    found: Object = template(desired(**spec))["spec"]
    return found


def main_container(**spec: Any) -> Object:
    """Return the function's own container in the pods of shop/hello."""
    found: Object = pods(**spec)["containers"][0]
    return found


def env(of: Object) -> dict[str, str]:
    """Return the plain variables of a container."""
    return {entry["name"]: entry["value"] for entry in of["env"] if "value" in entry}


SHAPES: dict[str, Object] = {
    "text": {},
    "kubeless": FROM_KUBELESS,
    "zip": {"function": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==", "function-content-type": "base64+zip"},
    "url": {
        "function": "https://example.com/hello.tar.gz",
        "function-content-type": "url+compressedtar+deps",
        "checksum": f"sha256:{'0' * 64}",
    },
    "image": {
        "handler": "",
        "function": "",
        "runtime": None,
        "deployment": container(image="example.com/hello:1"),
    },
    "scaled": {
        "deployment": container(resources={"requests": {"cpu": "100m"}}),
        "horizontalPodAutoscaler": {
            "metadata": {"name": "hello"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": ""},
                "minReplicas": 2,
                "maxReplicas": 5,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "targetAverageUtilization": 70},
                    },
                    {
                        "type": "Resource",
                        "resource": {"name": "memory", "targetAverageValue": "64Mi"},
                    },
                    {
                        "type": "Object",
                        "object": {
                            "metricName": "function_calls",
                            "target": {"kind": "Service", "name": "hello"},
                            "targetValue": "100",
                        },
                    },
                ],
            },
        },
    },
    "everything": {
        "timeout": "2.5",
        "service": {"type": "NodePort", "ports": [{"name": "web", "port": 80, "targetPort": 9000}]},
        "deployment": {
            "metadata": {"annotations": {"team": "shop"}},
            "spec": {
                "replicas": 3,
                "strategy": {"type": "Recreate"},
                "template": {
                    "metadata": {"annotations": {"prometheus.io/scrape": "false"}},
                    "spec": {
                        "serviceAccountName": "hello",
                        "nodeSelector": {"disk": "fast"},
                        "imagePullSecrets": [{"name": "registry"}],
                        "tolerations": [{"key": "a", "operator": "Exists"}],
                        "volumes": [{"name": "s-vol", "secret": {"secretName": "s"}}],
                        "containers": [
                            {
                                "name": "whatever",
                                "env": [
                                    {"name": "A", "value": "$(HOST):1"},
                                    {
                                        "name": "B",
                                        "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}},
                                    },
                                ],
                                "envFrom": [{"configMapRef": {"name": "c"}}],
                                "volumeMounts": [{"name": "s-vol", "mountPath": "/s"}],
                                "resources": {
                                    "limits": {"memory": "128Mi", "cpu": "1"},
                                    "requests": {"memory": "128Mi", "cpu": "1"},
                                },
                            },
                            {"name": "sidecar", "image": "example.com/sidecar:1"},
                        ],
                        "initContainers": [
                            {"name": "", "resources": {"limits": {"memory": "1Gi"}}},
                            {"name": "warm", "image": "example.com/warm:1"},
                        ],
                    },
                },
            },
        },
    },
}
"""One function of each shape: the fields that differ from the plainest."""

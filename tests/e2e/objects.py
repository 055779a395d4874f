"""Objects that tests apply beside the examples. All of them pass the standard "restricted"."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.e2e.cluster import Images, Object
from tests.fakes import packages

_HARMLESS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_NOBODY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def function(images: Images, name: str, code: str, **spec: Any) -> Object:
    """Return a Function of `code`, whose handler is `run` unless `spec` says something else."""
    image = {"containers": [{"image": images.python}]} if images.python else {}
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "runtime": "python3.11",
            "handler": f"{name.replace('-', '_')}.run",
            "function": code,
            "deployment": {"spec": {"template": {"spec": image}}},
            **spec,
        },
    }


def trigger(kind: str, name: str, **spec: Any) -> Object:
    """Return a trigger."""
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {key.replace("_", "-"): value for key, value in spec.items()},
    }


def pod(name: str, image: str, command: list[str]) -> Object:
    """Return a pod that runs a command once, with a folder /tmp to write in."""
    container = {
        "name": name,
        "image": image,
        "command": command,
        "securityContext": {**_HARMLESS, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": _NOBODY,
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def server(
    name: str, image: str, port: int, args: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Object]:
    """Return a Deployment and its Service; what the server keeps is gone when it ends."""
    labels = {"app": name}
    spec = pod(name, image, [])["spec"]
    container = spec["containers"][0]
    del container["command"], spec["restartPolicy"]
    container["args"] = list(args)
    container["env"] = [{"name": key, "value": text} for key, text in (env or {}).items()]
    container["ports"] = [{"containerPort": port}]
    container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    # Else the variables of a Service kafka are settings of Kafka.
    spec["enableServiceLinks"] = False
    template = {"metadata": {"labels": labels}, "spec": spec}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": port}]},
    }


def zipped(files: Mapping[str, bytes | str]) -> str:
    """Return an archive as text in base64."""
    return base64.b64encode(packages.zipped(files)).decode()

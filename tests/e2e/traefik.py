"""Traefik in the cluster, as its documentation installs it: for Ingresses and the Gateway API.

It reads Ingresses in two ways: those of `TRAEFIK` by its own annotations, those of `NGINX` by
the annotations of ingress-nginx.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster import Cluster, Object
from tests.e2e.objects import pod
from tests.fakes.go_modules import TRAEFIK as MODULE
from tests.fakes.go_modules import gateway_definitions, module_folder

HOME = "tidegate-e2e-traefik"
TRAEFIK = "traefik-e2e"
NGINX = "nginx-e2e"
"""Classes of our own, so that an ingress controller that the cluster has keeps to its own."""

GATEWAY = "public"
PORT, SECURE_PORT = 8000, 8443

_CONTROLLERS = {TRAEFIK: "traefik.io/ingress-controller", NGINX: "example.com/tidegate-e2e"}
_REFERENCE = "docs/content/reference/dynamic-configuration"
_ROLES = ("crd", "gateway", "ingress-nginx")
_ARGUMENTS = (
    f"--entrypoints.web.address=:{PORT}",
    f"--entrypoints.websecure.address=:{SECURE_PORT}",
    "--entrypoints.websecure.http.tls=true",
    "--providers.kubernetescrd=true",
    "--providers.kubernetesgateway=true",
    "--providers.kubernetesingress=true",
    f"--providers.kubernetesingress.ingressclass={TRAEFIK}",
    "--providers.kubernetesingressnginx=true",
    f"--providers.kubernetesingressnginx.controllerclass={_CONTROLLERS[NGINX]}",
    "--providers.providersthrottleduration=100ms",
    "--global.checknewversion=false",
    "--global.sendanonymoususage=false",
    "--ping=true",
)


@contextmanager
def traefik(cluster: Cluster, image: str) -> Iterator[None]:
    """Traefik for the length of the block; the definitions that it brings stay.

    Raises NotToBeHad where these cannot be fetched.
    """
    definitions = [*gateway_definitions(), _reference("kubernetes-crd-definition-v1")]
    _define(cluster, definitions)
    made = [*_accounts(), *_classes(), _deployment(image), _service()]
    try:
        text = yaml.safe_dump_all(made)
        cluster.kubectl("apply", "--filename", "-", stdin=text, namespace=HOME)
        cluster.apply(_gateway())
        cluster.wait("deployment/traefik", "Available", HOME)
        yield
    finally:
        words = ("delete", "--ignore-not-found", "--wait=false", "--filename", "-")
        cluster.kubectl(*words, stdin=yaml.safe_dump_all(made), namespace=HOME)


def _define(cluster: Cluster, files: Iterable[Path]) -> None:
    """Apply the definitions that are not there: those that are may be of another version."""
    for file in files:
        for one in yaml.safe_load_all(file.read_text()):
            name = one["metadata"]["name"]
            command = ["kubectl", "get", "customresourcedefinition", name]
            if subprocess.run(command, capture_output=True, timeout=60).returncode:
                text = yaml.safe_dump(one)
                cluster.kubectl("apply", "--server-side", "--filename", "-", stdin=text)
                cluster.wait(f"customresourcedefinition/{name}", "Established")


def _reference(name: str) -> Path:
    return module_folder(MODULE) / _REFERENCE / f"{name}.yml"


def _accounts() -> Iterator[Object]:
    """The namespace, and an account with the rights that Traefik's documentation gives it."""
    yield _object("v1", "Namespace", HOME)
    yield _object("v1", "ServiceAccount", "traefik", HOME)
    for name in _ROLES:
        text = _reference(f"kubernetes-{name}-rbac").read_text()
        role = next(one for one in yaml.safe_load_all(text) if one["kind"] == "ClusterRole")
        role["metadata"]["name"] = f"{HOME}-{name}"
        yield role
        yield _object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            f"{HOME}-{name}",
            roleRef={
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": f"{HOME}-{name}",
            },
            subjects=[{"kind": "ServiceAccount", "name": "traefik", "namespace": HOME}],
        )


def _classes() -> Iterator[Object]:
    for name, controller in _CONTROLLERS.items():
        spec = {"controller": controller}
        yield _object("networking.k8s.io/v1", "IngressClass", name, spec=spec)
    controller = "traefik.io/gateway-controller"
    spec = {"controllerName": controller}
    yield _object("gateway.networking.k8s.io/v1", "GatewayClass", TRAEFIK, spec=spec)


def _gateway() -> Object:
    """A Gateway of the namespace of the functions."""
    listener = {"name": "http", "protocol": "HTTP", "port": PORT}
    spec = {"gatewayClassName": TRAEFIK, "listeners": [listener]}
    return _object("gateway.networking.k8s.io/v1", "Gateway", GATEWAY, spec=spec)


def _deployment(image: str) -> Object:
    spec = pod("traefik", image, [])["spec"]
    container = spec["containers"][0]
    del container["command"], spec["restartPolicy"], spec["automountServiceAccountToken"]
    container["args"] = list(_ARGUMENTS)
    container["readinessProbe"] = {"httpGet": {"path": "/ping", "port": 8080}}
    spec["serviceAccountName"] = "traefik"
    labels = {"app": "traefik"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    made = {"selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", "traefik", HOME, spec=made)


def _service() -> Object:
    spec = {"selector": {"app": "traefik"}, "ports": [{"port": 8080, "targetPort": PORT}]}
    return _object("v1", "Service", "traefik", HOME, spec=spec)


def _object(api: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}

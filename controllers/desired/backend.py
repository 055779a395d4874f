"""The gateway's Service as other namespaces see it. Pure.

An Ingress leads to Services of its own namespace only. So each namespace with HTTPTriggers gets a
Service without a selector, and copies of the EndpointSlices of the gateway's own Service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired import names

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of a slice that names its Service."""

MIRROR = "tidegate.io/mirror"
"""The label of what stands for the gateway in another namespace. It has no other one by which a
function of the same name could take it for its own."""

_LABELS: Mapping[str, str] = {"app.kubernetes.io/managed-by": "tidegate", MIRROR: "gateway"}


@dataclass(frozen=True, slots=True)
class Front:
    """The gateway's Service for calls."""

    namespace: str
    service: str = "tidegate-gateway"
    port: int = 8080

    @property
    def url(self) -> str:
        """Where pods of the cluster call it."""
        return f"http://{self.service}.{self.namespace}.svc:{self.port}"


def mirrored_service(front: Front, namespace: str, owners: Iterable[Object] = ()) -> Object:
    """Return the Service by which `namespace` reaches the gateway.

    It belongs to all of `owners`, references to triggers: with the last one it goes, whether or
    not a controller is there to remove it.
    """
    port = {"name": "http", "port": front.port, "targetPort": front.port, "protocol": "TCP"}
    metadata: Object = {"name": front.service, "namespace": namespace, "labels": dict(_LABELS)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**metadata, "ownerReferences": list(owners)},
        "spec": {"type": "ClusterIP", "ports": [port]},
    }


def mirrored_slices(slices: Iterable[Object], service: Object) -> list[Object]:
    """Return the copies of the gateway's `slices` that belong to `service`, which has its uid."""
    return [_mirrored(one, service) for one in slices]


def _mirrored(one: Object, service: Object) -> Object:
    about = service["metadata"]
    labels = {
        **_LABELS,
        SERVICE_NAME: about["name"],
        "endpointslice.kubernetes.io/managed-by": "tidegate",
    }
    reference = {"apiVersion": "v1", "kind": "Service", "name": about["name"], "uid": about["uid"]}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": names.limited(one["metadata"]["name"], names.LONGEST_NAME),
            "namespace": about["namespace"],
            "labels": labels,
            "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
        },
        "addressType": one["addressType"],
        "ports": [_port(port) for port in one.get("ports") or ()],
        "endpoints": [_endpoint(endpoint) for endpoint in one.get("endpoints") or ()],
    }


def _port(port: Object) -> Object:
    """The port is that of the pods; it has the name of the Service's, by which the two meet."""
    return {"name": port.get("name") or "", "port": port.get("port"), "protocol": "TCP"}


def _endpoint(endpoint: Object) -> Object:
    """Neither the pod nor its node: what leads out of the namespace is the address alone."""
    kept = ("addresses", "conditions", "zone", "hints")
    return {name: endpoint[name] for name in kept if endpoint.get(name)}

"""The manifests that come with the command, and what the API server calls their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from tidegate.cli.cluster.kustomize import Object, in_namespace, rendered
from tidegate.cli.cluster.options import Overlay
from tidegate.kube.resources import BUILT_IN, Resource

_RBAC: Final = "rbac.authorization.k8s.io"
_KINDS: Final[Mapping[str, Resource]] = {
    resource.kind: resource
    for resource in (
        *BUILT_IN,
        Resource("", "v1", "serviceaccounts", "ServiceAccount"),
        Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
        Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
        Resource(_RBAC, "v1", "roles", "Role"),
        Resource(_RBAC, "v1", "rolebindings", "RoleBinding"),
        Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    )
}


@dataclass(frozen=True, slots=True)
class Variant:
    """Which installation, where, and of which image; empty is what the manifests say."""

    overlay: Overlay = Overlay.DEV
    namespace: str = ""
    image: str = ""


def bundle(variant: Variant) -> list[Object]:
    """Return the objects of an installation, in the order in which to apply them."""
    objects = rendered(_folder() / "overlays" / variant.overlay.value)
    if variant.namespace:
        objects = in_namespace(objects, variant.namespace)
    return [_with_image(obj, variant.image) for obj in objects] if variant.image else objects


def resource_of(obj: Object) -> Resource:
    """Return the resource that an object of a bundle is of."""
    return _KINDS[obj["kind"]]


def _folder() -> Traversable:
    return files("manifests")


def _with_image(obj: Object, image: str) -> Object:
    if obj["kind"] == "Deployment":
        for container in obj["spec"]["template"]["spec"]["containers"]:
            container["image"] = image
    return obj

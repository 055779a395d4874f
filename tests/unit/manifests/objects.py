"""The objects of every installation, and the parts of them that tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tidegate.cli.cluster.kustomize import Object, rendered
from tidegate.cli.cluster.options import Overlay

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"
COMPONENTS = ("controller", "gateway")


@cache
def installation(overlay: Overlay) -> tuple[Object, ...]:
    """Return the objects of an overlay. Do not change them."""
    return tuple(rendered(MANIFESTS / "overlays" / overlay.value))


def of_kind(objects: tuple[Object, ...], kind: str) -> Iterator[Object]:
    """Yield the objects of one kind."""
    return (one for one in objects if one["kind"] == kind)


def named(objects: tuple[Object, ...], kind: str, name: str) -> Object:
    """Return one object."""
    (one,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return one


def pod(objects: tuple[Object, ...], component: str) -> Object:
    """Return the pod template of a component."""
    template: Object = named(objects, "Deployment", f"tidegate-{component}")["spec"]["template"]
    return template


def container(objects: tuple[Object, ...], component: str) -> Object:
    """Return the one container of a component."""
    (one,) = pod(objects, component)["spec"]["containers"]
    found: Object = one
    return found


def ports(one: Object) -> dict[str, int]:
    """Return the named ports of a container."""
    return {port["name"]: port["containerPort"] for port in one["ports"]}

"""The resources beyond Kubernetes's own that controllers deal with."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.metadata import GROUP, VERSION
from tidegate.kube.resources import Resource

OWN: Mapping[str, Resource] = {
    kind: Resource(GROUP, VERSION, f"{kind.lower()}s", kind) for kind in CUSTOM_KINDS
}
"""Our kinds, by name."""

HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
MIDDLEWARES = Resource("traefik.io", "v1alpha1", "middlewares", "Middleware")
KONG_PLUGINS = Resource("configuration.konghq.com", "v1", "kongplugins", "KongPlugin")

OPTIONAL = (HTTP_ROUTES, MIDDLEWARES, KONG_PLUGINS)
"""What a cluster may not serve."""

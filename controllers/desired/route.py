"""From an HTTPTrigger to an HTTPRoute of the Gateway API. Pure."""

from __future__ import annotations

from typing import Any

from controllers.desired import names
from controllers.desired.trigger import child_metadata
from tidegate.api.http_trigger import GatewayRef, HTTPTrigger

Object = dict[str, Any]


def http_route(trigger: HTTPTrigger, service: str, port: int) -> Object:
    """Return the route by which the Gateway that `trigger` names calls the Service."""
    spec, annotations = trigger.spec, names.inherited_annotations(trigger)
    assert spec.gateway_ref is not None
    rule = {"matches": _matches(trigger), "backendRefs": [{"name": service, "port": port}]}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": child_metadata(trigger, annotations=annotations),
        "spec": {
            "parentRefs": [_parent(spec.gateway_ref)],
            **({"hostnames": [spec.host_name]} if spec.host_name else {}),
            "rules": [rule],
        },
    }


def _parent(reference: GatewayRef) -> Object:
    optional = {"namespace": reference.namespace, "sectionName": reference.section_name}
    return {"name": reference.name, **{key: text for key, text in optional.items() if text}}


def _matches(trigger: HTTPTrigger) -> list[Object]:
    """One match for each method, since all parts of a match must hold."""
    path = {"type": "PathPrefix", "value": trigger.spec.route_path}
    if not trigger.spec.methods:
        return [{"path": path}]
    return [{"path": path, "method": method} for method in trigger.spec.methods]

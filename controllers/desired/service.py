"""The Service of a function. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import DEFAULT_PORT, Blueprint
from controllers.desired.findings import Findings
from controllers.desired.merge import merged

Object = dict[str, Any]

PLACE = "spec.service"


def service(plan: Blueprint, found: Findings) -> Object:
    """Return the Service, with its author's spec over the usual one."""
    given = {key: value for key, value in plan.function.spec.service.items() if key != "selector"}
    # A selector with more labels than these would stop to match when the function's labels change.
    spec = merged(
        {"type": "ClusterIP", "selector": names.selector_labels(plan.name)}, given, PLACE, found
    )
    spec["ports"] = _ports(spec.get("ports", []), plan, found)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.object_metadata(plan.function),
        "spec": spec,
    }


def _ports(ports: list[Object], plan: Blueprint, found: Findings) -> list[Object]:
    if not ports:
        return [_port({"name": names.FUNCTION_PORT, "port": DEFAULT_PORT}, plan)]
    for index, port in enumerate(ports):
        if not isinstance(port.get("port"), int):
            found.refuse(f"{PLACE}.ports[{index}].port", "is no number", "write one, such as 8080")
    return [_port(ports[0], plan), *({"protocol": "TCP", **port} for port in ports[1:])]


def _port(port: Mapping[str, Any], plan: Blueprint) -> Object:
    """Lead the first port to the function, wherever else Kubernetes would by default."""
    named = {} if port.get("name") else {"name": names.FUNCTION_PORT}
    return {**named, "targetPort": plan.port, "protocol": "TCP", **port}


def url(plan: Blueprint) -> str:
    """Return where other pods call the function."""
    ports = plan.function.spec.service.get("ports")
    first = ports[0] if isinstance(ports, list) and ports else None
    port = first.get("port", DEFAULT_PORT) if isinstance(first, Mapping) else DEFAULT_PORT
    return f"http://{plan.name}.{plan.function.namespace}.svc:{port}"

"""From an HTTPTrigger to the objects that publish it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controllers.desired import names
from controllers.desired.backend import Front
from controllers.desired.dialects import Dialect, dialect
from controllers.desired.findings import Findings
from controllers.desired.route import http_route
from controllers.desired.trigger import Called, TriggerInvalid, called, child_metadata
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger

Object = dict[str, Any]

CLASS = "kubernetes.io/ingress.class"
"""The annotation that said the class before Kubernetes 1.18; the field is written in its place."""

ACME = "kubernetes.io/tls-acme"
_ISSUERS = ("cert-manager.io/issuer", "cert-manager.io/cluster-issuer")


@dataclass(frozen=True, slots=True)
class DesiredRoute:
    """What should be there for one HTTPTrigger."""

    objects: tuple[Object, ...]
    """An Ingress with what its controller needs beside it, or an HTTPRoute; in order to apply."""
    url: str
    """Where the function is called from outside; from inside where any host will do."""
    warnings: tuple[str, ...] = ()


def desired_route(trigger: HTTPTrigger, function: Function | None, front: Front) -> DesiredRoute:
    """Return what should be there for `trigger`, which must have its uid.

    Raises TriggerInvalid with every mistake at once.
    """
    found, target = Findings(str(trigger)), called(trigger, function)
    service, port = _backend(trigger, target, front)
    if trigger.spec.gateway_ref is not None:
        objects: tuple[Object, ...] = (http_route(trigger, service, port),)
    else:
        objects = _ingress(trigger, target, (service, port), found)
    if found.mistakes:
        raise TriggerInvalid(*found.mistakes)
    return DesiredRoute(objects, _url(trigger, target, front), tuple(found.warnings))


def _backend(trigger: HTTPTrigger, target: Called, front: Front) -> tuple[str, int]:
    """Return the Service of the trigger's namespace that takes its calls."""
    if trigger.spec.via == "function":
        return target.name, target.port
    return front.service, front.port


def _ingress(
    trigger: HTTPTrigger, target: Called, backend: tuple[str, int], found: Findings
) -> tuple[Object, ...]:
    spec, given = trigger.spec, names.inherited_annotations(trigger)
    ingress_class = given.pop(CLASS, "") or spec.gateway
    said = dialect(trigger, target, ingress_class, found)
    service, port = backend
    path = {
        "path": spec.route_path,
        "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"number": port}}},
    }
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": child_metadata(trigger, annotations=_annotations(trigger, given, said)),
        "spec": {
            **({"ingressClassName": ingress_class} if ingress_class else {}),
            **_tls(trigger),
            "rules": [{**_host(trigger), "http": {"paths": [path]}}],
        },
    }
    return (*said.objects, ingress)


def _annotations(trigger: HTTPTrigger, given: dict[str, str], said: Dialect) -> dict[str, str]:
    acme = trigger.spec.tls and not any(name in given for name in _ISSUERS)
    own = {**said.base, **given, **said.fixed, **({ACME: "true"} if acme else {})}
    for name, text in said.added.items():
        own[name] = f"{own[name]},{text}" if own.get(name) else text
    return own


def _host(trigger: HTTPTrigger) -> Object:
    return {"host": trigger.spec.host_name} if trigger.spec.host_name else {}


def _tls(trigger: HTTPTrigger) -> Object:
    spec = trigger.spec
    if not (spec.tls or spec.tls_secret):
        return {}
    secret = spec.tls_secret or names.limited(f"{trigger.name}-tls", names.LONGEST_NAME)
    return {"tls": [{"hosts": [spec.host_name], "secretName": secret}]}


def _url(trigger: HTTPTrigger, target: Called, front: Front) -> str:
    spec = trigger.spec
    if spec.host_name:
        scheme = "https" if spec.tls or spec.tls_secret else "http"
        return f"{scheme}://{spec.host_name}{spec.route_path}"
    inside = target.url if spec.via == "function" else front.url
    return f"{inside}{spec.route_path}"

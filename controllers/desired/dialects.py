"""What each ingress controller is told beside the Ingress: annotations, objects of its own. Pure.

Sources: the annotation references of ingress-nginx, Traefik (kubernetes-ingress) and Kong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from controllers.desired.findings import Findings
from controllers.desired.trigger import Called, child_metadata
from tidegate.api.http_trigger import HTTPTrigger

Object = dict[str, Any]

NGINX: Final = "nginx.ingress.kubernetes.io"
TRAEFIK: Final = "traefik.ingress.kubernetes.io/router.middlewares"
KONG: Final = "konghq.com"

_SLACK: Final = 5
"""Seconds that a proxy waits longer than the gateway, which then says itself what happened."""

_NO_LISTS: Final = "basic authentication against a list of users"


@dataclass(frozen=True, slots=True)
class Dialect:
    """`base` gives way to the trigger's own annotations, `fixed` does not; `added` is put behind
    what the trigger says there, with a comma."""

    base: Mapping[str, str]
    fixed: Mapping[str, str]
    added: Mapping[str, str]
    objects: tuple[Object, ...] = ()


def dialect(trigger: HTTPTrigger, target: Called, ingress_class: str, found: Findings) -> Dialect:
    """Return what the ingress controller of that class is told for `trigger`.

    A family is recognised by the name of its class: `nginx`, or `nginx-internal`.
    """
    family = ingress_class.partition("-")[0]
    return _FAMILIES.get(family, _unknown)(trigger, target, found)


def _nginx(trigger: HTTPTrigger, target: Called, found: Findings) -> Dialect:
    spec, patience = trigger.spec, str(ceil(target.timeout) + _SLACK)
    base = {
        f"{NGINX}/proxy-body-size": str(spec.body_limit),
        f"{NGINX}/proxy-read-timeout": patience,
        f"{NGINX}/proxy-send-timeout": patience,
    }
    fixed = {f"{NGINX}/ssl-redirect": "true"} if spec.tls else {}
    if spec.cors_enable:
        fixed[f"{NGINX}/enable-cors"] = "true"
    if spec.basic_auth_secret:
        fixed[f"{NGINX}/auth-type"] = "basic"
        fixed[f"{NGINX}/auth-secret"] = spec.basic_auth_secret
    return Dialect(base, fixed, {})


def _traefik(trigger: HTTPTrigger, target: Called, found: Findings) -> Dialect:
    spec, objects = trigger.spec, []
    if spec.basic_auth_secret:
        objects.append(
            _middleware(trigger, "auth", "basicAuth", {"secret": spec.basic_auth_secret})
        )
    if spec.cors_enable:
        objects.append(_middleware(trigger, "cors", "headers", dict(_TRAEFIK_CORS)))
    names = [f"{trigger.namespace}-{one['metadata']['name']}@kubernetescrd" for one in objects]
    added = {TRAEFIK: ",".join(names)} if names else {}
    return Dialect({}, {}, added, tuple(objects))


def _middleware(trigger: HTTPTrigger, suffix: str, field: str, value: Object) -> Object:
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "Middleware",
        "metadata": child_metadata(trigger, f"{trigger.name}-{suffix}"),
        "spec": {field: value},
    }


def _kong(trigger: HTTPTrigger, target: Called, found: Findings) -> Dialect:
    spec = trigger.spec
    if spec.basic_auth_secret:
        fix = "use gateway: nginx or traefik, or remove it and give Kong a plugin and consumers"
        found.refuse("spec.basic-auth-secret", f"asks for {_NO_LISTS}, which Kong has not", fix)
    fixed = {}
    if spec.tls:
        fixed = {f"{KONG}/protocols": "https", f"{KONG}/https-redirect-status-code": "308"}
    base = {f"{KONG}/strip-path": "false"}
    if not spec.cors_enable:
        return Dialect(base, fixed, {})
    name = f"{trigger.name}-cors"
    plugin = {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongPlugin",
        "metadata": child_metadata(trigger, name),
        "plugin": "cors",
    }
    return Dialect(base, fixed, {f"{KONG}/plugins": name}, (plugin,))


def _unknown(trigger: HTTPTrigger, target: Called, found: Findings) -> Dialect:
    """Refuse what would be open without a word, and warn of what would only be missing."""
    spec, place = trigger.spec, trigger.spec.gateway or "the default class"
    if spec.basic_auth_secret:
        message = f"cannot be told to the ingress controller of {place}"
        fix = "set gateway to nginx or traefik, or remove it and protect the route in another way"
        found.refuse("spec.basic-auth-secret", message, fix)
    if spec.cors_enable:
        message = f"has no effect with {place}"
        fix = "set gateway to nginx, traefik or kong, or have the function answer OPTIONS"
        found.warn("spec.cors-enable", message, fix)
    return Dialect({}, {}, {})


_TRAEFIK_CORS: Final = {
    "accessControlAllowOriginList": ["*"],
    "accessControlAllowMethods": ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"],
    "accessControlAllowHeaders": ["Content-Type", "Authorization", "X-Requested-With"],
    "accessControlMaxAge": 600,
    "addVaryHeader": True,
}
_FAMILIES: Final[Mapping[str, Callable[[HTTPTrigger, Called, Findings], Dialect]]] = {
    "nginx": _nginx,
    "traefik": _traefik,
    "kong": _kong,
}
WRITTEN: Final = frozenset(
    {
        "kubernetes.io/ingress.class",
        "kubernetes.io/tls-acme",
        "ingress.kubernetes.io/auth-secret",
        "ingress.kubernetes.io/auth-type",
        "ingress.kubernetes.io/enable-cors",
        f"{NGINX}/auth-secret",
        f"{NGINX}/auth-type",
        f"{NGINX}/enable-cors",
        f"{NGINX}/rewrite-target",
        f"{NGINX}/ssl-redirect",
    }
)
"""Annotations that Kubeless wrote. They go where a trigger does not ask for them: no apply of ours
would remove what it owns, and its rewrite would take the path from the gateway."""

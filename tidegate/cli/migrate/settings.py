"""How Kubeless's controllers reached the brokers, as the gateway is told it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.api.function import dig
from tidegate.cli.migrate.landscape import Landscape, OldController
from tidegate.cli.migrate.model import Task, title_of
from tidegate.kube.objects import ObjectKey

USUAL: Final[Mapping[str, dict[str, str]]] = {
    "KafkaTrigger": {"KAFKA_BROKERS": "kafka.kubeless:9092"},
    "NATSTrigger": {"NATS_URL": "nats://nats.nats-io.svc.cluster.local:4222"},
}
"""What Kubeless took where its variables were not set."""

_PLAIN: Final = ("KAFKA_BROKERS", "KAFKA_ENABLE_TLS", "KAFKA_INSECURE", "KAFKA_ENABLE_SASL")
_FILES: Final = ("KAFKA_CACERTS", "KAFKA_CERT", "KAFKA_KEY")
_LOGINS: Final = ("KAFKA_USERNAME", "KAFKA_PASSWORD")
_GATEWAY: Final = "kubectl -n tidegate set env deployment/tidegate-gateway"


def gateway_environment(land: Landscape) -> dict[str, str]:
    """Return the variables of the gateway that may be shown, for the kinds that there are."""
    found: dict[str, str] = {}
    for kind, usual in USUAL.items():
        controller = _serving(land, kind)
        if controller is not None and _is_used(land, kind):
            names = (*usual, *(_PLAIN if kind == "KafkaTrigger" else ()))
            said = {name: controller.value(name) for name in names}
            found |= usual | {name: text for name, text in said.items() if text}
    return {name: text for name, text in found.items() if "@" not in text}


def broker_tasks(land: Landscape) -> Iterator[Task]:
    """Yield what the gateway must be told and cannot be told by a command that all may read."""
    for kind, usual in USUAL.items():
        if not _is_used(land, kind):
            continue
        controller = _serving(land, kind)
        if controller is None:
            (variable,) = usual
            field = {"KAFKA_BROKERS": "brokers", "NATS_URL": "url"}[variable]
            fix = f"set {variable} of the gateway, or {field} in each trigger"
            message = "where the brokers are is not known: Kubeless's controller was not read"
            yield Task(kind, "", message, fix)
        else:
            yield from _of_controller(controller)


def _of_controller(controller: OldController) -> Iterator[Task]:
    title = title_of({"kind": "Deployment", "metadata": controller.key._asdict()})
    for variable in controller.env:
        name = str(variable.get("name"))
        if name in _FILES and "value" in variable:
            message = "names a file, which the gateway has not"
            fix = f"mount it into Deployment tidegate-gateway, then {_GATEWAY} {name}=PATH"
            yield Task(title, name, message, fix)
        elif name in _LOGINS or "@" in str(variable.get("value")):
            yield _login(title, name, dig(variable, "valueFrom", "secretKeyRef", "name"))


def _login(title: str, name: str, secret: str | None) -> Task:
    where = f"is in Secret {secret}" if secret else "is in the Deployment itself"
    fix = (
        f"kubectl -n tidegate create secret generic kubeless-brokers --from-literal={name}=…, "
        f"then {_GATEWAY} --from=secret/kubeless-brokers"
    )
    return Task(title, name, f"{where}, and the gateway needs it", fix)


def _is_used(land: Landscape, kind: str) -> bool:
    return any(True for _ in land.of_kind(kind))


def _serving(land: Landscape, kind: str) -> OldController | None:
    return next((each for each in land.controllers if kind in each.kinds), None)


def config_place(land: Landscape) -> ObjectKey | None:
    """Return where a controller was told that the configuration is."""
    for each in land.controllers:
        namespace, name = each.value("KUBELESS_NAMESPACE"), each.value("KUBELESS_CONFIG")
        if namespace or name:
            return ObjectKey(namespace or "kubeless", name or "kubeless-config")
    return None

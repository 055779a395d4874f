"""Settings of the control plane. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.kube.elector import ElectorSettings


@dataclass(frozen=True, slots=True)
class ConfigSettings:
    """Where the ConfigMap with what counts for all functions is."""

    namespace: str = ""
    """Empty is what the definition of Functions says, as Kubeless had it there: its annotation
    `kubeless.io/namespace`. Without one it is the namespace that the controller runs in."""

    name: str = ""
    """Empty is the annotation `kubeless.io/config`, or else `kubeless-config`. A controller of one
    namespace does not look at the definition, which is the whole cluster's."""

    spread: float = 30.0
    """Over so long the functions are looked at again when it changes: a new image in it rolls all
    of them, and not at one moment."""


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """The Lease by which one replica works and the others wait."""

    namespace: str = ""
    """Empty is the namespace that the controller runs in."""

    name: str = "tidegate-controller"
    """Two installations in one namespace need two names."""

    times: ElectorSettings = field(default_factory=ElectorSettings)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How gateways are asked. Durations are seconds."""

    interval: float = 15.0
    """Between two polls; so late may a status be."""

    timeout: float = 5.0
    """For the answer of one replica."""

    at_once: int = 8
    """Replicas that are asked at a time."""

    most_bytes: int = 16 * 1024 * 1024
    """Of one answer, of which a replica with many subscriptions gives several."""

    most_rows: int = 20_000
    """Subscriptions of one replica."""

    patience: float = 60.0
    """What a replica told counts for so long when it does not answer."""

    numbers: float = 30.0
    """Between two writes of one status for the sake of numbers alone."""

    writes: int = 300
    """Statuses that one poll may have written; the rest wait for the next."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway is."""

    namespace: str = ""
    """Empty is the namespace that the controller runs in."""

    service: str = "tidegate-gateway"
    """Its Service for calls; Ingresses lead to it, or to its mirror of the same name."""

    port: int = 8080
    """Of that Service."""

    admin_service: str = "tidegate-gateway-admin"
    """Its Service whose EndpointSlices name the admin servers of all replicas."""

    reports: ReportSettings = field(default_factory=ReportSettings)


@dataclass(frozen=True, slots=True)
class ControllerAdminSettings:
    """Health and metrics."""

    host: str = ""
    """All addresses of the pod, of IPv4 and of IPv6: the kubelet and Prometheus ask from outside of
    it."""

    port: int = 8081
    """0 lets the system choose."""


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Everything the controllers can be told, beside what the ConfigMap says."""

    functions_namespace: str = ""
    """The one namespace whose objects are reconciled. Empty is what `functions-namespace` of the
    ConfigMap says, and where that is empty too, all of them."""

    workers: int = 4
    """Objects of one kind that are worked on at a time; each waits for the API server mostly."""

    config: ConfigSettings = field(default_factory=ConfigSettings)
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    admin: ControllerAdminSettings = field(default_factory=ControllerAdminSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)

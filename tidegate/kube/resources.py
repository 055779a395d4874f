"""Which resources there are: the paths of the API server, and the words of RBAC."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from tidegate.kube.errors import Invalid


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as the API server serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """What objects of it say in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """What kubectl and RBAC's messages call it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return where the API server serves it; an empty `namespace` means all of them.

        Raises `Invalid` for a name that would lead elsewhere.
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", self._segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(self._segment(name))
            if subresource:
                parts.append(subresource)
        return "/".join(parts)

    def _segment(self, text: str) -> str:
        if text in (".", ".."):
            raise Invalid(f"{self.full_name}: {text!r} is no name; give a DNS-1123 name")
        return quote(text, safe="")


CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
HORIZONTAL_POD_AUTOSCALERS = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)

BUILT_IN = (
    CONFIG_MAPS,
    EVENTS,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICES,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    CRON_JOBS,
    LEASES,
    ENDPOINT_SLICES,
    INGRESSES,
    POD_DISRUPTION_BUDGETS,
    CUSTOM_RESOURCE_DEFINITIONS,
)
"""What every cluster serves, of what we use."""

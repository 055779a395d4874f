"""From EndpointSlices to the addresses that take calls. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.http.endpoints import Address, Endpoints, FunctionKey
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.store import Delta

SERVICE = "kubernetes.io/service-name"
"""Label of a slice: the Service that it belongs to, which has the name of its function."""

PORT = "http-function-port"
"""Name of the port of a function's Service."""


class Place(NamedTuple):
    """One address of a slice, and whether it is on its way out."""

    family: str
    address: Address
    leaving: bool


def ready_addresses(slices: Iterable[Object]) -> tuple[Address, ...]:
    """Return where calls go: pods that are ready, of one address family.

    A pod that terminates and still serves is called only when there is no other one: during a
    rolling update the last old pod takes calls until the first new one is ready.
    """
    places = [place for one in slices for place in _places(one)]
    staying = [place for place in places if not place.leaving]
    usable = staying or places
    family = "IPv4" if any(place.family == "IPv4" for place in usable) else "IPv6"
    return tuple(sorted({place.address for place in usable if place.family == family}))


def _places(slice_: Object) -> Iterator[Place]:
    family, port = slice_.get("addressType", ""), _port(slice_.get("ports") or ())
    if port is None or family not in ("IPv4", "IPv6"):
        return
    for endpoint in slice_.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        # What is not said is taken for ready, as the API asks.
        ready = conditions.get("ready") is not False
        leaving = bool(conditions.get("terminating"))
        if ready or (leaving and conditions.get("serving")):
            # The addresses of one endpoint are one pod's; the first one is as good as any.
            for address in endpoint["addresses"][:1]:
                yield Place(family, (address, port), leaving)


def _port(ports: Iterable[Mapping[str, object]]) -> int | None:
    """Return the port for calls: the one named so, or else the first."""
    numbers = {str(one.get("name") or ""): one.get("port") for one in ports}
    port = numbers.get(PORT) or next(iter(numbers.values()), None)
    return port if isinstance(port, int) else None


class EndpointSlices:
    """Keeps `endpoints` equal to what the slices say."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._slices: dict[FunctionKey, dict[ObjectKey, Object]] = defaultdict(dict)

    def take(self, delta: Delta) -> FunctionKey | None:
        """Take one change in; return the function that it is about."""
        obj = delta.new or delta.old
        assert obj is not None
        service = (obj["metadata"].get("labels") or {}).get(SERVICE)
        if not service:
            return None
        key = (delta.key.namespace, service)
        slices = self._slices[key]
        if delta.new is None:
            slices.pop(delta.key, None)
        else:
            slices[delta.key] = delta.new
        self._endpoints.set(key, ready_addresses(slices.values()))
        if not slices:
            del self._slices[key]
        return key


def kept_of_slice(obj: Object) -> Object:
    """Return what matters of a slice: of a pod, neither its node nor its zone."""
    metadata = obj["metadata"]
    metadata.pop("managedFields", None)
    metadata.pop("annotations", None)
    metadata.pop("ownerReferences", None)
    for endpoint in obj.get("endpoints") or ():
        for name in endpoint.keys() - {"addresses", "conditions"}:
            del endpoint[name]
    return obj

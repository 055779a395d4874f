"""A cluster as a place: functions through the API server's proxy, gateways by their pods."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tidegate.cli.cluster.options import HOME
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.place import METRICS_TIMEOUT, FunctionCall
from tidegate.cli.place.pod_logs import following, labels_of, printed
from tidegate.cli.place.together import together
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Forbidden, NotFound, Unavailable
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.pods import is_ready, pods
from tidegate.kube.proxy import Answer, Proxied, proxied, service
from tidegate.kube.resources import PODS, SECRETS, SERVICES

GATEWAYS: Final = "app.kubernetes.io/name=tidegate-gateway"
ADMIN_PORT: Final = 8081
HOME_VARIABLE: Final = "TIDEGATE_GATEWAY_NAMESPACE"
ADMIN_SECRET: Final = "tidegate-admin"
TOKEN_HEADER: Final = "tidegate-token"
FUNCTION_PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """See `Place`."""

    objects: KubeClient
    namespace: str
    title: str
    home: str = HOME
    """The namespace of Tidegate itself."""

    @property
    def is_laptop(self) -> bool:
        """It is none."""
        return False

    @asynccontextmanager
    async def call(self, key: ObjectKey, wanted: FunctionCall) -> AsyncIterator[Answer]:
        """See `Place.call`."""
        function = await self.objects.get(FUNCTIONS, key)
        request = Proxied(
            SERVICES,
            service(key, service_port(function)),
            wanted.method,
            headers=wanted.headers,
            body=wanted.body,
            timeout=wanted.timeout,
        )
        async with proxied(self.objects, request) as answer:
            yield answer

    async def logs(self, key: ObjectKey, *, follow: bool, lines: int) -> AsyncIterator[str]:
        """See `Place.logs`."""
        await self.objects.get(FUNCTIONS, key)
        if not follow:
            async for line in printed(self.objects, key, lines):
                yield line
            return
        async with following(self.objects, key, lines) as queue:
            while True:
                yield await queue.get()

    async def metrics(self, key: ObjectKey) -> Sequence[str]:
        """See `Place.metrics`."""
        port = container_port(await self.objects.get(FUNCTIONS, key))
        every = await pods(self.objects, key.namespace, labels_of(key.name))
        return await together(self._metrics_of(pod, port) for pod in every if is_ready(pod))

    async def _metrics_of(self, pod: Object, port: int) -> str:
        metadata = pod["metadata"]
        place = service(ObjectKey(metadata["namespace"], metadata["name"]), port)
        async with asyncio.timeout(METRICS_TIMEOUT):
            async with proxied(self.objects, Proxied(PODS, place, path="/metrics")) as answer:
                return (await answer.read()).decode("utf-8", "replace")

    async def gateways(self) -> Sequence[ClusterGateway]:
        """See `Place.gateways`.

        Of Tidegate's own namespace and of ours alone: who may make pods anywhere else can label
        one as a gateway, and would be shown what is asked.
        """
        found: list[ClusterGateway] = []
        refused: Forbidden | None = None
        for home in dict.fromkeys((self.home, self.namespace)):
            try:
                found += await self._gateways_of(home)
            except Forbidden as error:
                refused = refused or error
        if not found:
            raise refused or await self._nobody()
        return found

    async def _gateways_of(self, home: str) -> list[ClusterGateway]:
        """Return those of one namespace. Its Secret's token is for its own pods alone."""
        ready = [pod for pod in await pods(self.objects, home, GATEWAYS) if is_ready(pod)]
        token = await self._token(home) if ready else ""
        names = [pod["metadata"]["name"] for pod in ready]
        return [ClusterGateway(self.objects, ObjectKey(home, name), token) for name in names]

    async def _nobody(self) -> Unavailable:
        """Return what to say when no gateway may be asked."""
        elsewhere = await self._said_to_be_gateways()
        if not elsewhere:
            return Unavailable(
                "no gateway of Tidegate is ready in this cluster; look with: tidegate check"
            )
        homes = " and ".join(dict.fromkeys((self.home, self.namespace)))
        return Unavailable(
            f"no gateway of Tidegate is ready in namespace {homes}; pods elsewhere that are "
            f"labelled as gateways are not asked: {', '.join(elsewhere)}; if Tidegate lives in "
            f"one of these namespaces, name it with: export {HOME_VARIABLE}={elsewhere[0]}"
        )

    async def _said_to_be_gateways(self) -> list[str]:
        """Return the other namespaces that have pods with the label, as far as we may look."""
        try:
            found = await pods(self.objects, "", GATEWAYS)
        except Forbidden:
            return []
        return sorted({pod["metadata"]["namespace"] for pod in found} - {self.home, self.namespace})

    async def _token(self, home: str) -> str:
        try:
            secret = await self.objects.get(SECRETS, ObjectKey(home, ADMIN_SECRET))
        except NotFound:
            return ""  # the gateway says then that it takes no operations
        return base64.b64decode(secret.get("data", {}).get("token", "")).decode().strip()


@dataclass(frozen=True, slots=True)
class ClusterGateway:
    """See `GatewayAdmin`: one pod, through the API server's proxy."""

    client: KubeClient
    pod: ObjectKey
    token: str

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.pod.name

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float | None,
    ) -> AbstractAsyncContextManager[Answer]:
        """See `GatewayAdmin.request`."""
        headers = {TOKEN_HEADER: self.token} if self.token else {}
        return proxied(
            self.client,
            Proxied(
                PODS,
                service(self.pod, ADMIN_PORT),
                method,
                path,
                query or {},
                headers,
                body,
                timeout,
            ),
        )


def service_port(function: Object) -> int:
    """Return the port on which the function's Service takes calls."""
    ports = _ports(function)
    return int(ports[0].get("port", FUNCTION_PORT)) if ports else FUNCTION_PORT


def container_port(function: Object) -> int:
    """Return the port on which the function's pods take calls."""
    ports = _ports(function)
    wanted = ports[0].get("targetPort", ports[0].get("port")) if ports else FUNCTION_PORT
    return wanted if isinstance(wanted, int) else FUNCTION_PORT


def _ports(function: Object) -> list[Object]:
    spec = function.get("spec") or {}
    ports: list[Object] = (spec.get("service") or {}).get("ports") or []
    return ports

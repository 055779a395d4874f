"""What a verb may ask of its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey
from tidegate.kube.proxy import Answer

METRICS_TIMEOUT = 5.0
"""For a function's own /metrics. Seconds."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One request to a function; `timeout` is seconds until its answer begins, None for ever."""

    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None


class GatewayAdmin(Protocol):
    """One gateway's admin API."""

    @property
    def name(self) -> str:
        """The pod's name, or `laptop`."""
        ...

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        timeout: float | None,
    ) -> AbstractAsyncContextManager[Answer]:
        """Send one request, such as `GET /operations/decisions`; the answer is read as it comes.

        `timeout` is seconds until the answer begins; None waits for ever. Raises `KubeError`.
        """
        ...


class Place(Protocol):
    """A running `tidegate up`, or a cluster. Whatever fails raises `KubeError`."""

    @property
    def objects(self) -> KubeClient:
        """Reads and writes Functions, triggers, Secrets and ConfigMaps."""
        ...

    @property
    def namespace(self) -> str:
        """Which namespace is meant where none was named."""
        ...

    @property
    def is_laptop(self) -> bool:
        """Tell a `tidegate up` from a cluster."""
        ...

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        ...

    def call(self, key: ObjectKey, wanted: FunctionCall) -> AbstractAsyncContextManager[Answer]:
        """Call the function; the answer is read as it comes, whatever its status."""
        ...

    def logs(self, key: ObjectKey, *, follow: bool, lines: int) -> AsyncIterator[str]:
        """Yield the last lines that each process of the function printed; then go on, if asked."""
        ...

    async def metrics(self, key: ObjectKey) -> Sequence[str]:
        """Return the function's own metrics: the text of each process that takes calls."""
        ...

    async def gateways(self) -> Sequence[GatewayAdmin]:
        """Return every gateway that serves this place."""
        ...

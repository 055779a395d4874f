"""What every source and sink is given beside its subscription."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.core.ledger import Ledger
from gateway.core.shared import Shared
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings


class Secrets(Protocol):
    """Reads Secrets. A subscription may only name those of its own namespace."""

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the Secret's content, or raise `ConfigError` that names what is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of an adapter: passed in, so that nothing lives in modules."""

    settings: Settings
    secrets: Secrets
    ledger: Ledger
    shared: Shared
    routes: RouteTable
    endpoints: Endpoints

"""Health and metrics of the controllers, for operators and for Kubernetes."""

from __future__ import annotations

from typing import Protocol

from tidegate.admin import AdminServer, Measured


class Health(Measured, Protocol):
    """What the admin server asks of the controllers."""

    def waits_for(self) -> list[str]:
        """Return what is missing before work can be done here; empty when nothing is."""
        ...


class Admin(AdminServer):
    """`/livez`, `/readyz` and `/metrics`.

    Live is whoever answers: nothing that a restart would mend goes on without ending the process.
    """

    def __init__(self, health: Health) -> None:
        super().__init__(health)
        self.add_probe("/livez", lambda: [])
        self.add_probe("/readyz", health.waits_for)

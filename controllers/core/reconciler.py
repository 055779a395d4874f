"""What a controller asks of the code for one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidegate.kube.objects import ObjectKey


class TerminalError(Exception):
    """Only a change of the object, or of what it names, helps; the message says which.

    It is logged and not tried again by itself. The reconciler has told the object's status.
    """


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconciliation ended. `after` asks for another look in that many seconds."""

    after: float | None = None


class Reconciler(Protocol):
    """Makes the cluster what one object asks for."""

    async def reconcile(self, key: ObjectKey) -> Result:
        """Read everything, apply everything, for the object of that key, which may be gone.

        Called with no hint of what changed, by one worker at a time for a key. Raises
        `TerminalError`, or anything else to be called again, later and later.
        """
        ...

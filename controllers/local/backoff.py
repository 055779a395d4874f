"""How long to wait before the next attempt."""

from __future__ import annotations

from controllers.local.settings import ProcessSettings


class Backoff:
    """Doubles with each failure up to a limit; starts over after a long healthy life."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings
        self._failures = 0

    def after(self, lived: float) -> float:
        """Return the wait before the next attempt, the last one having lived so long."""
        if lived >= self._settings.healthy_after:
            self._failures = 0
        doubled = float(1 << min(self._failures, 30))
        self._failures += 1
        return min(self._settings.restart_delay_max, self._settings.restart_delay * doubled)

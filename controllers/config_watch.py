"""The configuration of all functions as it is now, followed while we run."""

from __future__ import annotations

import logging
from collections.abc import Callable

from controllers.desired.config import ControllerConfig, read_config
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.resources import CONFIG_MAPS
from tidegate.kube.selection import Selection
from tidegate.kube.store import Change, Delta

logger = logging.getLogger(__name__)


class ConfigWatch:
    """What the ConfigMap `key` says. Without one the defaults count."""

    def __init__(self, key: ObjectKey) -> None:
        self.current = ControllerConfig()
        self.mistakes: tuple[str, ...] = ()
        """What keeps parts of it from counting; for these the last good value goes on."""

        self._key = key
        self._version = ""
        self._listeners: list[Callable[[], None]] = []

    @property
    def selection(self) -> Selection:
        """What to watch: this one ConfigMap."""
        return Selection(CONFIG_MAPS, self._key.namespace, fields=f"metadata.name={self._key.name}")

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the configuration has become another."""
        self._listeners.append(listener)

    async def load(self, client: KubeClient) -> None:
        """Read it once. Raises `KubeError`."""
        found = await client.find(CONFIG_MAPS, self._key)
        if found is None:
            logger.info("ConfigMap %s: there is none; the defaults count", self._key)
        else:
            self._take(found)

    def follow(self, delta: Delta) -> None:
        """Take a change in. For the reflector."""
        if delta.change is Change.DELETED:
            # By mistake, most likely: to go back to the defaults would roll every function.
            logger.warning("ConfigMap %s: deleted; what it said goes on until a restart", self._key)
        elif delta.new is not None:
            self._take(delta.new)

    def _take(self, config_map: Object) -> None:
        if version_of(config_map) == self._version:
            return  # the watch begins with what was loaded
        self._version = version_of(config_map)
        entries = config_map.get("data") or {}
        reading = read_config(entries, self.current, f"ConfigMap {self._key}")
        for mistake in reading.mistakes:
            logger.error("%s; the last good value goes on", mistake)
        for warning in reading.warnings:
            logger.warning("%s", warning)
        self.mistakes = reading.mistakes
        changed, self.current = reading.config != self.current, reading.config
        if changed:
            for listener in self._listeners:
                listener()

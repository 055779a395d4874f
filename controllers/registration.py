"""What a controller is made with, and what makes it one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controllers.config_watch import ConfigWatch
from controllers.core.reconciler import Reconciler
from controllers.events import EventRecorder
from controllers.settings import ControllerSettings
from controllers.watches import Feed, Watches
from tidegate.kube.client import KubeClient


@dataclass(frozen=True, slots=True)
class Context:
    """What every controller may use. `client` writes only while this replica leads."""

    client: KubeClient
    watches: Watches
    namespace: str
    """The one whose objects are ours; empty for all."""
    config: ConfigWatch
    recorder: EventRecorder
    settings: ControllerSettings
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Registration:
    """One controller: its name, what it does with a key, and which keys that are."""

    name: str
    reconciler: Reconciler
    feed: Feed

"""What the parts that run one function share with those that run the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from controllers.desired.environment import Lookup
from controllers.desired.local import FunctionKey
from controllers.local.builds import Builds
from controllers.local.code import CodeStore
from controllers.local.environments import Environments
from controllers.local.interpreters import Interpreters
from controllers.local.settings import LocalSettings
from controllers.local.status import Address
from controllers.local.warm import WarmServers
from runtimes.runtime import Choice

LOOPBACK = "127.0.0.1"
"""A laptop's functions are not for its neighbours."""

FindRuntime = Callable[[str], Choice]
"""From a runtime's name to what runs it; raises UnknownRuntime."""

OnEndpoints = Callable[[FunctionKey, tuple[Address, ...]], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Lives as long as one run of the controller."""

    settings: LocalSettings
    session: aiohttp.ClientSession
    run_folder: Path
    lookup: Lookup
    find_runtime: FindRuntime
    on_endpoints: OnEndpoints
    code: CodeStore
    environments: Environments
    builds: Builds
    warm: WarmServers
    interpreters: Interpreters

"""Modules of Go that tests read files of, fetched once by Go itself into its own cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fakes.installed import DEADLINE, NotToBeHad


@dataclass(frozen=True, slots=True)
class GoModule:
    """A version of a module, and what its content must add up to."""

    path: str
    version: str
    checksum: str


GATEWAY_API = GoModule(
    "sigs.k8s.io/gateway-api", "v1.6.1", "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY="
)
TRAEFIK = GoModule(
    "github.com/traefik/traefik/v3", "v3.7.13", "h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw="
)


@cache
def module_folder(module: GoModule) -> Path:
    """Return the folder of a module's files; raises NotToBeHad."""
    name = f"{module.path}@{module.version}"
    if shutil.which("go") is None:
        raise NotToBeHad(f"{module.path}: Go is not installed")
    try:
        # Outside of every module, so that none takes it for its own.
        said = subprocess.run(
            ["go", "mod", "download", "-json", name],
            cwd="/",
            env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local"},
            check=True,
            capture_output=True,
            timeout=DEADLINE,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotToBeHad(f"{module.path}: Go could not fetch it: {error}") from error
    found = json.loads(said)
    assert found["Sum"] == module.checksum, f"{name} is not what it was"
    return Path(found["Dir"])


def gateway_definitions() -> list[Path]:
    """Return the definitions of the Gateway API's standard channel; raises NotToBeHad."""
    folder = module_folder(GATEWAY_API) / "config" / "crd" / "standard"
    # Beside them is a policy against mixing versions.
    return [file for file in sorted(folder.glob("*.yaml")) if "_vap_" not in file.name]

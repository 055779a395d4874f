"""The programs of an engine: Compose is built once by Go; the others are the machine's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fakes.installed import NotToBeHad
from tests.fakes.kept import cache_folder, filled

COMPOSE = "v2.40.3"

_MODULE = f"github.com/docker/compose/v2@{COMPOSE}"
_DEADLINE = 1200.0
_PACKAGES = {
    "docker": "docker.io",
    "docker-init": "docker.io",
    "dockerd": "docker.io",
    "go": "golang",
    "ip": "iproute2",
    "iptables": "iptables",
    "java": "default-jre-headless",
    "mmdebstrap": "mmdebstrap",
    "mvn": "maven",
    "npm": "npm",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
}
"""Commands, and the packages of Debian that have them."""


def check_machine() -> None:
    """Raise NotToBeHad where an engine cannot be made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotToBeHad("a Docker of its own: it takes Linux, and root")
    missing = sorted({package for name, package in _PACKAGES.items() if not shutil.which(name)})
    if missing:
        raise NotToBeHad(f"a Docker of its own: install {' '.join(missing)}")


def configuration() -> Path:
    """Return a folder of settings of the docker command that has Compose; built where needed."""
    folder = cache_folder() / f"docker-compose-{COMPOSE}"
    if not folder.exists():
        print("building Compose, once; this takes minutes", flush=True)  # noqa: T201
        with filled(folder) as fresh:
            _build(fresh / "cli-plugins" / "docker-compose")
    return folder


def _build(output: Path) -> None:
    # A program whose module excludes versions of others can be built in its own folder only.
    source = json.loads(_go("mod", "download", "-json", _MODULE))["Dir"]
    says = f"-s -w -X github.com/docker/compose/v2/internal.Version={COMPOSE}"
    _go("build", "-trimpath", "-ldflags", says, "-o", str(output), "./cmd", folder=source)


def _go(*words: str, folder: str | None = None) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        ["nice", "-n", "10", "go", *words],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_DEADLINE,
    ).stdout

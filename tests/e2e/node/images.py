"""Images without a registry: bases of Debian's packages, and what our Dockerfiles make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.node import bases
from tests.e2e.node.bases import DEBIAN, StandIn, stand_ins
from tests.e2e.node.programs import HERE, Programs
from tests.fakes.installed import NotToBeHad

ROOT = HERE.parents[2]
OURS = "docker.io/tidegate"
TIDEGATE = "docker.io/library/tidegate:dev"
PYTHON = f"{OURS}/python:3.11"
PROVISION = f"{OURS}/provision:0.1.0"
_TRUSTED = Path("/usr/local/share/ca-certificates")
_DEADLINE = 1200.0


@dataclass(frozen=True, slots=True)
class Language:
    """An image of ours that runs functions, or one that compiles them, by its name in the
    catalogue; `bases` are what its Dockerfile begins with."""

    name: str
    folder: str
    version: str
    bases: tuple[str, ...]
    target: str = ""


LANGUAGES = (
    Language("exec:1", "exec", "3.11", (bases.PYTHON_BASE,)),
    Language("nodejs:22", "nodejs", "22", (bases.NODE_BASE,)),
    Language("php:8.4", "php", "8.4", (bases.PHP_BASE,)),
    Language("ruby:3.3", "ruby", "3.3", (bases.RUBY_BASE,)),
    Language("go-build:1.26", "go", "1.26", (bases.GO_BASE,), target="build"),
    Language("go:1.26", "go", "1.26", (bases.GO_BASE,)),
    Language("java-build:17", "java", "17", (bases.MAVEN_BASE,), target="build"),
    Language("java:17", "java", "17", (bases.MAVEN_BASE, bases.JAVA_BASE)),
)


class Images:
    """A store of images in a folder of the cache, which outlives the node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, programs: Programs) -> list[str]:
        """Build all that can be had here, ours as the tree is now, and return their names."""
        for release, name in DEBIAN.items():
            if not self.has(name):
                self._debian(release, name)
        for one in stand_ins(programs):
            try:
                self._stand_in(one)
            except NotToBeHad as error:
                print(f"left out: {one.name}: {error}", flush=True)  # noqa: T201
        servers = [name for name in bases.SERVERS if self.has(name)]
        return [*servers, *self._ours()]

    def export(self, name: str, file: Path) -> None:
        """Write an image into a file that containerd can read."""
        self._buildah("push", "--quiet", name, f"docker-archive:{file}:{name}")

    def has(self, name: str) -> bool:
        """Return whether an image of that name was built."""
        return bool(self._buildah("images", "--quiet", "--filter", f"reference={name}").strip())

    def _debian(self, release: str, name: str) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            root = str(Path(folder, "root.tar"))
            words = ("--variant=minbase", "--include=ca-certificates", release, root)
            _run("mmdebstrap", "--quiet", *words)
            trusted = Path(folder, "trusted")
            trusted.mkdir()
            for certificate in _TRUSTED.glob("*.crt"):
                shutil.copy(certificate, trusted)
            self._bud(name, HERE / "images" / "debian" / "Dockerfile", Path(folder))

    def _stand_in(self, one: StandIn) -> None:
        """Build it, unless there is one, with copies of its files beside its Dockerfile."""
        if self.has(one.name):
            return
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            for target, file in one.files().items():
                copy = shutil.copytree if file.is_dir() else shutil.copy
                copy(file, Path(folder, target))
            self._bud(one.name, HERE / "images" / one.place / "Dockerfile", Path(folder))

    def _ours(self) -> Iterator[str]:
        self._bud(TIDEGATE, ROOT / "Dockerfile", ROOT, f"PYTHON_IMAGE={bases.PYTHON_BASE}")
        yield TIDEGATE
        runtimes = ROOT / "runtimes"
        self._bud(PYTHON, runtimes / "python" / "Dockerfile", ROOT, "VERSION=3.11")
        yield PYTHON
        provision = runtimes / "provision"
        self._bud(PROVISION, provision / "Dockerfile", provision)
        yield PROVISION
        for one in LANGUAGES:
            if all(self.has(base) for base in one.bases):
                name, file = f"{OURS}/{one.name}", runtimes / one.folder / "Dockerfile"
                self._bud(name, file, ROOT, f"VERSION={one.version}", target=one.target)
                yield name

    def _bud(
        self, name: str, file: Path, context: Path, argument: str = "", target: str = ""
    ) -> None:
        print(f"building {name}", flush=True)  # noqa: T201
        words = ["--layers", "--pull-never", "--format", "docker", "--tag", name]
        words += ["--build-arg", argument] if argument else []
        words += ["--target", target] if target else []
        self._buildah("bud", "--quiet", *words, "--file", str(file), str(context))

    def _buildah(self, *words: str) -> str:
        # Without a bus of systemd or a user namespace, chroot is what works everywhere.
        store = ("--root", str(self._folder / "store"), "--runroot", str(self._folder / "run"))
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        return _run("buildah", *store, *words, environment=environment)


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_DEADLINE
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout

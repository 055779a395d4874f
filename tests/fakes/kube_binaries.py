"""A real etcd and kube-apiserver: where KUBEBUILDER_ASSETS says, or built once by Go.

`python -m tests.fakes.kube_binaries` builds them ahead of the tests, which do not wait for that.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.installed import NotToBeHad
from tests.fakes.kept import cache_folder, filled

MODULE = Path(__file__).parent / "kube"
DEADLINE = 40 * 60.0
"""For one build; on two busy cores it takes six minutes."""

_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
}


@dataclass(frozen=True, slots=True)
class KubeBinaries:
    """Two programs of one control plane."""

    etcd: Path
    apiserver: Path


def kube_binaries() -> KubeBinaries:
    """Return the programs if they are there; `NotToBeHad` tells how to get them."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(given) if given else _cached()
    found = KubeBinaries(folder / "etcd", folder / "kube-apiserver")
    if found.etcd.exists() and found.apiserver.exists():
        return found
    if given:
        raise NotToBeHad("KUBEBUILDER_ASSETS names a folder without etcd and kube-apiserver")
    if shutil.which("go") is None:
        raise NotToBeHad("kube-apiserver: Go is not installed, nor is KUBEBUILDER_ASSETS set")
    raise NotToBeHad("kube-apiserver: not built yet; run python -m tests.fakes.kube_binaries")


def build() -> None:
    """Build what is not there yet, gently; a folder of them appears whole or not at all."""
    with filled(_cached()) as fresh:
        for name, package in _PACKAGES.items():
            compiled(MODULE, package, fresh / name)


def compiled(module: Path, package: str, output: Path) -> None:
    """Build one program of a folder's go.mod."""
    command = ["nice", "-n", "10", "go", "build", "-trimpath", "-ldflags", _flags(module), "-o"]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    subprocess.run(
        [*command, str(output), package],
        cwd=module,
        env=environment,
        check=True,
        timeout=DEADLINE,
    )


def _flags(module: Path) -> str:
    """Let a program of Kubernetes say which version it is: clients go by it."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", (module / "go.mod").read_text())
    if found is None:
        return "-s -w"
    version, major, minor = found.groups()
    said = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    words = [f"-X k8s.io/component-base/version.{name}={text}" for name, text in said.items()]
    return " ".join(["-s", "-w", *words])


def _cached() -> Path:
    sums = "".join((MODULE / name).read_text() for name in ("go.mod", "go.sum"))
    digest = hashlib.sha256(sums.encode()).hexdigest()
    return cache_folder() / f"kube-{digest[:16]}"


def main() -> int:
    """Build unless there is nothing to build, or nothing to build it with."""
    try:
        kube_binaries()
    except NotToBeHad as error:
        if os.environ.get("KUBEBUILDER_ASSETS") or shutil.which("go") is None:
            print(f"left out: {error}")  # noqa: T201
            return 0
        print("building etcd and kube-apiserver, once; this takes minutes", flush=True)  # noqa: T201
        began = time.monotonic()
        try:
            build()
        except (OSError, subprocess.SubprocessError) as failure:
            print(f"left out: {failure}")  # noqa: T201
            return 0
        print(f"built in {time.monotonic() - began:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The programs of a node: Kubernetes' own, built once by Go; the others are the machine's."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.installed import NotToBeHad
from tests.fakes.kube_binaries import KubeBinaries, cache_folder, compiled, kube_binaries

HERE = Path(__file__).parent

PACKAGES = {
    "buildah": "buildah",
    "containerd": "containerd",
    "ctr": "containerd",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "runc": "runc",
    "slirp4netns": "slirp4netns",
    "sysctl": "procps",
    "unshare": "util-linux",
}
"""Commands, and the packages of Debian that have them."""

PLUGINS = Path("/usr/lib/cni")
"""Of the package containernetworking-plugins."""

_METRICS_SERVER = "sigs.k8s.io/metrics-server/cmd/metrics-server"
_KUBERNETES = ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are that the machine does not have by itself."""

    server: KubeBinaries
    folder: Path

    def __getitem__(self, name: str) -> str:
        """Return the path of a program that was built."""
        return str(self.folder / name)


def programs() -> Programs:
    """Return all programs, built where that is needed; raises NotToBeHad."""
    _check_machine()
    server = kube_binaries()
    folder = _folder()
    if not folder.exists():
        if shutil.which("go") is None:
            raise NotToBeHad("a node: Go is not installed, which builds kubelet")
        print("building kubelet and the like, once; this takes minutes", flush=True)  # noqa: T201
        _build(folder)
    return Programs(server, folder)


def _check_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotToBeHad("a node: it takes Linux, and root")
    missing = {package for command, package in PACKAGES.items() if not shutil.which(command)}
    if not (PLUGINS / "bridge").exists():
        missing.add("containernetworking-plugins")
    if missing:
        raise NotToBeHad(f"a node: install {' '.join(sorted(missing))}")


def _folder() -> Path:
    files = sorted(HERE.glob("*/go.*")) + sorted(HERE.glob("*/*.go"))
    digest = hashlib.sha256("".join(file.read_text() for file in files).encode()).hexdigest()
    return cache_folder() / f"node-programs-{digest[:16]}"


def _build(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as fresh:
        for name in _KUBERNETES:
            compiled(HERE / "kubernetes", f"k8s.io/kubernetes/cmd/{name}", Path(fresh) / name)
        compiled(HERE / "coredns", ".", Path(fresh) / "coredns")
        compiled(HERE / "metrics-server", _METRICS_SERVER, Path(fresh) / "metrics-server")
        shutil.copytree(fresh, target)

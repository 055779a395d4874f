"""What a node takes of the machine, and gives back: a network namespace, a cable, cgroups."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests.e2e.node.addresses import CABLE, MACHINE, NAME, NODE

_CGROUPS = Path("/sys/fs/cgroup")


def connect() -> None:
    """Make the network of the node, and the cable to it."""
    _ip("netns", "add", NAME)
    _ip("link", "add", CABLE, "type", "veth", "peer", "name", "eth0", "netns", NAME)
    _ip("address", "add", f"{MACHINE}/30", "dev", CABLE)
    _ip("link", "set", CABLE, "up")
    _ip("-n", NAME, "link", "set", "lo", "up")
    _ip("-n", NAME, "address", "add", f"{NODE}/30", "dev", "eth0")
    _ip("-n", NAME, "link", "set", "eth0", "up")
    for setting in ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables"):
        _ip("netns", "exec", NAME, "sysctl", "--quiet", "--write", f"{setting}=1")


def disconnect() -> None:
    """Remove both, if they are there."""
    for words in (("link", "delete", CABLE), ("netns", "delete", NAME)):
        subprocess.run(["ip", *words], capture_output=True, timeout=30)


def make_cgroups() -> None:
    """Make the cgroup that all pods are in, in each hierarchy there is."""
    for hierarchy in _hierarchies():
        group = hierarchy / NAME
        group.mkdir(exist_ok=True)
        if (group / "cpuset.cpus").exists():
            # Those that kubelet makes below get theirs from here; of itself, this has none.
            for name in ("cpuset.cpus", "cpuset.mems"):
                (group / name).write_text((hierarchy / name).read_text())


def remove_cgroups() -> bool:
    """End what is still in them, remove them, and return whether they are gone."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / NAME, topdown=False):
            for pid in Path(folder, "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return not any((hierarchy / NAME).exists() for hierarchy in _hierarchies())


def _hierarchies() -> list[Path]:
    if (_CGROUPS / "cgroup.procs").exists():
        return [_CGROUPS]
    return [each for each in _CGROUPS.iterdir() if each.is_dir() and not each.is_symlink()]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=30)

"""A Docker engine in namespaces of its own: no port, rule or process of the machine is touched."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.kept import cache_folder

NETWORK = "tidegate-docker"
"""The network namespace in which the engine publishes ports, and its cgroup."""

_CGROUPS = Path("/sys/fs/cgroup")
_HERE = Path(__file__).parent
_DEADLINE = 120.0


class Engine:
    """One dockerd, whose images are kept from run to run. There is one on a machine."""

    def __init__(self, configuration: Path) -> None:
        self.folder = cache_folder() / "docker"
        self.environment = {
            "DOCKER_HOST": f"unix://{self.folder / 'docker.sock'}",
            "DOCKER_CONFIG": str(configuration),
        }

    def inside(self, *command: str) -> list[str]:
        """Return `command` as it runs where the engine's ports are."""
        return ["nsenter", f"--net=/run/netns/{NETWORK}", *command]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the engine; afterwards no process of it is left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._forget()
        _ip("netns", "add", NETWORK)
        _ip("-n", NETWORK, "link", "set", "lo", "up")
        try:
            with self._part(*self._daemon()) as daemon, self._part(*_way_out()):
                self._answers(daemon)
                yield
        finally:
            self._forget()

    def _daemon(self) -> list[str]:
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return self.inside(*namespaces, "sh", str(_HERE / "daemon.sh"), str(self.folder), NETWORK)

    @contextmanager
    def _part(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        # It ends with us, however we end.
        bound = ["setpriv", "--pdeathsig=KILL", *command]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(bound, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait(_DEADLINE)

    def _answers(self, daemon: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _DEADLINE
        command = ["docker", "--host", self.environment["DOCKER_HOST"], "version"]
        while subprocess.run(command, capture_output=True, timeout=_DEADLINE).returncode:
            log = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert daemon.poll() is None, f"dockerd ended: {log}"
            assert time.monotonic() < deadline, f"dockerd does not answer: {log}"
            time.sleep(0.2)  # it tells nobody when it does

    def _forget(self) -> None:
        """Remove what one that was killed may have left."""
        subprocess.run(["ip", "netns", "delete", NETWORK], capture_output=True, timeout=_DEADLINE)
        for left in ("docker.sock", "docker.pid", "log"):
            with contextlib.suppress(FileNotFoundError):
                (self.folder / left).unlink()
        for hierarchy in (_CGROUPS, *_CGROUPS.iterdir()):
            for folder, _, _ in os.walk(hierarchy / NETWORK, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


def _way_out() -> list[str]:
    """Return what leads from the engine to other networks, without a right of the machine's."""
    words = ["slirp4netns", "--configure", "--disable-host-loopback", "--netns-type=path"]
    return [*words, f"/run/netns/{NETWORK}", "tap0"]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=_DEADLINE)

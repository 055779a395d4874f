"""One node, from nothing to ready, and back to nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.node import bases, images, machine
from tests.e2e.node.images import LANGUAGES, OURS, Images
from tests.e2e.node.keys import write_keys
from tests.e2e.node.metrics import metrics_server
from tests.e2e.node.parts import parts
from tests.e2e.node.programs import HERE, Programs, programs
from tests.e2e.node.settings import socket, write_settings
from tests.fakes.kube_binaries import cache_folder

_DEADLINE = 300.0


class Node:
    """A cluster of one node. There is one on a machine."""

    def __init__(self) -> None:
        self.folder = cache_folder() / "node"
        self._images = Images(cache_folder() / "node-images")

    def environment(self, programs: Programs) -> dict[str, str]:
        """Return what tests/e2e asks its environment for."""
        given = {
            "IMAGE": images.TIDEGATE,
            "PYTHON_IMAGE": images.PYTHON,
            "PROVISION_IMAGE": images.PROVISION,
            "NATS_IMAGE": bases.NATS,
            "TRAEFIK_IMAGE": bases.TRAEFIK,
            "KAFKA_IMAGE": bases.KAFKA,
            "KINESIS_IMAGE": bases.KINESIS,
        }
        there = {name: image for name, image in given.items() if self._images.has(image)}
        languages = [f"{OURS}/{one.name}" for one in LANGUAGES] + [bases.COMPOSER]
        built = [name.rpartition("/")[2] for name in languages if self._images.has(name)]
        return {
            "PATH": f"{programs.folder}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.folder / "admin.kubeconfig"),
            "TIDEGATE_E2E_LANGUAGES": " ".join(built),
            **{f"TIDEGATE_E2E_{name}": image for name, image in there.items()},
        }

    def up(self) -> Programs:
        """Make the node and return when it takes pods; raises NotToBeHad where it cannot."""
        built = programs()
        names = self._images.build(built)
        self.down()
        (self.folder / "logs").mkdir(parents=True)
        write_keys(self.folder)
        write_settings(self.folder)
        (self.folder / "parts.json").write_text(json.dumps(parts(built, self.folder)))
        machine.connect()
        machine.make_cgroups()
        self._start()
        kubectl = (built["kubectl"], f"--kubeconfig={self.folder / 'admin.kubeconfig'}")
        system = ("--namespace=kube-system", "--timeout=10s")
        _eventually(lambda: _works(*kubectl, "get", "--raw=/readyz"), "the API server is not ready")
        _eventually(lambda: self._ctr("version"), "containerd does not answer")
        for name in names:
            self._load(name)
        _eventually(lambda: _works(*kubectl, "apply", f"--filename={HERE / 'dns.yaml'}"), "no DNS")
        said = metrics_server(built, bases.METRICS)
        _eventually(lambda: _works(*kubectl, "apply", "--filename=-", given=said), "no metrics")
        names_work = ("wait", "deployment/dns", "--for=condition=Available")
        _eventually(lambda: _works(*kubectl, *names_work, *system), "the names are not served")
        return built

    def down(self) -> None:
        """End the node and remove what it left, if there is one."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int((self.folder / "pid").read_text())
            # After a restart of the machine the number may be somebody else's.
            if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        machine.disconnect()
        _eventually(machine.remove_cgroups, "its cgroups are in use")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        # Killed, unshare takes its child along, and that the whole namespace of processes.
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += [sys.executable, "-I", str(HERE / "process.py"), str(self.folder)]
        with (self.folder / "logs" / "process").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.folder / "pid").write_text(str(process.pid))

    def _load(self, name: str) -> None:
        file = self.folder / "image.tar"
        self._images.export(name, file)
        assert self._ctr("--namespace=k8s.io", "images", "import", str(file)), f"no {name}"
        file.unlink()

    def _ctr(self, *words: str) -> bool:
        return _works("ctr", f"--address={socket(self.folder)}", *words)


def _works(*command: str, given: str = "") -> bool:
    done = subprocess.run(command, input=given.encode(), capture_output=True, timeout=_DEADLINE)
    return done.returncode == 0


def _eventually(look: Callable[[], bool], otherwise: str) -> None:
    """Return once `look` succeeds: it asks processes that tell nobody."""
    deadline = time.monotonic() + _DEADLINE
    while not look():
        assert time.monotonic() < deadline, f"{otherwise}; see the logs in the folder of the node"
        time.sleep(0.5)

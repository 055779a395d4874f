"""The first process of a node: starts the parts, again when they end, and reaps what they leave.

It is run by its file, in namespaces of its own; the first argument is the folder of the node.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_OWN = ("/run/containerd", "/run/xtables", "/var/lib/cni")
"""Folders at fixed places that would otherwise be the machine's."""

_PAUSE = 1.0


def main() -> None:
    """Run until killed."""
    folder = Path(sys.argv[1])
    _prepare()
    commands: dict[str, list[str]] = json.loads((folder / "parts.json").read_text())
    running = {_start(command, folder / "logs" / name): name for name, command in commands.items()}
    while True:
        pid, status = os.wait()
        name = running.pop(pid, None)
        if name is not None:
            print(f"{name} ended with status {status}; it is started again", flush=True)  # noqa: T201
            time.sleep(_PAUSE)  # nothing else is to be done meanwhile
            running[_start(commands[name], folder / "logs" / name)] = name


def _prepare() -> None:
    # Kubelet's mounts are seen by its containers, and by nobody outside of this namespace.
    _run("mount", "--make-rshared", "/")
    for folder in _OWN:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", folder)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10)


def _start(command: list[str], log: Path) -> int:
    with log.open("ab") as file:
        # Waited for above, whichever child it is that ends.
        return os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, file.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
            ],
        )


if __name__ == "__main__":
    main()

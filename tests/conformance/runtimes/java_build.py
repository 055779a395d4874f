"""The Java server and the suite's functions, compiled once for their content."""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from tests.fakes.kube_binaries import cache_folder

DEADLINE = 600.0
"""For one compilation, on a machine that has much else to do."""


def compiled(server_source: Path, functions: Path) -> tuple[Path, Path]:
    """The folders of the server and of the functions.

    They are made where they stay: an archive of loaded classes knows where its server lies.
    """
    folder = cache_folder() / f"java-{digest(server_source, functions)}"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            compile_all(server_source, functions, folder)
            done.touch()
    return folder / "server", folder / "functions"


def digest(*folders: Path) -> str:
    """What the result depends on: every file, and the compiler."""
    found = hashlib.sha256(output("javac", "-version"))
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def compile_all(server_source: Path, functions: Path, folder: Path) -> None:
    """Compile the server, and against it the functions."""
    output(str(server_source / "build"), str(folder / "server"))
    params, classes = folder / "server" / "params.jar", folder / "functions" / "classes"
    sources = [str(file) for file in sorted(functions.glob("*.java"))]
    output("javac", "-cp", str(params), "-d", str(classes), *sources)


def output(*command: str) -> bytes:
    """What a command that must succeed says."""
    done = subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)
    return done.stdout + done.stderr

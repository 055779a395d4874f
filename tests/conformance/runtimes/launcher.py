"""Starts a runtime's real server with one of the suite's functions, and speaks raw HTTP to it."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.runtimes.lanes import Lane

DEADLINE = 10.0


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Running:
    """A server process, its port, and what it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    connections: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        """A connection of its own, closed with the server."""
        connection = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        self.connections.append(connection)
        return connection

    def call(
        self,
        target: str = "/",
        method: str = "GET",
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """One request on a connection of its own."""
        return exchange(self.connect(), encode(target, method, headers or [], body), method)

    def send(self, raw: bytes) -> Answer:
        """Bytes as they are, and the answer to them."""
        return exchange(self.connect(), raw)

    def act(self, what: str, **arguments: Any) -> Answer:
        """Let the acting function do something."""
        query = "&".join(f"{name}={value}" for name, value in arguments.items())
        return self.call(f"/?do={what}&{query}")

    def counted(self) -> dict[str, int]:
        """Let the acting function count; a new worker of a busy machine may need some calls."""
        answers: list[Answer] = []

        def answered() -> bool:
            answers.append(self.act("count"))
            return answers[-1].status == 200

        wait_until(answered)
        count: dict[str, int] = answers[-1].json()
        return count

    def metric(self, name: str) -> float:
        """One sample's value; 0 when it is not there."""
        for line in self.call("/metrics").body.decode().splitlines():
            sample, _, value = line.rpartition(" ")
            if sample == name:
                return float(value)
        return 0.0

    @property
    def stderr(self) -> str:
        """What the server and its function have logged."""
        return (self.folder / "stderr").read_text()

    @property
    def stdout(self) -> str:
        """What the server and its function have printed."""
        return (self.folder / "stdout").read_text()

    def terminate(self) -> None:
        """Ask the server to stop."""
        self.process.send_signal(signal.SIGTERM)

    def descendants(self) -> list[int]:
        """The server's processes beside itself, and theirs."""
        return list(descendants(self.process.pid))


class Ending(NamedTuple):
    """An exit code, and the lines on stderr before it."""

    code: int
    lines: list[str]


class Launcher:
    """Starts servers of one lane, and ends them all."""

    def __init__(self, lane: Lane, folder: Path, builds: Path) -> None:
        """`folder` is for what servers write, `builds` for what compiled lanes keep."""
        self._lane = lane
        self._folder = folder
        self._builds = builds
        self._count = 0

    @contextmanager
    def running(self, handler: str, *, module: str = "contract", **env: str) -> Iterator[Running]:
        """A server that is ready."""
        with self.started(handler, module=module, **env) as server:
            wait_until(lambda: server.call("/readyz").status == 200, server.process)
            yield server

    @contextmanager
    def started(self, handler: str, *, module: str = "contract", **env: str) -> Iterator[Running]:
        """A server that listens, ready or not; gone afterwards."""
        folder = self._new_folder()
        process = self.spawn(folder, module, handler, env)
        with kept(process, folder) as server:
            wait_until((folder / "port").exists, process)
            server.port = int((folder / "port").read_text())
            yield server

    @contextmanager
    def warm(self, **env: str) -> Iterator[Running]:
        """A server that waits on its stdin to be told its function; gone afterwards."""
        folder = self._new_folder()
        environment = {"PATH": os.environ["PATH"], "FUNC_WARM": "1", **env}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                self._lane.command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
            )
        with kept(process, folder) as server:
            yield server

    def _new_folder(self) -> Path:
        folder = self._folder / f"server-{self._count}"
        self._count += 1
        folder.mkdir()
        return folder

    def spawn(
        self, folder: Path, module: str, handler: str, env: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """The server process, whatever comes of it; an empty name is not given to it."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        served = self._lane.served(module, handler, self._builds)
        defaults = {
            "MOD_NAME": module,
            "FUNC_HANDLER": handler and self._lane.entry(handler),
            "FUNC_HOST": "127.0.0.1",
            "FUNC_PORT": "0",
            "FUNC_PORT_FILE": str(folder / "port"),
            "FUNC_TIMEOUT": "10",
        }
        environment = {**inherited, **defaults, **served.env, **env}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            return subprocess.Popen(served.command, env=environment, stdout=out, stderr=err)

    def ending(self, handler: str, *, module: str = "contract", **env: str) -> Ending:
        """How a server that cannot run ends."""
        folder = self._new_folder()
        process = self.spawn(folder, module, handler, env)
        try:
            code = process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()
        return Ending(code, (folder / "stderr").read_text().splitlines())


@contextmanager
def kept(process: subprocess.Popen[bytes], folder: Path) -> Iterator[Running]:
    """A server for the length of the block; it and its connections are ended then."""
    server = Running(process, 0, folder)
    try:
        yield server
    finally:
        for connection in server.connections:
            connection.close()
        process.kill()
        process.wait(DEADLINE)
        if process.stdin is not None:
            process.stdin.close()


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Poll another process's state, up to a deadline."""
    ends = time.monotonic() + DEADLINE
    while not holds():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the server ended with code {process.returncode}")
        if time.monotonic() > ends:
            raise AssertionError("waited in vain")
        time.sleep(0.005)


def encode(target: str, method: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """A request's bytes, with the framing headers that are not given."""
    names = {name.lower() for name, _ in headers}
    lines = [f"{method} {target} HTTP/1.1", "Host: function.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    if "transfer-encoding" not in names and "content-length" not in names and body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def exchange(connection: socket.socket, raw: bytes, method: str = "GET") -> Answer:
    """Send bytes and read one answer."""
    connection.sendall(raw)
    return read_answer(connection, method)


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """Read one answer; http.client.IncompleteRead when it is cut short."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    finally:
        response.close()


def body_of(expected: dict[str, Any]) -> bytes | None:
    """The body that a vector expects, when it says its bytes."""
    if "body_base64" in expected:
        return base64.b64decode(expected["body_base64"])
    return expected["body"].encode() if "body" in expected else None


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, of all its threads."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text().split():
                yield int(child)
                yield from descendants(int(child))


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"

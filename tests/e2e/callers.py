"""Callers inside of the cluster, who call until they are told to stop and count what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.objects import pod

# Two keep their connections, and ask again where one was closed before it answered anything, as
# clients of HTTP do; two make a connection for each call, and ask once. They begin when the rules
# of the Service are there: a node writes them some time after the first pod is ready.
_SCRIPT = """
import http.client, json, os, sys, threading, time

host, path = sys.argv[1:]
failed, sent, closed = [], [], []
CLOSED = BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected

def ask(connection):
    connection.request("POST", path, b"two teapots", {"content-type": "text/plain"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        failed.append(f"{time.time():.3f} status {answer.status} {said[:80]!r}")

def call(connection, was_used=False):
    sent.append(1)
    try:
        ask(connection)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        if was_used and isinstance(error, CLOSED):
            closed.append(1)
            sent.pop()
            call(connection)
        else:
            failed.append(f"{time.time():.3f} {error!r}")

def lasting():
    connection = http.client.HTTPConnection(host, 8080, timeout=20)
    while not os.path.exists("/tmp/stop"):
        call(connection, was_used=connection.sock is not None)

def fresh():
    while not os.path.exists("/tmp/stop"):
        connection = http.client.HTTPConnection(host, 8080, timeout=20)
        call(connection)
        connection.close()
        time.sleep(0.01)

def begin():
    while True:
        connection = http.client.HTTPConnection(host, 8080, timeout=20)
        try:
            return ask(connection)
        except ConnectionRefusedError:
            time.sleep(0.05)
        finally:
            connection.close()

begin()
callers = [threading.Thread(target=one) for one in (lasting, lasting, fresh, fresh)]
print("calling", flush=True)
for one in callers: one.start()
for one in callers: one.join()
print(json.dumps({"sent": len(sent), "closed": len(closed), "failed": failed}))
"""


@dataclass(slots=True)
class Calls:
    """What became of the calls; empty until the block is left."""

    sent: int = 0
    closed: int = 0
    """How often a kept connection was closed under a call, which was then made anew."""
    failed: list[str] = field(default_factory=list)


@contextmanager
def callers(cluster: Cluster, host: str, path: str) -> Iterator[Calls]:
    """Call for the length of the block; `host` is a Service, as pods name it."""
    calls = Calls()
    command = ["python", "-c", _SCRIPT, host, path]
    cluster.apply(pod("callers", cluster.images.interpreter, command))
    try:
        cluster.wait("pod/callers", "Ready")
        yield calls
        cluster.kubectl("exec", "callers", "--", "touch", "/tmp/stop")
        cluster.ended("callers")
        said: dict[str, Any] = json.loads(cluster.kubectl("logs", "callers").splitlines()[-1])
        calls.sent, calls.closed, calls.failed = said["sent"], said["closed"], said["failed"]
    finally:
        cluster.kubectl("delete", "pod", "callers", "--grace-period=0", "--force")

"""A whole cluster, as its user sees it: by kubectl and by the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from runtimes.catalog import RUNTIMES

HOME = "tidegate"
GATEWAY = "app.kubernetes.io/name=tidegate-gateway"
"""Selects the pods of the gateway."""

_GATEWAY = "deployment/tidegate-gateway"

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("tidegate")
PATIENCE = 300.0
"""Seconds for images to be pulled and pods to start."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Images:
    """What the cluster shall run: `TIDEGATE_E2E_IMAGE` and its like, from a registry that the
    cluster reaches or loaded into its nodes."""

    tidegate: str
    python: str = ""
    provision: str = ""
    nats: str = ""
    traefik: str = ""
    kafka: str = ""
    kinesis: str = ""
    languages: str = ""
    """Images of the catalogue that the cluster has, by their names without `tidegate/`."""

    @classmethod
    def given(cls, environment: Mapping[str, str] = os.environ) -> Images | None:
        """Return the images that the environment names; None when it names none."""
        tidegate = environment.get("TIDEGATE_E2E_IMAGE", "")
        others = {one.name: environment.get(_variable(one.name), "") for one in fields(cls)[1:-1]}
        others["languages"] = environment.get("TIDEGATE_E2E_LANGUAGES", "")
        return cls(tidegate, **others) if tidegate else None

    def needed(self, name: str) -> str:
        """Return the image of that name; where there is none the test is left out."""
        image: str = getattr(self, name)
        if not image:
            pytest.skip(f"{name} in the cluster: {_variable(name)} names no image")
        return image

    @property
    def interpreter(self) -> str:
        """Return an image that has Python, and that the cluster runs functions in anyhow."""
        return self.python or RUNTIMES["python3.11"].image


class Cluster:
    """The current context of KUBECONFIG, and one namespace of it for functions."""

    def __init__(self, images: Images, namespace: str) -> None:
        self.images = images
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str = "", namespace: str = "") -> str:
        """Run kubectl and return what it prints; raise with what it says when it fails."""
        command = ["kubectl", "--namespace", namespace or self.namespace, *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=PATIENCE + 30
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def tidegate(self, *arguments: str, fails: bool = False) -> str:
        """Run our command and return what it prints."""
        done = subprocess.run(
            [COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, f"tidegate {' '.join(arguments)}: {said}"
        return said

    def apply(self, *objects: Object) -> None:
        """Apply objects in the namespace of the functions."""
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(objects))

    def configure(self, key: str, text: str | None) -> None:
        """Write one key of the controller's configuration; None takes it away."""
        change = json.dumps({"data": {key: text}})
        words = ("patch", "configmap", "kubeless-config", "--type", "merge", "--patch", change)
        self.kubectl(*words, namespace=HOME)

    def wait(self, what: str, condition: str, namespace: str = "") -> None:
        """Wait until an object has a condition."""
        limit = f"--timeout={PATIENCE:.0f}s"
        self.kubectl("wait", what, f"--for=condition={condition}", limit, namespace=namespace)

    def needs_api(self, name: str) -> None:
        """Wait for an API beside the cluster's own; the test is left out where there is none."""
        command = ["kubectl", "get", "apiservice", name]
        if subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode:
            pytest.skip(f"metrics for autoscalers: the cluster has no {name}")
        self.wait(f"apiservice/{name}", "Available")

    def ended(self, pod: str) -> None:
        """Wait until a pod that runs once has done what it was made for."""
        words = ("--for=jsonpath={.status.phase}=Succeeded", f"--timeout={PATIENCE:.0f}s")
        self.kubectl("wait", f"pod/{pod}", *words)

    def replace_gateway(self) -> None:
        """Roll the gateway out anew, and return when the one of before has ended."""
        self.kubectl("rollout", "restart", _GATEWAY, namespace=HOME)
        self.gateway_rolled_out()

    def gateway_rolled_out(self) -> None:
        """Return when the gateway is as its Deployment says, and the one of before has ended."""
        self.kubectl("rollout", "status", _GATEWAY, f"--timeout={PATIENCE:.0f}s", namespace=HOME)
        pods = ("get", "pods", "--selector", GATEWAY, "--output", "name")
        eventually(
            lambda: len(self.kubectl(*pods, namespace=HOME).split()) == 1,
            "the gateway of before does not end",
        )

    def refusal(self, *objects: Object) -> str:
        """Return what kubectl says when the cluster takes none of the objects."""
        command = ["kubectl", "--namespace", self.namespace, "apply", "--filename", "-"]
        text = yaml.safe_dump_all(objects)
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def get(self, kind: str, name: str) -> Object:
        """Return an object of the namespace of the functions."""
        found: Object = json.loads(self.kubectl("get", kind, name, "--output", "json"))
        return found

    def condition(self, kind: str, name: str, condition: str) -> Object:
        """Return a condition of an object; empty while it has none of that type."""
        status = self.get(kind, name).get("status", {})
        found = (each for each in status.get("conditions", []) if each["type"] == condition)
        return next(found, {})

    @contextmanager
    def front(self, home: str) -> Iterator[str]:
        """The gateway's front door, for the length of the block."""
        with self.forwarded(home, "service/tidegate-gateway", 8080) as port:
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def forwarded(self, namespace: str, what: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to one in the cluster, for the length of the block."""
        command = ["kubectl", "--namespace", namespace, "port-forward", what, f":{port}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield _port(process.stdout)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _variable(image: str) -> str:
    return f"TIDEGATE_E2E_{image.upper()}_IMAGE"


def _port(said: IO[str]) -> int:
    """Read where kubectl listens; it ends by itself when it cannot."""
    for line in said:
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if found is not None:
            return int(found[1])
    raise AssertionError("kubectl port-forward ended; is what it leads to ready?")


def example(name: str, image: str = "", env: Mapping[str, str] | None = None) -> list[Object]:
    """Return the objects of an example, whose functions run in `image` with more variables."""
    files = sorted((ROOT / "examples" / name).glob("*.yaml"))
    objects = [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]
    container: Object = {"env": [{"name": key, "value": text} for key, text in (env or {}).items()]}
    if image:
        container["image"] = image
    for one in objects:
        if one["kind"] == "Function":
            template = {"spec": {"containers": [container]}}
            one["spec"].setdefault("deployment", {"spec": {"template": template}})
    return objects


def post(url: str, body: bytes, content_type: str) -> tuple[int, str]:
    """Call a function once."""
    headers = {"content-type": content_type}
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(look: Callable[[], Any], what: str) -> None:
    """Return once `look` returns something true: it asks processes that tell nobody."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(1.0)

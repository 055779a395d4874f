"""What pods use, for autoscalers: metrics-server as its own manifests have it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.node.programs import HERE, Programs

_MODULE = "sigs.k8s.io/metrics-server"


def metrics_server(programs: Programs, image: str) -> str:
    """Return its objects, which run `image`, as text."""
    folder = _said("go", "list", "-m", "-f", "{{.Dir}}", _MODULE, where=HERE / "metrics-server")
    base = Path(folder.strip()) / "manifests" / "base"
    objects = list(yaml.safe_load_all(_said(programs["kubectl"], "kustomize", str(base))))
    for one in objects:
        if one["kind"] == "Deployment":
            _here(one["spec"]["template"]["spec"]["containers"][0], image)
    return yaml.safe_dump_all(objects)


def _here(container: dict[str, Any], image: str) -> None:
    container["image"] = image
    # Pods do not know the authority that kubelet's certificate is of.
    container["args"] += ["--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP"]
    container["readinessProbe"]["initialDelaySeconds"] = 0


def _said(*command: str, where: Path = HERE) -> str:
    return subprocess.run(
        command, cwd=where, check=True, capture_output=True, text=True, timeout=60
    ).stdout

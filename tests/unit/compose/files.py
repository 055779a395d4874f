"""docker-compose.yml, the Dockerfile and the examples, as far as they can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MOUNTED = ROOT / "manifests" / "compose"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile; `stage` counts from 0, and -1 is before the first."""

    stage: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments that are no options."""
        return [word for word in self.text.split() if not word.startswith("--")]

    def exec_form(self) -> list[str]:
        """The arguments of an instruction that starts no shell; fails for one that does."""
        _, bracket, rest = self.text.partition("[")
        found: list[str] = json.loads(bracket + rest)
        return found


def dockerfile() -> list[Instruction]:
    """Return the instructions, each on one line."""
    text = (ROOT / "Dockerfile").read_text()
    lines = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    found: list[Instruction] = []
    stage = -1
    for line in lines.replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        if name:
            stage += name == "FROM"
            found.append(Instruction(stage, name, " ".join(rest.split())))
    return found


def pins(lock: str) -> set[str]:
    """Return the entries of a lock file: name, version, condition and hashes."""
    text = (ROOT / "requirements" / lock).read_text().replace("\\\n", " ")
    return {" ".join(line.split()) for line in text.splitlines() if line.strip()}


def triggers(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the specs of every trigger of one kind in the examples."""
    for file in sorted((ROOT / "examples").rglob("*.yaml")):
        for one in yaml.safe_load_all(file.read_text()):
            if one["kind"] == kind:
                yield one["spec"]


def environment(service: str) -> dict[str, str]:
    """Return the variables of a service."""
    return {name: str(value) for name, value in SERVICES[service].get("environment", {}).items()}


def hosts(text: str) -> set[str]:
    """Return the names in front of the ports in addresses and URLs."""
    return set(re.findall(r"([a-z][a-z0-9-]*):\d+", text))

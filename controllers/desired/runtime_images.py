"""The `runtime-images` of kubeless-config: which images and commands run each language. Pure.

Its schema is Kubeless's; keys are read without regard to case, as Kubeless did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controllers.desired.findings import Findings
from controllers.desired.images import NOTHING, Phase, PodRuntime
from tidegate.api.problem import listed, quoted, shown

KEY = "runtime-images"
RUN = "runtime"
PHASES = ("installation", "compilation", RUN)

_ID = re.compile(r"[A-Za-z_-]+")
_VERSION = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class _Node:
    """A mapping of the text, where it stands, and where to note what is wrong with it."""

    value: Mapping[str, Any]
    place: str
    found: Findings

    def refuse(self, key: str, message: str, fix: str) -> None:
        self.found.refuse(f"{self.place}.{key}", message, fix)

    def get(self, key: str) -> Any:
        """Return the value of `key`, whatever the case in which it is written."""
        if key in self.value:
            return self.value[key]
        return next((self.value[name] for name in self.value if name.lower() == key.lower()), None)

    def text(self, key: str, pattern: re.Pattern[str] | None = None, example: str = '"a"') -> str:
        """Return a string, empty when there is none; with `pattern` it must be there and match."""
        value = self.get(key)
        if isinstance(value, str | None) and (
            pattern is None or (value and pattern.fullmatch(value))
        ):
            return value or ""
        self.refuse(key, f"is {shown(value)}", f"write a string in quotes, such as {example}")
        return ""

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping, empty when there is none."""
        value = self.get(key)
        if isinstance(value, Mapping | None):
            return value or NOTHING
        self.refuse(key, f"is {shown(value)}", "write a mapping")
        return NOTHING

    def nodes(self, key: str) -> Iterator[_Node]:
        """Yield the mappings of a list; none when there is no list."""
        yield from _nodes(self.get(key), f"{self.place}.{key}", self.found)


def _nodes(value: Any, place: str, found: Findings) -> Iterator[_Node]:
    if not isinstance(value, list | None):
        found.refuse(place, f"is {shown(value)}", "write a list")
        return
    for index, entry in enumerate(value or []):
        if isinstance(entry, Mapping):
            yield _Node(entry, f"{place}[{index}]", found)
        else:
            found.refuse(f"{place}[{index}]", f"is {shown(entry)}", "write a mapping")


def read_runtime_images(value: Any, found: Findings) -> dict[str, PodRuntime] | None:
    """Return the runtimes by name; None when anything is wrong, which `found` then says."""
    before = len(found.mistakes)
    runtimes = [
        _runtime(language, version)
        for language in _nodes(value, KEY, found)
        for version in language.nodes("versions")
    ]
    return {each.name: each for each in runtimes} if len(found.mistakes) == before else None


def _runtime(language: _Node, version: _Node) -> PodRuntime:
    name = language.text("ID", _ID, '"python"') + version.text("version", _VERSION, '"3.11"')
    phases = dict(_phases(version))
    if RUN not in phases:
        version.refuse("images", "has no image for the phase runtime", "add one")
    return PodRuntime(
        name=name,
        run=phases.get(RUN, Phase("")),
        file_suffix=language.text("fileNameSuffix"),
        deps_file=language.text("depName"),
        install=phases.get("installation"),
        compile=phases.get("compilation"),
        liveness=language.mapping("livenessProbeInfo"),
        pull_secrets=_names(version, "imagePullSecrets", "imageSecret"),
    )


def _phases(version: _Node) -> Iterator[tuple[str, Phase]]:
    for image in version.nodes("images"):
        phase = image.text("phase")
        if phase not in PHASES:
            image.refuse("phase", f"is {quoted(phase)}", f"write {listed(PHASES)}")
        if not image.text("image"):
            image.refuse("image", "is missing", "name the image of this phase")
        yield phase, _phase(image)


def _phase(image: _Node) -> Phase:
    env = image.mapping("env")
    for name, value in env.items():
        if not isinstance(value, str):
            image.refuse(f"env.{name}", f"is {shown(value)}", "write a string in quotes")
    secrets = _names(image, "secrets", "name")
    return Phase(image.text("image"), image.text("command"), dict(env), secrets)


def _names(node: _Node, key: str, field: str) -> tuple[str, ...]:
    names = (entry.text(field) for entry in node.nodes(key))
    return tuple(dict.fromkeys(name for name in names if name))

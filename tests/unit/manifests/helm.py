"""The chart as Helm renders it, and as the little of Helm does that the chart uses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tidegate.cli.cluster.kustomize import Object

_TAG = re.compile(r"(\{\{-?)\s*(.*?)\s*\}\}")


def by_helm(chart: Path, namespace: str, *arguments: str) -> list[Object]:
    """Return what Helm itself makes of the chart, definitions included."""
    command = ["helm", "template", "tidegate", str(chart), "--include-crds", "-n", namespace]
    done = subprocess.run([*command, *arguments], capture_output=True, timeout=120, check=True)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def by_hand(chart: Path, namespace: str, values: Object) -> list[Object]:
    """Return what the chart's templates say; `values` lie over those of the chart."""
    merged = _merged(yaml.safe_load((chart / "values.yaml").read_text()), values)
    context = {"Values": merged, "Release": {"Namespace": namespace}}
    texts = [path.read_text() for path in sorted((chart / "crds").glob("*.yaml"))]
    texts += [_filled(path.read_text(), context) for path in sorted(chart.glob("templates/*.yaml"))]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def _merged(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: _merged(under.get(key), value) for key, value in over.items()}}


def _filled(text: str, context: Object) -> str:
    """Return the text of a template with its tags carried out."""
    written: list[str] = []
    shown: list[bool] = [True]
    for literal, action in _pieces(text):
        word, _, rest = action.partition(" ")
        if all(shown):
            written.append(literal)
        match word:
            case "if":
                shown.append(bool(_looked_up(rest, context)))
            case "else":
                shown[-1] = not shown[-1]
            case "end":
                shown.pop()
            case _ if action and all(shown):
                written.append(_value(action, context))
    return "".join(written)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield literal text and the action behind it; a dash takes the blanks before it away."""
    end = 0
    for tag in _TAG.finditer(text):
        literal = text[end : tag.start()]
        yield (literal.rstrip() if tag[1].endswith("-") else literal), tag[2]
        end = tag.end()
    yield text[end:], ""


def _value(action: str, context: Object) -> str:
    found = re.fullmatch(r"toYaml (\S+) \| nindent (\d+)", action)
    if found is None:
        return str(_looked_up(action, context))
    lines = yaml.safe_dump(_looked_up(found[1], context)).splitlines()
    return "".join(f"\n{' ' * int(found[2])}{line}" for line in lines)


def _looked_up(path: str, context: Object) -> Any:
    value: Any = context
    for name in path.removeprefix(".").split("."):
        value = value[name]
    return value

"""Writes golden/*.yaml, what is made for functions of every shape: `python -m` this module."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from controllers.desired.config import ControllerConfig
from controllers.desired.function import desired_objects
from controllers.desired.preparation import SCRIPT
from tests.support.functions import SHAPES, function
from tidegate.api.function import Function
from tidegate.api.loader import load

FOLDER = Path(__file__).with_name("golden")
EXAMPLES = Path(__file__).parents[4] / "examples"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if text == SCRIPT:
        text = "(the script of preparation.py)"
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def functions() -> dict[str, Function]:
    """Return every function with a golden file, by the name of the file."""
    found = {f"shape-{shape}": function(**spec) for shape, spec in SHAPES.items()}
    for file in sorted(EXAMPLES.glob("*/*.yaml")):
        for each in load(file.read_text(encoding="utf-8"), file.name)[0]:
            if isinstance(each, Function):
                found[f"example-{each.name}"] = each
    return found


def rendered(name: str) -> str:
    """Return the file for one function."""
    wanted = desired_objects(functions()[name], ControllerConfig())
    warnings = "".join(f"# {sentence}\n" for sentence in wanted.warnings)
    return warnings + yaml.dump_all(
        wanted.objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


if __name__ == "__main__":
    for name in functions():
        (FOLDER / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
    sys.stdout.write(f"{FOLDER}\n")

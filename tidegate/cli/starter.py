"""`tidegate function init`: a folder with a function that works, and cases that show it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from runtimes.runtime import Runtime

CASES = "cases.toml"
"""Not YAML: what lies in a folder of manifests is read as one."""

ENTRY = "greet"

MANIFEST = """\
# {name}: a function in {language}, and the path on which callers reach it.
#
#   tidegate function test {folder}
#   tidegate up {folder}
apiVersion: kubeless.io/v1beta1
kind: Function
metadata:
  name: {name}
spec:
  runtime: {runtime}
  # module.function: the code below is saved as {file}.
  handler: {module}.{entry}
  function: |
{code}
---
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata:
  name: {name}
spec:
  function-name: {name}
  path: /{name}
"""

EXAMPLES = """\
# What the function shall answer; run by: tidegate function test {folder}

[[case]]
name = "greets whom the event names"
data = '{{"name": "Ada"}}'
content-type = "application/json"
answer = "Hello, Ada!"

[[case]]
name = "greets the world when nobody is named"
answer = "Hello, world!"
"""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Starter:
    """A function's first files, by name."""

    folder: Path
    files: dict[str, str]

    def write(self) -> None:
        """Make the folder and its files; raises `CommandError` rather than overwrite one."""
        for name in self.files:
            if (self.folder / name).exists():
                raise CommandError(
                    f"{self.folder / name} is there already; choose another name, or a --folder",
                    ExitCode.USAGE,
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")


def starter(name: str, runtime: Runtime, folder: Path) -> Starter:
    """Return the files of a function called `name`; raises `CommandError` for a bad name."""
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} cannot name a function: use at most 63 small letters, digits and dashes, "
            "with a letter first",
            ExitCode.USAGE,
        )
    module, entry = names_in_code(name, runtime.language)
    code = (runtime.files.parent / "starters" / runtime.language).read_text(encoding="utf-8")
    manifest = MANIFEST.format(
        name=name,
        folder=folder,
        language=runtime.language,
        runtime=runtime.name,
        file=module + runtime.file_suffix,
        module=module,
        entry=entry,
        code=indented(code.replace("{module}", module)),
    )
    return Starter(folder, {"function.yaml": manifest, CASES: EXAMPLES.format(folder=folder)})


def names_in_code(name: str, language: str) -> tuple[str, str]:
    """Return the names of the file and of the function, as the language writes them."""
    words = name.split("-")
    if language == "java":
        return "".join(word.capitalize() for word in words), ENTRY
    return "_".join(words), ENTRY.capitalize() if language == "go" else ENTRY


def indented(code: str) -> str:
    """Return `code` as a block of YAML below `function: |`."""
    return "\n".join(f"    {line}" if line else "" for line in code.rstrip("\n").split("\n"))

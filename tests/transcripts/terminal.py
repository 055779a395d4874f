"""Runs transcripts in a folder, as a person with a terminal does."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ended import ended
from tests.transcripts.transcript import Step, matches, steps

PATIENCE = 120.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A folder, and the variables of its shell. `tidegate` there is the command of this tree."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    async def play(self, transcript: Path) -> None:
        """Run each command; fails with the first that says something else."""
        for step in steps(transcript):
            await self._play(transcript, step)

    async def _play(self, transcript: Path, step: Step) -> None:
        said, code = await self.run(step.command)
        if not matches(step.printed, said) or code != step.code:
            wanted = "\n".join((*step.printed, f"[exit {step.code}]"))
            got = "\n".join((*said, f"[exit {code}]"))
            raise AssertionError(
                f"{transcript}:{step.line}: $ {step.command}\n--- wanted\n{wanted}\n--- got\n{got}"
            )

    async def run(self, command: str) -> tuple[list[str], int]:
        """Return what a command line prints, errors too, and its exit code."""
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command, cwd=self.folder, env=await self._environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _, code = await ended(process, PATIENCE)
        said = [line.rstrip() for line in out.decode().rstrip("\n").split("\n")]
        return [] if said == [""] else said, code

    async def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        programs = await asyncio.to_thread(_programs, self.folder)
        return {
            **kept,
            "PATH": f"{programs}:{kept['PATH']}",
            "HOME": str(self.folder),
            "COLUMNS": "80",
            "TERMINAL_WIDTH": "80",
            "PYTHONUNBUFFERED": "1",
            **self.variables,
        }


_OURS = frozenset({"TIDEGATE_STATE", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"})
"""What would lead a command to a place of the person who runs the tests."""

_COMMAND = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from tidegate.cli import main
sys.exit(main())
"""


def _programs(folder: Path) -> Path:
    """Return a folder with the command in it."""
    programs = folder / ".programs"
    if not programs.exists():
        programs.mkdir()
        command = programs / "tidegate"
        command.write_text(_COMMAND.format(python=sys.executable, root=str(ROOT)))
        command.chmod(0o755)
    return programs

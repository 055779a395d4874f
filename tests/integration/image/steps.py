"""What the Dockerfile's first stage does, done without Docker below a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.unit.compose.files import ROOT, Instruction, dockerfile

INSTALLATION = "/opt/tidegate"
DEADLINE = 600.0
"""For one instruction; most of it is the package index."""


@dataclass(frozen=True)
class Machine:
    """A folder that stands for the root of the builder's file system."""

    root: Path

    @property
    def installation(self) -> Path:
        """What the last stage takes."""
        return self.root / INSTALLATION[1:]

    def build(self) -> None:
        """Follow the first stage; fails with what a step printed."""
        self.source.mkdir()
        subprocess.run([sys.executable, "-m", "venv", self.root / "base"], check=True)
        for one in dockerfile():
            if one.stage == 0 and one.name == "COPY":
                self._copy(one)
            elif one.stage == 0 and one.name == "RUN":
                self._run(one)

    @property
    def source(self) -> Path:
        """The builder's working folder."""
        return self.root / "src"

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words
        for name in sources:
            if (ROOT / name).is_dir():
                left_out = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(ROOT / name, self.source / target, ignore=left_out)
            else:
                folder = self.source / target
                folder.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, folder)

    def _run(self, instruction: Instruction) -> None:
        """Run the very text, with the absolute paths it writes to put below our root."""
        text = instruction.text
        for path in (INSTALLATION, "/wheels"):
            text = text.replace(f" {path}", f" {self.root}{path}")
        path = f"{self.root / 'base' / 'bin'}:{os.environ['PATH']}"
        found = subprocess.run(
            ["sh", "-c", text],
            cwd=self.source,
            env={**os.environ, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
        )
        assert found.returncode == 0, found.stdout[-4000:]

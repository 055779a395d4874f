"""Moto as a second Kinesis emulator."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.aws_emulator import Program
from tests.fakes.installed import python_package
from tests.fakes.kinesis_server import KinesisServer

REQUIREMENTS = ("moto==5.2.5", "flask>=3.1,<4", "flask-cors>=6,<7")
"""In an environment of their own: they lift botocore above what our client takes."""

SERVER = Path(__file__).parent / "kinesis/moto_server.py"


class MotoKinesis(KinesisServer):
    """What it does not do: end closed shards, name their children, throttle, or take time."""

    name = "moto"

    def program(self) -> Program:
        python = python_package(*REQUIREMENTS) / "bin/python"
        return Program([str(python), str(SERVER), str(self.port)])

"""A DynamoDB emulator on a free port of loopback."""

from __future__ import annotations

from tests.fakes.aws_emulator import Emulator, Program
from tests.fakes.installed import python_package

REQUIREMENT = "ministack==1.5.33"
"""In an environment of its own: it pins a botocore that is not the one of our client."""


class DynamoDbServer(Emulator):
    """One emulator; its tables last as long as it runs."""

    name = "dynamodb"

    def program(self) -> Program:
        python = python_package(REQUIREMENT) / "bin/python"
        ours = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}
        return Program([str(python), "-m", "ministack"], ours)

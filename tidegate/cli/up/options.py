"""Everything that `tidegate up` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class LogFormat(StrEnum):
    """Forms of the log."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """What the log leaves out: everything below the level."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """One invocation. Durations are seconds; port 0 lets the system choose."""

    paths: tuple[Path, ...]
    state: Path
    host: str = "127.0.0.1"
    port: int = 8080
    admin_port: int = 8081
    nats_url: str = ""
    """Empty starts an own server."""
    workers: int = 1
    """Processes that do the work of the gateway; 1 does it in this one."""
    drain_timeout: float = 20.0
    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO

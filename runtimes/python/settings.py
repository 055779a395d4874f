"""What the environment says about the function and its server: read once, checked whole."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

BAD_CONFIGURATION = 2
LOAD_FAILED = 3
BIND_FAILED = 4
CUT_SHORT = 5

MIB = 1024 * 1024

N = TypeVar("N", int, float)


class ConfigError(Exception):
    """The environment is wrong; the message names the variable and what to write instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One function's settings: seconds, bytes and counts."""

    module: str
    handler: str
    folder: str
    host: str
    port: int
    port_file: str | None
    timeout: float
    concurrency: int | None
    queue: int
    body_limit: int
    shutdown_timeout: float
    access_log: bool
    runtime: str | None
    memory_limit: str | None
    name: str | None
    namespace: str | None

    @property
    def title(self) -> str:
        """How log lines call the function."""
        return self.name or f"{self.module}.{self.handler}"


def settings_from_env(env: Mapping[str, str] = os.environ) -> Settings:
    """Settings of this process; raises ConfigError with one sentence."""
    return Settings(
        module=required(env, "MOD_NAME", "the function's file without its suffix"),
        handler=required(env, "FUNC_HANDLER", "the name of the function in that file"),
        folder=env.get("KUBELESS_INSTALL_VOLUME") or "/kubeless",
        host=env.get("FUNC_HOST") or "0.0.0.0",
        port=number(env, "FUNC_PORT", 8080, int, (0, 65535)),
        port_file=env.get("FUNC_PORT_FILE") or None,
        timeout=number(env, "FUNC_TIMEOUT", 180.0, float, (0.001, 86400.0)),
        concurrency=number(env, "FUNC_CONCURRENCY", 0, int, (0, 10_000)) or None,
        queue=number(env, "FUNC_QUEUE", 100, int, (0, 100_000)),
        body_limit=body_limit(env),
        shutdown_timeout=number(env, "FUNC_SHUTDOWN_TIMEOUT", 10.0, float, (0.0, 3600.0)),
        access_log=env.get("FUNC_ACCESS_LOG", "") not in ("", "0", "false"),
        runtime=env.get("FUNC_RUNTIME"),
        memory_limit=env.get("FUNC_MEMORY_LIMIT"),
        name=env.get("FUNC_NAME"),
        namespace=env.get("FUNC_NAMESPACE"),
    )


def body_limit(env: Mapping[str, str]) -> int:
    """FUNC_BODY_LIMIT, or the name that Kubeless gave it; 100 MiB is its default, too."""
    old = number(env, "FUNC_MEMFILE_MAX", 100 * MIB, int, (0, 2048 * MIB))
    return number(env, "FUNC_BODY_LIMIT", old, int, (0, 2048 * MIB))


def required(env: Mapping[str, str], variable: str, meaning: str) -> str:
    """The variable's text, which must be there."""
    if not env.get(variable):
        raise ConfigError(f"{variable} is not set: set it to {meaning}")
    return env[variable]


def number(
    env: Mapping[str, str],
    variable: str,
    default: N,
    kind: Callable[[str], N],
    bounds: tuple[N, N],
) -> N:
    """The variable as a number within bounds, or the default when it is absent or empty."""
    text = env.get(variable)
    if not text:
        return default
    low, high = bounds
    try:
        value = kind(text)
    except ValueError:
        value = kind("-1")
    if math.isnan(value) or not low <= value <= high:
        noun = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{variable} is {text!r}: set it to {noun} from {low} to {high}")
    return value

"""The payload of a CronJobTrigger: JSON on the command line, or in a file, or behind an URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

LARGEST = 1024 * 1024
"""Bytes: what an object can hold, and an API server takes."""

FETCHING = 30.0
"""For a payload behind an URL. Seconds."""

_SCHEMES = ("http://", "https://")


def payload_from(text: str | None, file: str | None) -> dict[str, Any]:
    """Return `payload`, or nothing when none is named; None takes it away.

    `file` is a path or an URL. Raises `CommandError`.
    """
    if text is not None and file is not None:
        raise CommandError(
            "--payload and --payload-from-file exclude each other; give one of them", ExitCode.USAGE
        )
    if file is not None:
        return {"payload": _document(_content(file), file)}
    if text is None:
        return {}
    return {"payload": _json(text, "--payload") if text else None}


def _content(file: str) -> str:
    try:
        content = _fetched(file) if file.startswith(_SCHEMES) else _read(Path(file))
        return content.decode()
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: it is not UTF-8 text", ExitCode.USAGE) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return _within(opened.read(LARGEST + 1), str(path))
    except OSError as error:
        raise CommandError(f"reading {path}: {error.strerror}", ExitCode.USAGE) from error


def _fetched(url: str) -> bytes:
    from http.client import HTTPException
    from urllib.request import urlopen

    shown = url.partition("?")[0].rpartition("@")[2]
    try:
        with urlopen(url, timeout=FETCHING) as answer:
            return _within(answer.read(LARGEST + 1), shown)
    except (OSError, HTTPException, ValueError) as error:
        raise CommandError(f"fetching {shown}: {error}; check the URL") from error


def _within(content: bytes, name: str) -> bytes:
    if len(content) > LARGEST:
        raise CommandError(f"{name}: it has more than {LARGEST} bytes", ExitCode.USAGE)
    return content


def _document(content: str, name: str) -> Any:
    if name.partition("?")[0].endswith((".yaml", ".yml")):
        return _yaml(content, name)
    return _json(content, name)


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}", ExitCode.USAGE) from error


def _yaml(text: str, name: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise CommandError(f"{name} is not YAML: {reason}", ExitCode.USAGE) from error

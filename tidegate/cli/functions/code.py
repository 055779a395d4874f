"""Code and dependencies, from a file or an URL. Its functions block."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tidegate.cli.errors import CommandError, ExitCode

LONGEST: Final = 900_000
"""Bytes of code in an object: with all else in it, a Function has at most 1 MiB."""

LARGEST_DOWNLOAD: Final = 256 * 1024 * 1024
DOWNLOAD_TIMEOUT: Final = 120.0

_SUFFIXES: Final[Mapping[str, str]] = {
    ".zip": "+zip",
    **dict.fromkeys(
        (".tar.gz", ".taz", ".tgz", ".tar.bz2", ".tb2", ".tbz", ".tbz2", ".tz2", ".tar.xz", ".txz"),
        "+compressedtar",
    ),
}


@dataclass(frozen=True, slots=True)
class Code:
    """What a Function says of its code. `checksum` is of the decoded bytes."""

    content: str
    content_type: str
    checksum: str


def code_from(source: str) -> Code:
    """Return the code at a path or an URL. Raises `CommandError`."""
    if is_url(source):
        digest = hashlib.sha256(_downloaded(source)).hexdigest()
        return Code(source, "url" + archive_of(urlsplit(source).path), f"sha256:{digest}")
    content = _read(source)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    archive = archive_of(source)
    text = None if archive else _text(content)
    encoded = base64.b64encode(content).decode() if text is None else text
    if len(encoded) > LONGEST:
        raise CommandError(
            f"{source}: {len(encoded)} bytes of code are too many for an object; put it where an "
            "URL leads to, and name that with --from-file",
            ExitCode.USAGE,
        )
    return Code(encoded, ("base64" if text is None else "text") + archive, digest)


def dependencies_from(source: str) -> str:
    """Return the text of a dependency file. Raises `CommandError`."""
    content = _downloaded(source) if is_url(source) else _read(source)
    text = _text(content)
    if text is None or len(text) > LONGEST:
        raise CommandError(f"{source}: it is no dependency file; name one", ExitCode.USAGE)
    return text


def is_url(source: str) -> bool:
    """Tell an URL from a path."""
    return source.startswith(("http://", "https://"))


def archive_of(name: str) -> str:
    """Return what a content type says of an archive of that name; empty for none."""
    lower = name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if lower.endswith(suffix)), "")


def _read(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise CommandError(f"reading {source}: {error.strerror}", ExitCode.USAGE) from error


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _downloaded(url: str) -> bytes:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    body, ends = bytearray(), time.monotonic() + DOWNLOAD_TIMEOUT
    shown = _without_secrets(url)
    try:
        with urlopen(url, timeout=30) as answer:
            while chunk := answer.read(1024 * 1024):
                body += chunk
                if len(body) > LARGEST_DOWNLOAD or time.monotonic() > ends:
                    raise CommandError(f"downloading {shown}: it is too large or takes too long")
    except HTTPError as error:
        with error:  # it holds the connection
            sentence = f"downloading {shown}: the server answered {error.code}; check the URL"
        raise CommandError(sentence, ExitCode.UNREACHABLE) from error
    except (OSError, HTTPException, ValueError) as error:
        sentence = f"downloading {shown}: {_reason(error)}; check the URL, and that its server runs"
        raise CommandError(sentence, ExitCode.UNREACHABLE) from error
    return bytes(body)


def _reason(error: Exception) -> str:
    """Return the words of the system where `urlopen` wraps them."""
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _without_secrets(url: str) -> str:
    """Cut what may hold a token: the user part and the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

"""Talks to the control API of a running `tidegate up`. Standard library only: it starts fast."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.state import Contact, StateDir, not_running

ANSWER_TIMEOUT = 10.0
"""For answers that only read memory. Seconds."""

CALL_TIMEOUT = 24 * 3600.0
"""For a function's answer: longer than any function's own timeout, which ends the call."""

ERROR_HEADER = "tidegate-error"
"""On answers that are the control API's own errors: `unknown`, `unavailable` or `refused`."""


class ControlClient:
    """One running `up`, found by its state folder."""

    def __init__(self, contact: Contact, folder: Path) -> None:
        self.contact = contact
        self._folder = folder

    @classmethod
    def find(cls, folder: Path) -> ControlClient:
        """Return the client for the process that has `folder`; raises `CommandError`."""
        state = StateDir(folder)
        return cls(state.contact(), state.folder)

    def read(self, path: str) -> Any:
        """Return the JSON at `path`; raises `CommandError` with the server's own sentence."""
        with self.stream(path, ANSWER_TIMEOUT) as answer:
            return json.loads(answer.read())

    @contextmanager
    def stream(self, path: str, timeout: float | None) -> Iterator[http.client.HTTPResponse]:
        """Open what is at `path`; raises `CommandError` for anything but a success."""
        with self.request("GET", path, timeout=timeout) as answer:
            if answer.status != 200:
                raise CommandError(
                    f"process {self.contact.pid} answered with status {answer.status}; "
                    "is it of the same version? Its log says more"
                )
            yield answer

    @contextmanager
    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = ANSWER_TIMEOUT,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send one request; raises `CommandError` for the control API's own errors."""
        address = urlsplit(self.contact.admin)
        connection = http.client.HTTPConnection(address.netloc, timeout=timeout)
        every = {**(headers or {}), "authorization": f"Bearer {self.contact.token}"}
        with closing(connection):
            try:
                connection.request(method, f"/control{path}", body, every)
                answer = connection.getresponse()
            except (ConnectionRefusedError, FileNotFoundError) as error:
                raise not_running(self._folder) from error
            except (OSError, http.client.HTTPException) as error:
                raise CommandError(
                    f"process {self.contact.pid} does not answer at {self.contact.admin}: "
                    f"{error or type(error).__name__}",
                    ExitCode.UNREACHABLE,
                ) from error
            self._check(answer)
            try:
                yield answer
            except (ConnectionResetError, TimeoutError, http.client.HTTPException) as error:
                raise CommandError(
                    f"process {self.contact.pid} ended or hung up in the middle of its answer",
                    ExitCode.UNREACHABLE,
                ) from error

    def _check(self, answer: http.client.HTTPResponse) -> None:
        kind = answer.headers.get(ERROR_HEADER)
        if answer.status == 401:
            raise not_running(self._folder)  # someone else has the port of a process that died
        if kind is not None:
            code = ExitCode.USAGE if kind == "unknown" else ExitCode.FAILURE
            raise CommandError(answer.read().decode("utf-8", "replace"), code)


def function_path(namespace: str, name: str, verb: str) -> str:
    """Return the path of one function's verb."""
    return f"/functions/{quote(namespace, safe='')}/{quote(name, safe='')}/{verb}"

"""`tidegate function test`: events to functions on this machine, with nothing else running."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from controllers.desired.code import FunctionInvalid
from controllers.desired.environment import Lookup
from controllers.desired.local import FunctionKey, LocalFunction, local_function
from controllers.local.functions import LocalFunctions
from controllers.local.logs import LogLine
from controllers.local.settings import LocalSettings
from controllers.local.status import Address, State
from tidegate.api.function import Function
from tidegate.cli.cases import Case
from tidegate.cli.errors import CommandError
from tidegate.cli.output import write

ANSWER_TIMEOUT = 600.0
"""The function's own timeout ends a call long before."""


LOOK = 1.0
"""Between two looks at a function that is not there yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered."""

    status: int
    body: str


def wanted(function: Function) -> LocalFunction:
    """Return what a laptop runs for `function`; raises `CommandError` when it cannot."""
    try:
        return local_function(function)
    except FunctionInvalid as error:
        raise CommandError(str(error)) from error


async def run_cases(
    functions: Sequence[LocalFunction], cases: Iterable[Case], state: Path, lookup: Lookup
) -> int:
    """Send every case to its function, write what came of it, and return how many failed.

    Raises `CommandError` when a function cannot run, or when a case names none.
    """
    failures = 0
    async with trial(functions, state, lookup) as stage:
        for case in cases:
            function = chosen(functions, case)
            answer = await stage.call(function.key, case)
            wrong = difference(case, answer)
            failures += bool(wrong)
            write(f"{'FAILED' if wrong else 'passed'}  {function.name}: {case.name}{wrong}")
    return failures


def chosen(functions: Sequence[LocalFunction], case: Case) -> LocalFunction:
    """Return whose case it is; raises `CommandError` when that is not clear."""
    found = [one for one in functions if case.function in ("", one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.name for one in functions))
    raise CommandError(f"case {case.name!r}: set function to one of {names}")


def difference(case: Case, answer: Answer) -> str:
    """Return in what `answer` differs from the case's, a line each; empty when it does not."""
    good = answer.status < 400 if case.status is None else answer.status == case.status
    status = "" if good else f"\n        status {answer.status}, not {case.status or '2xx'}"
    if case.answer is None:
        return status + ("" if good else f"\n        it answered {answer.body!r}")
    if answer.body == case.answer:
        return status
    return f"{status}\n        it answered {answer.body!r}\n        and not     {case.answer!r}"


class Stage:
    """Functions that run, and what they can be asked."""

    def __init__(self, session: aiohttp.ClientSession, state: Path, lookup: Lookup) -> None:
        self._session = session
        self._endpoints: dict[FunctionKey, tuple[Address, ...]] = {}
        self._news = asyncio.Event()
        self.functions = LocalFunctions(
            LocalSettings(state), self._on_endpoints, self._on_line, lookup
        )

    def _on_endpoints(self, key: FunctionKey, addresses: tuple[Address, ...]) -> None:
        self._endpoints[key] = addresses
        self._news.set()

    def _on_line(self, line: LogLine) -> None:
        """Show what functions print, on stderr: stdout is for what came of the cases."""
        if line.stream in ("stdout", "stderr"):
            sys.stderr.write(f"  {line.text}\n")
        self._news.set()

    async def call(self, key: FunctionKey, case: Case) -> Answer:
        """Return the answer of a function, once it runs; raises `CommandError` when it cannot."""
        host, port = await self._address(key)
        url = f"http://{host}:{port}{case.path}"
        try:
            async with self._session.request(
                case.method, url, data=case.data, headers=case.headers, allow_redirects=False
            ) as response:
                return Answer(response.status, await response.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CommandError(f"calling {'/'.join(key)}: {error}") from error

    async def _address(self, key: FunctionKey) -> Address:
        while not self._endpoints.get(key):
            self._news.clear()
            for status in self.functions.status():
                if status.key == key and status.state is State.FAILING:
                    raise CommandError(f"function {key[1]} cannot run: {status.reason}")
            with suppress(TimeoutError):  # a failure is seen in the status, not always printed
                async with asyncio.timeout(LOOK):
                    await self._news.wait()
        return self._endpoints[key][0]


@asynccontextmanager
async def trial(
    functions: Sequence[LocalFunction], state: Path, lookup: Lookup
) -> AsyncIterator[Stage]:
    """Run functions for the length of the block; what they print is written as it comes."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT), skip_auto_headers=("Content-Type",)
    ) as session:
        stage = Stage(session, state, lookup)
        stage.functions.want(functions)
        running = asyncio.create_task(stage.functions.run(), name="functions")
        try:
            yield stage
        finally:
            running.cancel()
            await asyncio.wait([running])

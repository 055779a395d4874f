"""From a change of a Function to the first answer of its new version, on a laptop, by language.

`python -m benchmarks.cold_start [LANGUAGE…]`. Each change is one of the code alone, so nothing is
installed; Go and Java compile. Where a server can wait for its function loaded, that is measured
beside a start from nothing, in turn.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from controllers.desired.code import Code
from controllers.desired.local import LocalFunction
from controllers.local.settings import LocalSettings
from controllers.local.warm import REFILL_DELAY
from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime
from tests.support.laptop import Laptop, function, running
from tidegate.cli.starter import names_in_code

CHANGES = 10
GREETING = "Hello, "
SETTLED = REFILL_DELAY + 1.0
"""Seconds between two changes: as slow as a person is."""


def versions(runtime: Runtime) -> list[LocalFunction]:
    """The starter's function, greeting in another way each time."""
    text = (runtime.files.parent / "starters" / runtime.language).read_text()
    module, entry = names_in_code("hello", runtime.language)
    text = text.replace("{module}", module)
    one = function(runtime=runtime.name, handler=f"{module}.{entry}")
    return [
        replace(one, code=Code(text.replace(GREETING, f"{number}: ")))
        for number in range(CHANGES + 1)
    ]


async def first_answer(laptop: Laptop, wanted: LocalFunction, greeting: str) -> float:
    """Seconds from the wish to the answer of this version."""
    before = laptop.endpoints.get(wanted.key, ())
    begun = time.perf_counter()
    laptop.functions.want([wanted])
    await laptop.until(lambda: laptop.endpoints.get(wanted.key, ()) not in ((), before))
    answer = await laptop.call()
    assert answer == f"{greeting}world!", answer
    return time.perf_counter() - begun


@asynccontextmanager
async def laptop_with(warm_servers: int) -> AsyncIterator[Laptop]:
    """A laptop with a state folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = LocalSettings(Path(folder) / "state", warm_servers=warm_servers)
        async with running(settings) as laptop:
            yield laptop


async def measure(runtime: Runtime) -> None:
    """Print one language's figures."""
    settings = {"from nothing": 0} | ({"loaded before": 4} if runtime.own_variables else {})
    seconds: dict[str, list[float]] = {name: [] for name in settings}
    async with AsyncExitStack() as stack:
        laptops = {
            name: await stack.enter_async_context(laptop_with(number))
            for name, number in settings.items()
        }
        for number, wanted in enumerate(versions(runtime)):
            for name, laptop in laptops.items():
                seconds[name].append(await first_answer(laptop, wanted, f"{number}: "))
            await asyncio.sleep(SETTLED)
    # The first one has nothing that waits, and fills compilers' caches.
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}
    for name, median in medians.items():
        print(f"{runtime.language}: a change to its first answer, {name}: {median * 1e3:.0f} ms")
    if len(medians) == 2:
        print(f"{runtime.language}: {medians['from nothing'] / medians['loaded before']:.1f} times")


async def main(languages: list[str]) -> None:
    """Measure these languages, or all that the machine has."""
    newest = {runtime.language: runtime for runtime in RUNTIMES.values()}
    for language, runtime in newest.items():
        missing = [one for one in runtime.programs if shutil.which(one) is None]
        if not missing and (not languages or language in languages):
            await measure(runtime)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

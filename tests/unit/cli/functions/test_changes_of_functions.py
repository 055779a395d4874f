"""Functions made and changed at a place, which is an API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.kube_memory import KubeMemory
from tidegate.cli.errors import CommandError
from tidegate.cli.functions.changes import created
from tidegate.cli.functions.code import Code
from tidegate.cli.functions.flags import CodeFlags, WaitFlags
from tidegate.cli.functions.objects import Wish, new_function
from tidegate.cli.place.cluster import ClusterPlace
from tidegate.cli.place.kinds import CRON_JOB_TRIGGERS, FUNCTIONS
from tidegate.cli.triggers.objects import check_object
from tidegate.kube.client import connected
from tidegate.kube.resources import Resource
from tidegate.kube.selection import Selection

CODE = Code("def f(event, context):\n    pass\n", "text", "sha256:" + "0" * 64)
WISH = Wish(CodeFlags(runtime="python3.11", handler="quote.f"), code=CODE)
AT_ONCE = WaitFlags(wait=False)


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    """Load what checks objects before a loop runs, which that would block."""
    check_object(new_function("quote", "default", WISH))


@pytest.fixture
async def place() -> AsyncIterator[ClusterPlace]:
    server = KubeMemory()
    server.serve(FUNCTIONS)
    server.serve(CRON_JOB_TRIGGERS)
    async with server.running(), connected(server.access()) as client:
        yield ClusterPlace(client, "default", "a test")


async def names(place: ClusterPlace, resource: Resource) -> list[str]:
    found = (await place.objects.list(Selection(resource, "default"))).items
    return [one["metadata"]["name"] for one in found]


async def trigger(place: ClusterPlace, function: str, schedule: str) -> None:
    spec = {"function-name": function, "schedule": schedule}
    obj = {"metadata": {"name": "quote", "namespace": "default"}, "spec": spec}
    await place.objects.create(CRON_JOB_TRIGGERS, obj)


async def test_a_schedule_makes_a_trigger(place: ClusterPlace) -> None:
    await created(place, "quote", WISH, "0 4 * * *", AT_ONCE)
    assert await names(place, FUNCTIONS) == ["quote"]
    assert await names(place, CRON_JOB_TRIGGERS) == ["quote"]


async def test_another_trigger_of_the_name_is_told_before_anything_is_made(
    place: ClusterPlace,
) -> None:
    await trigger(place, "other", "@daily")
    with pytest.raises(CommandError, match=r"calls other at '@daily'; nothing was made"):
        await created(place, "quote", WISH, "0 4 * * *", AT_ONCE)
    assert await names(place, FUNCTIONS) == []


async def test_a_trigger_that_is_as_wanted_stays(
    place: ClusterPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    await trigger(place, "quote", "0 4 * * *")
    await created(place, "quote", WISH, "0 4 * * *", AT_ONCE)
    assert await names(place, FUNCTIONS) == ["quote"]
    assert "at these times already; it stays as it is" in capsys.readouterr().err

"""Functions made and changed at a place, which is an API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.fakes.kube_memory import KubeMemory
from tidegate.cli.errors import CommandError
from tidegate.cli.functions.changes import created, updated
from tidegate.cli.functions.code import Code
from tidegate.cli.functions.flags import CodeFlags, PodFlags, WaitFlags
from tidegate.cli.functions.objects import Wish, new_function
from tidegate.cli.place.cluster import ClusterPlace
from tidegate.cli.place.kinds import CRON_JOB_TRIGGERS, FUNCTIONS
from tidegate.cli.place.laptop import LaptopPlace
from tidegate.cli.triggers.objects import check_object
from tidegate.kube.client import connected
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import SECRETS, Resource
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


@pytest.fixture
def laptop(place: ClusterPlace) -> LaptopPlace:
    """The same objects, on a laptop."""
    return LaptopPlace(place.objects, "a test")


async def names(place: ClusterPlace, resource: Resource) -> list[str]:
    found = (await place.objects.list(Selection(resource, "default"))).items
    return [one["metadata"]["name"] for one in found]


async def trigger(place: ClusterPlace, function: str, schedule: str) -> None:
    spec = {"function-name": function, "schedule": schedule}
    obj = {"metadata": {"name": "quote", "namespace": "default"}, "spec": spec}
    await place.objects.create(CRON_JOB_TRIGGERS, obj)


async def secret(place: LaptopPlace, name: str) -> None:
    metadata = {"name": name, "namespace": "default"}
    await place.objects.create(SECRETS, {"metadata": metadata, "data": {}})


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


async def test_a_laptop_says_which_secret_is_not_there_and_that_none_is_mounted(
    laptop: LaptopPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    await secret(laptop, "quotes")
    mounting = replace(WISH, pod_flags=PodFlags(secrets=["quotes,nosuch"]))
    await created(laptop, "quote", mounting, "", AT_ONCE)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("tidegate: a laptop mounts nothing at /quotes; take what")
    assert said[1].startswith("tidegate: there is no Secret nosuch in namespace default; add one")
    await updated(laptop, "quote", Wish(pod_flags=PodFlags(secrets=["other"])), AT_ONCE, False)
    assert "there is no Secret other" in capsys.readouterr().err


async def test_a_secret_that_is_taken_away_needs_no_word(
    laptop: LaptopPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    await created(laptop, "quote", replace(WISH, pod_flags=PodFlags(secrets=["a"])), "", AT_ONCE)
    capsys.readouterr()
    await updated(laptop, "quote", Wish(pod_flags=PodFlags(secrets=["a-"])), AT_ONCE, False)
    assert "Secret" not in capsys.readouterr().err


async def test_in_a_cluster_the_pod_waits_and_says_for_what(
    place: ClusterPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    mounting = replace(WISH, pod_flags=PodFlags(secrets=["nosuch"]))
    await created(place, "quote", mounting, "", AT_ONCE)
    assert "nosuch" not in capsys.readouterr().err
    function = await place.objects.get(FUNCTIONS, ObjectKey("default", "quote"))
    assert "nosuch-vol" in str(function["spec"]["deployment"])

"""The objects of a laptop, as the command line's client sees them beside a real `tidegate up`."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.integration.up.manifests import function, route
from tests.integration.up.running import PATIENCE, Up, running
from tidegate.cli.place.kinds import CRON_JOB_TRIGGERS, FUNCTIONS, HTTP_TRIGGERS
from tidegate.cli.place.open import opened
from tidegate.cli.place.place import FunctionCall, Place
from tidegate.cli.place.target import Target
from tidegate.kube.client import Deletion
from tidegate.kube.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    Invalid,
    KubeError,
    NotFound,
    Unauthorized,
)
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import CONFIG_MAPS, SECRETS
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = ObjectKey("default", "hello")
NEW = ObjectKey("default", "new")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One with a function and its route in a file of the user's."""
    folder = tmp_path_factory.mktemp("objects")
    (folder / "all.yaml").write_text(function("return 'hello'") + route())
    async with running(folder) as one:
        await one.says("default/hello: takes calls")
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def place(up: Up) -> AsyncIterator[Place]:
    """That laptop; what a test makes in it is gone afterwards."""
    async with opened(Target(state=up.folder / ".tidegate")) as one:
        yield one
        for resource in (FUNCTIONS, HTTP_TRIGGERS, CRON_JOB_TRIGGERS, SECRETS, CONFIG_MAPS):
            for obj in (await one.objects.list(Selection(resource))).items:
                metadata = obj["metadata"]
                if (metadata["name"], resource.kind) not in _OF_THE_USER:
                    key = ObjectKey(metadata["namespace"], metadata["name"])
                    await one.objects.delete(resource, key)


_OF_THE_USER = {("hello", "Function"), ("web", "HTTPTrigger")}


def new(name: str = "new", **spec: Any) -> Object:
    """A Function that answers with its name."""
    code = f"def main(event, context):\n    return {name!r}\n"
    fields = {"runtime": "python3.11", "handler": f"{name}.main", "function": code}
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"made": "here"}},
        "spec": {**fields, **spec},
    }


def kept(up: Up, kind: str, name: str) -> Path:
    return up.folder / ".tidegate" / "objects" / f"{kind}.default.{name}.yaml"


async def is_ready(place: Place, key: ObjectKey, generation: int) -> Object:
    """Return the object once its status says that this generation takes calls."""
    chosen = Selection(FUNCTIONS, key.namespace, fields=f"metadata.name={key.name}")
    async with asyncio.timeout(PATIENCE):
        async with place.objects.watch(chosen, "0") as watch:
            async for event in watch:
                status = event.object["status"]
                truths = {one["type"]: one["status"] for one in status.get("conditions", ())}
                if status["observedGeneration"] >= generation and truths["Ready"] == "True":
                    return event.object
    raise AssertionError("the watch ended")


async def test_what_files_hold_is_there_with_a_status(place: Place) -> None:
    found = await place.objects.get(FUNCTIONS, HELLO)
    assert found["spec"]["timeout"] == "20"  # as it was written
    assert found["status"]["readyReplicas"] == 1
    trigger = await place.objects.get(HTTP_TRIGGERS, ObjectKey("default", "web"))
    assert trigger["status"]["functions"] == ["hello"]
    assert trigger["status"]["conditions"][0]["status"] == "True"
    assert trigger["status"]["url"].startswith("http://127.0.0.1:")


async def test_a_function_is_made_called_changed_and_removed(place: Place, up: Up) -> None:
    made = await place.objects.create(FUNCTIONS, new())
    await is_ready(place, NEW, made["metadata"]["generation"])
    async with place.call(NEW, FunctionCall()) as answer:
        assert (answer.status, await answer.read()) == (200, b"new")
    assert stat.S_IMODE(kept(up, "function", "new").stat().st_mode) == 0o600

    code = "def main(event, context):\n    return 'changed'\n"
    after = await place.objects.patch(FUNCTIONS, NEW, {"spec": {"function": code}})
    assert after["metadata"]["generation"] == made["metadata"]["generation"] + 1
    assert after["spec"]["handler"] == "new.main"
    await is_ready(place, NEW, after["metadata"]["generation"])
    async with place.call(NEW, FunctionCall()) as answer:
        assert await answer.read() == b"changed"

    await place.objects.delete(FUNCTIONS, NEW)
    assert not kept(up, "function", "new").exists()
    with pytest.raises(NotFound):
        await place.objects.get(FUNCTIONS, NEW)


async def test_a_trigger_that_a_verb_makes_takes_calls(place: Place, up: Up) -> None:
    spec = {"function-name": "hello", "path": "made"}
    made = {"metadata": {"name": "made", "namespace": "default"}, "spec": spec}
    await place.objects.create(HTTP_TRIGGERS, made)
    async with aiohttp.ClientSession() as session, session.get(f"{up.url}/made") as answer:
        assert (answer.status, await answer.text()) == (200, "hello")


async def test_what_validate_would_refuse_is_refused_with_its_sentences(place: Place) -> None:
    with pytest.raises(Invalid, match=r'spec.handler: "nodot" has no dot; write module.function'):
        await place.objects.create(FUNCTIONS, new(handler="nodot"))
    with pytest.raises(Invalid, match="is not a runtime that is there"):
        await place.objects.create(FUNCTIONS, new(runtime="cobol1.0"))
    with pytest.raises(Invalid, match=r"metadata\.name is missing"):
        await place.objects.create(FUNCTIONS, {"metadata": {"namespace": "default"}, "spec": {}})
    with pytest.raises(NotFound):
        await place.objects.get(FUNCTIONS, NEW)


async def test_a_change_that_would_break_an_object_leaves_it_as_it_was(place: Place) -> None:
    before = await place.objects.create(FUNCTIONS, new())
    with pytest.raises(Invalid):
        await place.objects.patch(FUNCTIONS, NEW, {"spec": {"handler": None}})
    now = await place.objects.get(FUNCTIONS, NEW)
    assert now["spec"] == before["spec"]
    assert now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_what_a_file_of_the_users_holds_is_changed_there_alone(place: Place) -> None:
    sentence = r"written in .*all\.yaml:1; change it there, it is taken up at once"
    with pytest.raises(Denied, match=sentence):
        await place.objects.patch(FUNCTIONS, HELLO, {"spec": {"timeout": "3"}})
    with pytest.raises(Denied, match=sentence):
        await place.objects.delete(FUNCTIONS, HELLO)
    with pytest.raises(AlreadyExists):
        await place.objects.create(FUNCTIONS, new("hello"))


async def test_of_two_changes_to_one_version_the_second_is_refused(place: Place) -> None:
    made = await place.objects.create(FUNCTIONS, new())
    changed = {**made, "spec": {**made["spec"], "timeout": "7"}}
    await place.objects.update(FUNCTIONS, changed)
    with pytest.raises(Conflict):
        await place.objects.update(FUNCTIONS, changed)
    version = made["metadata"]["resourceVersion"]
    with pytest.raises(Conflict):
        await place.objects.patch(FUNCTIONS, NEW, {"metadata": {"resourceVersion": version}})
    with pytest.raises(Conflict):
        await place.objects.delete(FUNCTIONS, NEW, Deletion(version=version))


async def test_a_name_cannot_be_changed(place: Place) -> None:
    await place.objects.create(FUNCTIONS, new())
    with pytest.raises(Invalid, match="a name cannot be changed"):
        await place.objects.patch(FUNCTIONS, NEW, {"metadata": {"name": "other"}})


async def test_secrets_are_kept_and_shown_as_a_cluster_shows_them(place: Place, up: Up) -> None:
    made = {"metadata": {"name": "login", "namespace": "default"}, "stringData": {"k": "v"}}
    shown = await place.objects.create(SECRETS, made)
    assert (shown["data"], shown["type"]) == ({"k": "dg=="}, "Opaque")
    assert "stringData" not in shown
    assert stat.S_IMODE(kept(up, "secret", "login").stat().st_mode) == 0o600
    assert "dg==" not in up.log


async def test_lists_are_narrowed_by_labels_names_and_namespace(place: Place) -> None:
    await place.objects.create(FUNCTIONS, new())

    async def names(**chosen: Any) -> list[str]:
        page = await place.objects.list(Selection(FUNCTIONS, **chosen))
        return [one["metadata"]["name"] for one in page.items]

    assert await names(labels="made=here") == ["new"]
    assert await names(labels="made!=here") == ["hello"]
    assert await names(labels="function in (hello, x),!made") == ["hello"]
    assert await names(fields="metadata.name=new") == ["new"]
    assert await names() == ["hello", "new"]
    assert await names(namespace="elsewhere") == []
    with pytest.raises(KubeError, match=r"only metadata\.name"):
        await names(fields="spec.runtime=x")


async def test_what_verbs_made_is_there_after_a_start(tmp_path: Path) -> None:
    target = Target(state=tmp_path / ".tidegate")
    (tmp_path / "all.yaml").write_text(function("return 'hello'") + route())
    async with running(tmp_path), opened(target) as place:
        await place.objects.create(FUNCTIONS, new())
        paused = {"spec": {"paused": True}}
        await place.objects.patch(HTTP_TRIGGERS, ObjectKey("default", "web"), paused)
    async with running(tmp_path), opened(target) as place:
        await is_ready(place, NEW, 1)
        trigger = await place.objects.get(HTTP_TRIGGERS, ObjectKey("default", "web"))
        assert trigger["spec"]["paused"] is True
        resumed = {"spec": {"paused": False}}
        after = await place.objects.patch(HTTP_TRIGGERS, ObjectKey("default", "web"), resumed)
        assert after["spec"].get("paused", False) is False


async def test_a_kept_object_that_somebody_breaks_is_told_at_once_and_goes_on(
    place: Place, up: Up
) -> None:
    made = await place.objects.create(FUNCTIONS, new("edited"))
    key = ObjectKey("default", "edited")
    await is_ready(place, key, made["metadata"]["generation"])
    file = kept(up, "function", "edited")
    whole = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.write_text, whole.replace("  runtime:", "  runtime"))
    await up.says(f"error: {file}:")
    await up.says("Function default/edited: goes on as it was before it broke")
    async with place.call(key, FunctionCall()) as answer:
        assert await answer.read() == b"edited"
    await place.objects.delete(FUNCTIONS, key)
    await up.says("all manifests are right again")


async def test_without_the_token_nothing_is_shown(up: Up) -> None:
    url = f"{up.contact['admin']}/control/apis/kubeless.io/v1beta1/functions"
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            async with session.get(url, headers=headers) as answer:
                assert answer.status == 401
    (up.folder / "elsewhere").mkdir(exist_ok=True)
    contact = (up.folder / ".tidegate" / "up.json").read_text()
    wrong = contact.replace(up.contact["token"], "wrong")
    (up.folder / "elsewhere" / "up.json").write_text(wrong)
    with pytest.raises(Unauthorized):
        async with opened(Target(state=up.folder / "elsewhere")) as place:
            await place.objects.list(Selection(FUNCTIONS))


async def test_metrics_and_logs_come_of_every_process(place: Place) -> None:
    async with place.call(HELLO, FunctionCall()) as answer:
        await answer.read()
    (text,) = await place.metrics(HELLO)
    assert 'function_calls_total{method="GET"}' in text
    lines = [line async for line in place.logs(HELLO, follow=False, lines=50)]
    assert any("ready on" in line for line in lines)
    with pytest.raises(NotFound, match="did you mean hello"):
        await place.metrics(ObjectKey("default", "helo"))

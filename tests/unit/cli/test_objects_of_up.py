"""What a laptop's objects make of requests that no verb would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from yarl import URL

from tests.support.http_servers import serving
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.metadata import Resource
from tidegate.cli.up.bell import Bell
from tidegate.cli.up.control import BODY_LIMIT
from tidegate.cli.up.kept import KeptObjects
from tidegate.cli.up.manifests import Manifests, known_here
from tidegate.cli.up.object_routes import LARGEST, ObjectRoutes
from tidegate.cli.up.objects import LaptopObjects
from tidegate.cli.up.pauses import Pauses
from tidegate.kube.objects import Object

PATIENCE = 30.0
FUNCTIONS = "apis/kubeless.io/v1beta1/namespaces/default/functions"
TRIGGERS = "apis/kubeless.io/v1beta1/namespaces/default/cronjobtriggers"
MAPS = "api/v1/namespaces/default/configmaps"
FUNCTION = {
    "metadata": {"name": "hello", "labels": {"team": "one"}},
    "spec": {"handler": "a.f", "runtime": "python3.12", "function": "def f(event, context): ..."},
}
TRIGGER = {
    "metadata": {"name": "nightly"},
    "spec": {"function-name": "hello", "schedule": "0 3 * * *"},
}


class Files:
    """What runs: the objects that the files hold."""

    def __init__(self, state: Path) -> None:
        self.kept = KeptObjects(state)
        self.kept.create_folder()
        self.pauses = Pauses(state)
        self._manifests = Manifests((self.kept.folder,), None, known_here())
        self._read: tuple[Resource, ...] = ()

    def resources(self) -> Sequence[Resource]:
        return self.pauses.applied(self._read)

    def status_of(self, resource: Resource, before: Object, generation: int) -> Object:
        return {}

    async def take_up(self) -> None:
        self._read = (await asyncio.to_thread(self._manifests.read)).resources


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def session(files: Files) -> AsyncIterator[aiohttp.ClientSession]:
    application = web.Application(client_max_size=BODY_LIMIT)
    ObjectRoutes(LaptopObjects(files.kept, files.pauses, files), Bell()).extend(application)
    async with serving(application) as url, aiohttp.ClientSession(f"{url}/") as session:
        yield session


async def said(
    session: aiohttp.ClientSession, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    """Return the code and the body of an answer, which is JSON whatever was asked."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    data = None if body is None else BytesIO(orjson.dumps(body))
    headers = {"content-type": kind}
    async with (
        asyncio.timeout(PATIENCE),
        session.request(method, path, data=data, headers=headers) as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


async def made(session: aiohttp.ClientSession, path: str, obj: Object) -> None:
    code, answer = await said(session, "POST", path, obj)
    assert code == 201, answer


@pytest.mark.parametrize("metadata", ["words", 3, ["hello"], None])
async def test_metadata_that_are_no_object_are_refused(
    session: aiohttp.ClientSession, metadata: object
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    whole = {**FUNCTION, "metadata": metadata}
    for method, path in (
        ("POST", FUNCTIONS),
        ("PUT", f"{FUNCTIONS}/hello"),
        ("PATCH", f"{FUNCTIONS}/hello"),
    ):
        code, answer = await said(session, method, path, whole)
        assert (code, answer["reason"]) == (400, "BadRequest"), method
        assert "metadata" in answer["message"]


@pytest.mark.parametrize("conditions", ["words", 3, ["uid"]])
async def test_preconditions_that_are_no_object_are_refused(
    session: aiohttp.ClientSession, conditions: object
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    body = {"preconditions": conditions}
    code, answer = await said(session, "DELETE", f"{FUNCTIONS}/hello", body)
    assert (code, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("namespace", ["..%2F..%2Fetc", "..", "%2Ftmp", "a%00b", "a.b"])
async def test_a_namespace_that_is_a_path_writes_nowhere(
    session: aiohttp.ClientSession, files: Files, namespace: str
) -> None:
    path = URL("/" + FUNCTIONS.replace("default", namespace), encoded=True)
    async with session.post(path, data=orjson.dumps(FUNCTION)) as answer:
        assert answer.status in (404, 405, 422)
    every = await asyncio.to_thread(lambda: list(files.kept.folder.parent.rglob("*")))
    assert every == [files.kept.folder]


async def test_an_object_that_is_nested_without_end_is_refused(
    session: aiohttp.ClientSession,
) -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    text = '{"metadata":{"name":"hello"},"spec":' + deep + "}"
    code, answer = await said(session, "POST", FUNCTIONS, orjson.Fragment(text))
    assert (code, answer["reason"]) == (400, "BadRequest")
    assert "nested" in answer["message"]


async def test_an_object_that_is_too_large_is_refused_before_it_costs_anything(
    session: aiohttp.ClientSession,
) -> None:
    body = {"metadata": {"name": "large"}, "data": {"a": "x" * LARGEST}}
    code, answer = await said(session, "POST", MAPS, body)
    assert (code, answer["reason"]) == (413, "RequestEntityTooLarge")


async def test_what_the_file_system_refuses_is_said(
    session: aiohttp.ClientSession, files: Files
) -> None:
    longest = ".".join(["a" * 60] * 4)  # a name that Kubernetes takes, and no file can have
    code, answer = await said(session, "POST", MAPS, {"metadata": {"name": longest}, "data": {}})
    assert (code, answer["reason"]) == (500, "InternalError")
    assert answer["message"].startswith(f"ConfigMap default/{longest}: cannot be kept in the state")
    assert answer["message"].endswith("objects): File name too long; mend it")
    assert await asyncio.to_thread(lambda: list(files.kept.folder.iterdir())) == []


async def test_what_cannot_be_removed_is_not_said_to_be_gone(
    session: aiohttp.ClientSession, files: Files
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    moved = files.kept.folder.with_name("moved")
    await asyncio.to_thread(files.kept.folder.rename, moved)
    code, answer = await said(session, "DELETE", f"{FUNCTIONS}/hello")
    assert (code, answer["reason"]) == (500, "InternalError")
    assert "Function default/hello: cannot be removed from the state folder" in answer["message"]
    await asyncio.to_thread(moved.rename, files.kept.folder)
    assert (await said(session, "DELETE", f"{FUNCTIONS}/hello"))[0] == 200
    assert (await said(session, "GET", f"{FUNCTIONS}/hello"))[0] == 404


async def test_what_is_kept_in_the_file_of_another_name_is_changed_there(
    session: aiohttp.ClientSession, files: Files
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    (file,) = await asyncio.to_thread(lambda: list(files.kept.folder.iterdir()))
    text = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.write_text, text.replace("name: hello", "name: other"))
    await files.take_up()
    code, answer = await said(session, "DELETE", f"{FUNCTIONS}/other")
    assert (code, f"is written in {file}:1" in answer["message"]) == (403, True)


async def test_a_watch_with_a_selector_that_nobody_understands_is_refused(
    session: aiohttp.ClientSession,
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    code, answer = await said(session, "GET", f"{FUNCTIONS}?watch=1&labelSelector=a%20in%20(")
    assert (code, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("paused", ["false", 0, "no"])
async def test_what_is_neither_true_nor_false_pauses_nothing(
    session: aiohttp.ClientSession, paused: object
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    await made(session, TRIGGERS, TRIGGER)
    code, answer = await said(session, "PATCH", f"{TRIGGERS}/nightly", {"spec": {"paused": paused}})
    assert (code, "spec.paused" in answer["message"]) == (422, True)


async def test_a_label_that_comes_with_a_pause_is_kept(session: aiohttp.ClientSession) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    await made(session, TRIGGERS, TRIGGER)
    change = {"metadata": {"labels": {"a": "b"}}, "spec": {"paused": True}}
    code, answer = await said(session, "PATCH", f"{TRIGGERS}/nightly", change)
    assert (code, answer["metadata"]["labels"]) == (200, {"a": "b"})
    assert answer["spec"]["paused"] is True


async def test_of_two_who_pause_the_last_one_is_obeyed(session: aiohttp.ClientSession) -> None:
    async def paused() -> bool:
        shown = (await said(session, "GET", f"{TRIGGERS}/nightly"))[1]
        return bool(shown["spec"].get("paused", False))

    await made(session, FUNCTIONS, FUNCTION)
    await made(session, TRIGGERS, TRIGGER)
    pause, resume = ({"spec": {"paused": one}} for one in (True, False))
    assert (await said(session, "PATCH", f"{TRIGGERS}/nightly", pause))[0] == 200
    assert (await said(session, "PUT", f"{TRIGGERS}/nightly", TRIGGER))[0] == 200
    assert not await paused()
    assert (await said(session, "PATCH", f"{TRIGGERS}/nightly", resume))[0] == 200
    labelled = {"metadata": {"labels": {"a": "b"}}}
    assert (await said(session, "PATCH", f"{TRIGGERS}/nightly", pause | labelled))[0] == 200
    assert await paused()
    assert (await said(session, "PATCH", f"{TRIGGERS}/nightly", resume))[0] == 200
    assert (await said(session, "PATCH", f"{TRIGGERS}/nightly", labelled))[0] == 200
    assert not await paused()  # what says nothing of it leaves it as it is


@pytest.mark.parametrize("spec", [3, "paused", ["paused"], None])
async def test_a_spec_that_is_no_object_is_refused(
    session: aiohttp.ClientSession, spec: object
) -> None:
    await made(session, FUNCTIONS, FUNCTION)
    await made(session, TRIGGERS, TRIGGER)
    code, answer = await said(session, "PATCH", f"{TRIGGERS}/nightly", {"spec": spec})
    assert (code, answer["reason"]) == (422, "Invalid")


@pytest.mark.parametrize("text", ["[]", "3", "{", '{"CronJobTrigger default/nightly": "no"}'])
def test_a_broken_note_of_pauses_pauses_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "paused.json").write_text(text)
    pauses = Pauses(tmp_path)
    pauses.read()
    trigger = CronJobTrigger.model_validate(
        {"apiVersion": "kubeless.io/v1beta1", "kind": "CronJobTrigger", **TRIGGER}
    )
    assert pauses.applied([trigger]) == (trigger,)

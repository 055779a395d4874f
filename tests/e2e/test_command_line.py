"""The command line on a real cluster: every verb that needs pods, their proxy or gateways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats as nats_client
import pytest

from tests.e2e.brokers import kafka, nats
from tests.e2e.cluster import HOME, Cluster, eventually
from tests.e2e.command_line import Person, account, owner

pytestmark = pytest.mark.timeout(1800)

STREAM = "SHOP"
TAKER = """\
import os

def run(event, context):
    data = event["data"]
    text = data.decode() if isinstance(data, bytes) else str(data)
    if text == "broken teapot" and "MENDED" not in os.environ:
        raise ValueError("it leaks")
    print(os.environ.get("EDITION", "first"), "took", text, flush=True)
    return os.environ.get("EDITION", "first")
"""


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Person:
    """Who may do everything, once gateways know operators."""
    one = owner(cluster)
    eventually(
        lambda: "are closed" not in one.types("trigger", "explain", "nothing", fails=True),
        "the Secret tidegate-admin is not mounted",
    )
    return one


@pytest.fixture(scope="module")
def broker(cluster: Cluster) -> str:
    """The URL of a server inside of the cluster, whose stream takes what begins with `shop.`."""
    cluster.apply(*nats(cluster.images.needed("nats")))
    cluster.wait("deployment/nats", "Available")
    with _server(cluster) as url:
        asyncio.run(_make_stream(url))
    return f"nats://nats.{cluster.namespace}.svc:4222"


@pytest.fixture(scope="module")
def orders(admin: Person, broker: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The trigger `orders`, which runs."""
    _make_trigger(admin, broker, "orders", tmp_path_factory.mktemp("orders"))
    return "orders"


def test_a_function_is_made_called_followed_and_counted(admin: Person, tmp_path: Path) -> None:
    admin.deploys("asked", _code(tmp_path, "asked"))
    assert admin.types("function", "call", "asked", "--data", "a teapot") == "first\n"
    with admin.follows(tmp_path / "log", "function", "logs", "asked", "--follow") as log:
        log.until("first took a teapot")
        admin.types("function", "update", "asked", "--env", "EDITION=second")
        eventually(
            lambda: admin.types("function", "call", "asked", "--data", "a cup") == "second\n",
            "the new pod is not called",
        )
        log.until("second took a cup")
    rows = admin.reads("function", "top", "--function", "asked")
    assert [row["method"] for row in rows if row["total_calls"]] == ["POST"], rows
    assert "1/1 READY" in admin.types("function", "list", "asked")
    assert "EDITION" in admin.types("function", "describe", "asked")
    admin.types("function", "delete", "asked")


def test_what_becomes_of_an_event_is_told_as_it_happens_and_later(
    admin: Person, orders: str, tmp_path: Path
) -> None:
    words = ("trigger", "tail", orders, "--count", "1", "--payload", "--output", "json")
    with admin.follows(tmp_path / "tail", *words) as tail:
        # Nobody tells when it has begun to look on.
        eventually(lambda: tail.said or not _publish(admin.cluster, orders, "a pot"), "no event")
    decision = json.loads(tail.said.splitlines()[0])
    assert (decision["outcome"], decision["data"]) == ("delivered", "a pot")
    story = admin.types("trigger", "explain", decision["event"]["id"])
    assert f"NATSTrigger {admin.cluster.namespace}/{orders}, for function {orders}" in story
    assert "with status 200" in story
    row = _books(admin, orders)
    assert row["received"] == row["delivered"] > 0
    assert (row["state"], row["drift"]) == ("Running", 0)
    assert decision["event"]["id"] in admin.types("trigger", "describe", orders)


def test_an_event_is_tried_and_nothing_of_it_kept(admin: Person, orders: str) -> None:
    before = _books(admin, orders)["received"]
    said = admin.types("trigger", "test", orders, "--data", "a tried pot")
    assert "answer: 200" in said
    assert "first took a tried pot" in admin.types("function", "logs", orders)
    failed = admin.types("trigger", "test", orders, "--data", "broken teapot", fails=True)
    assert "answer: 500" in failed
    assert _books(admin, orders)["received"] == before


def test_a_paused_trigger_goes_on_where_it_stopped(admin: Person, orders: str) -> None:
    assert admin.types("trigger", "pause", orders) == f"NATSTrigger {orders}: paused\n"
    eventually(lambda: _books(admin, orders)["state"] == "Paused", "it goes on")
    before = _books(admin, orders)["received"]
    _publish(admin.cluster, orders, "a late pot")
    assert "paused: events" in admin.types("trigger", "test", orders, "--dry", "--data", "a pot")
    assert _books(admin, orders)["received"] == before
    assert admin.types("trigger", "resume", orders) == f"NATSTrigger {orders}: resumed\n"
    eventually(
        lambda: "took a late pot" in admin.types("function", "logs", orders),
        "what came meanwhile does not arrive",
    )


def test_what_was_delivered_is_delivered_once_more(admin: Person, orders: str) -> None:
    _publish(admin.cluster, orders, "an old pot")
    eventually(lambda: _printed(admin, orders, "an old pot") == 1, "it does not arrive")
    report = admin.reads("trigger", "replay", orders, "--from", "1h")
    (told,) = report["functions"]
    assert (told["delivered"] > 0, told["failed"], report["error"]) == (True, 0, "")
    assert _printed(admin, orders, "an old pot") == 2


def test_a_dead_letter_is_shown_and_delivered_once_its_function_is_mended(
    admin: Person, broker: str, tmp_path: Path
) -> None:
    letters = ("--dead-letter", "nats:shop.dead", "--retry", "0")
    _make_trigger(admin, broker, "weak", tmp_path, *letters)
    _publish(admin.cluster, "weak", "broken teapot")
    which = ("--trigger", "weak")
    eventually(lambda: admin.reads("dlq", "list", *which), "no letter is written")
    (letter,) = admin.reads("dlq", "list", *which)
    assert "broken teapot" in admin.types("dlq", "show", letter["id"], "--payload")
    assert "0 delivered, 1 not" in admin.types("dlq", "redrive", *which, fails=True)
    admin.types("function", "update", "weak", "--env", "MENDED=yes")
    assert "1 delivered, 0 not" in admin.types("dlq", "redrive", letter["id"])
    assert admin.reads("dlq", "list", *which) == []
    assert _printed(admin, "weak", "broken teapot") == 1


def test_topics_are_those_of_the_brokers_of_a_gateway(admin: Person) -> None:
    cluster = admin.cluster
    cluster.apply(*kafka(cluster.images.needed("kafka"), cluster.namespace))
    cluster.wait("deployment/kafka", "Available")
    with _brokers_of_the_gateway(cluster, f"kafka.{cluster.namespace}.svc:9092"):
        admin.types("topic", "create", "teapots", "--partitions", "2")
        assert "teapots" in admin.types("topic", "list").splitlines()
        stored = admin.types("topic", "publish", "--topic", "teapots", "--data", "a pot")
        assert "of teapots as 0" in stored
        assert "teapots" in admin.types("topic", "create", "teapots", fails=True)
        admin.types("topic", "delete", "teapots")
        assert "teapots" not in admin.types("topic", "list").splitlines()


def test_an_editor_of_a_namespace_needs_no_right_of_tidegate_for_functions(
    cluster: Cluster, tmp_path: Path
) -> None:
    maker = account(cluster, "maker", "edit", tmp_path)
    maker.deploys("edited", _code(tmp_path, "edited"))
    assert maker.types("function", "call", "edited", "--data", "a pot") == "first\n"
    assert "first took a pot" in maker.types("function", "logs", "edited")
    assert "POST" in maker.types("function", "top", "--function", "edited")
    maker.types("trigger", "http", "create", "edited", "--function-name", "edited")
    told = maker.types("trigger", "list", "edited")
    assert "HTTPTrigger" in told
    assert "not all gateways tell what they do" in told
    assert "RBAC does not let" in maker.types("function", "list", "--all-namespaces", fails=True)
    maker.types("trigger", "delete", "edited")
    maker.types("function", "delete", "edited")


def test_only_who_may_read_the_secret_operates_gateways(admin: Person, tmp_path: Path) -> None:
    cluster = admin.cluster
    looking = ("--verb=get,list,create", "--resource=pods,pods/proxy")
    cluster.kubectl("create", "role", "lookers", *looking, namespace=HOME)
    looker = account(cluster, "looker", "edit", tmp_path)
    who = f"--serviceaccount={cluster.namespace}:looker"
    ask = ("trigger", "explain", "nothing")
    assert "grant apiGroups" in looker.types(*ask, fails=True)
    with _allowed(cluster, "lookers", who):
        eventually(
            lambda: "resources ['secrets'], verbs ['get'] in" in looker.types(*ask, fails=True),
            "it is not said what is missing",
        )
    with _allowed(cluster, "tidegate-operator", who):
        eventually(
            lambda: "nothing is known of event" in looker.types(*ask, fails=True),
            "an operator may not operate",
        )
    cluster.kubectl("delete", "role", "lookers", namespace=HOME)


def _code(folder: Path, name: str) -> Path:
    file = folder / f"{name}.py"
    file.write_text(TAKER)
    return file


def _make_trigger(person: Person, broker: str, name: str, folder: Path, *delivery: str) -> None:
    """Make a function, and a trigger of that name that feeds it with `shop.NAME`."""
    person.deploys(name, _code(folder, name))
    source = ("--url", broker, "--trigger-topic", f"shop.{name}", "--jetstream")
    whom = ("--function-selector", f"function={name}")
    person.types("trigger", "nats", "create", name, *source, *whom, *delivery)
    person.cluster.wait(f"natstrigger/{name}", "Ready")


def _publish(cluster: Cluster, name: str, text: str) -> str:
    with _server(cluster) as url:
        return cluster.tidegate("publish", "nats", f"shop.{name}", text, "-j", "--url", url)


@contextmanager
def _server(cluster: Cluster) -> Iterator[str]:
    """The server of NATS as this machine reaches it, for the length of the block."""
    with cluster.forwarded(cluster.namespace, "service/nats", 4222) as port:
        yield f"nats://127.0.0.1:{port}"


async def _make_stream(url: str) -> None:
    client = await nats_client.connect(url)
    try:
        await client.jetstream().add_stream(name=STREAM, subjects=["shop.>"])
    finally:
        await client.close()


def _books(person: Person, trigger: str) -> dict[str, Any]:
    (row,) = person.reads("trigger", "list", trigger)
    books: dict[str, Any] = row
    return books


def _printed(person: Person, function: str, text: str) -> int:
    """Return how often a function has said that it took `text`."""
    said = person.types("function", "logs", function, "--lines", "2000")
    return said.splitlines().count(f"first took {text}")


@contextmanager
def _brokers_of_the_gateway(cluster: Cluster, brokers: str) -> Iterator[None]:
    """Let the gateway have these brokers for the length of the block."""
    words = ("set", "env", "deployment/tidegate-gateway")
    cluster.kubectl(*words, f"KAFKA_BROKERS={brokers}", namespace=HOME)
    try:
        cluster.gateway_rolled_out()
        yield
    finally:
        cluster.kubectl(*words, "KAFKA_BROKERS-", namespace=HOME)
        cluster.gateway_rolled_out()


@contextmanager
def _allowed(cluster: Cluster, role: str, who: str) -> Iterator[None]:
    """Bind a role of Tidegate's namespace for the length of the block."""
    words = ("rolebinding", "e2e")
    cluster.kubectl("create", *words, f"--role={role}", who, namespace=HOME)
    try:
        yield
    finally:
        cluster.kubectl("delete", *words, namespace=HOME)

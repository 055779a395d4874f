"""docker-compose.yml starts what the documentation says, bounded and on this machine only."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from gateway.settings import LifecycleSettings
from runtimes.catalog import find
from tests.fakes.kafka_broker import KAFKA_VERSION
from tests.unit.compose.files import (
    COMPOSE,
    MOUNTED,
    ROOT,
    SERVICES,
    dockerfile,
    environment,
    hosts,
    triggers,
)
from tests.unit.docs.pages import page
from tidegate.cli.app import app
from tidegate.cli.up.nats_server import find_binary

EVERY = pytest.mark.parametrize("name", SERVICES)
ONCE = {"kafka-topics"}
"""Services that do one thing and end."""


@EVERY
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    if "build" in SERVICES[name]:
        assert SERVICES[name]["image"] == "tidegate:dev"
    else:
        assert re.fullmatch(r"v?\d+\.\d+\.\d+(-alpine)?", tag)


@EVERY
def test_a_service_that_stays_tells_its_health(name: str) -> None:
    if name in ONCE:
        return
    by_image = "build" in SERVICES[name] and any(one.name == "HEALTHCHECK" for one in dockerfile())
    assert by_image or SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@EVERY
def test_ports_are_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_port_is_taken_twice() -> None:
    ports = [port.split(":")[1] for one in SERVICES.values() for port in one.get("ports", ())]
    assert len(ports) == len(set(ports))


@EVERY
def test_memory_processors_and_logs_are_bounded(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)
    assert {"max-size", "max-file"} == set(SERVICES[name]["logging"]["options"])


@EVERY
def test_what_is_mounted_exists_and_is_read_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, _, target = mount.partition(":")
        if source.startswith("."):
            assert target.endswith(":ro")
            assert (ROOT / source).exists()
        else:
            assert source in COMPOSE["volumes"]


def test_every_volume_and_every_file_is_mounted_somewhere() -> None:
    sources = {
        mount.partition(":")[0] for one in SERVICES.values() for mount in one.get("volumes", ())
    }
    assert set(COMPOSE["volumes"]) <= sources
    folders = {(ROOT / source).resolve() for source in sources}
    files = [file for file in MOUNTED.rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if not folders & {file, *file.parents}] == []


@EVERY
def test_what_a_service_needs_is_waited_for(name: str) -> None:
    for other, rule in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert rule == {"condition": wanted}
        assert other in SERVICES


def test_nothing_of_ours_has_more_rights_than_it_needs() -> None:
    gateway = SERVICES["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in gateway, "the image says who it is"
    assert gateway["init"] is True


def test_what_runs_is_built_of_the_tree_and_asked_of_no_registry() -> None:
    assert [one["pull_policy"] for one in SERVICES.values() if "build" in one] == ["build"]


def test_a_stop_leaves_time_to_drain() -> None:
    grace = float(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > LifecycleSettings().drain_timeout


def test_the_command_line_takes_what_the_gateway_is_told() -> None:
    verb, *arguments = SERVICES["gateway"]["command"]
    group = typer.main.get_command(app)
    with group.make_context("tidegate", [verb]) as context:  # type: ignore[attr-defined]  # a group
        _, command, _ = group.resolve_command(context, [verb])  # type: ignore[attr-defined]
        told = command.make_context(verb, list(arguments)).params
    assert told["host"] == "0.0.0.0"
    assert told["nats"] == "nats://nats:4222"


def test_the_gateway_knows_every_variable_that_it_is_given() -> None:
    documented = page("docs/settings.md").codes()
    assert set(environment("gateway")) <= set(documented)


def test_there_are_no_secrets() -> None:
    sounds_secret = re.compile("KEY|PASSWORD|SECRET|TOKEN")
    for name in SERVICES:
        for variable, value in environment(name).items():
            if sounds_secret.search(variable) and variable.startswith("AWS_"):
                assert value == "emulator"
            elif sounds_secret.search(variable):
                assert variable == "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"


def test_addresses_name_services() -> None:
    files = "".join(file.read_text() for file in MOUNTED.rglob("*.yml"))
    named = hosts(files) | hosts(json.dumps(SERVICES["gateway"]["command"]))
    named |= {
        host for name in SERVICES for text in environment(name).values() for host in hosts(text)
    }
    assert named - {"orders"} <= set(SERVICES)
    assert {"gateway", "kafka", "kinesis", "nats", "prometheus"} <= named


def test_containers_reach_kafka_by_a_listener_that_sends_them_back_there() -> None:
    kafka = environment("kafka")
    inside = environment("gateway")["KAFKA_BROKERS"]
    assert f"INSIDE://{inside}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INSIDE://:{inside.partition(':')[2]}" in kafka["KAFKA_LISTENERS"].split(",")
    assert f"--bootstrap-server={inside}" in SERVICES["kafka-topics"]["command"]
    assert (
        f"HOST://{SERVICES['kafka']['ports'][0].rpartition(':')[0]}"
        in (kafka["KAFKA_ADVERTISED_LISTENERS"])
    )


def test_kafka_and_kinesis_are_the_versions_that_tests_run_against() -> None:
    package = json.loads((ROOT / "tests/fakes/kinesis/package.json").read_text())
    assert SERVICES["kafka"]["image"].endswith(f":{KAFKA_VERSION}")
    assert SERVICES["kafka-topics"]["image"] == SERVICES["kafka"]["image"]
    emulator = package["dependencies"]["kinesis-local"]
    assert SERVICES["kinesis"]["image"].endswith(f":{emulator}")


def test_the_nats_server_takes_its_configuration() -> None:
    binary = find_binary()
    assert binary is not None
    subprocess.run([binary, "-t", "-c", MOUNTED / "nats.conf"], check=True, timeout=30)


def test_the_gateway_has_the_examples_that_its_image_can_run() -> None:
    mounted = [str(volume).partition(":")[0] for volume in SERVICES["gateway"]["volumes"]]
    folders = {ROOT / path for path in mounted if path.startswith("./examples/")}
    runnable = {
        file.parent for file in (ROOT / "examples").rglob("*.yaml") if not programs_of(file)
    }
    assert folders == runnable - {ROOT / "examples" / "languages"}


def programs_of(file: Path) -> set[str]:
    """What the functions of a file need beside Python."""
    functions = [one for one in yaml.safe_load_all(file.read_text()) if one["kind"] == "Function"]
    return {
        program for one in functions for program in find(one["spec"]["runtime"]).runtime.programs
    }


def test_the_topics_of_the_examples_are_made() -> None:
    made = {word.removeprefix("--topic=") for word in SERVICES["kafka-topics"]["command"]}
    topics = {spec["topic"] for spec in triggers("KafkaTrigger")}
    assert topics
    assert topics <= made


def test_the_streams_of_the_examples_are_made() -> None:
    streams = environment("kinesis")["INITIALIZE_STREAMS"].split(",")
    made = {tuple(stream.split(":")[::2]) for stream in streams}
    assert {(spec["stream"], spec["aws-region"]) for spec in triggers("KinesisTrigger")} <= made


@pytest.mark.parametrize(
    ("kind", "field"),
    [("KafkaTrigger", "brokers"), ("NATSTrigger", "url"), ("KinesisTrigger", "endpoint")],
)
def test_no_example_says_where_its_broker_is(kind: str, field: str) -> None:
    assert [spec for spec in triggers(kind) if field in spec] == []

"""The image has the gateway and what it needs, and runs it as nobody in particular."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from itertools import chain

import pytest

from gateway.settings import AdminSettings, HttpSettings
from tests.unit.compose.files import ROOT, SERVICES, Instruction, dockerfile, pins

INSTRUCTIONS = dockerfile()
FINAL = max(one.stage for one in INSTRUCTIONS)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def found(name: str, stage: int = FINAL) -> list[Instruction]:
    """Return the instructions of one kind in a stage."""
    return [one for one in INSTRUCTIONS if (one.stage, one.name) == (stage, name)]


def only(name: str, stage: int = FINAL) -> Instruction:
    """Return the one instruction of a kind in a stage."""
    (one,) = found(name, stage)
    return one


def copied() -> list[str]:
    """Return what is copied from the tree, in every stage."""
    copies = [one for one in INSTRUCTIONS if one.name == "COPY" and "--from=" not in one.text]
    return [source.rstrip("/") for one in copies for source in one.words[:-1]]


def test_every_stage_starts_from_one_pinned_image() -> None:
    name, _, image = only("ARG", -1).text.partition("=")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", image)
    version = re.findall(r"3\.\d+", image)[0]
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
    starts = [one.words[0] for one in INSTRUCTIONS if one.name == "FROM"]
    assert starts == [f"${{{name}}}"] * 2


def test_it_runs_as_a_user_with_a_number_who_owns_the_state_folder() -> None:
    user, group = only("USER").text.split(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [one.name for one in INSTRUCTIONS if one.stage == FINAL]
    assert {"RUN", "COPY", "ADD"}.isdisjoint(names[names.index("USER") :])
    (state,) = re.findall(r"TIDEGATE_STATE=(\S+)", only("ENV").text)
    assert re.search(rf"install .*--owner {user} --group {group} .*{state}$", only("RUN").text)
    assert f"gateway:{state}" in SERVICES["gateway"]["volumes"]


def test_manifests_are_mounted_where_it_looks() -> None:
    folder = only("WORKDIR").text
    assert f"./examples/hello:{folder}/hello:ro" in SERVICES["gateway"]["volumes"]


@pytest.mark.parametrize("name", ["ENTRYPOINT", "CMD", "HEALTHCHECK"])
def test_no_shell_stands_between_docker_and_the_process(name: str) -> None:
    assert only(name).exec_form()


def test_the_entrypoint_is_our_command() -> None:
    assert only("ENTRYPOINT").exec_form() == list(PROJECT["project"]["scripts"])
    assert only("STOPSIGNAL").text == "SIGTERM"


def test_health_is_asked_where_the_gateway_tells_it() -> None:
    program, *_, script = only("HEALTHCHECK").exec_form()
    assert program == "python"
    assert f"'127.0.0.1', {AdminSettings().port}" in script
    compile(script, "HEALTHCHECK", "exec")
    assert only("EXPOSE").words == [str(HttpSettings().port), str(AdminSettings().port)]


def test_the_last_stage_takes_the_environment_and_nothing_else() -> None:
    assert only("COPY").text == "--from=build /opt/tidegate /opt/tidegate"
    assert "pip uninstall" in only("RUN").text
    text = " ".join(one.text for one in INSTRUCTIONS)
    assert not re.search(r"\b(apt|apt-get|curl|wget|gcc)\b", text)


def test_what_is_installed_is_locked_and_needs_no_compiler() -> None:
    commands = [part for one in found("RUN", 0) for part in one.text.split("&&")]
    takes = [part for part in commands if re.search(r"\bpip .*(install|wheel) ", part)]
    assert len(takes) == 4
    for take in takes:
        locked = "--require-hashes --only-binary :all:" in take
        assert locked or "--no-deps --no-index" in take


def test_the_image_runs_what_everyone_else_runs() -> None:
    assert pins("image.txt")
    assert pins("image.txt") <= pins("up.txt"), "run: make lock"


def test_the_image_is_built_with_what_is_locked() -> None:
    group = PROJECT["dependency-groups"]["image"]
    wanted = {re.split("[<>=]", requirement)[0] for requirement in group}
    assert {pin.partition("==")[0] for pin in pins("build.txt")} >= wanted
    assert set(PROJECT["build-system"]["requires"]) <= set(group)


def test_everything_that_is_copied_is_there_and_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert kept == set(copied())
    assert [name for name in copied() if not (ROOT / name).exists()] == []


def test_the_wheel_is_made_of_what_is_copied() -> None:
    project = PROJECT["project"]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = chain(packages, project["license-files"], [project["readme"], "pyproject.toml"])
    assert set(needed) <= set(copied())


@pytest.mark.parametrize("name", ["gateway/__pycache__", "gateway/core/event.pyc", ".venv", ".git"])
def test_what_is_private_or_made_by_python_is_not_sent(name: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    left_out = [line.removeprefix("**/") for line in lines if line[:1] not in "#!"]
    assert any(fnmatch.fnmatch(name.rpartition("/")[2], pattern) for pattern in left_out)
    assert f"!{name}" not in lines

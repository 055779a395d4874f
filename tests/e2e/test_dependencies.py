"""Dependencies in pods: installed from private registries, with passwords of Secrets."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from tests.e2e.cluster import Cluster, Object
from tests.e2e.dependencies import LANGUAGES, Language
from tests.e2e.front import says
from tests.e2e.objects import function
from tests.e2e.registries import HOST, URL, login, registries
from tests.fakes import packages
from tests.fakes.package_proxy import (
    COMPOSER,
    GEMS,
    PASSWORD,
    WORDS,
    Pages,
    composer_packages,
    gems,
)

WRONG = "opensaysme"

CODE = """\
import greeting, os

def main(event, context):
    told = [name for name in os.environ if name.startswith(("REGISTRY", "PIP"))]
    return f"{greeting.WORD} {told} {os.path.exists('/var/run/secrets/kubeless.io')}"
"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def private(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with registries, and Secrets to log in to them: `right`, and `wrong`."""
    authority = trustme.CA()
    cluster.apply(login("right", PASSWORD, authority), login("wrong", WRONG, authority))
    with registries(cluster, authority, _hosts(tmp_path_factory.mktemp("gem"))):
        yield cluster


def _hosts(folder: Path) -> dict[str, Pages]:
    """Return what can be shown here; the tests of a language say what they lack."""
    own = {
        **packages.python_packages("/simple"),
        **packages.node_packages(URL, "/npm"),
        **packages.go_packages("/go"),
    }
    if shutil.which("mvn"):
        own |= packages.maven_packages("/m2")
    hosts = {HOST: own, COMPOSER: composer_packages(list(WORDS))}
    if shutil.which("gem"):
        hosts[GEMS] = asyncio.run(gems(folder, list(WORDS)))
    return hosts


def _name(language: Language) -> str:
    return language.name


@pytest.fixture(params=LANGUAGES, ids=_name)
def language(request: pytest.FixtureRequest) -> Language:
    """A language for whose packages this machine has what makes them."""
    one: Language = request.param
    needed = {"java": "mvn", "ruby": "gem"}.get(one.name, "sh")
    if shutil.which(needed) is None:
        pytest.skip(f"packages for {one.name}: there is no {needed} on this machine")
    return one


def test_a_function_says_what_its_dependency_says(private: Cluster, language: Language) -> None:
    name = f"{language.name}-needs"
    says(private, language.function(private.images, name, "greeting", "right"), language.word)
    installer = _installer(private, name)
    assert installer["securityContext"]["readOnlyRootFilesystem"]
    assert PASSWORD not in _log(private, name, installer)
    private.kubectl("delete", f"function/{name}", f"httptrigger/{name}")


@pytest.mark.parametrize(
    "language", [one for one in LANGUAGES if one.lock], ids=_name, indirect=True
)
def test_a_lock_file_is_honoured(private: Cluster, language: Language) -> None:
    name = f"{language.name}-locked"
    says(private, language.locked(private.images, name, "right"), packages.WORD)
    private.kubectl("delete", f"function/{name}", f"httptrigger/{name}")


def test_a_wrong_password_is_told_and_not_shown(private: Cluster, language: Language) -> None:
    name = f"{language.name}-refused"
    told = _failure(private, language.function(private.images, name, "greeting", "wrong"))
    assert language.refused in told
    assert WRONG not in told + _log(private, name, _installer(private, name))
    assert WRONG not in private.kubectl("get", f"function/{name}", "--output", "yaml")
    private.kubectl("delete", "function", name)


def test_a_package_that_is_not_there_is_named(private: Cluster, language: Language) -> None:
    name = f"{language.name}-lacks"
    told = _failure(private, language.function(private.images, name, "missing", "right"))
    assert "missing" in told
    assert PASSWORD not in told + _log(private, name, _installer(private, name))
    private.kubectl("delete", "function", name)


def test_what_the_installer_alone_is_told_the_function_does_not_see(private: Cluster) -> None:
    python = LANGUAGES[0]
    one = python.function(private.images, "python-apart", "greeting", "right")
    spec = one["spec"]["deployment"]["spec"]["template"]["spec"]
    # Without a name it is meant for each step.
    spec["initContainers"] = [{**spec["initContainers"][0], **spec["containers"].pop()}]
    del spec["initContainers"][0]["name"]
    one["spec"]["function"] = CODE
    says(private, one, f"{packages.WORD} [] False")
    private.kubectl("delete", "function/python-apart", "httptrigger/python-apart")


@pytest.fixture
def with_secret(private: Cluster) -> Iterator[str]:
    """A runtime of the configuration, to whose installer a Secret is shown, as in Kubeless."""
    folder, image = "/var/run/secrets/kubeless.io/right", private.images.interpreter
    install = {
        "phase": "installation",
        "image": image,
        "command": "pip install --prefix=$KUBELESS_INSTALL_VOLUME -r $KUBELESS_DEPS_FILE",
        "env": {"PIP_CONFIG_FILE": f"{folder}/pip.conf", "PIP_CERT": f"{folder}/ca.crt"},
        "secrets": [{"name": "right"}],
    }
    place = "/kubeless/lib/python3.11/site-packages:/kubeless"
    run = {"phase": "runtime", "image": image, "env": {"PYTHONPATH": place}}
    versions = [{"name": "private3", "version": "3.11", "images": [install, run]}]
    files = {"depName": "requirements.txt", "fileNameSuffix": ".py"}
    private.configure(
        "runtime-images", yaml.safe_dump([{"ID": "private", "versions": versions, **files}])
    )
    yield "private3.11"
    private.configure("runtime-images", None)


def test_an_installer_logs_in_with_a_secret_of_the_configuration(
    private: Cluster, with_secret: str
) -> None:
    spec = {"runtime": with_secret, "handler": "hello.main", "deps": "greeting==1.0\n"}
    one = function(private.images, "python-configured", CODE, **spec)
    says(private, one, f"{packages.WORD} [] False")
    private.kubectl("delete", "function/python-configured", "httptrigger/python-configured")


def _failure(cluster: Cluster, one: Object) -> str:
    name = one["metadata"]["name"]
    cluster.apply(one)
    cluster.wait(f"function/{name}", "BuildFailed")
    return str(cluster.condition("function", name, "BuildFailed")["message"])


def _installer(cluster: Cluster, name: str) -> Object:
    """Return the container that installs, as the cluster runs it."""
    spec = cluster.get("deployment", name)["spec"]["template"]["spec"]
    found = (one for one in spec["initContainers"] if one["name"] in ("install", "compile"))
    installer: Object = next(found)
    return installer


def _log(cluster: Cluster, name: str, container: Object) -> str:
    words = ("logs", "--selector", f"function={name}", "--container", container["name"])
    return cluster.kubectl(*words, "--tail", "-1")

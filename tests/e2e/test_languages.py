"""The examples of all languages in pods: the images of our Dockerfiles, and what they compile."""

from __future__ import annotations

import json

import pytest
import yaml

from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime
from tests.e2e.cluster import HOME, ROOT, Cluster, Images, Object, eventually, post

LANGUAGES = ("go", "java", "nodejs", "php", "ruby", "shell")

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_function_of_each_language_answers(cluster: Cluster, language: str) -> None:
    cluster.apply(*_example(cluster.images, language))
    cluster.wait(f"function/{language}", "Ready")
    body = json.dumps({"name": "Ada"}).encode()
    with cluster.front(HOME) as front:
        url = f"{front}/{language}"
        eventually(
            lambda: post(url, body, "application/json") == (200, "Hello, Ada!"),
            f"{language} does not greet Ada",
        )
    cluster.kubectl("delete", f"function/{language}", f"httptrigger/{language}")


@pytest.mark.parametrize("language", ["go", "java"])
def test_code_that_does_not_compile_tells_why(cluster: Cluster, language: str) -> None:
    one, _ = _example(cluster.images, language)
    name = one["metadata"]["name"] = f"{language}-broken"
    one["spec"]["function"] = one["spec"]["function"].replace("event.Data", "event.Missing")
    cluster.apply(one)
    cluster.wait(f"function/{name}", "BuildFailed")
    assert "Missing" in cluster.condition("function", name, "BuildFailed")["message"]
    cluster.kubectl("delete", "function", name)


def _example(images: Images, language: str) -> list[Object]:
    """Return an example, for a version of its language that the cluster has the images of."""
    text = (ROOT / "examples" / "languages" / f"{language}.yaml").read_text()
    function, route = yaml.safe_load_all(text)
    asked = RUNTIMES[function["spec"]["runtime"]]
    for runtime in (asked, *RUNTIMES.values()):
        if runtime.language == asked.language and _images(runtime) <= {*images.languages.split()}:
            function["spec"]["runtime"] = runtime.name
            return [function, route]
    pytest.skip(f"{asked.language} in the cluster: TIDEGATE_E2E_LANGUAGES names no image of it")


def _images(runtime: Runtime) -> set[str]:
    """Return what a function without dependencies runs in, and is compiled in."""
    names = {runtime.image} | ({runtime.compile.image} if runtime.compile else set())
    return {name.rpartition("/")[2] for name in names}

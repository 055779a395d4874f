"""What is wrong with a function is said at once, in sentences that tell what to change."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from controllers.desired.blueprint import CONFIG_MAP_LIMIT
from controllers.desired.code import FunctionInvalid
from controllers.desired.config import ControllerConfig
from controllers.desired.images import Phase, PodRuntime
from tests.support.functions import SHAPES, container, desired, pod

BARE = ControllerConfig(runtimes={"sh1": PodRuntime("sh1", Phase("example.com/sh"))})
SPEC = "spec.deployment.spec.template.spec"


def mistakes(config: ControllerConfig | None = None, **spec: Any) -> tuple[str, ...]:
    """Return what is wrong with shop/hello."""
    with pytest.raises(FunctionInvalid) as caught:
        desired(config, **spec)
    return caught.value.sentences


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            {"checksum": f"sha256:{'0' * 64}"},
            "spec.checksum is not that of the code, whose sha256 is 982d9e3eb996f559e633f4d194def3"
            "761d909f5a3b647d1a851fead67c32c9d1; check where the code comes from, then correct it",
        ),
        (
            {"function": "YQ=", "function-content-type": "base64"},
            "spec.function is not base64 (Incorrect padding); encode the file, or set "
            "spec.function-content-type to text",
        ),
        (
            {"function": "file:///etc/passwd", "function-content-type": "url"},
            "spec.function is not an URL; write one that begins with https:// or http://, or "
            "correct spec.function-content-type",
        ),
        (
            {"handler": "handler.main", "function-content-type": "base64+zip", "function": "YQ=="},
            "spec.handler names the file handler, which is taken; give the module another name",
        ),
        (
            {"runtime": "python3"},
            "spec.runtime: there is no runtime 'python3': did you mean python3.13 or python3.12 "
            "or python3.11?",
        ),
        (
            {"deployment": {"spec": {"template": []}}},
            "spec.deployment.spec.template is a list; write a mapping",
        ),
        ({"deployment": pod(containers={})}, f"{SPEC}.containers is a mapping; write a list"),
        (
            {"deployment": pod(volumes=[{"emptyDir": {}}])},
            f"{SPEC}.volumes[0] has no name; write one, by which it is told apart",
        ),
        (
            {"deployment": container(securityContext=5)},
            f"{SPEC}.containers[0].securityContext is 5; write a mapping",
        ),
        ({"deployment": pod(containers=[5])}, f"{SPEC}.containers[0] is 5; write a mapping"),
        (
            {"service": {"ports": [{"port": "http"}]}},
            "spec.service.ports[0].port is no number; write one, such as 8080",
        ),
        (
            {"service": {"ports": [{"targetPort": 8080}]}},
            "spec.service.ports[0] has no port; write one, by which it is told apart",
        ),
    ],
)
def test_a_mistake_names_object_field_and_fix(spec: dict[str, Any], sentence: str) -> None:
    found = mistakes(**spec)
    assert [each.removeprefix("Function shop/hello: ") for each in found] == [sentence]


@pytest.mark.parametrize(
    ("name", "fix"), [("shell1", "did you mean sh1?"), ("cobol60", "set runtime to sh1")]
)
def test_an_unknown_runtime_names_those_of_the_configuration(name: str, fix: str) -> None:
    (found,) = mistakes(BARE, runtime=name)
    assert found.endswith(f"spec.runtime: there is no runtime '{name}': {fix}")


def test_every_mistake_is_said_at_once() -> None:
    found = mistakes(
        runtime="cobol60",
        checksum=f"sha256:{'0' * 64}",
        deployment=pod(containers={}),
        horizontalPodAutoscaler={"spec": {"maxReplicas": -1}},
    )
    assert len(found) == 4


def test_dependencies_need_something_that_reads_them() -> None:
    (found,) = mistakes(BARE, runtime="sh1", deps="a")
    assert "spec.deps is set, but runtime sh1 has no dependency file" in found
    image = {"deployment": container(image="example.com/a"), "runtime": None}
    (found,) = mistakes(deps="a", **image)
    assert "spec.deps is set, but without spec.runtime there is no dependency file" in found


def test_code_that_fits_into_a_config_map_is_taken_to_the_last_byte() -> None:
    room = CONFIG_MAP_LIMIT - len("hello.main")
    text = "é" * (room // 2)  # counted as bytes, as the API server does
    desired(function=text)
    (found,) = mistakes(function=text + "é")
    assert "have 1048578 bytes, more than the 1048576 of a ConfigMap" in found
    assert "set spec.function-content-type to url" in found


def test_code_and_secrets_stay_out_of_the_sentences() -> None:
    secret = base64.b64encode(b"hunter2" * 9).decode()
    for content_type in ("url", "text", "base64+zip"):
        spec = {"function": secret, "function-content-type": content_type}
        found = "".join(mistakes(checksum=f"sha256:{'0' * 64}", runtime="cobol60", **spec))
        assert secret[:12] not in found
        assert "hunter2" not in found


@pytest.mark.parametrize("shape", SHAPES)
def test_what_people_write_has_no_mistakes(shape: str) -> None:
    assert desired(**SHAPES[shape]).objects

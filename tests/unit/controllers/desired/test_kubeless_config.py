"""The kubeless-config ConfigMap, as administrators have it from Kubeless and as they write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controllers.desired.code import FunctionInvalid
from controllers.desired.config import PROVISION_IMAGE, ControllerConfig, read_config
from controllers.desired.images import CATALOG, Phase
from tests.support.functions import container, desired, env, pod, template

RUBY: dict[str, Any] = {
    "ID": "ruby",
    "depName": "Gemfile",
    "fileNameSuffix": ".rb",
    "livenessProbeInfo": {"exec": {"command": ["alive"]}, "periodSeconds": 5},
    "versions": [
        {
            "name": "ruby26",
            "version": "2.6",
            "imagePullSecrets": [{"imageSecret": "registry"}],
            "images": [
                {
                    "phase": "installation",
                    "image": "bitnami/ruby:2.6",
                    "command": "bundle install",
                    "secrets": [{"name": "gems"}],
                },
                {"phase": "runtime", "image": "kubeless/ruby", "env": {"GEM_HOME": "/kubeless"}},
            ],
        }
    ],
}
FROM_KUBELESS = {
    "runtime-images": json.dumps([RUBY], indent="\t"),
    "deployment": "{}",
    "enable-build-step": "false",
    "function-registry-tls-verify": "true",
    "provision-image": "kubeless/unzip@sha256:e867",
    "provision-image-secret": "p",
    "builder-image": "kubeless/function-image-builder:latest",
    "builder-image-secret": "",
    "ingress-enabled": "false",
    "service-type": "ClusterIP",
}


def test_the_one_of_kubeless_is_read_without_a_word() -> None:
    reading = read_config(FROM_KUBELESS)
    assert (reading.mistakes, reading.warnings) == ((), ())
    ruby = reading.config.runtimes["ruby2.6"]
    assert (ruby.file_suffix, ruby.deps_file, ruby.pull_secrets) == (
        ".rb",
        "Gemfile",
        ("registry",),
    )
    assert ruby.install == Phase("bitnami/ruby:2.6", "bundle install", {}, ("gems",))
    assert ruby.run == Phase("kubeless/ruby", env={"GEM_HOME": "/kubeless"})
    assert reading.config.provision_image == "kubeless/unzip@sha256:e867"
    assert reading.config.pull_secrets == ("p",)


def test_without_any_key_the_catalog_stands() -> None:
    assert read_config({}).config == ControllerConfig()
    assert read_config({"runtime-images": "[]"}).config.runtimes == CATALOG
    assert ControllerConfig().provision_image == PROVISION_IMAGE


def test_a_configured_runtime_stands_before_one_of_the_catalog_and_its_successor() -> None:
    python = {"id": "python", "Versions": [image("3.8"), image("3.11")]}
    config = read_config({"runtime-images": json.dumps([python])}).config
    for version in ("3.8", "3.11"):
        result = desired(config, runtime=f"python{version}")
        assert result.warnings == ()
        assert template(result)["spec"]["containers"][0]["image"] == f"their/python:{version}"
    assert "python3.12" in config.runtimes


def image(version: str) -> dict[str, Any]:
    run = {"Phase": "runtime", "IMAGE": f"their/python:{version}"}
    return {"VERSION": version, "Images": [run]}


@pytest.mark.regression("Kubeless: a runtime with a dash in its name never finds its own probe")
def test_a_runtime_brings_its_probe() -> None:
    named = RUBY | {"ID": "ruby_with-dash"}
    config = read_config({"runtime-images": json.dumps([named])}).config
    found = template(desired(config, runtime="ruby_with-dash2.6"))["spec"]["containers"][0]
    assert found["livenessProbe"] == RUBY["livenessProbeInfo"]
    assert found["readinessProbe"]["exec"] == {"command": ["alive"]}
    assert env(found)["GEM_HOME"] == "/kubeless"


def broken(**change: Any) -> str:
    return json.dumps([RUBY | change])


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("runtime-images", "[{", "runtime-images, line "),
        ("runtime-images", "a: 1", "runtime-images is a mapping; write a list"),
        ("runtime-images", "[a]", 'runtime-images[0] is "a"; write a mapping'),
        (
            "runtime-images",
            "- {ID: python, versions: [{version: 3.10, images: [{phase: runtime, image: a}]}]}",
            "runtime-images[0].versions[0].version is 3.1; write a string in quotes, such",
        ),
        (
            "runtime-images",
            broken(versions=[{"version": "2.6"}]),
            "runtime-images[0].versions[0].images has no image for the phase runtime; add one",
        ),
        (
            "runtime-images",
            broken(versions=[{"version": "2", "images": [{"phase": "run", "image": "a"}]}]),
            'runtime-images[0].versions[0].images[0].phase is "run"; write installation, '
            "compilation or runtime",
        ),
        (
            "runtime-images",
            broken(versions=[{"version": "2", "images": [{"phase": "runtime"}]}]),
            "runtime-images[0].versions[0].images[0].image is missing; name the image of this",
        ),
        (
            "runtime-images",
            "- {id: a, versions: [{version: '1', images: [{phase: runtime, image: a, "
            "env: {B: 1}}]}]}",
            "runtime-images[0].versions[0].images[0].env.B is 1; write a string in quotes",
        ),
        (
            "runtime-images",
            broken(livenessProbeInfo="exec"),
            'runtime-images[0].livenessProbeInfo is "exec"; write a mapping',
        ),
        ("runtime-images", broken(ID=""), 'runtime-images[0].ID is ""; write a string in quotes'),
        ("deployment", "[]", "deployment is a list; write a Deployment, or {}"),
        ("deployment", "a: 1\na: 2", "deployment.a "),
        ("deployment", "a: 1\n---\nb: 2", "deployment holds several documents; write one"),
    ],
)
def test_a_wrong_key_is_a_sentence_and_the_last_good_value_goes_on(
    key: str, text: str, sentence: str
) -> None:
    good = {"runtime-images": json.dumps([RUBY]), "deployment": json.dumps(pod(nodeSelector={}))}
    before = read_config(good).config
    reading = read_config(good | {key: text, "provision-image": "new"}, before)
    assert any(
        each.startswith(f"ConfigMap kubeless/kubeless-config: {sentence}")
        for each in reading.mistakes
    ), reading.mistakes
    assert reading.config.runtimes == before.runtimes
    assert reading.config.deployment == before.deployment
    assert reading.config.provision_image == "new"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enable-build-step", "true"),
        ("builder-image", "example.com/builder"),
        ("ingress-enabled", "true"),
        ("service-type", "NodePort"),
        ("function-registry-tls-verify", "false"),
    ],
)
def test_a_key_that_nothing_reads_is_named(key: str, value: str) -> None:
    (warning,) = read_config({key: value}).warnings
    assert warning.startswith(f"ConfigMap kubeless/kubeless-config: {key} has no effect; ")


def test_the_namespace_of_functions_is_read() -> None:
    assert read_config({"functions-namespace": " shop\n"}).config.functions_namespace == "shop"


def test_a_template_for_all_functions_is_read_from_yaml_and_from_json() -> None:
    wanted = container(imagePullPolicy="Always")
    for text in (
        json.dumps(wanted),
        "spec: {template: {spec: {containers: [{name: '', imagePullPolicy: Always}]}}}",
    ):
        config = read_config({"deployment": text}).config
        found = template(desired(config))["spec"]["containers"][0]
        assert found["imagePullPolicy"] == "Always"


def test_a_mistake_in_the_template_for_all_says_where_it_is() -> None:
    config = read_config({"deployment": json.dumps({"spec": {"template": []}})}).config
    with pytest.raises(FunctionInvalid) as caught:
        desired(config)
    assert "kubeless-config: deployment.spec.template is a list" in str(caught.value)

"""What `tidegate install` renders is what kustomize renders."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.objects import MANIFESTS, installation, named, of_kind
from tidegate import __version__
from tidegate.cli.cluster.kustomize import KustomizeError, in_namespace, rendered
from tidegate.cli.cluster.options import Overlay

Object = dict[str, Any]

KUSTOMIZE = next(
    (
        [*words]
        for words in (("kustomize", "build"), ("kubectl", "kustomize"))
        if shutil.which(words[0])
    ),
    [],
)
needs_kustomize = pytest.mark.skipif(
    not KUSTOMIZE, reason="kustomize: neither it nor kubectl is installed"
)
EVERY = pytest.mark.parametrize("overlay", Overlay)
PATCH = "patches: [{target: {kind: ConfigMap}, patch: '[{op: %s, path: %s, value: 1}]'}]"


def built(folder: Path) -> list[Object]:
    """Return what kustomize itself makes of a folder."""
    done = subprocess.run([*KUSTOMIZE, str(folder)], capture_output=True, timeout=60, check=True)
    return sorted(yaml.safe_load_all(done.stdout), key=identity)


def identity(obj: Object) -> tuple[str, str]:
    """What tells the objects of one installation apart."""
    return obj["kind"], obj["metadata"]["name"]


def folder_with(folder: Path, kustomization: str) -> Path:
    """Write a kustomization of one ConfigMap."""
    (folder / "one.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}")
    text = f"resources: [one.yaml]\n{kustomization}"
    (folder / "kustomization.yaml").write_text(text)
    return folder


@needs_kustomize
@EVERY
def test_an_overlay_is_rendered_as_kustomize_does(overlay: Overlay) -> None:
    ours = sorted(installation(overlay), key=identity)
    assert ours == built(MANIFESTS / "overlays" / overlay.value)


@needs_kustomize
@EVERY
def test_it_moves_to_another_namespace_as_kustomize_moves_it(
    overlay: Overlay, tmp_path: Path
) -> None:
    target = os.path.relpath(MANIFESTS / "overlays" / overlay.value, tmp_path.resolve())
    text = f"namespace: elsewhere\nresources: [{target}]\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    moved = in_namespace(list(installation(overlay)), "elsewhere")
    assert sorted(moved, key=identity) == built(tmp_path.resolve())


@needs_kustomize
def test_a_component_adds_the_service_monitor_as_kustomize_does(tmp_path: Path) -> None:
    def below(name: str) -> str:
        return os.path.relpath(MANIFESTS / name, tmp_path.resolve())

    text = f"resources: [{below('overlays/dev')}]\ncomponents: "
    text += f"[{below('components/service-monitor')}]\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    ours = rendered(tmp_path.resolve())
    assert sorted(ours, key=identity) == built(tmp_path.resolve())
    assert ours[-1]["kind"] == "ServiceMonitor"


@EVERY
def test_what_others_need_comes_first(overlay: Overlay) -> None:
    kinds = [one["kind"] for one in installation(overlay)]
    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds.index("ServiceAccount") < kinds.index("Role") < kinds.index("RoleBinding")
    assert set(kinds[-2:]) == {"Deployment"}


def test_image_and_tag_are_said_once() -> None:
    file = MANIFESTS / "base" / "kustomization.yaml"
    (image,) = yaml.safe_load(file.read_text())["images"]
    assert image["newTag"] == __version__
    for one in of_kind(installation(Overlay.HA), "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"{image['newName']}:{image['newTag']}"
    texts = [path.read_text() for path in MANIFESTS.glob("base/*.yaml") if path != file]
    assert [text for text in texts if image["newTag"] in text] == []


def test_replicas_are_those_of_the_overlay() -> None:
    found = named(installation(Overlay.HA), "Deployment", "tidegate-gateway")
    assert found["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    "text",
    ["namePrefix: a-", "patches: [{path: other.yaml, patch: '{}'}]", PATCH % ("test", "/kind")],
)
def test_what_only_kustomize_knows_is_refused_and_not_left_out(text: str, tmp_path: Path) -> None:
    with pytest.raises(KustomizeError, match=r"rendering .*kustomization\.yaml: "):
        rendered(folder_with(tmp_path, text))


@pytest.mark.parametrize(
    ("op", "path", "found"),
    [("add", "/data", ("data", 1)), ("replace", "/kind", ("kind", 1))],
)
def test_a_patch_changes_what_its_target_names(
    op: str, path: str, found: tuple[str, int], tmp_path: Path
) -> None:
    (one,) = rendered(folder_with(tmp_path, PATCH % (op, path)))
    assert found in one.items()

"""The Helm chart installs what the overlays install."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import yaml

from tests.unit.manifests.chart import FOLDER, definitions, files
from tests.unit.manifests.helm import by_hand, by_helm
from tests.unit.manifests.objects import MANIFESTS, installation
from tidegate.cli.cluster.kustomize import Object, in_namespace
from tidegate.cli.cluster.options import Overlay

WITH_HA = yaml.safe_load((FOLDER / "values-ha.yaml").read_text())
VARIANTS: dict[str, tuple[Object, list[str]]] = {
    "dev": ({"image": {"name": "tidegate", "tag": "dev"}}, []),
    "ha": (WITH_HA, ["--values", str(FOLDER / "values-ha.yaml")]),
    "namespace-scoped": ({"namespaceScoped": True}, []),
}
EVERY = pytest.mark.parametrize("overlay", Overlay)


def ordered(objects: list[Object]) -> list[Object]:
    """Return `objects` without the namespace, which Helm makes, in an order of their own."""
    kept = (one for one in objects if one["kind"] != "Namespace")
    return sorted(kept, key=lambda one: (one["kind"], one["metadata"]["name"]))


def test_the_chart_is_up_to_date() -> None:
    message = "run: python -m tests.unit.manifests.chart"
    for name, text in files().items():
        assert (FOLDER / name).read_text() == text, message
    written = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yaml")}
    assert written == {*files(), *(f"crds/{name}" for name in definitions())}, message


def test_its_definitions_are_those_of_the_manifests() -> None:
    for name in definitions():
        assert (FOLDER / "crds" / name).resolve() == (MANIFESTS / "crds" / name).resolve()


@EVERY
def test_it_is_what_the_overlay_is_in_any_namespace(overlay: Overlay) -> None:
    wanted = in_namespace(list(installation(overlay)), "elsewhere")
    assert ordered(by_hand(FOLDER, "elsewhere", VARIANTS[overlay][0])) == ordered(wanted)


def test_the_service_monitor_is_the_component() -> None:
    (monitor,) = (
        one
        for one in by_hand(FOLDER, "tidegate", {"serviceMonitor": True})
        if one["kind"] == "ServiceMonitor"
    )
    (file,) = (MANIFESTS / "components/service-monitor").glob("service-monitor.yaml")
    assert monitor == yaml.safe_load(file.read_text())


@pytest.mark.skipif(not shutil.which("helm"), reason="helm: it is not installed")
@EVERY
def test_helm_renders_it_as_we_do(overlay: Overlay) -> None:
    values, arguments = VARIANTS[overlay]
    options = [*arguments, "--kube-version", "1.30.0", *_set(values)]
    assert ordered(by_helm(FOLDER, "elsewhere", *options)) == ordered(
        by_hand(FOLDER, "elsewhere", values)
    )


def _set(values: dict[str, Any]) -> list[str]:
    if "gateway" in values:
        return []
    flat = {
        f"{key}.{name}": one
        for key, value in values.items()
        for name, one in (value.items() if isinstance(value, dict) else [("", value)])
    }
    pairs = (f"{key.rstrip('.')}={str(value).lower()}" for key, value in flat.items())
    return [word for pair in pairs for word in ("--set", pair)]

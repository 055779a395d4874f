"""Tidegate on the cluster that KUBECONFIG names, for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import HOME, Cluster, Images


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Tidegate on a cluster, and a namespace for functions that goes afterwards."""
    images = Images.given()
    if images is None:
        pytest.skip("a whole cluster: TIDEGATE_E2E_IMAGE names no image")
    if shutil.which("kubectl") is None:
        pytest.skip("a whole cluster: kubectl is not installed")
    made = Cluster(images, "tidegate-e2e")
    made.tidegate("install", "--overlay", "dev", "--image", images.tidegate, "--force")
    if images.provision:
        made.configure("provision-image", images.provision)
    for component in ("controller", "gateway"):
        made.wait(f"deployment/tidegate-{component}", "Available", HOME)
    made.kubectl("create", "namespace", made.namespace)
    try:
        # What asks for more than is needed is refused by the cluster itself.
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        made.kubectl("label", "namespace", made.namespace, restricted)
        yield made
    finally:
        made.kubectl("delete", "namespace", made.namespace)

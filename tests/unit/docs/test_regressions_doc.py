"""docs/regressions.md is what the markers of the tests say now, and leaves no peer out."""

from __future__ import annotations

import pytest

from tests.unit.docs.regressions_page import PAGE, regressions, rendered

PEERS = (
    "Argo Events",
    "Dapr",
    "Fission",
    "Knative",
    "Kubeless",
    "Nuclio",
    "OpenFaaS",
    "TriggerMesh",
)


def test_the_page_is_up_to_date() -> None:
    message = "run: python -m tests.unit.docs.regressions_page"
    assert PAGE.read_text(encoding="utf-8") == rendered(), message


@pytest.mark.parametrize("peer", PEERS)
def test_the_defects_of_a_peer_are_covered(peer: str) -> None:
    assert any(one.system.startswith(peer) for one in regressions())

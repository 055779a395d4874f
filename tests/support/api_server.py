"""A real API server of Kubernetes, where its programs can be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.installed import NotToBeHad
from tests.fakes.kube_binaries import kube_binaries
from tests.fakes.kube_server import KubeServer


@contextmanager
def api_server(folder: Path, flags: Sequence[str] = ()) -> Iterator[KubeServer]:
    """Run one with more `flags` for the length of the block, or skip the test."""
    try:
        server = KubeServer(kube_binaries(), folder, flags)
    except NotToBeHad as error:
        pytest.skip(str(error))
    try:
        server.start()
        yield server
    finally:
        server.stop()

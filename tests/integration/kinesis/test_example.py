"""The example does what its text says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.kinesis_server import KEYS, Operator
from tests.integration.up.running import running
from tests.support.kinesis import StreamOfTests

EXAMPLE = Path(__file__).parents[3] / "examples" / "kinesis"


@pytest.mark.timeout(120)
async def test_the_example_takes_what_was_ordered_off_the_stock(
    stream: StreamOfTests, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", stream.server.url)
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    await operator.put(stream.name, [("teapots", b"two")])
    async with running(tmp_path, paths=(EXAMPLE,)) as up:
        await up.says("stock | taking two off the stock of teapots", timeout=60)
        assert (await up.trigger("order-stream"))["drift"] == 0

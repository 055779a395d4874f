"""What comes over a watch, well formed or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.base_protocol import BaseProtocol

from tidegate.kube import watch as watch_module
from tidegate.kube.call import Call
from tidegate.kube.errors import Gone, Silent, Unavailable
from tidegate.kube.resources import CONFIG_MAPS
from tidegate.kube.watch import Watch, WatchEvent

CALL = Call("watch", CONFIG_MAPS)


def _line(type_: str, **obj: Any) -> bytes:
    return orjson.dumps({"type": type_, "object": obj}) + b"\n"


def _added(name: str) -> bytes:
    return _line("ADDED", metadata={"name": name, "resourceVersion": "1"})


async def _read(*chunks: bytes, ends: bool = True, silence: float = 10) -> Sequence[WatchEvent]:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.transport = asyncio.Transport()  # without one it takes the connection for closed
    content = aiohttp.StreamReader(protocol, 2**16, loop=loop)
    for chunk in chunks:
        content.feed_data(chunk)
    if ends:
        content.feed_eof()
    return [event async for event in Watch(CALL, content, silence, lasts=60)]


async def test_events_are_whole_however_they_arrive() -> None:
    stream = _added("one") + b"\n" + _added("two") + _added("three")
    for size in (1, 7, len(stream)):
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        names = [event.object["metadata"]["name"] for event in await _read(*parts)]
        assert names == ["one", "two", "three"]


async def test_half_an_event_is_no_end() -> None:
    with pytest.raises(Unavailable, match="in the middle"):
        await _read(_added("one"), _added("two")[:10])


async def test_a_version_that_is_gone_is_told_as_such() -> None:
    with pytest.raises(Gone):
        await _read(_line("ERROR", kind="Status", code=410, reason="Expired"))


async def test_an_error_of_the_server_is_told_with_its_wait() -> None:
    with pytest.raises(Unavailable) as caught:
        await _read(_line("ERROR", kind="Status", code=500, details={"retryAfterSeconds": 3}))
    assert caught.value.retry_after == 3


@pytest.mark.regression("kubernetes_asyncio: a line that is not JSON is handed out as an event")
@pytest.mark.parametrize(
    "line",
    [
        b"<html>no backend</html>\n",
        b'"text"\n',
        b"[]\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":[]}\n',
        b'{"type":"ADDED","object":{"metadata":{"name":"one"}}}\n',
        b'{"type":"ERROR","object":"no"}\n',
        _line("INVENTED", metadata={"resourceVersion": "1"}),
    ],
)
async def test_what_is_no_event_is_not_taken_for_one(line: bytes) -> None:
    with pytest.raises(Unavailable, match="not an event"):
        await _read(line)


async def test_an_event_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_LONGEST_LINE", 100)
    with pytest.raises(Unavailable, match="more than 100 bytes"):
        await _read(b"x" * 101)


@pytest.mark.regression("kubernetes_asyncio: a watch that says nothing is waited for without end")
async def test_a_watch_that_says_nothing_is_silent() -> None:
    with pytest.raises(Silent):
        await _read(_added("one"), ends=False, silence=0.05)

import random
import re

import pytest

from gateway.http.trace import TraceIds

TRACE = b"0af7651916cd43dd8448eb211c80319c"
PARENT = b"00-" + TRACE + b"-b7ad6b7169203331-00"


def test_a_valid_trace_is_continued_with_a_new_span() -> None:
    continued = TraceIds().continued(PARENT)
    assert continued.startswith(b"00-" + TRACE + b"-")
    assert continued.endswith(b"-00")
    assert b"b7ad6b7169203331" not in continued


def test_each_hop_has_its_own_span() -> None:
    ids = TraceIds(random.Random(1))
    assert len({ids.continued(PARENT) for _ in range(100)}) == 100


def test_a_later_version_is_continued_as_version_00() -> None:
    continued = TraceIds().continued(b"cc-" + TRACE + b"-b7ad6b7169203331-ff-more")
    assert continued.startswith(b"00-" + TRACE)
    assert continued.endswith(b"-03")


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"00",
        PARENT.upper(),
        PARENT + b"-more",
        PARENT + b" ",
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-" + TRACE + b"-" + b"0" * 16 + b"-01",
        b"cc" + PARENT[2:] + b".more",
    ],
)
def test_an_absent_or_invalid_trace_begins_anew(value: bytes | None) -> None:
    begun = TraceIds().continued(value)
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun)
    assert TRACE not in begun

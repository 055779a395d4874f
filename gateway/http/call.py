"""A caller who waits for the function's own answer: what the HTTP source hands to the sink."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.http.headers import Headers
from gateway.http.request import Request


@dataclass(frozen=True, slots=True)
class HttpCall:
    """The caller's request as the function shall see it, and where its answer goes.

    `target` is path and query below the route, percent-encoded as it came. `headers` are
    end-to-end, without those that the sink writes itself (see `gateway.sinks.function`).
    `traceparent` is the caller's, as it came.
    """

    method: bytes
    target: bytes
    headers: Headers
    answer: Request
    traceparent: bytes | None = None

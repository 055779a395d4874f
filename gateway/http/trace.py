"""W3C trace context: each hop continues the caller's trace, or begins one. No I/O."""

import random
import re

# Version 00 ends after the flags; a later version may say more after another dash.
_TRACEPARENT = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})"
    rb"-(?!0{32})(?P<trace>[0-9a-f]{32})"
    rb"-(?!0{16})[0-9a-f]{16}"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.DOTALL,
)


class TraceIds:
    """Makes span and trace ids: random, not secret, cheap enough for every event."""

    __slots__ = ("_bits",)

    def __init__(self, source: random.Random | None = None) -> None:
        self._bits = (source or random.Random()).getrandbits

    def continued(self, traceparent: bytes | None) -> bytes:
        """The traceparent of the next hop: the same trace, a new span.

        An absent or invalid value begins a new trace, marked as sampled: a function's own
        sampler then decides as it would for a request that came without one.
        """
        parsed = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        span = self._bits(64) or 1
        if parsed is None or (parsed["version"] == b"00" and parsed["more"]):
            return b"00-%032x-%016x-01" % (self._bits(128) or 1, span)
        # Flags beyond sampled (1) and random (2) belong to versions that we do not speak.
        return b"00-%b-%016x-%02x" % (parsed["trace"], span, int(parsed["flags"], 16) & 3)

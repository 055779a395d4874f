"""Nobody pays for a broker that they do not use."""

from __future__ import annotations

import subprocess
import sys

BROKERS = ("aiobotocore", "aiokafka", "nats", "nkeys")


def test_the_gateway_loads_no_client_library_of_a_broker() -> None:
    program = f"import sys, gateway.app; print([m for m in {BROKERS} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"

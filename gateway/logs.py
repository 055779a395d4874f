"""How loud the libraries are that the gateway is made of."""

from __future__ import annotations

import logging

_TALKATIVE = ("aiobotocore", "aiohttp", "apscheduler", "asyncio", "botocore", "watchfiles")


def quiet_libraries() -> None:
    """Have libraries say what concerns the reader of our log. Call it when the log is set up."""
    level = logging.getLogger().getEffectiveLevel()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, level))
    # It says each of its tries, dozens a second while brokers are away; a source says it once.
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL if level > logging.DEBUG else logging.NOTSET
    )

"""Has a group forget the member that a dead process of ours left behind.

A broker believes a silent member alive for the session timeout, and a group that somebody joins
waits for every member: one killed process would stop all others for half a minute.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from zlib import crc32

from aiokafka import errors
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

logger = logging.getLogger(__name__)


def client_id(place: str, name: str) -> str:
    """Name the client of a trigger: with a place, one that only its successor will have, too."""
    return f"tidegate-{place}-{crc32(name.encode()):08x}" if place else "tidegate"


async def forget_predecessor(coordinator: Any, client: str, name: str, timeout: float) -> None:
    """Have the group forget members called `client`. To be called before joining it.

    What goes wrong is said, and costs time only: the broker forgets them by itself later.
    """
    try:
        async with asyncio.timeout(timeout):
            await coordinator.ensure_coordinator_known()
            answer = await coordinator._send_req(DescribeGroupsRequest([coordinator.group_id]))
            for member, called, *_ in answer.groups[0][5]:
                if called == client:
                    logger.info("%s: taking over from a process that died", name)
                    await coordinator._send_req(LeaveGroupRequest(coordinator.group_id, member))
    except (errors.KafkaError, TimeoutError) as error:
        logger.warning(
            "%s: its partitions may come late, since the group could not be told that the process "
            "before this one died: %r",
            name,
            error,
        )

"""Asks a process whether it is well."""

from __future__ import annotations

import aiohttp

from controllers.local.status import Address


async def answers_ok(
    session: aiohttp.ClientSession, address: Address, path: str, timeout: float
) -> bool:
    """Tell whether `path` answers 200 in time."""
    url = f"http://{address[0]}:{address[1]}{path}"
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=timeout)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False

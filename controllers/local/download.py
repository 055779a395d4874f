"""Fetches code over HTTP, with bounds on time and size."""

from __future__ import annotations

import aiohttp

from controllers.desired.code import FunctionInvalid
from controllers.local.errors import PreparationFailed
from controllers.local.settings import CodeSettings

SCHEMES = ("http://", "https://")
CHUNK = 64 * 1024


async def download(session: aiohttp.ClientSession, url: str, settings: CodeSettings) -> bytes:
    """Return what `url` holds.

    Raises FunctionInvalid when another attempt cannot help, PreparationFailed when it may.
    """
    if not url.startswith(SCHEMES):
        raise FunctionInvalid("spec.function is not a URL of http or https; write https://…")
    shown = _without_secrets(url)
    timeout = aiohttp.ClientTimeout(total=settings.download_timeout, sock_connect=10)
    try:
        async with session.get(url, timeout=timeout, max_redirects=5) as response:
            if response.status != 200:
                raise PreparationFailed(
                    f"downloading {shown}: the server answered {response.status}; check the URL"
                )
            return await _body(response, shown, settings.size_limit)
    except TimeoutError as error:
        raise PreparationFailed(
            f"downloading {shown}: not complete after {settings.download_timeout:g} s"
        ) from error
    except (aiohttp.ClientError, ValueError) as error:
        raise PreparationFailed(f"downloading {shown}: {type(error).__name__}") from error


async def _body(response: aiohttp.ClientResponse, shown: str, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > limit:
            raise FunctionInvalid(
                f"downloading {shown}: more than {limit} bytes; make the archive smaller"
            )
    return bytes(body)


def _without_secrets(url: str) -> str:
    """Cut the query and the user part: both are where tokens are kept."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2].partition("?")[0]
    return f"{scheme}://{host}{slash}{path.partition('?')[0].partition('#')[0]}"

"""Access by kubernetes-asyncio: kubeconfigs with plugins and logins, for controllers and the CLI.

The library costs 50 MiB, so nothing else of ours imports it, and the data plane not even this.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import Configuration

from tidegate.kube.access import Access
from tidegate.kube.errors import AccessError

_DEADLINE = 60.0
"""For a plugin or a login; some ask a person to look at a browser."""

_KEPT = 60.0
_BEARER = "BearerToken"
_FAILURES = (
    config.ConfigException,
    aiohttp.ClientError,
    OSError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
)
"""What the library lets through of a kubeconfig that is wrong and of a login that fails."""


async def library_access(path: Path, context: str = "") -> Access:
    """Return the access that `context` of the kubeconfig at `path` describes, or its current one.

    Runs plugins (`exec`) and logs in (OIDC, GCP) where it says so, and again when what they gave
    runs out. Raises `AccessError`.
    """
    login = _Login(path, context)
    await login.renew()
    settings = login.settings
    return Access(
        server=settings.host,
        namespace=login.namespace,
        tls=await asyncio.to_thread(_tls, path, settings),
        tokens=login if settings.api_key.get(_BEARER) else None,
        server_name=settings.tls_server_name,
        proxy=settings.proxy,
    )


class _Login:
    """Tokens as the library gets them."""

    def __init__(self, path: Path, context: str) -> None:
        self.settings: Any = Configuration()
        self.namespace = "default"
        self._path = path
        self._context = context
        self._loader: Any = None
        self._renewed_at = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def token(self, *, refused: str = "") -> str:
        """Return the token; ask the library again when it is old or was refused."""
        async with self._one_at_a_time:
            old = asyncio.get_running_loop().time() - self._renewed_at > _KEPT
            if old or self._bearer() == refused:
                await self.renew(anew=bool(refused))
            return self._bearer()

    async def renew(self, *, anew: bool = False) -> None:
        """Have the library log in, unless what it has is still good. Raises `AccessError`."""
        # In a thread, with a loop of its own there: the library reads files as it goes.
        await asyncio.to_thread(lambda: asyncio.run(self._log_in(anew)))
        self._renewed_at = asyncio.get_running_loop().time()

    async def _log_in(self, anew: bool) -> None:
        try:
            async with asyncio.timeout(_DEADLINE):
                if self._loader is None or anew:
                    self._loader = await config.load_kube_config(
                        str(self._path), self._context or None, self.settings, persist_config=False
                    )
                else:
                    await self._loader.load_and_set(self.settings)
        except _FAILURES as error:
            raise AccessError(f"kubeconfig {self._path}: logging in: {error!r}") from error
        if str(self.settings.api_key.get(_BEARER, "")).startswith("Basic "):
            raise AccessError(
                f"kubeconfig {self._path}: logs in with a password, which no API server takes any"
                " more; use a token, a certificate or a plugin"
            )
        self.namespace = self._loader.current_context["context"].get("namespace") or "default"

    def _bearer(self) -> str:
        return str(self.settings.api_key.get(_BEARER, "")).removeprefix("Bearer ")


def _tls(path: Path, settings: Any) -> ssl.SSLContext | None:
    if not settings.host.startswith("https:"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise AccessError(f"kubeconfig {path}: a certificate cannot be used: {error}") from error
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

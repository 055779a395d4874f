"""The Secret by which Kubernetes says who may operate gateways: whoever may read it."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from typing import Final, NoReturn

from tidegate.kube.client import KubeClient
from tidegate.kube.errors import AlreadyExists, KubeError
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import SECRETS

logger = logging.getLogger(__name__)

NAME: Final = "tidegate-admin"
KEY: Final = "token"
BYTES = 32

AGAIN = 600.0
"""Seconds after which it is looked for again: somebody may remove it, to have another one."""

RETRY = 30.0
"""Seconds after which it is tried again when it cannot be made."""


class AdminToken:
    """Makes the Secret where gateways live, and never reads or changes one that is there."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._key = ObjectKey(namespace, NAME)

    async def keep(self) -> NoReturn:
        """See to it that there is one for as long as this replica leads."""
        said = ""
        while True:
            trouble = await self._make()
            if trouble not in ("", said):
                logger.warning("Secret %s: not made, so nobody may operate: %s", self._key, trouble)
            said = trouble
            await asyncio.sleep(RETRY if trouble else AGAIN)

    async def _make(self) -> str:
        """Return why it could not be made; empty when it is there."""
        try:
            await self._client.create(SECRETS, admin_secret(self._key))
        except AlreadyExists:
            return ""
        except KubeError as error:
            return str(error)
        logger.info("Secret %s: made; who may read it may operate the gateways", self._key)
        return ""


def admin_secret(key: ObjectKey) -> Object:
    """Return the Secret with a token that nobody has seen."""
    token = secrets.token_urlsafe(BYTES).encode()
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "tidegate"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels},
        "type": "Opaque",
        "data": {KEY: base64.b64encode(token).decode()},
    }

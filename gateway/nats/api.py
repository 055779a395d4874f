"""The part of the JetStream API that we need: requests and their errors.

Source: the JetStream wire API reference and nats-server's `server/errors.json` for the codes.
Objects stay dicts, so that fields of an existing consumer that are not ours survive an update.
"""

from __future__ import annotations

import json
from typing import Any

import nats.errors
from nats.aio.client import Client

from gateway.cancellation import kept_cancellation
from gateway.errors import SourceUnavailable

Object = dict[str, Any]

CONSUMER_NOT_FOUND = 10014
STREAM_NOT_FOUND = 10059


class ApiError(Exception):
    """The server understood a request and refused it."""

    def __init__(self, status: int, code: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code

    @property
    def passing(self) -> bool:
        """Whether the cause is the server's and may go away by itself."""
        return self.status >= 500


class JetStreamApi:
    """Asks the server, each time within `deadline`.

    Raises `ApiError` for a refusal and `SourceUnavailable` when nobody answers.
    """

    def __init__(self, client: Client, name: str, domain: str | None, deadline: float) -> None:
        self._client = client
        self._name = name
        self._deadline = deadline
        self.prefix = f"$JS.{domain}.API" if domain else "$JS.API"

    async def request(self, verb: str, body: Object | None = None) -> Object:
        """Return the answer to `verb`, such as `STREAM.INFO.ORDERS`."""
        payload = json.dumps(body).encode() if body is not None else b""
        subject = f"{self.prefix}.{verb}"
        try:
            with kept_cancellation():
                message = await self._client.request(subject, payload, timeout=self._deadline)
        except nats.errors.NoRespondersError as error:
            raise SourceUnavailable(
                f"{self._name}: asking {subject}: nobody answers;"
                " enable JetStream on the server, or correct the domain"
            ) from error
        except (OSError, nats.errors.Error) as error:
            raise SourceUnavailable(
                f"{self._name}: asking {subject}: no answer within {self._deadline:g} s"
            ) from error
        answer: Object = json.loads(message.data)
        if "error" in answer:
            refusal = answer["error"]
            raise ApiError(
                refusal.get("code", 0), refusal.get("err_code", 0), refusal.get("description", "")
            )
        return answer
